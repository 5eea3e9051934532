import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from '../infra/registry/port.ts';

export interface SandboxRegistry {
  /** `host:port`: the host in the names of its images. */
  readonly host: string;
  close(): Promise<void>;
}

const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/;

/** The sandbox's registry over HTTP, as far as a tag is turned into a digest: HEAD of a manifest. There are no manifests to be had. */
export const openSandboxRegistry = async (registry: Registry): Promise<SandboxRegistry> => {
  let host = '';
  const listener: RequestListener = (request, response) => {
    const [, repository, reference] = manifest.exec(request.url ?? '') ?? [];
    if (repository === undefined || reference === undefined) return void response.writeHead(404).end();
    registry.resolve(`${host}/${repository}`, decodeURIComponent(reference)).then(
      (found) => {
        if (found.outcome !== 'found') return response.writeHead(404).end();
        return response.writeHead(200, { 'content-type': found.mediaType, 'docker-content-digest': found.digest }).end();
      },
      () => response.writeHead(500).end(),
    );
  };
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};
