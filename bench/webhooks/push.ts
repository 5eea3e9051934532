import { namespace } from '../world/application.ts';

const host = 'registry.sandbox';
export const rolloutName = (n: number): string => `service-${n}`;

/** Waits for pushes of an image of its own, and takes none of the tags that the bench pushes: each is judged, and none starts a release. */
export const definition = (n: number): string => `
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${rolloutName(n)}, namespace: ${namespace}}
spec:
  workload: {kind: Deployment, name: ${rolloutName(n)}}
  routes: [{kind: IngressRoute, name: ${rolloutName(n)}}]
  triggers: [{registry: {image: ${host}/team/${rolloutName(n)}, tags: {semver: '>=2.0.0'}}}]
  steps: [{weight: 100}]
`;

const mediaType = 'application/vnd.oci.image.manifest.v1+json';

/** What a Distribution registry posts when version 1.0.0 of service `n` is pushed; `id` names the event. */
export const notification = (id: string, n: number): string => {
  const repository = `team/${rolloutName(n)}`;
  const digest = `sha256:${n.toString(16).padStart(64, '0')}`;
  const target = { mediaType, size: 1_162, digest, length: 1_162, repository, url: `http://${host}/v2/${repository}/manifests/${digest}`, tag: '1.0.0' };
  const request = { id: `${id}-request`, addr: '127.0.0.1:50264', host, method: 'PUT', useragent: 'bench' };
  return JSON.stringify({ events: [{ id, timestamp: new Date().toISOString(), action: 'push', target, request, actor: {}, source: { addr: `${host}:5000`, instanceID: 'bench' } }] });
};
