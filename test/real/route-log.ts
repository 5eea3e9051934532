import type { Cluster, KubeObject } from '../../infra/cluster/port.ts';
import type { ObjectRef } from '../../statemachines/document.ts';

/** What one change of a route object made of it. */
export interface RouteChange {
  /** When it was seen here, milliseconds since the epoch. */
  readonly at: number;
  /** The weight of the canary; undefined when its entry is not there. */
  readonly canary: number | undefined;
  readonly object: KubeObject;
}

export interface RouteLog {
  readonly changes: readonly RouteChange[];
  /** Rejects when the watch had ended before. */
  stop(): Promise<void>;
}

const weightOf = (object: KubeObject, canary: string): number | undefined => {
  const found = new RegExp(`\\{[^{}]*"name":"${canary}"[^{}]*\\}`).exec(JSON.stringify(object['spec']));
  return found === null ? undefined : (JSON.parse(found[0]) as { readonly weight?: number }).weight;
};

/** Watches one route beside Sluice, so that what Sluice says it wrote is seen by somebody else. */
export const followRoute = (cluster: Cluster, { apiVersion, kind, namespace = '', name }: ObjectRef, canary = 'demo-canary'): RouteLog => {
  const changes: RouteChange[] = [];
  const ended = new AbortController();
  let failure: unknown;
  const watching = (async () => {
    for await (const { object } of cluster.watch({ apiVersion, kind, namespace }, ended.signal))
      if (object.metadata.name === name) changes.push({ at: Date.now(), canary: weightOf(object, canary), object });
  })().catch((error: unknown) => {
    if (!ended.signal.aborted) failure = error;
  });
  return {
    changes,
    async stop() {
      ended.abort();
      await watching;
      if (failure !== undefined) throw failure;
    },
  };
};

/** When the canary's entry was first seen to be gone after it had been there. */
export const takenBackAt = ({ changes }: RouteLog): number | undefined => {
  const shown = changes.findIndex(({ canary }) => canary !== undefined);
  return shown < 0 ? undefined : changes.slice(shown).find(({ canary }) => canary === undefined)?.at;
};
