import type { DocumentId, Input } from '../../events/input.ts';
import { advance, dueTimers, resultInput } from '../../statemachines/advance.ts';
import type { Document, JournalRow, Outcome } from '../../statemachines/document.ts';
import { sumCounts, type Counts } from '../../statemachines/counts.ts';
import { effectTable, isWrite, type Effect } from '../../statemachines/effects.ts';
import { perform } from '../perform/perform.ts';
import type { Ports } from '../ports.ts';
import { tellRun, type Telling } from './telling.ts';

/** An invocation ends after this; what is left stays in the outbox. */
const longestRunMs = 15_000;
/** An effect is not begun with less time than this: it would only be cut off. */
const leastMs = 1_000;

/** What became of the inputs a run was given, and the document as it was saved last. */
export interface Ran {
  readonly outcomes: readonly Outcome[];
  readonly document: Document | undefined;
}

/** A save was refused for good: another document holds what this one claims. Nothing was changed. */
export class Claimed extends Error {
  override readonly name = 'Claimed';
  readonly claim: string;
  readonly by: DocumentId;
  constructor(claim: string, by: DocumentId) {
    super(`${claim} belongs to ${by}`);
    this.claim = claim;
    this.by = by;
  }
}

/**
 * Takes inputs through one document until it is quiet (DESIGN section 3): advance, save before each write effect and on going quiet,
 * perform what the outbox holds, feed the results back. Exclusion comes from the version condition alone, so any number of
 * runs may hold the same document; who loses a save loads again.
 */
export const runDocument = async (ports: Ports, id: DocumentId, inputs: readonly Input[]): Promise<Ran> => {
  const telling = tellRun(ports.tracing, id, inputs);
  try {
    const ran = await run(ports, id, inputs, telling);
    telling.ended(ran.outcomes);
    return ran;
  } catch (error) {
    telling.ended([], error);
    throw error;
  }
};

const run = async (ports: Ports, id: DocumentId, inputs: readonly Input[], telling: Telling): Promise<Ran> => {
  const { store, clock } = ports;
  const begun = clock.now();
  const deadline = begun + longestRunMs;
  const outcomes: Outcome[] = [];
  let document = await store.load(id);
  telling.loaded(document, begun);
  let base = document?.version ?? 0;
  let rows: JournalRow[] = [];
  let counts: Counts = {};
  /** Inputs that `document` has taken in but the store has not, with whether they would be lost by loading again. */
  let unsaved: Input[] = [];
  let pending: Input[] = [...inputs];
  const own = new Set(inputs);
  let attempted = new Set<string>();
  let taking = begun;

  const take = (input: Input): void => {
    const advanced = advance(document, telling.carried(input), clock.now());
    if (own.has(input)) outcomes.push(advanced.outcome);
    if (advanced.row === undefined) return;
    document = advanced.document;
    rows.push(advanced.row);
    counts = sumCounts(counts, advanced.counts ?? {});
    unsaved.push(input);
  };

  /** False when somebody else saved first: then everything that matters is pending again on what they saved. */
  const save = async (): Promise<boolean> => {
    if (document === undefined || rows.length === 0) return true;
    const next = document;
    const saved = await telling.saved(rows, taking, () => store.save(next, base, rows, counts));
    if (!saved.ok && saved.reason === 'claimed') throw new Claimed(saved.claim, saved.by);
    if (saved.ok) base = next.version;
    else {
      document = await store.load(id);
      base = document?.version ?? 0;
      attempted = new Set();
      // The result of a read that was never saved equals one that never came.
      pending = [...unsaved.filter((input) => input.effect === undefined || document?.outbox.some(({ key }) => key === input.effect?.key)), ...pending];
    }
    rows = [];
    counts = {};
    unsaved = [];
    return saved.ok;
  };

  for (;;) {
    taking = clock.now();
    for (let input = pending.shift(); input !== undefined; input = pending.shift()) take(input);
    const due = document === undefined ? [] : dueTimers(document, clock.now());
    if (due.length > 0) {
      pending.push(...due);
      continue;
    }
    const next = nextEffects(document, attempted);
    if ((next.length === 0 || next.some(({ name }) => isWrite(name))) && !(await save())) continue;
    if (document === undefined || next.length === 0 || deadline - clock.now() < leastMs) break;
    const wishing: Document = document;
    for (const { key } of next) attempted.add(key);
    const results = await Promise.all(
      next.map(async (effect) => {
        const { event, cost } = await telling.performed(effect, () => perform(effect, wishing, ports, deadline - clock.now()));
        return resultInput(id, effect, event, clock.now(), cost);
      }),
    );
    pending.push(...results);
  }
  return { outcomes, document };
};

/** The traffic lane first; what stands aside is sent once the release itself has nothing left to do. */
const nextEffects = (document: Document | undefined, attempted: ReadonlySet<string>): readonly Effect[] => {
  const open = (document?.outbox ?? []).filter(({ key }) => !attempted.has(key));
  const traffic = open.filter(({ name }) => effectTable[name].lane === 'traffic');
  return traffic.length > 0 ? traffic : open;
};
