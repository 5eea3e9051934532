import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

/** Attributes that make keys, of the table and of its indexes. `deploy/table.yml` must spell them the same. */
export const keyNames = { partition: 'pk', sort: 'sk', wakeShard: 'wakeShard', wakeAt: 'wakeAt', family: 'family', countShard: 'countShard' } as const;

/**
 * Keys only, and sparse: an item is in an index while it has the attributes of the index. `wake`: what somebody must look at, and
 * when. `documents`: by family and id. `counts`: documents whose counts are not in the totals yet.
 */
export const indexNames = { wake: 'wake', documents: 'documents', counts: 'counts' } as const;

/** Seconds since the epoch after which DynamoDB may remove the item. */
export const expiryAttribute = 'expiresAt';

/** What `CreateTable` takes. Time to live is switched on apart, for `expiryAttribute`; emulators do without. */
export const tableDefinition = (name: string): CreateTableCommandInput => ({
  TableName: name,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    { AttributeName: keyNames.partition, AttributeType: 'S' },
    { AttributeName: keyNames.sort, AttributeType: 'S' },
    { AttributeName: keyNames.wakeShard, AttributeType: 'S' },
    { AttributeName: keyNames.wakeAt, AttributeType: 'N' },
    { AttributeName: keyNames.family, AttributeType: 'S' },
    { AttributeName: keyNames.countShard, AttributeType: 'S' },
  ],
  KeySchema: keys(keyNames.partition, keyNames.sort),
  GlobalSecondaryIndexes: [
    { IndexName: indexNames.wake, KeySchema: keys(keyNames.wakeShard, keyNames.wakeAt), Projection: { ProjectionType: 'KEYS_ONLY' } },
    { IndexName: indexNames.documents, KeySchema: keys(keyNames.family, keyNames.partition), Projection: { ProjectionType: 'KEYS_ONLY' } },
    { IndexName: indexNames.counts, KeySchema: keys(keyNames.countShard, keyNames.partition), Projection: { ProjectionType: 'KEYS_ONLY' } },
  ],
});

const keys = (hash: string, range: string): CreateTableCommandInput['KeySchema'] => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
];
