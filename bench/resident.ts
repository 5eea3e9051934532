import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '../infra/clock.ts';
import { openSqlite } from '../infra/sqlite/open.ts';
import { peers } from './peers.ts';
import type { Bench } from './row.ts';
import { nameOf, releaseUnderWay, storeCopies } from './world/clones.ts';
import { namespace } from './world/application.ts';
import { poster } from './world/post.ts';
import { inFolder, token } from './world/served.ts';

const most = 256;

const rssOf = async (child: ChildProcess): Promise<number> => {
  child.send('how much?');
  const [{ rss }] = (await once(child, 'message')) as [{ rss: number }];
  return rss;
};

/** Memory of one process that serves so many releases under way: at rest, and after many of them have been worked on. */
export const resident: Bench = {
  about: 'resident memory with 10,000 active releases, embedded (VmRSS of a process of its own)',
  run: ({ quick }) =>
    inFolder(async (folder) => {
      const releases = quick ? 100 : 10_000;
      const worked = quick ? 10 : 2_000;
      const database = join(folder, 'resident.db');
      const { store, close } = openSqlite(database, { clock: systemClock });
      await storeCopies(store, await releaseUnderWay('HTTPRoute'), 0, releases);
      await close();
      const child = fork(new URL('resident/server.ts', import.meta.url).pathname, [database]);
      try {
        const [{ url }] = (await once(child, 'message')) as [{ url: string }];
        await systemClock.sleep(quick ? 0 : 2_000);
        const rest = await rssOf(child);
        const sender = poster(url, token);
        for (let n = 0; n < worked; n++) {
          const status = await sender.post(`/api/rollouts/${namespace}/${nameOf(n)}/commands`, JSON.stringify({ type: 'pause' }));
          if (status !== 202) throw new Error(`pause of release ${n} was answered with ${status}`);
        }
        sender.close();
        const after = await rssOf(child);
        return [
          { what: `${releases.toLocaleString('en')} active releases, at rest`, measured: { unit: 'MB', value: rest }, bar: { text: `<= ${most} MB`, met: rest <= most }, peers: peers.memory },
          { what: `the same, after ${worked.toLocaleString('en')} of them were paused one by one`, measured: { unit: 'MB', value: after }, bar: { text: `<= ${most} MB`, met: after <= most } },
        ];
      } finally {
        if (child.connected) child.disconnect();
        if (child.exitCode === null) await once(child, 'exit');
      }
    }),
};
