import { setup } from 'xstate';
import type { Alert, ImagePushed, Json, Millis, RolloutCommand } from '../../events/input.ts';
import { alertName, firingId, policyFor, type FiringAlert } from '../alerts.ts';
import { releaseId, type Rollout } from '../definition/rollout.ts';
import { spellTags, tagMatches } from '../definition/tags.ts';
import type { EffectParams } from '../effects.ts';
import type { Ending } from '../release/context.ts';

export const rolloutMachineVersion = 'rollout/1';

/** A version that was asked for: what a release will be made of. */
export interface Wanted {
  readonly image: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly by: string;
  readonly at: Millis;
  /** A person insisted although the digest is quarantined. */
  readonly force: boolean;
}

export interface RolloutContext {
  /** The definition as it is applied now. Set by `advance`, never stored. */
  readonly rollout: Rollout;
  /** The moment the present input is judged at. Set by `advance`, never stored. */
  readonly now: Millis;
  /** Number of the last release; the next one gets one more. */
  readonly counter: number;
  readonly active: (Wanted & { readonly n: number }) | undefined;
  readonly waiting: readonly Wanted[];
  /** Versions that became stable, newest first. */
  readonly lastGood: readonly { readonly image: string; readonly tag?: string; readonly digest: string; readonly release: number; readonly at: Millis }[];
  /** Digest -> why it must not be released again by itself. */
  readonly quarantined: Readonly<Record<string, string>>;
  /** The newest push that passed the filter. */
  readonly newest: { readonly image: string; readonly tag: string; readonly digest: string } | undefined;
  readonly last: (Wanted & { readonly n: number; readonly outcome: Ending['outcome']; readonly reason: string; readonly endedAt: Millis }) | undefined;
  /** Alerts of the policy that are firing now. */
  readonly firing: Readonly<Record<string, FiringAlert>>;
}

interface Ended {
  readonly type: 'release.ended';
  readonly release: number;
  readonly outcome: Ending['outcome'];
  readonly reason: string;
  readonly bad: boolean;
  readonly image: string;
  readonly tag?: string;
  readonly digest?: string;
}

export type RolloutEvent = { readonly by: string; readonly id: string } & (
  | RolloutCommand
  | ImagePushed
  | Alert
  | Ended
  | { readonly type: 'definition.applied'; readonly definition: Json }
);

/** Versions and quarantined digests that are kept; older ones are forgotten. */
const keptVersions = 10;
const keptQuarantines = 30;
/** Characters of a reason that are kept with a quarantined digest; the journal has the whole of it. */
const keptReason = 120;
const keptWaiting = 10;
const keptAlerts = 50;

/** What becomes of a version somebody wants, and why not where nothing does. */
type Decision = { readonly kind: 'begin' | 'wait' | 'supersede' } | { readonly kind: 'ignore'; readonly why: string };

const sameVersion = (a: { digest?: string; tag?: string; image: string }, b: { digest?: string; tag?: string; image: string }): boolean =>
  a.image === b.image && (a.digest !== undefined && b.digest !== undefined ? a.digest === b.digest : a.tag === b.tag && a.tag !== undefined);

const decidePush = (context: RolloutContext, push: ImagePushed): Decision => {
  const { rollout } = context;
  const trigger = rollout.triggers.find(({ image, tags }) => image === push.image && tagMatches(tags, push.tag));
  if (trigger === undefined) {
    const filters = rollout.triggers.filter(({ image }) => image === push.image).map(({ tags }) => spellTags(tags));
    return { kind: 'ignore', why: filters.length === 0 ? `no trigger waits for ${push.image}` : `tag ${push.tag} does not match ${filters.join(' or ')}` };
  }
  const quarantine = context.quarantined[push.digest];
  if (quarantine !== undefined) return { kind: 'ignore', why: `${push.tag} is quarantined: ${quarantine}; a person may start it with force` };
  if (context.active !== undefined && sameVersion(context.active, push)) return { kind: 'ignore', why: `release ${context.active.n} of ${push.tag} is under way` };
  if (context.waiting.some((wanted) => sameVersion(wanted, push))) return { kind: 'ignore', why: `${push.tag} is waiting already` };
  if (context.active === undefined && context.lastGood[0]?.digest === push.digest) return { kind: 'ignore', why: `${push.tag} is what stable runs` };
  return queueUp(context, push.tag);
};

const queueUp = (context: RolloutContext, name: string): Decision => {
  const { rollout } = context;
  if (context.active === undefined) return { kind: 'begin' };
  if (rollout.onPush === 'refuse') return { kind: 'ignore', why: `release ${context.active.n} is under way, and the rollout refuses ${name} meanwhile` };
  if (rollout.onPush === 'queue' && context.waiting.length >= keptWaiting) return { kind: 'ignore', why: `${keptWaiting} versions are waiting already` };
  return { kind: rollout.onPush === 'queue' ? 'wait' : 'supersede' };
};

/** What a `start` names, filled up from the newest push. Undefined when there is nothing to start. */
const startOf = (context: RolloutContext, event: RolloutEvent): Wanted | undefined => {
  if (event.type !== 'start') return undefined;
  const image = event.image ?? context.newest?.image ?? context.rollout.triggers[0]?.image ?? context.lastGood[0]?.image;
  if (image === undefined) return undefined;
  const named = event.tag !== undefined || event.digest !== undefined;
  const version = named ? { ...(event.tag === undefined ? {} : { tag: event.tag }), ...(event.digest === undefined ? {} : { digest: event.digest }) } : context.newest;
  if (version === undefined) return undefined;
  return { ...version, image, by: event.by, at: context.now, force: event.force === true };
};

/**
 * The machine of one rollout: the lock, the queue before it, and the memory of versions. It decides which release runs; what a
 * release does is its own machine's business.
 */
export const rolloutMachine = () => {
  const s = setup({
    types: { context: {} as RolloutContext, events: {} as RolloutEvent, input: {} as { now: Millis; definition: Rollout } },
    actions: {
      'document.send': (_: object, _params: EffectParams['document.send']) => undefined,
      define: (_: object, _params: { definition: Json }) => undefined,
      say: (_: object, _params: { text: string }) => undefined,
    },
  });

  const wantedBy = (context: RolloutContext, event: RolloutEvent): Wanted | undefined => {
    if (event.type === 'image.pushed') return { image: event.image, tag: event.tag, digest: event.digest, by: `push of ${event.tag}`, at: context.now, force: false };
    if (event.type === 'retry' && context.last !== undefined) {
      const { n: _n, outcome: _outcome, reason: _reason, endedAt: _endedAt, ...version } = context.last;
      return { ...version, by: event.by, at: context.now, force: true };
    }
    return startOf(context, event);
  };
  const decide = (context: RolloutContext, event: RolloutEvent): Decision => {
    if (event.type === 'image.pushed') return decidePush(context, event);
    const wanted = wantedBy(context, event);
    if (wanted === undefined) return { kind: 'ignore', why: 'there is no version to start: name a tag or a digest' };
    if (event.type === 'retry' && context.active !== undefined) return { kind: 'ignore', why: `release ${context.active.n} is under way` };
    const quarantine = wanted.digest === undefined ? undefined : context.quarantined[wanted.digest];
    if (quarantine !== undefined && !wanted.force) return { kind: 'ignore', why: `${wanted.tag ?? wanted.digest} is quarantined: ${quarantine}; start it with force to insist` };
    return queueUp(context, wanted.tag ?? wanted.digest ?? '');
  };
  const is = (kind: Decision['kind']) => ({ context, event }: { context: RolloutContext; event: RolloutEvent }): boolean => decide(context, event).kind === kind;

  const take = (context: RolloutContext, next: Wanted): Pick<RolloutContext, 'counter' | 'active'> => ({ counter: context.counter + 1, active: { ...next, n: context.counter + 1 } });
  const beginWanted = s.assign(({ context, event }) => {
    const next = wantedBy(context, event);
    return next === undefined ? {} : take(context, next);
  });
  const beginWaiting = s.assign(({ context }) => {
    const [next, ...rest] = context.waiting;
    return next === undefined ? {} : { ...take(context, next), waiting: rest };
  });
  const keepNewest = s.assign({
    newest: ({ context, event }) => (event.type === 'image.pushed' ? { image: event.image, tag: event.tag, digest: event.digest } : context.newest),
  });
  /** The document of release n is created by its first input, so sending it twice creates it once. */
  const openRelease = {
    type: 'document.send' as const,
    params: ({ context }: { context: RolloutContext }): EffectParams['document.send'] => {
      const { n = 0, image = '', tag, digest, by = '', force = false } = context.active ?? {};
      const [from] = context.lastGood;
      return {
        to: releaseId(context.rollout, n),
        id: `open/${context.rollout.namespace}/${context.rollout.name}/${n}`,
        urgent: false,
        event: {
          type: 'release.opened',
          n,
          image,
          tag,
          digest,
          startedBy: by,
          startedAt: context.now,
          from: from === undefined ? undefined : { tag: from.tag, digest: from.digest },
          quarantined: force ? {} : context.quarantined,
          firing: context.firing as unknown as Json,
          // The release keeps the definition it was started with.
          definition: context.rollout as unknown as Json,
        },
      };
    },
  };
  const addWaiting = (replace: boolean) =>
    s.assign({
      waiting: ({ context, event }) => {
        const next = wantedBy(context, event);
        return next === undefined ? context.waiting : replace ? [next] : [...context.waiting, next];
      },
    });
  const tell = (type: string) => ({
    type: 'document.send' as const,
    params: ({ context, event }: { context: RolloutContext; event: RolloutEvent }): EffectParams['document.send'] => ({
      to: releaseId(context.rollout, context.active?.n ?? 0),
      id: event.id,
      urgent: true,
      event: type === 'alert' && event.type === 'alert' ? { ...event, by: undefined, id: undefined } : { type, tag: wantedBy(context, event)?.tag ?? wantedBy(context, event)?.digest ?? '' },
    }),
  });
  const explain = {
    type: 'say' as const,
    params: ({ context, event }: { context: RolloutContext; event: RolloutEvent }) => {
      const decision = decide(context, event);
      return { text: decision.kind === 'ignore' ? decision.why : '' };
    },
  };
  const wants = [
    { guard: is('begin'), target: '#releasing', reenter: true, actions: [keepNewest, beginWanted, openRelease] },
    { guard: is('wait'), actions: [keepNewest, addWaiting(false)] },
    // It waits here until the present release has made way; one that is too far on does not, and is followed in its turn.
    { guard: is('supersede'), actions: [tell('supersede'), keepNewest, addWaiting(true)] },
    { actions: [explain] },
  ];

  const ended = s.assign(({ context, event }) => {
    if (event.type !== 'release.ended' || context.active === undefined) return {};
    const { image, tag, digest } = event;
    const version = { image, ...(tag === undefined ? {} : { tag }) };
    const { [digest ?? '']: _released, ...others } = context.quarantined;
    return {
      active: undefined,
      last: { ...context.active, ...version, ...(digest === undefined ? {} : { digest }), outcome: event.outcome, reason: event.reason, endedAt: context.now },
      lastGood: event.outcome === 'completed' && digest !== undefined ? [{ ...version, digest, release: event.release, at: context.now }, ...context.lastGood].slice(0, keptVersions) : context.lastGood,
      quarantined:
        event.bad && digest !== undefined
          ? Object.fromEntries([...Object.entries(others), [digest, event.reason.slice(0, keptReason)]].slice(-keptQuarantines))
          : event.outcome === 'completed'
            ? others
            : context.quarantined,
    };
  });
  const ours = ({ context, event }: { context: RolloutContext; event: RolloutEvent }): boolean => event.type === 'release.ended' && event.release === context.active?.n;
  const anybodyWaiting = ({ context }: { context: RolloutContext }): boolean => context.waiting.length > 0;

  return s.createMachine({
    id: 'rollout',
    context: ({ input }) => ({ rollout: input.definition, now: input.now, counter: 0, active: undefined, waiting: [], lastGood: [], quarantined: {}, newest: undefined, last: undefined, firing: {} }),
    initial: 'free',
    on: {
      'definition.applied': { actions: { type: 'define', params: ({ event }) => ({ definition: event.definition }) } },
      'image.pushed': wants,
      start: wants,
      retry: wants,
      alert: [
        { guard: ({ context, event }) => policyFor(context.rollout, event.labels) === undefined },
        {
          guard: ({ context }) => context.active !== undefined,
          actions: [s.assign({ firing: ({ context, event }) => firingAfter(context.firing, event) }), tell('alert')],
        },
        { actions: s.assign({ firing: ({ context, event }) => firingAfter(context.firing, event) }) },
      ],
    },
    states: {
      free: { id: 'free', always: { guard: anybodyWaiting, target: 'releasing', actions: [beginWaiting, openRelease] } },
      releasing: {
        id: 'releasing',
        on: {
          'release.ended': { guard: ours, target: 'free', actions: [ended] },
          unlock: {
            target: 'free',
            actions: [
              { type: 'say', params: ({ context, event }) => ({ text: `unlocked by ${event.by} while release ${context.active?.n ?? 0} had not ended: ${event.reason}` }) },
              // Whatever still works on it must not go on beside the next release.
              {
                type: 'document.send',
                params: ({ context, event }) => ({ to: releaseId(context.rollout, context.active?.n ?? 0), id: event.id, urgent: true, event: { type: 'abort', reason: `unlocked: ${event.reason}` } }),
              },
              s.assign({ active: undefined }),
            ],
          },
        },
      },
    },
  });
};

const firingAfter = (firing: RolloutContext['firing'], event: RolloutEvent): RolloutContext['firing'] => {
  if (event.type !== 'alert') return firing;
  const id = firingId(event);
  if (event.status === 'firing') return Object.fromEntries([...Object.entries(firing), [id, { startsAt: event.startsAt, name: alertName(event) }] as const].slice(-keptAlerts));
  return Object.fromEntries(Object.entries(firing).filter(([other]) => other !== id));
};
