import type { Message } from '../../../infra/queue/port.ts';
import { definition } from '../../fixtures/demo.ts';
import { drive } from '../kit/driver.ts';
import { differs, endOf, type End } from '../kit/end.ts';
import { fire, histories, type History } from '../kit/histories.ts';
import { endUnder, harmless, unsound, type Case, type FaultClass, type Reference } from '../kit/trial.ts';

/** Queues know messages by their id, so a copy that is to arrive needs one of its own; its body is the same. */
const copyOf = (message: Message): Message => ({ ...message, id: `${message.id}#copy` });

const seconds = (ms: number): string => `${ms / 1_000} s`;

const copied = (reference: Reference): readonly Case[] => {
  const each = reference.sent.flatMap((_, i) =>
    [0, 60_000].map((later) =>
      harmless(`message ${i + 1} twice, ${seconds(later)} apart`, reference, () => ({
        post: (message, n) => [{ message, lateMs: 0 }, ...(n === i + 1 ? [{ message: copyOf(message), lateMs: later }] : [])],
      })),
    ),
  );
  const { history } = reference;
  const afterTheEnd: Case = {
    name: `${history.name}@all messages again after the end`,
    history,
    run: async (world) => {
      const end = await endUnder(world, history, {});
      for (const message of world.sent.slice()) {
        await world.send(copyOf(message));
        await drive(world);
      }
      return unsound(end) ?? differs(end, await endOf(world, 'quiet'));
    },
  };
  return [...each, afterTheEnd];
};

/** At least once means twice: every message, whoever sent it. */
export const everythingTwice: FaultClass = {
  name: 'every message twice',
  cases: async (reference) => (await Promise.all(histories.map(reference))).flatMap(copied),
};

const terminal = new Set(['completed', 'rolledBack', 'cancelled', 'refused']);
/** Another order of what people and senders said may end otherwise, but it ends, and well. */
export const endsSomehow = (end: End): string | undefined =>
  unsound(end) ?? Object.entries(end.documents).map(([id, document]) => (id.startsWith('release/') && !terminal.has(String((document as { state: unknown }).state)) ? `${id} does not end` : undefined)).find((one) => one !== undefined);

const fromOutside = ({ body }: Message): boolean => body.type === 'announcement' || (body.type === 'input' && body.input.by === 'ada');

const postponed = (reference: Reference): readonly Case[] =>
  reference.sent.flatMap((message, i) =>
    [1_000, 35_000, 300_000].map((lateMs): Case => {
      const name = `message ${i + 1} ${seconds(lateMs)} late`;
      const fault = { post: (posted: Message, n: number) => [{ message: posted, lateMs: n === i + 1 ? lateMs : 0 }] };
      // What waits longer than a step lasts is another history: the release has gone on without it.
      if (lateMs < 90_000 && !fromOutside(message)) return harmless(name, reference, () => fault);
      const { history } = reference;
      return { name: `${history.name}@${name}`, history, run: async (world) => endsSomehow(await endUnder(world, history, fault)) };
    }),
  );

const permutations = <T>(of: readonly T[]): readonly (readonly T[])[] => (of.length <= 1 ? [of] : of.flatMap((one, i) => permutations(of.toSpliced(i, 1)).map((rest) => [one, ...rest])));

const all = definition('steps: [{weight: 20, hold: 90s}, {weight: 100}]\nwatch: 90s\nalertsBefore: goOn\nalerts: [{match: {severity: critical}, do: rollback}]');
const anyTime = { when: () => true };
const everything: History = {
  name: 'everything',
  definition: all,
  acts: [
    { name: 'push 1.1.0', ...anyTime, do: (world) => world.push('1.1.0') },
    { name: 'push 1.2.0', ...anyTime, do: (world) => world.push('1.2.0') },
    { name: 'alert', ...anyTime, do: fire },
    { name: 'abort', ...anyTime, do: (world) => world.order('command/ada/1', 'release/pro/demo/1', { type: 'abort', reason: 'test' }) },
  ],
  ends: [],
};

/** All that may come from outside, in every order: at once, and each when users are on the canary. */
const shuffled: readonly Case[] = permutations(everything.acts).flatMap((acts) =>
  [0, 30_000].map((apart) => ({
    name: `everything@${acts.map(({ name }) => name).join(', ')}, ${seconds(apart)} apart`,
    history: everything,
    run: async (world) => {
      for (const act of acts) {
        await act.do(world);
        if (apart > 0) await drive(world, { forMs: apart });
      }
      const end = await endOf(world, await drive(world));
      // An order to a release that there is not, and for long enough not, is kept for people.
      return endsSomehow({ ...end, dead: end.dead.filter((reason) => !reason.endsWith('the input was abort')) });
    },
  })),
);

/** Within what FIFO allows (other groups overtake) and beyond it (a message overtakes its own group). */
export const reordered: FaultClass = {
  name: 'messages reordered',
  cases: async (reference) => [...(await Promise.all(histories.map(reference))).flatMap(postponed), ...shuffled],
};
