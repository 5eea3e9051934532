import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance } from '../statemachines/advance.ts';
import type { Document } from '../statemachines/document.ts';
import { worldNamed } from './model/configs.ts';
import { mutants } from './model/mutants.ts';
import { walk } from './model/walk.ts';
import { invariants } from './model/watching.ts';

/** Much longer than the breadth-first search is deep. */
const length = 250;
const histories = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 40, maxLength: length, size: 'max' });
const worldNames = ['everything', 'hung worker', 'two releases', 'dying canary', 'analysis'] as const;
const runs = 40;

const holds = (name: string): void => {
  const asked = invariants.filter((invariant) => invariant.name === name);
  expect(asked.length).toBeGreaterThan(0);
  fc.assert(
    fc.property(fc.constantFrom(...worldNames), histories, (world, choices) => {
      const { violation, history } = walk(worldNamed(world), choices, asked);
      if (violation !== undefined) throw new Error(`${violation.problem}\nin world ${world}:\n${history.map((label) => `  ${JSON.stringify(label)},`).join('\n')}`);
    }),
    { numRuns: runs, seed: 20 },
  );
};

describe('the invariants of the design, over generated histories', { timeout: 120_000 }, () => {
  it('Invariant 1: abort and alert make the armed writes the next effect; nobody is sent where nothing is ready', () => holds('Invariant 1'));
  it('Invariant 2: weight goes up only onto endpoints that were seen', () => holds('Invariant 2'));
  it('Invariant 3: routes are what definition and step say', () => holds('Invariant 3'));
  it('Invariant 4: only the digest pinned at the start is promoted', () => holds('Invariant 4'));
  it('Invariant 5: at most one release is active', () => holds('Invariant 5'));
  it('Invariant 6: weights are whole and between 0 and 100', () => holds('Invariant 6'));
  it('Invariant 7: no data never passes; alerts from before are not about the release', () => holds('Invariant 7'));
  it('Invariant 8: outside a release everything is as the user wrote it', () => holds('Invariant 8'));
  it('Invariant 9: users always have a backend', () => holds('Invariant 9'));
  it('Invariant 10: duplicate and stale inputs change nothing', () => holds('Invariant 10'));
  it('Invariant 11: whoever shows the canary is armed', () => holds('Invariant 11'));

  it('and neither pause, results, snapshots nor a fragile canary are forgotten', () => {
    for (const name of new Set(invariants.map((invariant) => invariant.name))) if (!name.startsWith('Invariant')) holds(name);
  });

  it('would find what is wrong', () => {
    const { behaviour } = mutants.find(({ name }) => name === 'only the first route is armed') ?? {};
    const seen = fc.check(fc.property(histories, (choices) => walk(worldNamed('crashes'), choices, invariants, behaviour).violation === undefined), { numRuns: 50, seed: 20, endOnFailure: true });
    expect(seen.failed).toBe(true);
  });

  it('over histories that get everywhere', () => {
    const phases = fc.sample(histories, { numRuns: 150, seed: 20 }).flatMap((choices, at) => walk(worldNamed(worldNames[at % worldNames.length] ?? 'everything'), choices, []).states.flatMap(({ documents }) => documents.slice(1).map((view) => view?.phase)));
    expect([...new Set(phases)]).toEqual(
      expect.arrayContaining(['completed', 'halted', 'preparing', 'promoting', 'refused', 'restoring', 'retiring', 'rolledBack', 'rollingBack', 'settling', 'stepping', 'watching']),
    );
  });
});

describe('a journal', () => {
  it('fed through advance again gives the same documents', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(histories, (choices) => {
        const { journal, states } = walk(worldNamed('everything'), choices);
        const again = new Map<string, Document>();
        for (const { document, input, at, version } of journal) {
          const advanced = advance(again.get(document), input, at);
          expect(advanced.document?.version).toBe(version);
          if (advanced.document !== undefined) again.set(document, JSON.parse(JSON.stringify(advanced.document)) as Document);
        }
        for (const view of states.at(-1)?.documents ?? []) if (view !== undefined) expect(again.get(view.document.id)).toEqual(view.document);
      }),
      { numRuns: 8, seed: 20 },
    );
  });
});

describe('a document', () => {
  it('stays small, and is the same after it was stored', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(histories, (choices) => {
        for (const { documents } of walk(worldNamed('everything'), choices, []).states)
          for (const view of documents) if (view !== undefined) expect(JSON.stringify(view.document).length).toBeLessThan(32 * 1024);
      }),
      { numRuns: 8, seed: 20 },
    );
  });
});
