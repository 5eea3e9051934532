import type { Json } from '../../events/input.ts';
import type { JsonPatchOp, ObjectRef } from '../../statemachines/document.ts';

/** A Kubernetes object as the API server gives it. Never modified in place. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly Json[];
    readonly managedFields?: readonly Json[];
    readonly deletionTimestamp?: string;
    readonly [field: string]: Json | undefined;
  };
  readonly [field: string]: Json | undefined;
}

/** Names a kind within a namespace, for lists and watches. */
export interface Collection {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly labelSelector?: string;
}

/**
 * Named outcomes of a call that did not succeed.
 * `conflict` 409 · `invalid` 422 and 400 (a failed JSON Patch `test` is 422) · `forbidden` 401, 403 · `absent` 404 ·
 * `exists` 409 on create · `unavailable` 429, 5xx, no connection · `timeout` the deadline passed; the write may have happened.
 */
export type ClusterFailure = 'conflict' | 'invalid' | 'forbidden' | 'absent' | 'exists' | 'unavailable' | 'timeout';

export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly failure: ClusterFailure;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  constructor(failure: ClusterFailure, message: string, details: { status?: number; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.failure = failure;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

/**
 * One Kubernetes API server. Every call ends by the signal given or by the deadline of the implementation, whichever is first.
 * All writes carry field manager `sluice`. A JSON Patch that must not overwrite somebody else's write carries
 * `{op: 'replace', path: '/metadata/resourceVersion', value}`, which the API server turns into a 409 when it is no longer current.
 */
export interface Cluster {
  readonly name: string;
  /** Undefined when it does not exist. */
  get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined>;
  list(collection: Collection, signal?: AbortSignal): Promise<readonly KubeObject[]>;
  create(object: KubeObject, options?: { dryRun?: boolean; signal?: AbortSignal }): Promise<KubeObject>;
  /** JSON Patch. The object after the write. */
  patch(ref: ObjectRef, ops: readonly JsonPatchOp[], options?: { dryRun?: boolean; signal?: AbortSignal }): Promise<KubeObject>;
  /** Deletes this very object (uid and resourceVersion are preconditions), its dependents by the garbage collector. */
  delete(ref: ObjectRef, preconditions: { uid: string; resourceVersion?: string }, signal?: AbortSignal): Promise<void>;
  /** Changes from now on, until the signal aborts. */
  watch(collection: Collection, signal: AbortSignal): AsyncIterable<WatchEvent>;
  close(): Promise<void>;
}
