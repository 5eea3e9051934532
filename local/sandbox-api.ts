import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ClusterError, type Cluster, type Collection, type KubeObject, type WatchEvent } from '../infra/cluster/port.ts';
import { findResource } from '../infra/cluster/sandbox/kinds.ts';
import type { Sandbox } from '../infra/cluster/sandbox/sandbox.ts';
import type { JsonPatchOp, ObjectRef } from '../statemachines/document.ts';

export interface SandboxApi {
  /** Base of the API, plain HTTP on loopback. */
  readonly url: string;
  /** A kubeconfig for it, as text. */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

const statuses = { conflict: 409, invalid: 422, forbidden: 403, absent: 404, exists: 409, unavailable: 503, timeout: 504 } as const;
const reasons = { conflict: 'Conflict', invalid: 'Invalid', forbidden: 'Forbidden', absent: 'NotFound', exists: 'AlreadyExists', unavailable: 'ServiceUnavailable', timeout: 'Timeout' } as const;

/** What a path means: `/apis/<group>/<version>[/namespaces/<namespace>]/<plural>[/<name>]`. */
interface Place extends Omit<Collection, 'namespace' | 'labelSelector'> {
  readonly namespace?: string;
  readonly name?: string;
}

const placeOf = (path: string): Place => {
  const [root, ...parts] = path.split('/').filter((part) => part !== '').map(decodeURIComponent);
  const apiVersion = root === 'api' ? (parts.shift() ?? '') : root === 'apis' ? parts.splice(0, 2).join('/') : '';
  // `/api/v1/namespaces/<name>` is an object itself, and so are the namespaces in front of a third part.
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : undefined;
  const [plural = '', name, ...rest] = parts;
  const kind = rest.length === 0 ? findResource(apiVersion, plural) : undefined;
  if (kind === undefined) throw new ClusterError('absent', `the server could not find the requested resource: ${path}`, { status: 404 });
  return { apiVersion, kind: kind.kind, ...(namespace === undefined ? {} : { namespace }), ...(name === undefined ? {} : { name }) };
};

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new ClusterError('invalid', 'the body is not JSON', { status: 400 });
  }
};

const respond = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

const statusObject = (code: number, reason: string, message: string): object => ({ apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', message, reason, code });

/**
 * The sandbox's API server over HTTP, for functions that are processes of their own: what of the Kubernetes API our client speaks
 * (get, list, create, JSON Patch, delete, watch; dry run; field managers), on loopback and without any credentials.
 */
export const openSandboxApi = async (sandbox: Sandbox): Promise<SandboxApi> => {
  const writers = new Map<string, Cluster>([['sluice', sandbox.cluster]]);
  const writer = (manager: string): Cluster => {
    const known = writers.get(manager) ?? sandbox.asUser(manager);
    writers.set(manager, known);
    return known;
  };

  const watch = async (response: ServerResponse, cluster: Cluster, collection: Collection): Promise<void> => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const events = cluster.watch(collection, gone.signal)[Symbol.asyncIterator]();
    // The watch is under way before the head of the answer says so.
    let next: Promise<IteratorResult<WatchEvent>> = events.next();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (let event = await next; event.done !== true; event = await next) {
      next = events.next();
      response.write(`${JSON.stringify(event.value)}\n`);
    }
    response.end();
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    const place = placeOf(url.pathname);
    const selector = url.searchParams.get('labelSelector');
    const collection = { ...place, namespace: place.namespace ?? '', ...(selector === null ? {} : { labelSelector: selector }) };
    const cluster = writer(url.searchParams.get('fieldManager') ?? 'sluice');
    const options = { dryRun: url.searchParams.get('dryRun') === 'All' };
    const type = request.headers['content-type'] ?? '';
    if (place.name === undefined) {
      if (request.method === 'POST') return respond(response, 201, await cluster.create(objectIn(await bodyOf(request), place), options));
      if (request.method === 'GET' && url.searchParams.get('watch') === 'true') return watch(response, cluster, collection);
      if (request.method === 'GET') return respond(response, 200, { apiVersion: place.apiVersion, kind: `${place.kind}List`, metadata: { resourceVersion: '0' }, items: await cluster.list(collection) });
    } else {
      const ref: ObjectRef = { ...place, name: place.name };
      if (request.method === 'GET') {
        const found = await cluster.get(ref);
        if (found === undefined) throw new ClusterError('absent', `${place.kind} "${place.name}" not found`, { status: 404 });
        return respond(response, 200, found);
      }
      if (request.method === 'PATCH' && type.startsWith('application/json-patch+json')) return respond(response, 200, await cluster.patch(ref, (await bodyOf(request)) as readonly JsonPatchOp[], options));
      if (request.method === 'DELETE') {
        const { preconditions = {} } = (await bodyOf(request)) as { preconditions?: { uid: string; resourceVersion?: string } };
        await cluster.delete(ref, preconditions as { uid: string });
        return respond(response, 200, { apiVersion: 'v1', kind: 'Status', status: 'Success' });
      }
    }
    respond(response, 405, statusObject(405, 'MethodNotAllowed', `the sandbox does not take ${request.method ?? ''} ${type} at ${url.pathname}`));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy();
      const failure = error instanceof ClusterError ? error.failure : 'unavailable';
      const code = (error instanceof ClusterError ? error.status : undefined) ?? statuses[failure];
      respond(response, code, statusObject(code, reasons[failure], (error as Error).message));
    });
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    kubeconfig: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'sandbox', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'sandbox', user: {} }],
      contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: 'sandbox' } }],
      'current-context': 'sandbox',
    }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};

/** The path says where an object goes; the object may leave it out, but not say otherwise. */
const objectIn = (body: unknown, place: Place): KubeObject => {
  const { metadata, ...rest } = body as KubeObject;
  if (metadata?.namespace !== undefined && metadata.namespace !== place.namespace)
    throw new ClusterError('invalid', `the namespace of the provided object does not match the namespace sent on the request: ${metadata.namespace}, ${place.namespace ?? ''}`, { status: 400 });
  return { ...rest, apiVersion: place.apiVersion, kind: place.kind, metadata: { ...metadata, ...(place.namespace === undefined ? {} : { namespace: place.namespace }) } };
};
