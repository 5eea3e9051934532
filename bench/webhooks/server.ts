/**
 * A server of its own process. Arguments: `bare` (a fastify route that reads the body and answers), `ingest` (the HTTP function alone,
 * as where workers run elsewhere) or `serve` (all functions); the database; how many rollouts wait for pushes.
 * Sends `{url}` to its parent once it listens, and ends when the parent disconnects.
 */
import fastify from 'fastify';
import { createIngest } from '../../functions/ingest.ts';
import { systemClock } from '../../infra/clock.ts';
import type { Ports } from '../../infra/ports.ts';
import { openSqlite } from '../../infra/sqlite/open.ts';
import { runDocument } from '../../infra/worker/run.ts';
import { rolloutId } from '../../statemachines/definition/rollout.ts';
import type { Json } from '../../events/input.ts';
import { rolloutOf } from '../world/held.ts';
import { benchConfig, served, token } from '../world/served.ts';
import { definition } from './push.ts';

const [mode = '', database = '', rollouts = '0'] = process.argv.slice(2);

const applyDefinitions = async (ports: Ports): Promise<void> => {
  for (let n = 0; n < Number(rollouts); n++) {
    const rollout = rolloutOf(definition(n));
    await runDocument(ports, rolloutId(rollout), [{ id: 'apply', document: rolloutId(rollout), event: { type: 'definition.applied', definition: rollout as unknown as Json }, receivedAt: systemClock.now() }]);
  }
};

const open = async (): Promise<{ readonly url: string; stop(): Promise<void> }> => {
  if (mode === 'serve') {
    const serving = await served(database, undefined);
    await applyDefinitions(serving.ports);
    return serving;
  }
  if (mode === 'ingest') {
    const embedded = openSqlite(database, { clock: systemClock });
    const nothing = { cluster: () => Promise.resolve(undefined), metrics: () => undefined, registry: { resolve: () => Promise.resolve({ outcome: 'unknown', reason: '' } as const) } };
    const ports: Ports = { ...nothing, store: embedded.store, queue: embedded.queue, clock: systemClock };
    const app = createIngest({ config: benchConfig(database), secrets: { read: () => Promise.resolve(token) }, ports });
    return {
      url: await app.listen({ host: '127.0.0.1', port: 0 }),
      stop: async () => {
        await app.close();
        await embedded.close();
      },
    };
  }
  const app = fastify({ forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/hooks/registry', (_request, reply) => reply.code(202).send({ accepted: 1, ignored: 0 }));
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), stop: () => app.close() };
};

const server = await open();
process.once('disconnect', () => void server.stop());
process.send?.({ url: server.url });
