import { createApi } from '../api.ts';
import { bareApp } from '../http/app.ts';
import { httpHandler, requestIdHeader } from './http.ts';
import { openPorts } from './ports.ts';

const { config, secrets, ports } = await openPorts();

/** The API and the page, on AWS. */
export const handler = await httpHandler(await createApi({ config, secrets, ports }, bareApp({ requestIdHeader, tracing: ports.tracing })), ports.tracing);
