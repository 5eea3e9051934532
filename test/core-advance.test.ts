import { describe, expect, it } from 'vitest';
import { advance, dueTimers } from '../statemachines/advance.ts';
import type { Document } from '../statemachines/document.ts';
import { rolloutOf, step } from './model/configs.ts';
import { driveRelease, driveRollout } from './model/driver.ts';

const minutes = 60_000;
/** As long as the summary of an alert can be. */
const longestSummary = 500;
const held = rolloutOf({ steps: [step(20, { holdMs: 10 * minutes }), step(60)] });
const asked = rolloutOf({ steps: [step(20, { question: 'Happy?' }), step(60, { question: 'Happy?' })] });

describe('an input that came before', () => {
  it('changes nothing when it comes again', () => {
    const release = driveRelease(held);
    release.until(/gating/);
    release.send({ type: 'pause' }, 'press-1');
    const before = release.document();
    expect(release.send({ type: 'pause' }, 'press-1').outcome).toBe('duplicate');
    expect(release.document()).toEqual(before);
  });

  it('changes nothing when it was of no use the first time: a copy of an early approval opens no later gate', () => {
    const release = driveRelease(asked);
    expect(release.send({ type: 'approve', step: 0, question: 'Happy?' }, 'press-1').outcome).toBe('noted');
    release.until(/gating/);
    expect(release.send({ type: 'approve', step: 0, question: 'Happy?' }, 'press-1').outcome).toBe('duplicate');
    expect(release.place()).toMatch(/gating/);
  });

  it('as the opening of a release opens no second one', () => {
    const release = driveRelease(held);
    expect(release.send({ type: 'release.opened' }, 'open/pro/demo/1').outcome).toBe('duplicate');
  });
});

describe('a result', () => {
  it('of an effect that nobody wishes for is stale', () => {
    const release = driveRelease(held);
    release.until(/gating/);
    const before = release.document();
    const result = { id: 'r', document: before.id, event: { type: 'fleet.look.done', ready: 9 }, receivedAt: 0, effect: { key: '1/0', name: 'fleet.look' } };
    expect(release.take(result).outcome).toBe('stale');
    expect(release.document()).toEqual(before);
  });

  it('that came before an abort dropped its effect is stale afterwards', () => {
    const release = driveRelease(held);
    release.until(/"routing":"writing"/);
    const { key, name } = release.effect('route.write');
    release.send({ type: 'abort', reason: 'no' });
    expect(release.wishes()).toEqual(['route.restore']);
    expect(release.take({ id: 'late', document: release.document().id, event: { type: 'route.write.done', changed: true }, receivedAt: 0, effect: { key, name } }).outcome).toBe('stale');
    expect(release.place()).toBe('{"rollingBack":"writing"}');
  });
});

describe('a timer', () => {
  it('of an earlier arm is stale', () => {
    const release = driveRelease(held);
    release.until(/"scaling":"waiting"/);
    const first = dueTimers(release.document(), Infinity)[0];
    release.until(/"scaling":"looking"/);
    release.answer('fleet.look', 'done', { ready: 0 });
    expect(release.document().timers['ready']?.arm).toBeGreaterThan(first?.timer?.arm ?? Infinity);
    expect(first === undefined ? undefined : release.take(first).outcome).toBe('stale');
  });

  it('that comes before it is due is early, and stays armed', () => {
    const release = driveRelease(held);
    release.until(/gating/);
    const [timer] = dueTimers(release.document(), Infinity);
    if (timer === undefined) throw new Error('no timer is armed');
    const before = release.document();
    expect(release.take(timer).outcome).toBe('early');
    expect(release.document()).toEqual(before);
  });

  it('under a clock that was set back waits for its moment, and one set forward brings it at once', () => {
    const release = driveRelease(held);
    release.until(/gating/);
    const due = release.document().timers['hold']?.dueAt ?? 0;
    release.at(release.now() - 60 * minutes);
    const timer = dueTimers(release.document(), due)[0];
    expect(dueTimers(release.document(), release.now())).toEqual([]);
    expect(timer === undefined ? undefined : release.take(timer).outcome).toBe('early');
    release.at(due + 24 * 60 * minutes);
    expect(timer === undefined ? undefined : release.take(timer).outcome).toBe('moved');
    expect(release.place()).toMatch(/scaling/);
  });
});

describe('a pause', () => {
  it("stops the hold's clock, and resume lets it run on", () => {
    const release = driveRelease(held);
    release.until(/gating/);
    release.at(release.now() + 4 * minutes);
    release.send({ type: 'pause' });
    expect(release.document().timers['hold']).toBeUndefined();
    release.at(release.now() + 60 * minutes);
    release.send({ type: 'resume' });
    expect(release.document().timers['hold']?.dueAt).toBe(release.now() + 6 * minutes);
  });

  it('under a clock that was set back adds nothing to the hold', () => {
    const release = driveRelease(held);
    release.until(/gating/);
    release.at(release.now() - 60 * minutes);
    release.send({ type: 'pause' });
    release.send({ type: 'resume' });
    expect(release.document().timers['hold']?.dueAt).toBe(release.now() + 10 * minutes);
  });

  it('lets the effect under way finish and asks for no further exposure', () => {
    const release = driveRelease(rolloutOf({ routes: 2 }));
    release.until(/"routing":"writing"/);
    release.send({ type: 'pause' });
    release.answer('route.write');
    expect(release.wishes()).toEqual([]);
    release.send({ type: 'resume' });
    expect(release.wishes()).toEqual(['route.write']);
  });
});

describe('an approval', () => {
  it.each([
    ['of another step', { step: 1, question: 'Happy?' }],
    ['of another question', { step: 0, question: 'Really?' }],
  ])('%s opens nothing', (_what, named) => {
    const release = driveRelease(asked);
    release.until(/gating/);
    expect(release.send({ type: 'approve', ...named }).outcome).toBe('noted');
    expect(release.context().step).toBe(0);
  });

  it('of this step and question opens it, and leaves the next one shut', () => {
    const release = driveRelease(asked);
    release.until(/gating/);
    release.send({ type: 'approve', step: 0, question: 'Happy?' });
    expect(release.context().step).toBe(1);
    release.until(/gating/);
    expect(release.send({ type: 'approve', step: 0, question: 'Happy?' }).outcome).toBe('noted');
    expect(release.place()).toMatch(/gating/);
  });

  it('refused rolls back, with the reason', () => {
    const release = driveRelease(asked);
    release.until(/gating/);
    release.send({ type: 'reject', step: 0, question: 'Happy?', comment: 'too slow' });
    expect(release.wishes()).toEqual(['route.restore']);
    expect(release.context().ending).toMatchObject({ outcome: 'rolledBack', reason: 'rejected: too slow', by: 'ann' });
  });
});

describe('a document', () => {
  it('is looked at again within 15 s while its outbox holds something, else when its earliest timer is due', () => {
    const release = driveRelease(held);
    expect(release.document().wakeAt).toBe(release.now() + 15_000);
    release.until(/gating/);
    expect(release.document().wakeAt).toBe(release.document().timers['hold']?.dueAt);
  });

  it('is nothing to wake once the release is over and its rollout knows', () => {
    const release = driveRelease(held);
    release.until(/completed/);
    expect(release.wishes()).toEqual(['document.send']);
    release.answer('document.send', 'unavailable');
    expect(release.wishes()).toEqual(['document.send']);
    release.answer('document.send');
    expect(release.document().wakeAt).toBeUndefined();
  });

  it('stays below 32 KB after a long life', () => {
    const rollout = driveRollout(rolloutOf({ onPush: 'queue' }));
    const sizes: number[] = [];
    for (let n = 1; n <= 400; n++) {
      const digest = `sha256:${String(n).padStart(64, '0')}`;
      rollout.send({ type: 'image.pushed', image: 'registry.example.com/team/demo', tag: `1.0.${n}`, digest }, `registry/push/${digest}/rollout/pro/demo`);
      rollout.send({ type: 'release.ended', release: n, outcome: n % 2 === 0 ? 'completed' : 'rolledBack', bad: n % 2 === 1, reason: `alert HighErrorRate: ${'x'.repeat(longestSummary)}`, image: 'registry.example.com/team/demo', tag: `1.0.${n}`, digest }, `ended/pro/demo/${n}`);
      sizes.push(JSON.stringify(rollout.document()).length);
      while (rollout.wishes().length > 0) rollout.answer('document.send');
    }
    expect(rollout.context().counter).toBe(400);
    expect(Math.max(...sizes)).toBeLessThan(32 * 1024);
  });

  it('that does not exist takes only what opens it', () => {
    const { document } = driveRelease(held);
    expect(advance(undefined, { id: 'x', document: document().id, event: { type: 'abort', reason: '' }, receivedAt: 0 }, 0)).toEqual({ outcome: 'stale', document: undefined });
  });
});

describe('a journal', () => {
  it('fed through advance again reaches the same state', () => {
    const release = driveRelease(asked);
    release.until(/gating/);
    release.send({ type: 'approve', step: 0, question: 'Happy?' });
    release.until(/gating/);
    release.send({ type: 'abort', reason: 'no' });
    release.until(/rolledBack/);
    const again = release.journal.reduce<Document | undefined>((document, { input, at }) => advance(document, input, at).document, undefined);
    expect(JSON.parse(JSON.stringify(again))).toEqual(release.document());
  });
});
