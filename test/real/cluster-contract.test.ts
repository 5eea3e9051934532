import { clusterContract } from '../contract/cluster.ts';
import { pushImage, realCluster } from './helpers.ts';

/** The image that pods run: the kit's own, or on a foreign cluster one that answers /healthz on port 8080, which only its owner can name. */
const imageForPods = async (): Promise<string> => {
  if (!process.env['SLUICE_KUBECONFIG']) return (await pushImage('contract:v1', { VERSION: 'v1' })).image;
  const image = process.env['SLUICE_IMAGE'];
  if (!image) throw new Error('with SLUICE_KUBECONFIG, SLUICE_IMAGE must name an image that the cluster can pull and that answers /healthz on port 8080');
  return image;
};

clusterContract('real API server', async () => {
  const image = await imageForPods();
  const cluster = await realCluster();
  // Which routes a foreign cluster has, only its owner knows.
  const installed = process.env['SLUICE_KUBECONFIG'] ? [] : (['traefik.io/v1alpha1', 'gateway.networking.k8s.io/v1'] as const);
  return { cluster, image, port: 8080, patienceMs: 60_000, installed, close: () => cluster.close() };
});
