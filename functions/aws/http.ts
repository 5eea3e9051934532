import awsLambdaFastify from '@fastify/aws-lambda';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { FastifyInstance } from 'fastify';
import type { Tracing } from '../../infra/tracing/port.ts';
import { httpEvent } from './events.ts';

/** Carries AWS's id of a request into the application; what a caller sends by this name is overwritten. */
export const requestIdHeader = 'x-request-id';

/** An application behind an HTTP API or a Function URL. Bodies reach it byte for byte, and answers are texts only. */
export const httpHandler = async (app: FastifyInstance, tracing: Tracing) => {
  // Commas in a query are the sender's, and nobody asks for AWS's own event.
  const answer = awsLambdaFastify(app, { parseCommaSeparatedQueryParams: false, decorateRequest: false });
  await app.ready();
  return async (given: unknown, context: Context): Promise<APIGatewayProxyStructuredResultV2> => {
    const event = httpEvent(given);
    try {
      return await answer({ ...event, headers: { ...event.headers, [requestIdHeader]: event.requestContext.requestId } }, context);
    } finally {
      await tracing.flush();
    }
  };
};
