import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/**
 * Region, credentials and an endpoint that leads elsewhere come from the environment, as the SDK reads it. One request, repeated as
 * often as it may be, ends within the 10 s that an effect has; DynamoDB answers in milliseconds or is better asked anew.
 */
export const dynamoClient = (): DynamoDBClient =>
  new DynamoDBClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true } });
