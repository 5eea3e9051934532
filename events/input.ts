/**
 * What can arrive, as plain data. `events/` only names inputs; what follows from one is decided in `statemachines/`.
 */

/** `rollout/<namespace>/<name>` or `release/<namespace>/<name>/<n>`. */
export type DocumentId = string;

/** Milliseconds since the epoch, by the clock of whoever received the input. */
export type Millis = number;

/** Leads from a request to everything that follows from it: a `traceparent` of W3C Trace Context, e.g. `00-<32 hex>-<16 hex>-01`. */
export type Trace = string;

/** A JSON value: everything that is stored or sent is one. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** An image was pushed. `image` is `host/repository` without tag, e.g. `registry.example.com/team/demo`. */
export interface ImagePushed {
  readonly type: 'image.pushed';
  readonly image: string;
  readonly tag: string;
  readonly digest: string;
}

/** An alert changed its state at the sender. `fingerprint` and `startsAt` together name one firing of it. */
export interface Alert {
  readonly type: 'alert';
  readonly status: 'firing' | 'resolved';
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly startsAt: Millis;
}

/** Facts whose sender knows nothing of our documents; an index turns one into an input for each document it concerns. */
export type Fact = ImagePushed | Alert;

/** A fact on its way: durable first, resolved to documents afterwards. `id` is the sender's natural key of the event. */
export interface Announcement {
  readonly id: string;
  readonly fact: Fact;
  readonly source: string;
  readonly receivedAt: Millis;
  /** What the source may speak of, as `namespace/name` patterns; all rollouts when absent. */
  readonly rollouts?: readonly string[];
  readonly trace?: Trace;
}

/** Orders that people give a release. `approve` and `reject` name the step and question that were answered. */
export type ReleaseCommand =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'promote' }
  | { readonly type: 'skip' }
  | { readonly type: 'jump'; readonly step: number }
  | { readonly type: 'setWeight'; readonly weight: number }
  | { readonly type: 'abort'; readonly reason: string }
  | { readonly type: 'retry' }
  | { readonly type: 'approve'; readonly step: number; readonly question: string; readonly comment?: string }
  | { readonly type: 'reject'; readonly step: number; readonly question: string; readonly comment?: string };

/** Orders that people give a rollout. `start` names a tag or a digest, or neither to take the newest tag pushed. */
export type RolloutCommand =
  | { readonly type: 'start'; readonly image?: string; readonly tag?: string; readonly digest?: string; readonly force?: boolean }
  | { readonly type: 'retry' }
  | { readonly type: 'unlock'; readonly reason: string };

/** The event inside an input. Commands and facts are listed above; the rest comes from Sluice itself. */
export interface InputEvent {
  readonly type: string;
  readonly [field: string]: Json | undefined;
}

/**
 * One fact, order, result or timer for one document.
 * `id` is its natural key: the same id is the same input, however often it comes.
 * `effect` is set on results only (the key of the effect that was performed), with what performing it took; `timer` on timers only.
 */
export interface Input {
  readonly id: string;
  readonly document: DocumentId;
  readonly event: InputEvent;
  readonly receivedAt: Millis;
  readonly by?: string;
  readonly urgent?: boolean;
  readonly effect?: { readonly key: string; readonly name: string };
  readonly cost?: { readonly ms: number; readonly calls: number };
  readonly timer?: { readonly name: string; readonly arm: number };
  readonly trace?: Trace;
}
