import { SQSClient } from '@aws-sdk/client-sqs';

/**
 * A client that gives up in time: a webhook's sender waits ten seconds at most, and an invocation must not hang in one call.
 * Region, credentials and endpoint come from the environment, as in every AWS SDK. Throttling is retried by the client itself.
 */
export const sqsClient = (): SQSClient =>
  new SQSClient({
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
  });
