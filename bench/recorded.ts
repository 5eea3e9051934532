import { readdir, readFile } from 'node:fs/promises';
import * as z from 'zod';
import { spread } from './statistics.ts';
import type { Bench, Row } from './row.ts';

const folder = new URL('../test/real/results/', import.meta.url);

/** What a test against real servers leaves behind. `bar` is the most that any run may take, in ms; `peers` says what others took. */
const recordSchema = z.object({
  name: z.string(),
  at: z.union([z.string(), z.number()]),
  runs: z.array(z.number()).min(1),
  bar: z.union([z.number(), z.string()]).optional(),
  peers: z.string().optional(),
});

const files = async (): Promise<readonly string[]> => (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).toSorted();

const rowOf = ({ name, at, runs, bar, peers }: z.output<typeof recordSchema>): Row => {
  const worst = Math.max(...runs);
  const most = typeof bar === 'number' ? bar : undefined;
  return {
    what: `${name} (real servers)`,
    measured: { ...spread(runs, 'ms'), value: worst },
    ...(bar === undefined ? {} : { bar: { text: most === undefined ? String(bar) : `maximum <= ${most.toLocaleString('en')} ms`, met: most === undefined || worst <= most } }),
    ...(peers === undefined ? {} : { peers }),
    notes: [`recorded ${new Date(at).toISOString().slice(0, 16)}Z, not in this run; the first number is the maximum`],
  };
};

/** Rows that need a cluster, a router, Prometheus and minutes: read from what the real-server suite recorded last. */
export const recorded: Bench = {
  about: 'reaction to a bad version and to a killed worker on real servers, as recorded by `test/real/run`',
  run: async () => {
    const rows: Row[] = [];
    for (const file of await files()) {
      const content: unknown = JSON.parse(await readFile(new URL(file, folder), 'utf8'));
      for (const one of Array.isArray(content) ? (content as readonly unknown[]) : [content]) {
        const parsed = recordSchema.safeParse(one);
        if (!parsed.success) throw new Error(`test/real/results/${file}: ${z.prettifyError(parsed.error)}`);
        rows.push(rowOf(parsed.data));
      }
    }
    return rows;
  },
};
