import { releaseUnderWay } from './world/clones.ts';
import type { Json } from '../events/input.ts';
import { advance } from '../statemachines/advance.ts';
import type { Document, JournalRow } from '../statemachines/document.ts';
import { machineOf } from '../statemachines/machines.ts';
import { releaseMachine } from '../statemachines/release/machine.ts';
import { releaseId } from '../statemachines/definition/rollout.ts';
import type { Bench } from './row.ts';
import { quantile, spread } from './statistics.ts';
import { definition, fiveSteps, fiveStepsWatch, namespace } from './world/application.ts';
import { heldWorld, start } from './world/held.ts';

const name = 'demo';
const largestDocument = 32;

/** The journal of a five-step release, and of its rollout. */
const history = async (): Promise<{ readonly rows: readonly JournalRow[]; readonly ended: Document }> => {
  const world = await heldWorld({ name, route: 'IngressRoute', definition: definition(name, 'IngressRoute', fiveSteps, fiveStepsWatch) });
  await world.tell(`rollout/${namespace}/${name}`, start);
  const ended = await world.until(1, 'its end', ({ snapshot }) => snapshot.status === 'done');
  const rows = await world.ports.store.journal(releaseId({ namespace, name }, 1), 0, 10_000);
  await world.close();
  return { rows, ended };
};

const replay = (rows: readonly JournalRow[], see: (document: Document) => void): Document | undefined => {
  let document: Document | undefined;
  for (const { input, at } of rows) {
    document = advance(document, input, at).document;
    if (document !== undefined) see(document);
  }
  return document;
};

/** Microseconds of each call of `work`, after as many unmeasured ones for the compiler as it gets measured ones, up to 200. */
const times = (rounds: number, work: (round: number) => unknown): readonly number[] => {
  for (let round = 0; round < Math.min(200, rounds); round++) work(round);
  return Array.from({ length: rounds }, (_, round) => {
    const begun = performance.now();
    work(round);
    return (performance.now() - begun) * 1_000;
  });
};

/** The pure core alone: what every input costs before anything is stored or sent. */
export const advances: Bench = {
  about: 'advance(): whole histories replayed, one input alone, building a machine, sizes of documents',
  run: async ({ quick }) => {
    const { rows, ended } = await history();
    const sizes: number[] = [];
    const end = replay(rows, (document) => void sizes.push(JSON.stringify(document).length / 1_024));
    if (JSON.stringify(end?.snapshot) !== JSON.stringify(ended.snapshot)) throw new Error('the journal replayed ends in another state than the release did');
    const rounds = quick ? 3 : 300;
    const histories = times(rounds, () => replay(rows, () => undefined));
    const perSecond = (rows.length * 1_000_000) / quantile(histories, 0.5);

    const underWay = await releaseUnderWay('IngressRoute');
    const { release } = underWay;
    const now = release.updatedAt + 1;
    const pause = { id: 'bench/pause', document: release.id, event: { type: 'pause' }, receivedAt: now, by: 'bench' };
    const abort = { id: 'bench/abort', document: release.id, event: { type: 'abort', reason: 'bench' }, receivedAt: now, by: 'bench' };
    const { definition: written } = release;
    const parsed = JSON.stringify(release);
    return [
      {
        what: `advance(), inputs of a five-step release (${rows.length}) replayed whole`,
        measured: { unit: '/s', value: perSecond, n: rounds * rows.length },
        notes: [`${Math.round(1_000_000 / quantile(histories, 0.5))} whole releases a second on one core`],
      },
      { what: 'one advance(): pause while at a gate', measured: spread(times(rounds, () => advance(release, pause, now)), 'µs') },
      { what: 'one advance(): abort while armed', measured: spread(times(rounds, () => advance(release, abort, now)), 'µs') },
      {
        what: 'finding the machine again by its definition',
        measured: spread(times(rounds, () => machineOf('release', written as Json)), 'µs'),
      },
      { what: 'building a machine, for definitions with analyses of new names', measured: spread(times(rounds, (round) => releaseMachine([`analysis-${round}`])), 'µs') },
      { what: 'JSON.parse and JSON.stringify of the document', measured: spread(times(rounds, () => JSON.stringify(JSON.parse(parsed))), 'µs') },
      {
        what: "largest of the release's documents",
        measured: { unit: 'KB', value: Math.max(...sizes), p50: quantile(sizes, 0.5) },
        bar: { text: `< ${largestDocument} KB`, met: Math.max(...sizes) < largestDocument },
      },
    ];
  },
};
