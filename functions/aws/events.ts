import type { APIGatewayProxyEventV2, EventBridgeEvent, SQSEvent } from 'aws-lambda';

/** An event of another shape than the function is for: an error, because answering it kindly would lose what it carries. */
export class ForeignEvent extends Error {
  override readonly name = 'ForeignEvent';
  constructor(allowed: string, event: unknown) {
    super(`event: found ${shapeOf(event)}, allowed is ${allowed}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** An HTTP API with payload format 2.0, or a Function URL, which sends the same. */
export const httpEvent = (event: unknown): APIGatewayProxyEventV2 => {
  const { version, requestContext } = fieldsOf(event);
  if (version !== '2.0' || typeof fieldsOf(fieldsOf(requestContext)['http'])['method'] !== 'string') throw new ForeignEvent('a request by an HTTP API (payload format 2.0) or a Function URL', event);
  return event as APIGatewayProxyEventV2;
};

export const sqsEvent = (event: unknown): SQSEvent => {
  const { Records: records } = fieldsOf(event);
  if (!Array.isArray(records) || records.length === 0 || records.some((record) => fieldsOf(record)['eventSource'] !== 'aws:sqs')) throw new ForeignEvent('a batch of SQS messages', event);
  return event as SQSEvent;
};

/** A rule of EventBridge or a schedule of EventBridge Scheduler. */
export const scheduledEvent = (event: unknown): EventBridgeEvent<'Scheduled Event', unknown> => {
  if (fieldsOf(event)['detail-type'] !== 'Scheduled Event') throw new ForeignEvent('a Scheduled Event of EventBridge', event);
  return event as EventBridgeEvent<'Scheduled Event', unknown>;
};

/** Names of fields only: what an event carries may be secret. */
const shapeOf = (event: unknown): string => {
  const { Records: records, 'detail-type': detailType, requestContext, version } = fieldsOf(event);
  if (Array.isArray(records)) return `records of ${String(fieldsOf(records[0])['eventSource'] ?? fieldsOf(records[0])['EventSource'] ?? 'nothing')}`;
  if (typeof detailType === 'string') return `an event "${detailType}"`;
  if (requestContext !== undefined) return `a request with payload format ${typeof version === 'string' ? version : '1.0'}`;
  if (typeof event !== 'object' || event === null) return event === null ? 'null' : typeof event;
  return `an object with ${Object.keys(event).slice(0, 10).join(', ') || 'no fields'}`;
};
