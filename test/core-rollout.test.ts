import { describe, expect, it } from 'vitest';
import type { Json } from '../events/input.ts';
import type { Rollout } from '../statemachines/definition/rollout.ts';
import { rolloutOf, step } from './model/configs.ts';
import { driveRelease, driveRollout, type Driver } from './model/driver.ts';

const image = 'registry.example.com/team/demo';
const push = (rollout: Driver, n: number, id?: string) => rollout.send({ type: 'image.pushed', image, tag: `${n}.0.0`, digest: `sha256:${n}` }, id);
const told = (rollout: Driver): readonly string[] => {
  const events = rollout.document().outbox.map(({ params }) => `${String(params['to']).split('/').at(-1) ?? ''} ${(params['event'] as { type: string }).type}`);
  while (rollout.wishes().length > 0) rollout.answer('document.send');
  return events;
};
const ended = (rollout: Driver, release: number, outcome: 'completed' | 'rolledBack', bad = false) =>
  rollout.send({ type: 'release.ended', release, outcome, bad, reason: 'slow', image, tag: `${release}.0.0`, digest: `sha256:${release}` }, `ended/${release}`);

const following = (onPush: Rollout['onPush']): Driver => {
  const rollout = driveRollout(rolloutOf({ onPush }));
  push(rollout, 1);
  expect(told(rollout)).toEqual(['1 release.opened']);
  return rollout;
};

describe('a push while a release is under way', () => {
  it('supersedes it, and is followed once it has made way', () => {
    const rollout = following('supersede');
    push(rollout, 2);
    push(rollout, 3);
    expect(told(rollout)).toEqual(['1 supersede', '1 supersede']);
    ended(rollout, 1, 'rolledBack');
    expect(rollout.context()).toMatchObject({ active: { n: 2, tag: '3.0.0' }, waiting: [] });
    expect(told(rollout)).toEqual(['2 release.opened']);
  });

  it('queues in its turn', () => {
    const rollout = following('queue');
    push(rollout, 2);
    push(rollout, 3);
    expect(told(rollout)).toEqual([]);
    ended(rollout, 1, 'completed');
    expect(rollout.context()).toMatchObject({ active: { n: 2, tag: '2.0.0' }, waiting: [{ tag: '3.0.0' }] });
  });

  it('is refused, and says why', () => {
    const rollout = following('refuse');
    expect(push(rollout, 2).row?.said).toBe('release 1 is under way, and the rollout refuses 2.0.0 meanwhile');
    ended(rollout, 1, 'completed');
    expect(rollout.place()).toBe('"free"');
  });

  it('of the same digest is ignored', () => {
    const rollout = following('supersede');
    expect(push(rollout, 1).row?.said).toBe('release 1 of 1.0.0 is under way');
  });

  it.each(['promoting', 'watching', 'settling'])('never takes a release that is %s off its way', (phase) => {
    const release = driveRelease(rolloutOf({}));
    release.until(new RegExp(`^{"${phase}"`));
    const before = release.place();
    expect(release.send({ type: 'supersede', tag: '2.0.0' }).outcome).toBe('noted');
    expect(release.place()).toBe(before);
    release.until(/completed/);
  });
});

describe('a digest that was bad', () => {
  it('is not released again by a push, but by a person who insists', () => {
    const rollout = following('supersede');
    ended(rollout, 1, 'rolledBack', true);
    expect(push(rollout, 1).row?.said).toMatch(/quarantined: slow; a person may start it with force/);
    expect(rollout.send({ type: 'start', tag: '1.0.0', digest: 'sha256:1' }).row?.said).toMatch(/start it with force to insist/);
    rollout.send({ type: 'start', tag: '1.0.0', digest: 'sha256:1', force: true });
    expect(told(rollout)).toEqual(['2 release.opened']);
  });

  it('is refused by the release itself when only a tag was named', () => {
    const release = driveRelease(rolloutOf({}), { digest: undefined, quarantined: { 'sha256:new': 'slow' } });
    release.answer('image.resolve');
    expect(release.place()).toBe('"refused"');
    expect(release.context().ending).toMatchObject({ outcome: 'refused', reason: 'this digest is quarantined: slow' });
  });
});

describe('the lock', () => {
  it('is given back by the release that holds it, and by no other', () => {
    const rollout = following('queue');
    ended(rollout, 7, 'completed');
    expect(rollout.place()).toBe('"releasing"');
    ended(rollout, 1, 'completed');
    expect(rollout.place()).toBe('"free"');
    expect(rollout.context().lastGood).toMatchObject([{ tag: '1.0.0', release: 1 }]);
  });

  it('is opened by a person with a reason, who thereby ends the release', () => {
    const rollout = following('queue');
    push(rollout, 2);
    expect(rollout.send({ type: 'unlock', reason: 'its cluster is gone' }).row?.said).toBe('unlocked by ann while release 1 had not ended: its cluster is gone');
    expect(told(rollout)).toEqual(['1 abort', '2 release.opened']);
  });
});

describe('a definition that changes while a release runs', () => {
  const first = rolloutOf({ steps: [step(20), step(60)] });
  const [target] = first.targets;
  const elsewhere = { ...first, steps: [step(5)], targets: target === undefined ? [] : [{ ...target, routes: [{ key: 'demo/HTTPRoute/other', kind: 'HTTPRoute', name: 'other' }] }] };
  const route = 'default/pro/IngressRoute/r0';

  it('leaves that release as it was started', () => {
    const rollout = driveRollout(first);
    push(rollout, 1);
    rollout.send({ type: 'definition.applied', definition: elsewhere as unknown as Json });
    const { event } = rollout.effect('document.send').params as { event: { definition: Json } };
    expect(event.definition).toEqual(JSON.parse(JSON.stringify(first)));
    ended(rollout, 1, 'completed');
    push(rollout, 2);
    expect(rollout.document().outbox.at(-1)?.params['event']).toMatchObject({ n: 2, definition: { steps: elsewhere.steps } });
  });

  it('still claims what that release works on, until it has ended', () => {
    const rollout = driveRollout(first);
    push(rollout, 1);
    rollout.send({ type: 'definition.applied', definition: elsewhere as unknown as Json });
    expect(rollout.document().claims).toEqual(expect.arrayContaining([route, 'default/pro/HTTPRoute/other']));
    ended(rollout, 1, 'completed');
    expect(rollout.document().claims).not.toContain(route);
  });
});
