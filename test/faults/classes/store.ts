import type { Document, JournalRow } from '../../../statemachines/document.ts';
import type { Call, Hand } from '../kit/calls.ts';
import { aborted, promoted, superseded } from '../kit/histories.ts';
import { endOf } from '../kit/end.ts';
import { drive } from '../kit/driver.ts';
import { harmless, unsound, type Case, type FaultClass, type Reference } from '../kit/trial.ts';
import type { World } from '../kit/world.ts';

const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });
const throttled = (): Error => named('ProvisionedThroughputExceededException', 'The level of configured provisioned throughput for the table was exceeded');
const lost = (): Error => named('TimeoutError', 'socket hang up');
export const tooLarge = (): Error => named('ValidationException', 'Item size has exceeded the maximum allowed size');

/** The n-th call and the next ones of its verb fail, `times` in all; `after`: what was asked for has happened. */
export const failingCalls = (n: number, times: number, error: () => Error, after = false): Hand => {
  let verb: string | undefined;
  let left = times;
  return async (call, inner) => {
    if (call.n === n) verb = `${call.port}.${call.verb}`;
    if (verb !== `${call.port}.${call.verb}` || left === 0) return inner();
    left--;
    if (after) await inner();
    throw error();
  };
};

/** Somebody else saves the document just before, each time, `times` times. */
const storm = (world: World, n: number, times: number): Hand => {
  let left = times;
  let begun = false;
  return async (call, inner) => {
    begun ||= call.n === n;
    if (!begun || call.verb !== 'save' || left === 0) return inner();
    left--;
    const [{ id }] = call.args as [Document];
    const stored = await world.store.load(id);
    if (stored !== undefined) await world.store.save({ ...stored, version: stored.version + 1 }, stored.version, [] satisfies readonly JournalRow[]);
    return inner();
  };
};

const storeCalls = ({ calls }: Reference): readonly Call[] => calls.filter(({ port }) => port === 'store');
const times = (n: number): string => (n > 1 ? `, ${n} times` : '');

export const storeFails: FaultClass = {
  name: 'store throttles, answers get lost',
  cases: async (reference) =>
    (await Promise.all([promoted, aborted, superseded].map(reference))).flatMap((one) =>
      storeCalls(one).flatMap(({ n, verb }) => [
        ...[1, 3].map((many) => harmless(`throttled at call ${n}${times(many)}`, one, () => ({ hand: failingCalls(n, many, throttled) }))),
        ...(verb === 'save' ? [harmless(`saved at call ${n}, the answer lost`, one, () => ({ hand: failingCalls(n, 1, lost, true) }))] : []),
      ]),
    ),
};

export const conflicts: FaultClass = {
  name: 'store conflicts',
  cases: async (reference) =>
    (await Promise.all([promoted, aborted, superseded].map(reference))).flatMap((one) =>
      storeCalls(one)
        .filter(({ verb }) => verb === 'save')
        .flatMap(({ n }) =>
          [1, 3, 10].map((many): Case => {
            const plain = harmless(`conflict at call ${n}${times(many)}`, one, () => ({}));
            return { ...plain, run: (world) => harmless('', one, () => ({ hand: storm(world, n, many) })).run(world) };
          }),
        ),
    ),
};

/** A save that can never be: the input is kept with the reason, and the document as it was. */
export const itemTooLarge: FaultClass = {
  name: 'item too large',
  cases: async (reference) => {
    const one = await reference(promoted);
    const saves = storeCalls(one).filter(({ verb }) => verb === 'save');
    return [
      ...saves.map(({ n }) => harmless(`once at call ${n}`, one, () => ({ hand: failingCalls(n, 1, tooLarge) }))),
      ...saves.map(({ n, about }): Case => ({
        name: `promoted@for ever from call ${n}`,
        history: promoted,
        run: async (world) => {
          let begun = false;
          world.befall({ hand: (call, inner) => ((begun ||= call.n === n) && call.verb === 'save' && call.about === about ? Promise.reject(tooLarge()) : inner()) });
          const acts = [...promoted.acts];
          await drive(world, { acts, until: () => begun });
          await drive(world, { acts, forMs: 600_000 });
          const dead = await world.queue.deadLetters(100);
          if (!dead.some(({ reason }) => reason.includes('Item size'))) return 'nobody is told why the document does not go on';
          // The store takes it again: what was kept is sent once more, and all goes on.
          world.befall({});
          for (const { id } of dead) await world.queue.redrive(id);
          const end = await endOf(world, await drive(world, { acts }));
          return unsound(end);
        },
      })),
    ];
  },
};
