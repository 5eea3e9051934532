import { bareApp } from '../http/app.ts';
import { createIngest } from '../ingest.ts';
import { openBasics } from './basics.ts';
import { httpHandler, requestIdHeader } from './http.ts';

const { config, secrets, queue, clock, tracing } = await openBasics();

/** Webhooks, on AWS. */
export const handler = await httpHandler(createIngest({ config, secrets, ports: { queue, clock, tracing } }, bareApp({ requestIdHeader, tracing })), tracing);
