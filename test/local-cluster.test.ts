import { systemClock } from '../infra/clock.ts';
import { connectKubernetes } from '../infra/cluster/kubernetes.ts';
import { createSandbox } from '../infra/cluster/sandbox/sandbox.ts';
import { openSandboxApi } from '../local/sandbox-api.ts';
import { clusterContract } from './contract/cluster.ts';

// The client that talks to real API servers, before the sandbox: what the local functions see.

clusterContract('the sandbox over HTTP, through the real client', async () => {
  const sandbox = createSandbox({ clock: systemClock, readyDelayMs: 100 });
  sandbox.registry.push('registry.test/demo', 'v1', { env: { VERSION: 'v1' } });
  const api = await openSandboxApi(sandbox);
  const cluster = await connectKubernetes({ name: 'sandbox', kubeconfig: { inline: api.kubeconfig } });
  return {
    cluster,
    image: 'registry.test/demo:v1',
    port: 8080,
    patienceMs: 10_000,
    installed: ['traefik.io/v1alpha1', 'gateway.networking.k8s.io/v1'],
    async close() {
      await cluster.close();
      await api.close();
      await sandbox.close();
    },
  };
});
