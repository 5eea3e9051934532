import { systemClock } from '../../infra/clock.ts';
import type { KubeObject } from '../../infra/cluster/port.ts';
import type { Sandbox } from '../../infra/cluster/sandbox/sandbox.ts';

const namespace = 'pro';
const labels = { app: 'demo' };

/** The user's own objects: what a team has before it ever hears of Sluice. */
const objects = (image: string): readonly KubeObject[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'demo', namespace },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: `${image}:1.0.0`, ports: [{ containerPort: 8080 }] }] } },
    },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'demo', namespace }, spec: { selector: labels, ports: [{ port: 8080, targetPort: 8080 }] } },
  {
    apiVersion: 'traefik.io/v1alpha1',
    kind: 'IngressRoute',
    metadata: { name: 'demo', namespace },
    spec: { entryPoints: ['web'], routes: [{ kind: 'Rule', match: 'PathPrefix(`/`)', services: [{ name: 'demo', port: 8080 }] }] },
  },
];

/** The demo service in version 1.0.0, up and reachable through the sandbox's gateway, whose address is returned. */
export const runDemo = async (sandbox: Sandbox, image: string): Promise<string> => {
  sandbox.registry.push(image, '1.0.0', { env: { VERSION: '1.0.0' } });
  const team = sandbox.asUser('kubectl');
  for (const object of objects(image)) await team.create(object);
  const gateway = (await sandbox.gateway.url) ?? '';
  const until = Date.now() + 10_000;
  while (!(await fetch(gateway).then(({ ok }) => ok)) || (await notReady(sandbox))) {
    if (Date.now() > until) throw new Error('the demo service did not come up within 10 s');
    await systemClock.sleep(50);
  }
  return gateway;
};

const notReady = async (sandbox: Sandbox): Promise<boolean> => {
  const deployment = await sandbox.asUser('kubectl').get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'demo' });
  return (deployment?.['status'] as { availableReplicas?: number } | undefined)?.availableReplicas !== 4;
};
