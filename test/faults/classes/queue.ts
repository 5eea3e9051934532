import { endUnder, harmless, unsound, type Case, type FaultClass } from '../kit/trial.ts';
import { differs } from '../kit/end.ts';
import { drive } from '../kit/driver.ts';
import { histories, promoted } from '../kit/histories.ts';
import type { Hand } from '../kit/calls.ts';
import type { Body, Message } from '../../../infra/queue/port.ts';
import { failingCalls } from './store.ts';

const unreachable = (): Error => Object.assign(new Error('the queue does not answer'), { name: 'TimeoutError' });

/** The n-th call to the queue and the next two fail, whatever they are: what failed cannot even be given back. */
const outage = (n: number): Hand => {
  let left = 3;
  return async (call, inner) => {
    if (call.n < n || call.port !== 'queue' || left === 0) return inner();
    left--;
    throw unreachable();
  };
};

/** Sends, acknowledgements and releases that fail, among them the sends after a save. */
export const queueFails: FaultClass = {
  name: 'queue fails',
  cases: async (reference) =>
    (await Promise.all(histories.map(reference))).flatMap((one) =>
      one.calls
        .filter(({ port }) => port === 'queue')
        .flatMap(({ n }) => [
          harmless(`fails at call ${n}`, one, () => ({ hand: failingCalls(n, 1, unreachable) })),
          harmless(`fails at call ${n}, 3 times`, one, () => ({ hand: failingCalls(n, 3, unreachable) })),
          harmless(`nothing works from call ${n} on, 3 times`, one, () => ({ hand: outage(n) })),
          harmless(`the answer of call ${n} is lost`, one, () => ({ hand: failingCalls(n, 1, unreachable, true) })),
        ]),
    ),
};

const poison: Readonly<Record<string, unknown>> = {
  'no body': undefined,
  'a text': 'rubbish',
  'an unknown type': { type: 'nonsense' },
  'an input without an event': { type: 'input', input: { id: 'x', document: 'release/pro/demo/1', receivedAt: 0 } },
  'an input without a document': { type: 'input', input: { id: 'x', event: { type: 'abort' }, receivedAt: 0 } },
  'an input for a document that there is not': { type: 'input', input: { id: 'x', document: 'release/pro/ghost/1', event: { type: 'abort', reason: 'x' }, receivedAt: 0 } },
  'an announcement of nothing': { type: 'announcement', announcement: { id: 'x' } },
};

/** What nobody can handle is kept with the reason, and what comes after it is not held up. */
export const poisonMessages: FaultClass = {
  name: 'poison messages',
  cases: async (reference, tier) => {
    const one = await reference(promoted);
    const text: Case = {
      name: 'promoted@a text that is no message',
      history: promoted,
      run: async (world) => {
        await world.sendText?.('{"half": "of a mess', 'urgent');
        const end = await endUnder(world, promoted, {});
        if (end.dead.length !== 1) return `${end.dead.length} dead letters, allowed is 1`;
        return unsound({ ...end, dead: [] }) ?? differs({ ...one.end, dead: end.dead }, end);
      },
    };
    return [...(tier.name === 'aws' ? [text] : []), ...Object.entries(poison).flatMap(([what, body]) =>
      (['urgent', 'normal'] as const).map((lane): Case => ({
        name: `promoted@${what}, ${lane} lane`,
        history: promoted,
        run: async (world) => {
          const message: Message = { id: 'poison', lane, group: 'release/pro/demo/1', body: body as Body };
          if (world.sendText === undefined) await world.send(message);
          else await world.sendText(JSON.stringify(message), lane);
          await drive(world, { forMs: 1_000 });
          const end = await endUnder(world, promoted, {});
          if (end.dead.length !== 1) return `${end.dead.length} dead letters, allowed is 1`;
          if (end.dead[0] === '') return 'it does not say why';
          return unsound({ ...end, dead: [] }) ?? differs({ ...one.end, dead: end.dead }, end);
        },
      })),
    )];
  },
};
