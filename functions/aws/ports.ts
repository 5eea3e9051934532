import type { Ports } from '../../infra/ports.ts';
import type { SqsQueue } from '../../infra/sqs/queue.ts';
import type { Tracing } from '../../infra/tracing/port.ts';
import { outerPorts } from '../ports.ts';
import { openStored, type Stored } from './stored.ts';

/** All ports, the queue and the telling as they are on AWS. */
export type AwsPorts = Ports & { readonly queue: SqsQueue; readonly tracing: Tracing };

/** Everything that the functions have which move releases or look at clusters. Nothing of a cluster is loaded before it is asked for. */
export const openPorts = async (): Promise<Pick<Stored, 'settings' | 'config' | 'secrets'> & { readonly ports: AwsPorts }> => {
  const { settings, config, secrets, clock, queue, tracing, store } = await openStored();
  return { settings, config, secrets, ports: { ...outerPorts(config, secrets, clock), clock, queue, store, tracing } };
};
