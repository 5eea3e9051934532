import { transition } from 'xstate';
import { expect, it } from 'vitest';
import { advance } from '../statemachines/advance.ts';
import { machineOf } from '../statemachines/machines.ts';
import { pureTransition } from '../statemachines/transition.ts';
import { embeddedWorld } from './fixtures/embedded.ts';
import { definition } from './fixtures/serving.ts';

it('gives what the transition of XState gives, for every input of a whole release', async () => {
  const world = await embeddedWorld(definition('steps: [{weight: 20, hold: 1s}, {weight: 100, hold: 1s}]\nwatch: 1s'));
  await world.push('1.1.0');
  const release = await world.drive((one) => one?.snapshot.status === 'done');
  const rows = await world.ports.store.journal('release/pro/demo/1', 0, 1_000);
  expect(rows.length).toBeGreaterThan(20);
  const machine = machineOf('release', release?.definition ?? null);
  let document = advance(undefined, rows[0]?.input ?? (undefined as never), rows[0]?.at ?? 0).document;
  for (const row of rows.slice(1)) {
    const restore = () => machine.restoreSnapshot({ ...document?.snapshot, context: { ...document?.snapshot.context, now: row.at, rollout: document?.definition }, historyValue: {}, children: {} } as never, {} as never);
    // Results carry the wish they answer; `advance` adds it, so it is taken from there.
    const event = { ...row.input.event, of: document?.outbox.find(({ key }) => key === row.input.effect?.key)?.params, by: 'sluice' };
    const [theirs, wishes] = transition(machine, restore() as never, event as never);
    const [ours, wished] = pureTransition(machine, restore() as never, event as never);
    expect(JSON.stringify(machine.getPersistedSnapshot(ours as never))).toBe(JSON.stringify(machine.getPersistedSnapshot(theirs)));
    expect(wished.map(({ type, params }) => ({ type, params }))).toEqual(wishes.map(({ type, params }) => ({ type, params })));
    document = advance(document, row.input, row.at).document;
  }
  expect(document?.snapshot.value).toBe('completed');
});
