import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** One PATCH that changes one annotation of an object. */
export type BarePatch = (value: string) => Promise<void>;

export const annotate = (value: string) => [{ op: 'add', path: '/metadata/annotations', value: { 'bench.sluice.dev/round': value } }] as const;

/** The least that any controller can do to an object of a real API server: plain HTTPS over a connection that stays open. */
export const barePatch = async (kubeconfig: string, path: string): Promise<{ readonly patch: BarePatch; close(): void }> => {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: https.RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const server = new URL(config.getCurrentCluster()?.server ?? '');
  const { ca, cert, key, servername, rejectUnauthorized, headers } = options;
  const tls = Object.fromEntries(Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined));
  const agent = new https.Agent({ ...tls, keepAlive: true });
  return {
    patch: (value) =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify(annotate(value));
        const sent = { ...(headers as Record<string, string>), 'content-type': 'application/json-patch+json', 'content-length': Buffer.byteLength(body) };
        https
          .request({ agent, hostname: server.hostname, port: server.port, path, method: 'PATCH', headers: sent }, (response) => {
            const status = response.statusCode ?? 0;
            response
              .on('end', () => (status === 200 ? resolve() : reject(new Error(`bare PATCH of ${path}: ${status}`))))
              .on('error', reject)
              .resume();
          })
          .on('error', reject)
          .end(body);
      }),
    close: () => agent.destroy(),
  };
};
