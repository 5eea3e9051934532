import { afterEach } from 'vitest';
import type { Json } from '../events/input.ts';
import type { KubeObject } from '../infra/cluster/port.ts';
import { at, listAt } from '../infra/cluster/sandbox/fields.ts';
import { manualClock } from '../infra/cluster/sandbox/manual-clock.ts';
import { createSandbox, type Sandbox } from '../infra/cluster/sandbox/sandbox.ts';

export const image = 'registry.test/team/demo';
const opened: Sandbox[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
});

export const start = (readyDelayMs = 1000) => {
  const clock = manualClock();
  const sandbox = createSandbox({ clock, readyDelayMs });
  opened.push(sandbox);
  for (const version of ['v1', 'v2', 'v3']) sandbox.registry.push(image, version, { env: { VERSION: version } });
  return { clock, sandbox, cluster: sandbox.cluster };
};

export const ref = (kind: string, name = 'demo') => ({ apiVersion: { Deployment: 'apps/v1', ReplicaSet: 'apps/v1', Job: 'batch/v1' }[kind] ?? 'v1', kind, namespace: 'default', name });
export const configMap = (name: string, metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ...metadata }, data: { a: '1' } });
export const deployment = (replicas: number, spec: Record<string, Json> = {}, container: Record<string, Json> = {}): KubeObject => ({
  ...ref('Deployment'),
  metadata: { name: 'demo', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'demo' } },
    template: { metadata: { labels: { app: 'demo' } }, spec: { containers: [{ name: 'app', image: `${image}:v1`, ports: [{ name: 'http', containerPort: 8080 }], ...container }] } },
    ...spec,
  },
});
export const setImage = (tag: string) => [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `${image}:${tag}` }] as const;
export const list = (sandbox: Sandbox, kind: string) => sandbox.cluster.list({ apiVersion: ref(kind).apiVersion, kind, namespace: 'default' });
export const status = async (sandbox: Sandbox, kind = 'Deployment'): Promise<Record<string, Json>> => (await sandbox.cluster.get(ref(kind)))?.['status'] as Record<string, Json>;
export const reasons = async (sandbox: Sandbox, kind = 'Deployment'): Promise<Json[]> => listAt(await sandbox.cluster.get(ref(kind)), 'status', 'conditions').map((condition) => at(condition, 'reason') ?? null);
