import { once } from 'node:events';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

/** A server that stands in for one of AWS's. */
export interface Emulator {
  readonly what: string;
  /** Without a slash at its end. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** What an emulator wants to be signed with; it checks nothing. */
export const credentials = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' } as const;
export const clientOptions = (endpoint: string) => ({ endpoint, region: credentials.AWS_REGION, credentials: { accessKeyId: credentials.AWS_ACCESS_KEY_ID, secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY } });

/** SQS: LocalStack, where SLUICE_LOCALSTACK says that one runs, else fauxqs within this process. */
export const startSqs = async (): Promise<Emulator> => {
  const running = process.env['SLUICE_LOCALSTACK'];
  if (running !== undefined && running !== '') return { what: 'LocalStack', endpoint: running.replace(/\/$/, ''), close: () => Promise.resolve() };
  const { buildApp } = await import('fauxqs');
  // Its own way to start would listen on every address of the machine.
  const app = buildApp({ logger: false, defaultRegion: credentials.AWS_REGION });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    what: 'fauxqs',
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
};

/** DynamoDB: dynalite, in memory. */
export const startDynamo = async (): Promise<Emulator> => {
  // It brings no types.
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: { readonly createTableMs: number }) => Server;
  const server = dynalite({ createTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    what: 'dynalite',
    endpoint: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
