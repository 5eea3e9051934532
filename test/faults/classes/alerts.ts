import type { Act } from '../kit/driver.ts';
import { drive, handleAll } from '../kit/driver.ts';
import { differs, endOf } from '../kit/end.ts';
import { aborted, fire, promoted } from '../kit/histories.ts';
import { unsound, type FaultClass, type Reference } from '../kit/trial.ts';
import { contextOf, phaseOf, shownOn } from '../kit/watched.ts';
import type { World } from '../kit/world.ts';
import { route } from '../../fixtures/demo.ts';
import { killAt } from './kill.ts';
import { atEachCall, freezeAt } from './workers.ts';

/** Phases from which one write takes every user back (invariant 11). */
const armed = new Set(['stepping', 'promoting', 'watching']);

/** An alert comes while somebody is stopped at a call: users are back before time passes, and the release comes out as rolled back. */
const alertAt = async (world: World, stopped: () => boolean, untouched: Reference['end']['objects'], thaw: () => Promise<void>): Promise<string | undefined> => {
  const acts: Act[] = [...promoted.acts];
  await drive(world, { acts, until: stopped });
  if (!stopped()) return 'the call never came';
  const release = world.release(1);
  const exposed = release !== undefined && contextOf(release).exposedAt !== undefined;
  const instantly = exposed && armed.has(phaseOf(release));
  const at = world.clock.now();
  await fire(world);
  await handleAll(world);
  const object = await world.sandbox.asUser('reader').get(route);
  const shown = object === undefined ? '-' : shownOn(object);
  if (world.clock.now() !== at) return 'time has passed';
  if (instantly && shown !== '-') return `the route still shows the canary ${shown} percent`;
  await thaw();
  await drive(world, { acts });
  // It was firing before anybody met the canary, so the release waits for its end; told of it, it goes on.
  await world.announce(`alert/test/f1/${at}/resolved`, { type: 'alert', status: 'resolved', fingerprint: 'f1', labels: { alertname: 'Ill', severity: 'critical' }, summary: '', startsAt: at });
  const end = await endOf(world, await drive(world, { acts }));
  const over = world.release(1)?.snapshot.value === 'completed';
  if (instantly && over) return 'the release was completed all the same';
  return unsound(end) ?? (over ? undefined : differs(untouched, end.objects, 'objects'));
};

export const alertWhileHung: FaultClass = {
  name: 'alert while a worker hangs',
  cases: async (reference) => {
    const { objects } = (await reference(aborted)).end;
    return atEachCall(await reference(promoted), () => true, (world, n, side) => {
      let release: (() => Promise<void>) | undefined;
      world.befall({
        hand: freezeAt(n, side, (invocation) => {
          release = async () => {
            invocation.thaw();
            await invocation.ended;
          };
        }),
      });
      return alertAt(world, () => release !== undefined, objects, async () => release?.());
    });
  },
};

export const alertAfterKill: FaultClass = {
  name: 'alert after a kill',
  cases: async (reference, tier) => {
    const { objects } = (await reference(aborted)).end;
    return atEachCall(await reference(promoted), () => true, (world, n, side) => {
      let killed = false;
      const kill = killAt(n, side);
      world.befall({
        recovery: tier.name === 'embedded' ? 'restart' : 'redelivery',
        hand: (call, inner) => {
          killed ||= call.n === n;
          return kill(call, inner);
        },
      });
      return alertAt(world, () => killed, objects, async () => undefined);
    });
  },
};
