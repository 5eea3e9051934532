import {
  BatchGetItemCommand,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../clock.ts';
import { keyNames } from './table.ts';

export type Item = Readonly<Record<string, AttributeValue>>;
/** All that is used of the SDK's client. */
export type Client = Pick<DynamoDBClient, 'send'>;
export interface Key {
  readonly partition: string;
  readonly sort: string;
}

/** An expression with what its `#names` and `:values` stand for. Names are always aliased: the list of reserved words is long and grows. */
export interface Expression {
  readonly text: string;
  readonly names: Readonly<Record<string, string>>;
  readonly values?: Item;
}

/** Requests to one table. Reads are strongly consistent, but for those of an index. Errors say what was being done. */
export interface Requests {
  get(key: Key): Promise<Item | undefined>;
  /** The items that are there, in no order. */
  getMany(keys: readonly Key[]): Promise<readonly Item[]>;
  /** Each of these is false, or undefined, when the condition did not hold. */
  put(key: Key, attributes: Item, condition?: Expression): Promise<boolean>;
  update(key: Key, change: Expression, condition: Expression): Promise<Item | undefined>;
  remove(key: Key, condition: Expression): Promise<boolean>;
  /** Page after page, for as long as somebody takes items. */
  query(input: Question): AsyncGenerator<Item>;
}

export interface Question {
  readonly index?: string;
  readonly where: Expression;
  readonly pageItems?: number;
}

/** Keys that one BatchGetItem takes. */
const batchKeys = 100;
const mostBatchAttempts = 6;

export const S = (value: string): AttributeValue => ({ S: value });
export const N = (value: number): AttributeValue => ({ N: String(value) });

/** The text of an attribute; undefined where the item has none of that name. */
export const textOf = (item: Item | undefined, name: string): string | undefined => item?.[name]?.S;
export const numberOf = (item: Item | undefined, name: string): number | undefined => {
  const written = item?.[name]?.N;
  return written === undefined ? undefined : Number(written);
};
/** The partition or sort key, which every item has. */
export const keyOf = (item: Item, name: 'partition' | 'sort'): string => textOf(item, keyNames[name]) ?? '';

export const requestsTo = (client: Client, table: string, clock: Clock): Requests => {
  const explained = async <T>(doing: string, answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      const { name, message } = error as Error;
      throw name === 'ConditionalCheckFailedException' ? error : new Error(`store: ${doing} in table ${table}: ${name}: ${message}`, { cause: error });
    }
  };
  /** `otherwise` when the condition did not hold. */
  const conditional = async <T, U>(doing: string, answer: Promise<T>, otherwise: U): Promise<T | U> => {
    try {
      return await explained(doing, answer);
    } catch (error) {
      if ((error as Error).name === 'ConditionalCheckFailedException') return otherwise;
      throw error;
    }
  };

  const getBatch = async (keys: readonly Key[]): Promise<readonly Item[]> => {
    const items: Item[] = [];
    let left: Record<string, AttributeValue>[] = keys.map(attributesOf);
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt === mostBatchAttempts) throw new Error(`store: reading ${keys.length} items in table ${table}: ${left.length} were not given in ${attempt} attempts`);
      if (attempt > 0) await clock.sleep(25 * 2 ** attempt * (1 + Math.random()));
      const { Responses, UnprocessedKeys } = await explained(
        `reading ${left.length} items`,
        client.send(new BatchGetItemCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } })),
      );
      items.push(...(Responses?.[table] ?? []));
      left = UnprocessedKeys?.[table]?.Keys ?? [];
    }
    return items;
  };

  return {
    get: async (key) => {
      const { Item: item } = await explained(`reading ${spell(key)}`, client.send(new GetItemCommand({ TableName: table, Key: attributesOf(key), ConsistentRead: true })));
      return item;
    },

    getMany: async (keys) => {
      const batches = Array.from({ length: Math.ceil(keys.length / batchKeys) }, (_, n) => keys.slice(n * batchKeys, (n + 1) * batchKeys));
      return (await Promise.all(batches.map(getBatch))).flat();
    },

    put: async (key, attributes, condition) => {
      const sent = client.send(new PutItemCommand({ TableName: table, Item: { ...attributesOf(key), ...attributes }, ...conditionOf(condition) }));
      return (await conditional(`writing ${spell(key)}`, sent, undefined)) !== undefined;
    },

    update: async (key, change, condition) => {
      const both = conditionOf({ text: condition.text, names: { ...change.names, ...condition.names }, values: { ...change.values, ...condition.values } });
      const sent = client.send(new UpdateItemCommand({ TableName: table, Key: attributesOf(key), UpdateExpression: change.text, ReturnValues: 'ALL_NEW', ...both }));
      return (await conditional(`changing ${spell(key)}`, sent, undefined))?.Attributes;
    },

    remove: async (key, condition) => {
      const sent = client.send(new DeleteItemCommand({ TableName: table, Key: attributesOf(key), ...conditionOf(condition) }));
      return (await conditional(`deleting ${spell(key)}`, sent, undefined)) !== undefined;
    },

    query: async function* ({ index, where, pageItems }) {
      let from: QueryCommandInput['ExclusiveStartKey'];
      do {
        const page = await explained(
          `asking for ${Object.values(where.values ?? {}).map(({ S: text, N: number }) => text ?? number).join(', ')}`,
          client.send(
            new QueryCommand({
              TableName: table,
              KeyConditionExpression: where.text,
              ExpressionAttributeNames: where.names,
              ExpressionAttributeValues: where.values,
              ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
              ...(pageItems === undefined ? {} : { Limit: pageItems }),
              ...(from === undefined ? {} : { ExclusiveStartKey: from }),
            }),
          ),
        );
        yield* page.Items ?? [];
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
    },
  };
};

const spell = ({ partition, sort }: Key): string => `${partition} ${sort}`;
const attributesOf = ({ partition, sort }: Key): Record<string, AttributeValue> => ({ [keyNames.partition]: S(partition), [keyNames.sort]: S(sort) });

const conditionOf = (condition: Expression | undefined) =>
  condition === undefined
    ? {}
    : {
        ConditionExpression: condition.text,
        ExpressionAttributeNames: { ...condition.names },
        ...(condition.values === undefined || Object.keys(condition.values).length === 0 ? {} : { ExpressionAttributeValues: { ...condition.values } }),
      };
