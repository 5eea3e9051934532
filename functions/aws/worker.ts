import { batchHandler } from './batch.ts';
import { openPorts } from './ports.ts';

const { settings, ports } = await openPorts();

/** What moves releases, on AWS: for messages of all lanes. */
export const handler = batchHandler(ports, settings.urls);
