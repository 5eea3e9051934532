import type { Input } from '../../../events/input.ts';
import type { ReleaseContext } from '../../../statemachines/release/context.ts';
import type { Taken, View } from '../documents.ts';
import { moment } from '../normal-form.ts';
import { firingAlert, type Invariant } from './invariant.ts';

const armedPhases = new Set(['stepping', 'promoting', 'watching']);
const wayBackPhases = new Set(['rollingBack', 'retiring', 'restoring']);

const names = (view: View | undefined): string => (view?.traffic ?? []).map(({ name, params }) => `${name} ${String(params['route'] ?? '')}`.trim()).sort().join();
const restores = (view: View): string => Object.keys(view.document.armed).map((route) => `route.restore ${route}`).sort().join();

/** "From every state that has armed, up to the template patch, abort or a matching alert makes the armed writes the next effect." */
const invariant1AbortSendsArmedWrites: Invariant['document'] = (view, ask) => {
  if (view.n === 0 || view.ended) return undefined;
  const aborted = ask(view, { id: 'ask/abort', event: { type: 'abort', reason: 'asked' } }).view;
  if (armedPhases.has(view.phase)) {
    const expected = restores(view) === '' ? aborted?.phase === 'retiring' || aborted?.phase === 'rollingBack' : names(aborted) === restores(view);
    if (!expected) return `abort in ${view.path} asks for ${names(aborted) || 'nothing'} instead of ${restores(view) || 'nothing'}`;
    if (view.context.exposedAt !== undefined) {
      const alerted = ask(view, { id: 'ask/alert', event: firingAlert(view.context.exposedAt) }).view;
      if (names(alerted) !== restores(view)) return `an alert in ${view.path} asks for ${names(alerted) || 'nothing'} instead of ${restores(view)}`;
    }
  }
  if (view.phase === 'settling' || view.phase === 'halted') {
    const first = aborted?.traffic[0];
    if (first?.name !== 'template.write' || first.params['back'] !== true || aborted?.traffic.length !== 1) return `abort in ${view.path} asks for ${names(aborted) || 'nothing'} instead of the template's way back`;
  }
  if (wayBackPhases.has(view.phase) && (aborted?.path !== view.path || names(aborted) !== names(view))) return `abort in ${view.path} disturbs the way back`;
  return undefined;
};

/** "A release that has not armed writes no route." */
const invariant1NoRouteUnarmed: Invariant['document'] = (view) => {
  const unarmed = view.traffic.find(({ name, params }) => name === 'route.write' && !Object.hasOwn(view.document.armed, String(params['route'])));
  return unarmed === undefined ? undefined : `${unarmed.name} of ${String(unarmed.params['route'])} is asked for before its way back is in the document`;
};

const contextOf = (view: View | undefined): ReleaseContext | undefined => (view === undefined || view.n === 0 ? undefined : view.context);

/** Effects of the traffic lane that this move asks for. */
const asked = (before: View, { view, keys }: Taken): View['traffic'] => {
  const kept = new Set(before.document.outbox.map(({ key }) => keys.get(key)));
  return (view?.traffic ?? []).filter(({ key }) => !kept.has(key));
};

/** "Pause finishes the effect in flight, starts nothing that raises exposure"; an alert that fires from before does the same. */
const pausedRaisesNothing: Invariant['move'] = (before, _input, taken, config) => {
  const after = contextOf(taken.view);
  if (before === undefined || before.n === 0 || after === undefined) return undefined;
  for (const { name, params } of asked(before, taken)) {
    const { canary } = params;
    if (name !== 'route.write' || typeof canary !== 'number') continue;
    if (after.paused !== undefined && canary >= after.weight) return `${name} to ${canary} is asked for while the release is paused`;
    const held = config.rollout.alertsBefore === 'wait' && Object.values(after.firing).some(({ waived }) => waived !== true);
    if (held && canary > before.context.weight) return `${name} to ${canary} is asked for while an alert from before fires`;
  }
  return undefined;
};

/** "Only the digest and pod template pinned at the start are ever promoted." */
const invariant4OnlyWhatWasPinned: Invariant['document'] = (view) => {
  for (const { name, params } of view.traffic) {
    const pinned = view.context.facts['demo']?.pinned;
    if (name === 'fleet.write' && params['digest'] !== pinned) return `the canary is to run ${String(params['digest'])}, but ${String(pinned)} was pinned`;
    if (name === 'template.write' && params['back'] === false && params['image'] !== pinned) return `stable is to run ${String(params['image'])}, but ${String(pinned)} was pinned`;
  }
  return undefined;
};

/** "Weights are non-negative integers"; taken out is null, never 0 (invariant 9). */
const invariant6Weights: Invariant['document'] = (view) => {
  const wrong = view.traffic.find(({ params }) => typeof params['canary'] === 'number' && (!Number.isInteger(params['canary']) || params['canary'] <= 0 || params['canary'] > 100));
  return wrong === undefined || wrong.name === 'route.plan' ? undefined : `${wrong.name} asks for ${String(wrong.params['canary'])} percent`;
};

/** "An alert is not about the release if we had received it firing before the first user met the canary, or it began too early." */
const invariant7Alerts: Invariant['document'] = (view, ask) => {
  if (view.n === 0 || !(armedPhases.has(view.phase) || view.phase === 'settling' || view.phase === 'halted')) return undefined;
  const moved = (fingerprint: string, startsAt: number): View | undefined =>
    ask(view, { id: `ask/${fingerprint}`, event: { ...firingAlert(startsAt), fingerprint } }).view;
  const tooEarly = moved('early', moment - 3_600_000);
  if (tooEarly?.phase !== view.phase) return `an alert that began an hour before moved ${view.path} to ${String(tooEarly?.path)}`;
  if (view.context.exposedAt === undefined && moved('unmet', moment)?.phase !== view.phase) return `an alert moved ${view.path}, whose canary has met nobody`;
  for (const id of Object.keys(view.context.firing)) {
    const [fingerprint = '', startsAt = ''] = id.split('@');
    const known = ask(view, { id: `ask/known/${id}`, event: { ...firingAlert(Number(startsAt)), fingerprint } }).view;
    if (known?.phase !== view.phase) return `alert ${id}, known before, moved ${view.path} to ${String(known?.path)}`;
  }
  return undefined;
};

const silences = new Set(['analysis.look.noData', 'analysis.look.providerDown', 'analysis.look.unavailable', 'analysis.look.refused']);
const passesOf = (view: View | undefined): number => Object.values(contextOf(view)?.analyses ?? {}).reduce((sum, { passes }) => sum + passes, 0);

/** "No data never passes." */
const invariant7NoDataNeverPasses: Invariant['move'] = (before, input, taken) =>
  (silences.has(input.event.type) || (input.event.type === 'analysis.look.done' && !('value' in input.event))) && passesOf(taken.view) > passesOf(before)
    ? `${input.event.type} without a number counted as a pass`
    : undefined;

/** "A duplicate or stale input changes nothing." */
const invariant10StaleInputs: Invariant['document'] = (view, ask) => {
  const same = (what: string, input: Pick<Input, 'id' | 'event'> & Partial<Input>): string | undefined => (ask(view, input).view === view ? undefined : `${what} changed ${view.path}`);
  for (const { name, params } of view.traffic) {
    const wrong = same(`a result of ${name} that nobody wishes for any more`, { id: 'ask/late', event: { type: `${name}.unavailable`, reason: '', of: params as never }, effect: { key: '0/9', name } });
    if (wrong !== undefined) return wrong;
  }
  for (const name of view.timers) {
    const wrong = same(`a timer ${name} of an earlier arm`, { id: 'ask/timer', event: { type: 'timer' }, timer: { name, arm: -1 } });
    if (wrong !== undefined) return wrong;
  }
  for (const id of view.document.seen) {
    const wrong = same(`a copy of ${id}`, { id, event: { type: 'abort', reason: 'copy' } });
    if (wrong !== undefined) return wrong;
  }
  return undefined;
};

/** "A copy of an approval that came too early must not open a later gate": whatever was not needed is remembered all the same. */
const invariant10CopiesOfIgnored: Invariant['document'] = (view, ask) => {
  if (view.n === 0 || view.ended) return undefined;
  const input = { id: 'open-ask', event: { type: 'approve', step: view.context.step, question: 'Never asked' } };
  const once = ask(view, input);
  return once.view === undefined || !once.view.document.seen.includes(input.id) ? `an input that ${view.path} had no use for is forgotten, so a copy of it could matter later` : undefined;
};

/** "The document holds, for every route object touched or about to be, the write that takes it back", with a test on the release's mark. */
const invariant11Armed: Invariant['document'] = (view, _ask, config) => {
  const shown = view.traffic.find(({ name, params }) => name === 'route.write' && params['canary'] !== null);
  if (shown === undefined) return undefined;
  for (const { key } of config.rollout.targets.flatMap(({ routes }) => routes)) {
    const armed = view.document.armed[key];
    if (armed === undefined) return `${shown.name} is asked for, but route ${key} is not armed`;
    if (armed.ops[0]?.op !== 'test' || armed.ops[0].value !== String(view.n)) return `the armed write of ${key} does not test the mark of release ${view.n}`;
    if (!view.context.armed.includes(key)) return `the release has forgotten that ${key} is armed`;
  }
  return undefined;
};

/** "A result whose key is in the outbox is never ignored." */
const noResultIgnored: Invariant['move'] = (before, input, taken): string | undefined =>
  before !== undefined && !before.ended && input.effect !== undefined && !input.effect.name.startsWith('document.') && before.document.outbox.some(({ key }) => key === input.effect?.key) && taken.outcome === 'noted'
    ? `${input.event.type} is not handled in ${before.path}`
    : undefined;

/** No document becomes unreadable by its own code: its timers are those its states wait for. */
const alwaysReadable: Invariant['document'] = (view) => (view.document.machine === 'unreadable' ? `the state could not be restored` : undefined);

/** "While users are on a canary behind a fragile router its endpoints are looked at": a release with users on it never just stands there. */
const fragileIsWatched: Invariant['document'] = (view, _ask, config) => {
  const users = view.n > 0 && !view.ended && config.facts.fragile && view.context.exposedAt !== undefined && view.context.weight > 0;
  return users && view.traffic.length === 0 && view.timers.every((name) => name === 'watch' || name === 'hold') ? `users are on the canary in ${view.path}, and nobody will look whether it lives` : undefined;
};

export const ofDocuments: readonly Invariant[] = [
  { name: 'Invariant 1', document: invariant1AbortSendsArmedWrites },
  { name: 'Invariant 1', document: invariant1NoRouteUnarmed },
  { name: 'Pause', move: pausedRaisesNothing },
  { name: 'Invariant 4', document: invariant4OnlyWhatWasPinned },
  { name: 'Invariant 6', document: invariant6Weights },
  { name: 'Invariant 7', document: invariant7Alerts },
  { name: 'Invariant 7', move: invariant7NoDataNeverPasses },
  { name: 'Invariant 10', document: invariant10StaleInputs },
  { name: 'Invariant 10', document: invariant10CopiesOfIgnored },
  { name: 'Invariant 11', document: invariant11Armed },
  { name: 'Results', move: noResultIgnored },
  { name: 'Snapshots', document: alwaysReadable },
  { name: 'Liveness of a fragile canary', document: fragileIsWatched },
];
