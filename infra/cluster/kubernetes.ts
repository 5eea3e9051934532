import type { IncomingMessage } from 'node:http';
import { systemClock } from '../clock.ts';
import { type Access, type AccessProvider, type KubeconfigSource, openAccess, sameCaller } from './kubernetes/access.ts';
import { answerFailure, connectionFailure, type Verb } from './kubernetes/failures.ts';
import { pathOf } from './kubernetes/paths.ts';
import { type Call, send, textOf } from './kubernetes/transport.ts';
import { watchEvents } from './kubernetes/watch.ts';
import { type Cluster, ClusterError, type Collection, type KubeObject } from './port.ts';

/** How an API server is reached: by a kubeconfig and one context of it, its current one when absent, or by whatever else gives access. */
export type Way = { readonly kubeconfig: KubeconfigSource; readonly context?: string } | { readonly open: () => Promise<AccessProvider> };

export type KubernetesOptions = Way & {
  /** The name that rollouts know the cluster by. */
  readonly name: string;
  /** Longest time for one call, credentials included. Default 8 s, so that it fits into an effect's 10 s. */
  readonly deadlineMs?: number;
  /** Told of each request that goes out, as `patch /apis/apps/v1/namespaces/shop/deployments/demo`: for budgets. */
  readonly onRequest?: (request: { readonly verb: Verb; readonly path: string }) => void;
};

const defaultDeadlineMs = 8_000;
const writer = { fieldManager: 'sluice' };

const parse = (what: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ClusterError('unavailable', `${what}: the answer is not JSON; something between here and the API server may have made it`, { cause });
  }
};

const describe = (of: { readonly apiVersion: string; readonly kind: string; readonly namespace?: string; readonly name?: string }): string =>
  `${of.apiVersion} ${of.kind} ${[of.namespace, of.name].filter(Boolean).join('/')}`;

/**
 * A real API server. Nothing is loaded, read or connected before the first call; a kubeconfig that cannot be used makes each call
 * fail as `unavailable`, and is tried again by the next one. A call that is answered 401 is sent once more if credentials read anew
 * are other ones: tokens end and are rotated, and what is refused so has not happened.
 * A caller's signal and the deadline both end a call as `timeout`, for in both cases a write may have happened.
 */
export const connectKubernetes = async (options: KubernetesOptions): Promise<Cluster> => {
  const { name } = options;
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  let opening: Promise<AccessProvider> | undefined;
  let closed = false;

  const provider = (): Promise<AccessProvider> => {
    if (closed) throw new Error('this connection was closed');
    if (opening === undefined) {
      opening = 'open' in options ? options.open() : openAccess(options.kubeconfig, options.context, systemClock);
      opening.catch(() => (opening = undefined));
    }
    return opening;
  };

  /** The answer to a call, its head only, whatever its status. */
  const ask = async (verb: Verb, what: string, call: Call, signal: AbortSignal): Promise<IncomingMessage> => {
    // Credentials may come from a program or another server, which know nothing of our signal.
    const credentials = (refused?: Access): Promise<Access> => Promise.race([provider().then((each) => each.access(refused)), aborted(signal)]);
    const sent = (): void => options.onRequest?.({ verb, path: call.path });
    try {
      signal.throwIfAborted();
      const access = await credentials();
      const response = await send(access, call, signal, sent);
      if (response.statusCode !== 401) return response;
      const anew = await credentials(access);
      if (sameCaller(access, anew)) return response;
      response.resume();
      return await send(anew, call, signal, sent);
    } catch (error) {
      throw connectionFailure(what, signal, error);
    }
  };

  const call = async (verb: Verb, of: Parameters<typeof describe>[0], request: Call, signal: AbortSignal | undefined): Promise<unknown> => {
    const what = `cluster ${name}: ${verb} ${describe(of)}`;
    const limit = AbortSignal.any([AbortSignal.timeout(deadlineMs), ...(signal ? [signal] : [])]);
    const response = await ask(verb, what, request, limit);
    const text = await textOf(response).catch((error: unknown) => {
      throw connectionFailure(what, limit, error);
    });
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw answerFailure(what, verb, status, response.headers, text);
    return parse(what, text);
  };

  const list = async (collection: Collection, query: Readonly<Record<string, string>>, signal?: AbortSignal) => {
    const selector = collection.labelSelector === undefined ? {} : { labelSelector: collection.labelSelector };
    const found = await call('list', collection, { method: 'GET', path: pathOf(collection), query: { ...selector, ...query } }, signal);
    return found as { readonly metadata: { readonly resourceVersion: string }; readonly items: readonly KubeObject[] };
  };

  return {
    name,

    async get(ref, signal) {
      try {
        return (await call('get', ref, { method: 'GET', path: pathOf(ref), query: {} }, signal)) as KubeObject;
      } catch (error) {
        if (error instanceof ClusterError && error.failure === 'absent') return undefined;
        throw error;
      }
    },

    async list(collection, signal) {
      const { items } = await list(collection, {}, signal);
      // The server leaves these two out of the items of its built-in kinds.
      return items.map((item) => ({ ...item, apiVersion: collection.apiVersion, kind: collection.kind }));
    },

    async create(object, { dryRun = false, signal } = {}) {
      const { namespace } = object.metadata;
      const collection = { apiVersion: object.apiVersion, kind: object.kind, ...(namespace === undefined ? {} : { namespace }) };
      const body = { type: 'application/json', text: JSON.stringify(object) };
      const query = { ...writer, ...(dryRun ? { dryRun: 'All' } : {}) };
      return (await call('create', { ...collection, name: object.metadata.name }, { method: 'POST', path: pathOf(collection), query, body }, signal)) as KubeObject;
    },

    async patch(ref, ops, { dryRun = false, signal } = {}) {
      const body = { type: 'application/json-patch+json', text: JSON.stringify(ops) };
      const query = { ...writer, ...(dryRun ? { dryRun: 'All' } : {}) };
      return (await call('patch', ref, { method: 'PATCH', path: pathOf(ref), query, body }, signal)) as KubeObject;
    },

    async delete(ref, preconditions, signal) {
      const text = JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: 'Background' });
      await call('delete', ref, { method: 'DELETE', path: pathOf(ref), query: {}, body: { type: 'application/json', text } }, signal);
    },

    watch(collection, signal) {
      const what = `cluster ${name}: watch ${describe(collection)}`;
      const open = async (): Promise<IncomingMessage> => {
        // One item is enough: only the version of the list is wanted.
        const { metadata } = await list(collection, { limit: '1' }, signal);
        const selector = collection.labelSelector === undefined ? {} : { labelSelector: collection.labelSelector };
        const query = { ...selector, watch: 'true', resourceVersion: metadata.resourceVersion };
        // The deadline is for the head of the answer; from there on only the caller's signal counts.
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(new DOMException('the deadline passed', 'TimeoutError')), deadlineMs);
        const response = await ask('watch', what, { method: 'GET', path: pathOf(collection), query }, AbortSignal.any([signal, late.signal])).finally(() => clearTimeout(timer));
        if (response.statusCode !== 200) throw answerFailure(what, 'watch', response.statusCode ?? 0, response.headers, await textOf(response));
        return response;
      };
      return watchEvents(what, open(), signal);
    },

    async close() {
      closed = true;
      const opened = await opening?.catch(() => undefined);
      opened?.close();
    },
  };
};

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
