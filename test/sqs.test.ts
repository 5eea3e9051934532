import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReceiveMessageCommand, SendMessageCommand, type SendMessageBatchCommandInput, type SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../infra/clock.ts';
import { MessageTooLarge, type Message } from '../infra/queue/port.ts';
import { sqsClient } from '../infra/sqs/client.ts';
import { isGone } from '../infra/sqs/gone.ts';
import { queueOfArn, type QueueUrls } from '../infra/sqs/queues.ts';
import { sqsQueue } from '../infra/sqs/queue.ts';
import { largestBody } from '../infra/sqs/text.ts';
import { bodies, receiveOne, second } from './contract/queue-subject.ts';
import { queueContract } from './contract/queue.ts';
import { sqsPromises, type SqsSubject } from './contract/sqs-subject.ts';
import { fauxqs } from './fixtures/fauxqs.ts';
import { heldClock } from './fixtures/held-clock.ts';
import { aMessage } from './fixtures/stored.ts';

const emulator = fauxqs();
queueContract('SQS (fauxqs)', { ...sqsPromises, tellsStale: ['input', 'announcement', 'wake'], lateMs: 0, heldTime: true }, emulator.subject);

const opened = async (): Promise<SqsSubject> => {
  const subject = await emulator.subject();
  onTestFinished(() => subject.queue.close());
  return subject;
};

const ids = (messages: readonly { readonly body: string }[]): readonly string[] => messages.map(({ body }) => (JSON.parse(body) as Message).id);

const urls: QueueUrls = { inputs: 'https://sqs.test/1/inputs.fifo', urgent: 'https://sqs.test/1/urgent', wakes: 'https://sqs.test/1/wakes', dead: 'https://sqs.test/1/dead', deadFifo: 'https://sqs.test/1/dead.fifo' };

type Batch = SendMessageBatchCommandInput & { readonly Entries: NonNullable<SendMessageBatchCommandInput['Entries']> };
/** A queue over a client that answers each batch as told, and the batches it was sent. */
const stubbed = (answer: (batch: Batch, at: number) => object, clock = systemClock) => {
  const batches: Batch[] = [];
  const client = {
    send: ({ input }: { readonly input: Batch }) => {
      batches.push(input);
      return Promise.resolve(answer(input, batches.length - 1));
    },
  };
  return { batches, queue: sqsQueue({ client: client as unknown as SQSClient, urls, clock }) };
};
const failing = (which: (body: string) => boolean, forGood = false) => ({ Entries }: Batch): object => ({
  Failed: Entries.filter(({ MessageBody }) => which(MessageBody ?? '')).map(({ Id }) => ({ Id, SenderFault: forGood, Code: 'InternalError', Message: 'try again' })),
});

describe('where messages go', () => {
  test('inputs and announcements into the FIFO queue, by group; what is urgent, wakes or waits into standard queues', async () => {
    const subject = await opened();
    const group = 'release/pro/demo/1';
    await subject.queue.send([
      aMessage('i', { group, body: bodies.input }),
      aMessage('p', { body: bodies.announcement }),
      aMessage('w', { group }),
      aMessage('u', { group, lane: 'urgent', body: bodies.input }),
    ]);
    await subject.queue.send([aMessage('later', { group, body: bodies.input }), aMessage('w2', { group }), aMessage('u2', { lane: 'urgent' })], 1);
    const inputs = emulator.inspect(subject, 'inputs').ready;
    expect(inputs.map(({ messageGroupId }) => messageGroupId)).toEqual([group, 'p']);
    expect(inputs.map(({ messageDeduplicationId }) => messageDeduplicationId)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(ids(inputs)).toEqual(['i', 'p']);
    expect([ids(emulator.inspect(subject, 'wakes').ready), ids(emulator.inspect(subject, 'wakes').delayed)]).toEqual([['w'], ['later', 'w2']]);
    expect([ids(emulator.inspect(subject, 'urgent').ready), ids(emulator.inspect(subject, 'urgent').delayed)]).toEqual([['u'], ['u2']]);
  });

  test.each([
    [1, 1],
    [999, 1],
    [1_001, 2],
    [900_000, 900],
    [900_001, 900],
    [86_400_000, 900],
    [-5, 0],
  ])('a delay of %i ms is %i s: rounded up, and as long as SQS can', async (ms, seconds) => {
    const { batches, queue } = stubbed(() => ({}));
    await queue.send([aMessage('a')], ms);
    expect(batches[0]?.Entries[0]?.DelaySeconds).toBe(seconds);
  });

  test('of the wakes nothing is dropped: the tick may wake again what a wake did not move', async () => {
    const { queue } = await opened();
    await queue.send([aMessage('w')]);
    await queue.acknowledge(await receiveOne(queue));
    await queue.send([aMessage('w'), aMessage('w')]);
    expect(await queue.receive('normal', 10, second)).toHaveLength(2);
  });

  test('a busy queue does not keep another of its lane from being heard', async () => {
    const { queue } = await opened();
    await queue.send([...['i1', 'i2', 'i3'].map((id) => aMessage(id, { body: bodies.input })), aMessage('w')]);
    const first = await queue.receive('normal', 1, second);
    const next = await queue.receive('normal', 1, second);
    expect([...first, ...next].map(({ message }) => message.id)).toContain('w');
  });
});

describe('sending in batches', () => {
  test('ten at most, in order, for each queue', async () => {
    const { batches, queue } = stubbed(() => ({}));
    await queue.send(Array.from({ length: 23 }, (_, n) => aMessage(`i${n}`, { body: bodies.input })));
    expect(batches.map(({ Entries }) => Entries.length)).toEqual([10, 10, 3]);
    expect(ids(batches.flatMap(({ Entries }) => Entries.map(({ MessageBody: body = '' }) => ({ body }))))).toEqual(Array.from({ length: 23 }, (_, n) => `i${n}`));
    expect(new Set(batches.map(({ QueueUrl }) => QueueUrl))).toEqual(new Set([urls.inputs]));
  });

  test('and a MiB at most, counted in bytes', async () => {
    const { batches, queue } = stubbed(() => ({}));
    const large = (id: string): Message => aMessage(id, { body: { type: 'wake', document: 'ü'.repeat(200_000) } });
    await queue.send(['a', 'b', 'c', 'd'].map(large));
    expect(batches.map(({ Entries }) => Entries.length)).toEqual([2, 2]);
  });

  test('a message that fits nowhere is refused by name before anything is sent', async () => {
    const { batches, queue } = stubbed(() => ({}));
    const huge = aMessage('huge', { body: { type: 'wake', document: 'x'.repeat(largestBody) } });
    await expect(queue.send([aMessage('small'), huge])).rejects.toThrow(MessageTooLarge);
    await expect(queue.send([huge])).rejects.toThrow(/^message huge: found 10\d{5} bytes, allowed are 1044480$/);
    expect(batches).toEqual([]);
  });

  test('the largest message there can be goes through, and can be buried with any reason', async () => {
    const { queue } = await opened();
    const empty = JSON.stringify(aMessage('a', { body: { type: 'wake', document: 'x' } })).length - 1;
    const message = aMessage('a', { body: { type: 'wake', document: 'x'.repeat(largestBody - empty) } });
    await queue.send([message]);
    const delivery = await receiveOne(queue);
    expect(delivery.message).toEqual(message);
    await queue.bury(delivery, '\u0000'.repeat(10_000));
    expect((await queue.deadLetters(1))[0]?.message).toEqual(message);
  });

  test('what SQS did not take of a batch is sent again, and only that', async () => {
    const { batches, queue } = stubbed((batch, at) => (at === 0 ? failing((body) => body.includes('"b"'))(batch) : {}), { ...systemClock, sleep: () => Promise.resolve() });
    await queue.send([aMessage('a'), aMessage('b'), aMessage('c')]);
    expect(batches.map(({ Entries }) => Entries.map(({ MessageBody: body = '' }) => (JSON.parse(body) as Message).id))).toEqual([['a', 'b', 'c'], ['b']]);
  });

  test('what it never takes is named, after a while', async () => {
    const clock = heldClock();
    const { batches, queue } = stubbed(failing((body) => body.includes('"b"')), clock);
    const sent = queue.send([aMessage('a'), aMessage('b')]);
    const refused = expect(sent).rejects.toMatchObject({ name: 'SendRefused', ids: ['b'], message: 'queue wakes: did not take b (try again)' });
    await vi.waitFor(() => expect(clock.waiting()).toBe(1));
    clock.advance(100);
    await vi.waitFor(() => expect(batches).toHaveLength(2));
    await vi.waitFor(() => expect(clock.waiting()).toBe(1));
    clock.advance(200);
    await refused;
    expect(batches).toHaveLength(3);
  });

  test('what is our own fault is not tried again', async () => {
    const { batches, queue } = stubbed(failing(() => true, true), heldClock());
    await expect(queue.send([aMessage('a')])).rejects.toThrow('queue wakes: did not take a (try again)');
    expect(batches).toHaveLength(1);
  });
});

describe('the client', () => {
  test('tries again when SQS is throttling, and takes its address from the environment', async () => {
    let asked = 0;
    const server = createServer((request, response) => {
      request.resume();
      asked++;
      response.writeHead(asked < 3 ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify(asked < 3 ? { __type: 'com.amazonaws.sqs#RequestThrottled', message: 'too fast' } : { Successful: [], Failed: [] }));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const [name, value] of Object.entries({ AWS_ENDPOINT_URL_SQS: endpoint, AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const queue = sqsQueue({ client: sqsClient(), urls: { ...urls, wakes: `${endpoint}/1/wakes` }, clock: systemClock });
    onTestFinished(() => queue.close());
    await queue.send([aMessage('a')]);
    expect(asked).toBe(3);
  });
});

describe('what is received', () => {
  test.each([
    ['no JSON', 'hello', /found no JSON/],
    ['no message', '{"id": "a"}', /^message\.lane: found nothing, allowed is urgent or normal$/],
    ['a body of no known type', JSON.stringify({ id: 'a', lane: 'normal', body: { type: 'dance' } }), /^message\.body\.type: found "dance"/],
    ['an input without an event', JSON.stringify({ id: 'a', lane: 'normal', body: { type: 'input', input: { id: 'a', document: 'd', receivedAt: 1 } } }), /event/],
  ])('%s is kept with the reason, and does not come again', async (_, text, reason) => {
    const subject = await opened();
    const { queue, client } = subject;
    await client.send(new SendMessageCommand({ QueueUrl: subject.urls.wakes, MessageBody: text }));
    await queue.send([aMessage('a')]);
    expect((await queue.receive('normal', 10, second)).map(({ message }) => message.id)).toEqual(['a']);
    await subject.pass(2 * second);
    expect(await queue.receive('normal', 10, second)).toHaveLength(1);
    expect(await queue.deadLetters(10)).toMatchObject([{ reason: expect.stringMatching(reason) as string, message: { raw: text, source: 'wakes' } }]);
  });

  test('fields of a newer version come through an older one', async () => {
    const { queue, client, urls: own } = await opened();
    const newer = { ...aMessage('a', { body: bodies.input }), priority: 1 };
    await client.send(new SendMessageCommand({ QueueUrl: own.urgent, MessageBody: JSON.stringify({ ...newer, lane: 'urgent' }) }));
    expect((await receiveOne(queue, 'urgent')).message).toEqual({ ...newer, lane: 'urgent' });
  });

  test('a receipt of another make is an error of ours, and a receive that hides nothing too', async () => {
    const { queue } = await opened();
    await expect(queue.acknowledge({ receipt: '1/1', message: aMessage('a'), attempts: 1 })).rejects.toThrow('receipt "1/1": not of this queue');
    await expect(queue.receive('normal', 1, 0)).rejects.toThrow('visibilityMs is 0, must be above 0');
  });

  test.each([
    ['ReceiptHandleIsInvalid', 'The input receipt handle "x" is not a valid receipt handle.', true],
    ['MessageNotInflight', 'Message does not exist or is not available for visibility timeout change.', true],
    ['AWS.SimpleQueueService.MessageNotInflight', 'The specified message is not in flight.', true],
    ['InvalidParameterValue', 'Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.', true],
    ['InvalidParameterValue', 'Value 99999 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.', false],
    ['QueueDoesNotExist', 'The specified queue does not exist.', false],
    ['AccessDenied', 'not authorized to perform sqs:deletemessage', false],
  ])('of errors, %s (%s): the receipt is worth nothing any more: %s', (name, message, gone) => {
    expect(isGone(Object.assign(new Error(message), { name }))).toBe(gone);
  });

  test('any other error of SQS is told', async () => {
    const { queue } = await opened();
    await queue.send([aMessage('a')]);
    const delivery = await receiveOne(queue);
    const lost = { ...delivery, receipt: delivery.receipt.replace('wakes:', 'urgent:') };
    await expect(queue.release(lost, 0)).resolves.toBeUndefined();
    const other = await opened();
    emulator.deleteQueue(other.urls.urgent);
    await expect(other.queue.acknowledge(lost)).rejects.toThrow('queue does not exist');
  });

  test('the queue of a record is known by its ARN', () => {
    expect(queueOfArn(urls, 'arn:aws:sqs:eu-west-1:123456789012:inputs.fifo')).toBe('inputs');
    expect(queueOfArn(urls, 'arn:aws:sqs:eu-west-1:123456789012:urgent')).toBe('urgent');
    expect(queueOfArn(urls, 'arn:aws:sqs:eu-west-1:123456789012:dead')).toBeUndefined();
  });
});

describe('dead letters', () => {
  test('are kept before the message is removed, so that dying in between loses nothing', async () => {
    const subject = await opened();
    await subject.queue.send([aMessage('a')]);
    const delivery = await receiveOne(subject.queue);
    const dying = sqsQueue({
      clock: emulator.clock,
      urls: subject.urls,
      client: { send: (command: { constructor: { name: string } }) => (command.constructor.name === 'DeleteMessageCommand' ? Promise.reject(new Error('killed')) : subject.client.send(command as never)) } as unknown as SQSClient,
    });
    await expect(dying.bury(delivery, 'odd')).rejects.toThrow('killed');
    expect(await subject.queue.deadLetters(10)).toMatchObject([{ reason: 'odd' }]);
    await subject.pass(21 * second);
    expect((await receiveOne(subject.queue)).message.id).toBe('a');
  });

  test('that SQS moved itself are listed with a reason, and go back to their lane', async () => {
    const { queue, client, urls: own } = await opened();
    const message = aMessage('a', { group: 'release/pro/demo/1', body: bodies.input });
    await client.send(new SendMessageCommand({ QueueUrl: own.deadFifo, MessageBody: JSON.stringify(message), MessageGroupId: 'g', MessageDeduplicationId: 'd' }));
    const [letter] = await queue.deadLetters(10);
    expect(letter).toMatchObject({ reason: 'it was received again and again, and no worker came to an end with it', message });
    expect(await queue.redrive(letter?.id ?? '')).toBe(true);
    expect([await queue.deadLetters(10), (await receiveOne(queue)).message]).toEqual([[], message]);
  });

  test('are all there again for the next who looks, also after a search that went past them', async () => {
    const { queue } = await opened();
    for (let n = 0; n < 25; n++) await queue.park(`text ${n}`, 'http', 'odd');
    expect(await queue.deadLetters(100)).toHaveLength(25);
    expect(await queue.redrive('nobody')).toBe(false);
    expect(await queue.deadLetters(100)).toHaveLength(25);
    expect(await queue.deadLetters(3)).toHaveLength(3);
    expect((await queue.backlog()).dead).toBe(25);
  });

  test('come newest first', async () => {
    const { queue, pass } = await opened();
    await queue.park('old', 'http', 'odd');
    await pass(second);
    await queue.park('new', 'http', 'odd');
    expect((await queue.deadLetters(10)).map(({ message }) => ('raw' in message ? message.raw : ''))).toEqual(['new', 'old']);
  });

  test('say how much of a text was kept', async () => {
    const { queue } = await opened();
    await queue.park('x'.repeat(2_000_000), 'http', 'no JSON');
    expect((await queue.deadLetters(1))[0]?.reason).toMatch(/^no JSON \(kept are the first 10\d{5} of 2000000 characters\)$/);
  });

  test('are looked for by long polls, so that no server of SQS is left out', async () => {
    const polls: unknown[] = [];
    const client = { send: (command: { input: object }) => Promise.resolve(command instanceof ReceiveMessageCommand ? (polls.push(command.input.WaitTimeSeconds), {}) : {}) };
    await sqsQueue({ client: client as unknown as SQSClient, urls, clock: systemClock }).deadLetters(5);
    expect(polls).toEqual([1, 1]);
  });
});
