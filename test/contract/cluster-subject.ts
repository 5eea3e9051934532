import { randomBytes } from 'node:crypto';
import type { Json } from '../../events/input.ts';
import { ClusterError, type Cluster, type ClusterFailure, type KubeObject } from '../../infra/cluster/port.ts';
import type { ObjectRef } from '../../statemachines/document.ts';

/** What the suite needs besides a cluster: an image that gets ready on `port`, and how long that may take there. */
export interface ClusterUnderTest {
  readonly cluster: Cluster;
  readonly image: string;
  readonly port: number;
  /** Longest wait for controllers to do their part, in milliseconds; at most 60,000. */
  readonly patienceMs: number;
  /** API versions of route objects whose CRDs are there; tests about others are skipped. */
  readonly installed?: readonly ('traefik.io/v1alpha1' | 'gateway.networking.k8s.io/v1')[];
  close(): Promise<void>;
}

/** What each part of the suite works on. Both are there once the tests run, not before. */
export interface Place {
  readonly namespace: string;
  readonly under: () => ClusterUnderTest;
}

export const unique = (prefix: string): string => `${prefix}-${randomBytes(4).toString('hex')}`;

export const failureOf = async (call: Promise<unknown>): Promise<ClusterFailure | 'none'> => {
  try {
    await call;
    return 'none';
  } catch (error) {
    if (error instanceof ClusterError) return error.failure;
    throw error;
  }
};

export const until = async <T>(patienceMs: number, what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not so within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

export const field = (object: KubeObject | undefined, ...path: readonly (string | number)[]): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => (value as Record<string | number, Json> | undefined)?.[key], object as Json | undefined);

export const uidOf = (object: KubeObject): string => {
  if (object.metadata.uid === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no uid`);
  return object.metadata.uid;
};

export const refOf = ({ apiVersion, kind, metadata }: KubeObject): ObjectRef => ({ apiVersion, kind, namespace: metadata.namespace ?? '', name: metadata.name });
