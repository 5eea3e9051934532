import { dynamoClient } from '../../infra/dynamodb/client.ts';
import { dynamoStore } from '../../infra/dynamodb/store.ts';
import type { Store } from '../../infra/store/port.ts';
import { openBasics, type Basics } from './basics.ts';

/** What a function has that knows documents, but no cluster. */
export interface Stored extends Basics {
  readonly store: Store;
}

export const openStored = async (): Promise<Stored> => {
  const basics = await openBasics();
  return { ...basics, store: dynamoStore({ client: dynamoClient(), table: basics.settings.table, clock: basics.clock }) };
};
