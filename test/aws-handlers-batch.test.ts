import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { batchHandler } from '../functions/aws/batch.ts';
import type { AwsPorts } from '../functions/aws/ports.ts';
import { tickHandler } from '../functions/aws/schedule.ts';
import type { Message } from '../infra/queue/port.ts';
import type { Store } from '../infra/store/port.ts';
import { aContext, aRecord, aScheduledEvent } from './fixtures/aws-events.ts';
import { applying, batchOf, idOf, lost, openPorts, rolloutDocument, type Opened } from './fixtures/aws-handlers.ts';
import { fauxqs } from './fixtures/fauxqs.ts';
import { image } from './fixtures/serving.ts';
import { aDocument, aMessage } from './fixtures/stored.ts';
import { patience } from '../infra/worker/worker.ts';

const emulator = fauxqs();
const opened = (around?: (store: Store) => Store): Promise<Opened> => openPorts(emulator, around);

describe('a batch', () => {
  const worked = async (messages: readonly Message[], { leftMs = 18_000 } = {}) => {
    const world = await opened();
    await world.ports.queue.send(messages);
    const batch = await batchOf(world.subject, 'inputs');
    const { batchItemFailures } = await batchHandler(world.ports, world.subject.urls)(batch, aContext(leftMs));
    const failed = batchItemFailures.map(({ itemIdentifier }) => batch.Records.find(({ messageId }) => messageId === itemIdentifier)).map((record) => (record === undefined ? '?' : idOf(record)));
    return { ...world, batch, failed };
  };
  /** All of one group in one batch, as AWS gives them and the emulator does not. */
  const together = async (world: Opened, messages: readonly Message[]) => {
    const batch = { Records: [] as SQSRecord[] };
    for (const message of messages) {
      await world.ports.queue.send([{ ...message, lane: 'urgent' }]);
      const { Records } = await batchOf(world.subject, 'urgent');
      batch.Records.push(...Records.map((record) => ({ ...record, attributes: { ...record.attributes, ...(message.group === undefined ? {} : { MessageGroupId: message.group }) } })));
    }
    return batch;
  };

  it('that is handled reports nothing, and leaves the deleting to Lambda', async () => {
    const { failed, ports, subject } = await worked([applying('apply-1')]);
    expect(failed).toEqual([]);
    expect((await ports.store.load(rolloutDocument))?.version).toBeGreaterThan(0);
    expect(emulator.inspect(subject, 'inputs').inflight).toHaveLength(1);
  });

  it('reports what failed, gives it back after a while, and counts the rest as done', async () => {
    const { failed, subject, told } = await worked([applying('apply-1'), lost('lost-1')]);
    expect(failed).toEqual(['lost-1']);
    const [inflight] = emulator.inspect(subject, 'inputs').inflight.filter(({ message }) => idOf(message) === 'lost-1');
    expect(Math.round(((inflight?.visibilityDeadline ?? 0) - Date.now()) / 1_000)).toBe(1);
    expect(told.join('\n')).toContain('release/pro/lost/1 does not exist');
  });

  it('buries what has failed as often as is borne, and counts it as done', async () => {
    const { subject, ports } = await opened();
    const work = batchHandler(ports, subject.urls);
    await ports.queue.send([lost('lost-1')]);
    const failures: number[] = [];
    for (let attempt = 1; attempt <= patience.normal.attempts; attempt++) {
      failures.push((await work(await batchOf(subject, 'inputs'), aContext())).batchItemFailures.length);
      await emulator.pass(patience.normal.longestMs + 1_000);
    }
    expect(failures).toEqual([...Array.from({ length: patience.normal.attempts - 1 }, () => 1), 0]);
    expect(await ports.queue.deadLetters(10)).toMatchObject([{ reason: expect.stringContaining('does not exist') as string, message: { id: 'lost-1' } }]);
    expect(emulator.inspect(subject, 'inputs')).toEqual({ ready: [], delayed: [], inflight: [] });
  });

  it('stops a group at the first failure and gives back what follows untouched, while other groups go on', async () => {
    const world = await opened();
    const batch = await together(world, [lost('a1', 'release/pro/a/1'), { ...applying('a2'), group: 'release/pro/a/1' }, applying('b1', 'rollout/pro/other'), lost('a3', 'release/pro/a/1')]);
    const { batchItemFailures } = await batchHandler(world.ports, world.subject.urls)(batch, aContext());
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    expect(batch.Records.filter(({ messageId }) => failed.has(messageId)).map(idOf)).toEqual(['a1', 'a2', 'a3']);
    expect(await world.ports.store.load(rolloutDocument)).toBeUndefined();
    expect(await world.ports.store.load('rollout/pro/other')).toBeDefined();
    const back = emulator.inspect(world.subject, 'urgent').inflight.filter(({ message }) => idOf(message) !== 'b1').map(({ visibilityDeadline }) => Math.round((visibilityDeadline - Date.now()) / 1_000));
    expect(back).toEqual([1, 1, 1]);
  });

  it('handles a group in its order', async () => {
    const saved: string[] = [];
    const world = await opened((store) => ({ ...store, save: (document, expected, journal, counts) => (saved.push(...journal.map(({ input }) => input.id)), store.save(document, expected, journal, counts)) }));
    const pausing = (id: string): Message => aMessage(id, { group: rolloutDocument, body: { type: 'input', input: { id, document: rolloutDocument, event: { type: 'image.pushed', image, tag: '0.0.1', digest: `sha256:${'0'.repeat(64)}` }, receivedAt: 1 } } });
    await batchHandler(world.ports, world.subject.urls)(await together(world, [applying('1'), pausing('2'), pausing('3')]), aContext());
    expect(saved.filter((id) => /^\d$/.test(id))).toEqual(['1', '2', '3']);
  });

  it('begins nothing for which there is no time left, and gives it back', async () => {
    const { failed, ports, subject } = await worked([applying('apply-1')], { leftMs: 10_000 });
    expect(failed).toEqual(['apply-1']);
    expect(await ports.store.load(rolloutDocument)).toBeUndefined();
    expect(emulator.inspect(subject, 'inputs').inflight.map(({ visibilityDeadline }) => Math.round((visibilityDeadline - Date.now()) / 1_000))).toEqual([1]);
  });

  it('keeps what is no message, and counts it as done', async () => {
    const { subject, ports } = await opened();
    const garbage = aRecord(subject.urls.wakes, { messageId: 'm', receiptHandle: 'r', body: '{"half": ' });
    expect(await batchHandler(ports, subject.urls)({ Records: [garbage] }, aContext())).toEqual({ batchItemFailures: [] });
    expect(await ports.queue.deadLetters(10)).toMatchObject([{ message: { raw: '{"half": ', source: 'wakes' } }]);
  });

  it('fails message by message, not as a whole, when SQS does not answer', async () => {
    const { subject, ports, told } = await opened();
    emulator.deleteQueue(subject.urls.dead);
    const garbage = aRecord(subject.urls.wakes, { messageId: 'm', receiptHandle: 'r', body: '{"half": ' });
    expect(await batchHandler(ports, subject.urls)({ Records: [garbage] }, aContext())).toEqual({ batchItemFailures: [{ itemIdentifier: 'm' }] });
    expect(told.join('\n')).toContain('queue does not exist');
  });
});

describe('wakes', () => {
  const id = 'release/pro/demo/1';
  const world = async () => {
    const { ports, subject } = await opened();
    return { ports, subject, work: batchHandler(ports, subject.urls), delayed: () => emulator.inspect(subject, 'wakes').delayed };
  };
  const save = (ports: AwsPorts, version: number, wakeAt: number) => ports.store.save(aDocument(id, version, { outbox: [], timers: {}, wakeAt }), version - 1, []);
  const wake = (wakeAt: number): Message => aMessage(`wake/${id}/${wakeAt}`, { group: id });

  it('a wake that comes too early is sent again for its moment', async () => {
    const { ports, subject, work, delayed } = await world();
    const wakeAt = Date.now() + 5_000;
    await save(ports, 1, wakeAt);
    await ports.queue.send([wake(wakeAt)]);
    await work(await batchOf(subject, 'wakes'), aContext());
    expect(delayed().map(({ delayUntil = 0, ...message }) => [idOf(message), Math.round((delayUntil - Date.now()) / 1_000)])).toEqual([[`wake/${id}/${wakeAt}`, 5]]);
  });

  it('a wake for another moment, and a copy of an input, send none: somebody else has', async () => {
    const { ports, subject, work, delayed } = await world();
    await save(ports, 1, Date.now() + 5_000);
    await ports.queue.send([wake(Date.now() - 1_000), wake(Date.now() + 1_000)]);
    await work(await batchOf(subject, 'wakes'), aContext());
    expect(delayed()).toEqual([]);
  });

  it('a wake that cannot move its document does not send itself at once again', async () => {
    const { ports, subject, work, delayed } = await world();
    const wakeAt = Date.now() - 5_000;
    await save(ports, 1, wakeAt);
    await ports.queue.send([wake(wakeAt)]);
    await work(await batchOf(subject, 'wakes'), aContext());
    expect([delayed(), emulator.inspect(subject, 'wakes').ready]).toEqual([[], []]);
  });
});

describe('the tick', () => {
  it('wakes what is due, and tells when the metrics were not taken', async () => {
    const { ports, subject, told } = await opened();
    await ports.store.save(aDocument('release/pro/demo/1', 1, { wakeAt: Date.now() - 1 }), 0, []);
    await ports.store.save(aDocument('release/pro/demo/2', 1, { wakeAt: Date.now() + 60_000 }), 0, []);
    const handle = tickHandler(ports, () => Promise.resolve({ outcome: 'unavailable', reason: 'no route to host' }));
    expect(await handle(aScheduledEvent(), aContext())).toEqual({ woken: 1 });
    expect(emulator.inspect(subject, 'wakes').ready.map(idOf)).toEqual([expect.stringMatching(/^wake\/release\/pro\/demo\/1\//)]);
    expect(told).toEqual(['the metrics were not taken: no route to host']);
  });
});
