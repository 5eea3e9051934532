import type { DocumentId, Input, Json, Millis, Trace } from '../events/input.ts';
import type { Effect } from './effects.ts';

/** What a machine persists: XState's value, context and status, nothing else. */
export interface Snapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly value: Json;
  readonly context: { readonly [field: string]: Json | undefined };
}

/** A timer that is running: `arm` is the document version that armed it, so that an older one is recognised as stale. */
export interface Timer {
  readonly arm: number;
  readonly dueAt: Millis;
}

/** One operation of RFC 6902, as the Kubernetes API takes it. */
export interface JsonPatchOp {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: Json;
}

/** Names one object of a cluster. `namespace` is absent for cluster-wide kinds. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/**
 * The exact write that takes every user back to stable on one route object (invariant 11). Plain data: it can be sent without
 * a machine. It carries no resourceVersion; the performer adds the stamp `{op: 'add', path: stampPath, value: <effect key>}`
 * so that every send changes the object. `memory` is what the router must give back at the end (e.g. the weight the user had).
 */
export interface ArmedWrite {
  readonly cluster: string;
  readonly object: ObjectRef;
  readonly ops: readonly JsonPatchOp[];
  readonly stampPath: string;
  readonly memory: Json;
}

/**
 * The persisted state of one rollout or one release. `version` rises with every advance; a save is conditional on the version
 * that was loaded. `outbox` is the only truth about unfinished work. `seen` lists the ids of inputs from outside.
 * `index` are keys it can be looked up by, `claims` keys that no other document may hold at the same time.
 * `machine` names the machine and its version. `trace` is that of the input which created the document.
 */
export interface Document {
  readonly id: DocumentId;
  readonly kind: 'rollout' | 'release';
  readonly machine: string;
  readonly version: number;
  readonly snapshot: Snapshot;
  /** The definition the machine is made from; a release keeps the one it was started with. */
  readonly definition: Json;
  readonly timers: Readonly<Record<string, Timer>>;
  readonly outbox: readonly Effect[];
  readonly armed: Readonly<Record<string, ArmedWrite>>;
  readonly seen: readonly string[];
  readonly index: readonly string[];
  readonly claims: readonly string[];
  /** Earliest moment at which somebody must look at this document; absent when nothing is due. */
  readonly wakeAt?: Millis;
  readonly trace?: Trace;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

/** What became of an input. `noted`: it changed nothing but is remembered, so that a copy of it cannot matter later. */
export type Outcome = 'moved' | 'noted' | 'duplicate' | 'stale' | 'early';

/** One row of the journal, `(document, version)`: enough to feed the input through `advance` again. */
export interface JournalRow {
  readonly document: DocumentId;
  readonly version: number;
  readonly at: Millis;
  readonly machine: string;
  readonly input: Input;
  readonly outcome: Outcome;
  readonly state: Json;
  readonly effects: readonly Effect[];
  /** One sentence for people, absent where nothing worth telling happened. */
  readonly said?: string;
}
