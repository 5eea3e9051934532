import type { Cluster, KubeObject } from '../../../infra/cluster/port.ts';
import type { Sandbox } from '../../../infra/cluster/sandbox/sandbox.ts';
import type { Store } from '../../../infra/store/port.ts';
import { readyEndpoints } from '../../../infra/workload/endpoints.ts';
import { listAt } from '../../../infra/workload/template.ts';
import { podsFor } from '../../../statemachines/capacity.ts';
import type { Document } from '../../../statemachines/document.ts';
import type { ReleaseContext } from '../../../statemachines/release/context.ts';

/** The bar of DESIGN section 3. */
const largestDocument = 32_768;
const stablePods = 2;
const wayBack = new Set(['rollingBack', 'retiring', 'restoring', 'rolledBack', 'cancelled']);

export const phaseOf = ({ snapshot: { value } }: Document): string => (typeof value === 'string' ? value : (Object.keys((value ?? {}) as object)[0] ?? ''));
export const contextOf = (document: Document): ReleaseContext => document.snapshot.context as unknown as ReleaseContext;

/** What a world has seen happen to store and cluster, beneath all faults, and what of it may never happen. */
export interface Watched {
  /** What is stored, however it came there: whoever was stopped in the middle of a save has not told. */
  found(document: Document): void;
  /** The same store, whose saves are seen. */
  store(of: Store): Store;
  readonly cluster: Cluster;
  /** As last saved, by id. */
  readonly documents: ReadonlyMap<string, Document>;
  /** Percent of users on the canary, each time a write of ours changed it; none is `-`. */
  readonly traffic: readonly string[];
  readonly broken: readonly string[];
}

/** Weight of the canary on an IngressRoute as it is; `-` where it is not named. */
export const shownOn = (object: KubeObject): string => {
  const spec = (object['spec'] ?? {}) as { readonly routes?: readonly { readonly services?: readonly { readonly name?: string; readonly weight?: number }[] }[] };
  const canary = (spec.routes ?? []).flatMap(({ services }) => services ?? []).find(({ name }) => name?.endsWith('-canary') === true);
  return canary === undefined ? '-' : String(canary.weight ?? 1);
};

export const watch = (sandbox: Sandbox): Watched => {
  const documents = new Map<string, Document>();
  const traffic: string[] = [];
  const broken: string[] = [];
  const breaks = (what: string): void => void broken.push(what);

  const found = (document: Document): void => {
    if ((documents.get(document.id)?.version ?? 0) < document.version) documents.set(document.id, document);
  };
  const saved = (document: Document): void => {
    found(document);
    const size = JSON.stringify(document).length;
    if (size > largestDocument) breaks(`${document.id} has ${size} bytes, allowed are ${largestDocument}`);
    const keys = document.outbox.map(({ key }) => key);
    if (new Set(keys).size < keys.length) breaks(`${document.id} holds a key twice: ${keys.join(' ')}`);
    if (document.outbox.length + Object.keys(document.timers).length > 0 !== (document.wakeAt !== undefined)) breaks(`${document.id} has ${document.wakeAt === undefined ? 'no' : 'a'} wakeAt`);
    for (const { name, params } of document.outbox)
      if (name === 'route.write' && params['canary'] !== null && !Object.hasOwn(document.armed, String(params['route']))) breaks(`${document.id} shows the canary and is not armed`);
    const active = [...documents.values()].filter(({ kind, snapshot }) => kind === 'release' && snapshot.status === 'active');
    if (active.length > 1) breaks(`${active.map(({ id }) => id).join(' and ')} are active at once`);
  };

  const routed = async (before: KubeObject | undefined, after: KubeObject): Promise<void> => {
    const [was, is] = [before === undefined ? '-' : shownOn(before), shownOn(after)];
    if (was === is) return;
    traffic.push(is);
    if (is === '-') return;
    const weights = listAt(after, 'spec', 'routes').flatMap((rule) => listAt(rule as never, 'services')).map((service) => Number((service as { weight?: number }).weight ?? 1));
    if (weights.reduce((sum, weight) => sum + weight, 0) !== 100 || weights.some((weight) => weight <= 0 && weights.length === 1)) breaks(`weights are ${weights.join(' and ')}`);
    if (is === '0') breaks('the canary is named at weight 0');
    const running = [...documents.values()].find(({ kind, snapshot }) => kind === 'release' && snapshot.status === 'active');
    if (running === undefined || wayBack.has(phaseOf(running))) breaks(`the canary is shown ${is} percent while ${running === undefined ? 'no release is active' : `${running.id} is ${phaseOf(running)}`}`);
    if (was !== '-' && Number(was) > Number(is)) return;
    const ready = await readyEndpoints(sandbox.asUser('watcher'), 'pro', 'demo-canary', new AbortController().signal);
    const need = podsFor(Number(is), stablePods);
    if (ready < need) breaks(`the canary is shown ${is} percent with ${ready} of ${need} pods ready`);
  };

  const reads = sandbox.asUser('watcher');
  const store = (of: Store): Store => ({
    ...of,
    save: async (document, expected, journal, counts) => {
      const result = await of.save(document, expected, journal, counts);
      if (result.ok) saved(document);
      return result;
    },
  });
  const cluster: Cluster = {
    ...sandbox.cluster,
    patch: async (ref, ops, options) => {
      const before = await reads.get(ref);
      const after = await sandbox.cluster.patch(ref, ops, options);
      if (ref.kind === 'IngressRoute') await routed(before, after);
      return after;
    },
  };
  return { found, store, cluster, documents, traffic, broken };
};
