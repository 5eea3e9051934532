import { describe, expect, it } from 'vitest';
import type { Input, InputEvent } from '../events/input.ts';
import { advance } from '../statemachines/advance.ts';
import type { Document } from '../statemachines/document.ts';
import { machineVersions } from '../statemachines/machines.ts';
import { unreadable } from '../statemachines/rescue.ts';
import { phaseOf } from './model/documents.ts';
import { kinds, readStored, storedDocuments } from './model/stored.ts';

const now = 2_000_000_000_000;
const sent = (document: Document, event: InputEvent): Input => ({ id: `test/${event.type}`, document: document.id, event, receivedAt: now, by: 'test' });
const place = ({ snapshot }: Document): string => JSON.stringify(snapshot.value);
const restores = (document: Document | undefined): readonly unknown[] => (document?.outbox ?? []).filter(({ name }) => name === 'route.restore').map(({ params }) => params['route']);

const releases = storedDocuments(readStored(machineVersions.release)).map((document) => [place(document), document] as const);
const active = releases.filter(([, { snapshot }]) => snapshot.status === 'active');
const over = releases.filter(([, { snapshot }]) => snapshot.status === 'done');
const goingUp = /^\{"(stepping|promoting|watching)"/;

describe('documents stored by this machine version', () => {
  it.each(kinds.flatMap((kind) => storedDocuments(readStored(machineVersions[kind])).map((document) => [`${kind} ${place(document)}`, document] as const)))('restore: %s', (_place, document) => {
    const advanced = advance(document, sent(document, { type: 'nothing.at.all' }), now);
    expect(advanced.outcome).toBe('noted');
    expect(advanced.document?.machine).toBe(machineVersions[document.kind]);
    expect(advanced.document?.snapshot.value).toEqual(document.snapshot.value);
    expect(advanced.document?.timers).toEqual(document.timers);
  });

  it('name every top-level state of the machine', () => {
    const phases = new Set(releases.map(([, { snapshot }]) => phaseOf(snapshot.value)));
    expect([...phases].sort((a, b) => (a < b ? -1 : 1))).toEqual(['cancelled', 'completed', 'halted', 'preparing', 'promoting', 'refused', 'restoring', 'retiring', 'rolledBack', 'rollingBack', 'settling', 'stepping', 'watching']);
  });

  it.each(active.filter(([value]) => goingUp.test(value)))('are taken back by an abort: %s', (_place, document) => {
    const { document: aborted } = advance(document, sent(document, { type: 'abort', reason: 'test' }), now);
    expect(restores(aborted)).toEqual(Object.keys(document.armed));
    expect(place(aborted as Document)).toMatch(/^\{"(rollingBack|retiring)"/);
  });
});

describe('a document that no code can read any more', () => {
  const broken: readonly (readonly [string, (document: Document) => Document])[] = [
    ['of an unknown machine version', (document) => ({ ...document, machine: 'release/0' })],
    ['in a state that does not exist', (document) => ({ ...document, snapshot: { ...document.snapshot, value: 'nowhere' } })],
    ['whose context is gone', (document) => ({ ...document, timers: { nobody: { arm: 1, dueAt: now } } })],
  ];

  it.each(broken.flatMap(([how, spoil]) => active.map(([value, document]) => [how, value, spoil(document)] as const)))('%s goes back by its armed writes: %s', (_how, _place, document) => {
    const { document: rescued } = advance(document, sent(document, { type: 'abort', reason: 'test' }), now);
    expect(rescued?.machine).toBe(unreadable);
    expect(restores(rescued)).toEqual(Object.keys(document.armed));
    expect(rescued?.outbox.length).toBe(Object.keys(document.armed).length);
  });

  const shown = active.find(([value, { outbox }]) => value.includes('"verifying"') && outbox.length > 0)?.[1] as Document;

  it('goes back even when the first thing it hears is the result of an effect', () => {
    const [effect] = shown.outbox;
    const result: Input = { ...sent(shown, { type: 'route.verify.done', canary: 50 }), effect: { key: effect?.key ?? '', name: effect?.name ?? '' } };
    const { document: rescued } = advance({ ...shown, machine: 'release/0' }, result, now);
    expect(restores(rescued)).toEqual(Object.keys(shown.armed));
  });

  it('sends each armed write until it succeeds, and then says that it is halted', () => {
    const first = advance({ ...shown, machine: 'release/0' }, sent(shown, { type: 'abort', reason: 'test' }), now).document as Document;
    expect(first.wakeAt).toBe(now + 15_000);
    const answer = (document: Document, type: string) => {
      const [effect] = document.outbox;
      return advance(document, { ...sent(document, { type, reason: 'down' }), effect: { key: effect?.key ?? '', name: effect?.name ?? '' } }, now);
    };
    const failed = answer(first, 'route.restore.unavailable').document as Document;
    expect(failed.outbox).toEqual(first.outbox);
    const rest = first.outbox.reduce<ReturnType<typeof answer>>((advanced) => answer(advanced.document as Document, 'route.restore.done'), { outcome: 'moved', document: failed });
    expect(rest.document?.outbox).toEqual([]);
    expect(rest.document?.wakeAt).toBeUndefined();
    expect(rest.row?.said).toMatch(/halted: unlock/);
  });

  it.each(over)('is left alone when the release had ended: %s', (_place, document) => {
    const { document: after } = advance({ ...document, machine: 'release/0' }, sent(document, { type: 'abort', reason: 'late' }), now);
    expect(after?.outbox).toEqual(document.outbox);
  });
});
