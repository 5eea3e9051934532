import { describe, expect, it } from 'vitest';
import type { InputEvent } from '../events/input.ts';
import { rolloutOf, step } from './model/configs.ts';
import { driveRelease, driveRollout, type Driver } from './model/driver.ts';

const minutes = 60_000;
const rollout = rolloutOf({ steps: [step(20, { holdMs: 60 * minutes }), step(60)] });
const alert = (startsAt: number, status: 'firing' | 'resolved' = 'firing', severity = 'critical'): InputEvent => ({ type: 'alert', status, fingerprint: 'f', labels: { severity, alertname: 'HighErrorRate' }, summary: '5 % errors', startsAt });

const shown = (): Driver => {
  const release = driveRelease(rollout);
  release.until(/gating/);
  return release;
};

describe('an alert while users are on the canary', () => {
  it('that began after the first user met it rolls back', () => {
    const release = shown();
    release.send(alert(release.now()));
    expect(release.wishes()).toEqual(['route.restore']);
    expect(release.context().ending).toMatchObject({ bad: true, reason: 'alert HighErrorRate: 5 % errors' });
  });

  it.each([
    [119_999, 'rollingBack'],
    [120_000, 'rollingBack'],
    [120_001, 'stepping'],
  ])('that began %i ms before that moment leads to %s: clocks may differ by 2 minutes', (before, phase) => {
    const release = shown();
    release.send(alert((release.context().exposedAt ?? 0) - before));
    expect(release.place()).toMatch(new RegExp(`^{"${phase}"`));
  });

  it('of no policy, or resolved, does nothing', () => {
    const release = shown();
    release.send(alert(release.now(), 'firing', 'info'));
    release.send(alert(release.now(), 'resolved'));
    expect(release.place()).toMatch(/gating/);
  });

  it('whose policy is to pause, pauses', () => {
    const release = shown();
    release.send(alert(release.now(), 'firing', 'warning'));
    expect(release.context().paused).toMatchObject({ by: 'sluice', why: 'alert HighErrorRate' });
  });

  it('that was firing before, and is told again, is not about the release', () => {
    const release = driveRelease(rollout);
    const before = alert(release.now());
    release.send(before);
    release.send({ type: 'resume' });
    release.until(/held/);
    release.send({ type: 'resume' });
    release.until(/gating/);
    expect(release.send(before).row?.said).toMatch(/not about this release: it was firing before/);
    expect(release.place()).toMatch(/gating/);
  });
});

describe('an alert that fires before the canary is shown', () => {
  it('holds the release up until it is over', () => {
    const release = driveRelease(rollout);
    const startsAt = release.now();
    release.send(alert(startsAt));
    release.until(/held/);
    expect(release.wishes()).toEqual([]);
    release.send(alert(startsAt, 'resolved'));
    release.until(/gating/);
  });

  it('is handed on by the rollout that knew it', () => {
    const owner = driveRollout(rollout);
    owner.send(alert(owner.now()));
    owner.send({ type: 'image.pushed', image: 'registry.example.com/team/demo', tag: '2.0.0', digest: 'sha256:new' });
    const { event } = owner.effect('document.send').params as { event: { firing: object } };
    expect(Object.keys(event.firing)).toEqual([`f@${owner.now()}`]);
  });

  it('that fires a second time is another one', () => {
    const release = driveRelease(rollout);
    const startsAt = release.now();
    release.send(alert(startsAt));
    release.send(alert(startsAt, 'resolved'));
    release.until(/gating/);
    release.send(alert(release.now()));
    expect(release.place()).toMatch(/rollingBack/);
  });
});

describe('settling', () => {
  it('an alert restores the template first', () => {
    const release = shown();
    release.until(/"settling"/);
    release.send(alert(release.now()));
    expect(release.wishes()).toEqual(['template.write']);
    expect(release.effect('template.write').params).toMatchObject({ back: true, image: 'demo:old' });
  });

  it('is not paused, by a person or by an alert', () => {
    const release = shown();
    release.until(/"settling"/);
    release.send({ type: 'pause' });
    release.send(alert(release.now(), 'firing', 'warning'));
    expect(release.context().paused).toBeUndefined();
  });
});
