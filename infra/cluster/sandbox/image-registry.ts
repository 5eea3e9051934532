import { createHash } from 'node:crypto';
import type { Json } from '../../../events/input.ts';
import type { Clock } from '../../clock.ts';
import type { Registry } from '../../registry/port.ts';
import { parseImage } from './image.ts';

/** What a container of an image finds in its environment; it decides how the pod behaves. */
export type Env = Readonly<Record<string, string>>;

/** One delivery of a Distribution registry: what it would POST to its webhook endpoints, as `contentType`. */
export interface PushNotification {
  readonly contentType: string;
  readonly body: Json;
}

export interface ImageRegistry extends Registry {
  /** Stores an image under `host/repository` and a tag. The digest follows from the content alone: pushed again it is the same. */
  push(image: string, tag: string, content: { readonly env: Env }): string;
  /** Calls back after every push, until disposed of. */
  onPush(listener: (notification: PushNotification) => void): () => void;
  /** The environment of the image a container names, or undefined for one that was never pushed. */
  envOf(name: string): Env | undefined;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** A registry within the sandbox: images are nothing but their environment. */
export const createImageRegistry = (clock: Clock): ImageRegistry => {
  const contents = new Map<string, { readonly images: Set<string>; readonly env: Env }>();
  const tags = new Map<string, string>();
  const listeners = new Set<(notification: PushNotification) => void>();
  let deliveries = 0;

  const digestOf = (image: string, reference: string): string | undefined => {
    const digest = reference.startsWith('sha256:') ? reference : tags.get(`${image}:${reference}`);
    return digest !== undefined && contents.get(digest)?.images.has(image) ? digest : undefined;
  };

  const notification = (image: string, tag: string, digest: string, size: number): PushNotification => {
    const { host, repository } = parseImage(image);
    // With the time, so that a store that outlives this process takes no later push for one it knows.
    const id = `sandbox-${clock.now()}-${++deliveries}`;
    const target = { mediaType: manifestType, size, digest, length: size, repository, url: `http://${host}/v2/${repository}/manifests/${digest}`, tag };
    const request = { id: `${id}-request`, addr: '127.0.0.1:0', host, method: 'PUT', useragent: 'sandbox' };
    const event = { id, timestamp: new Date(clock.now()).toISOString(), action: 'push', target, request, actor: {}, source: { addr: host, instanceID: 'sandbox' } };
    return { contentType: 'application/vnd.docker.distribution.events.v1+json', body: { events: [event] } };
  };

  return {
    push(image, tag, { env }) {
      const content = JSON.stringify(Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1)));
      const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
      const stored = contents.get(digest) ?? { images: new Set<string>(), env: { ...env } };
      stored.images.add(image);
      contents.set(digest, stored);
      tags.set(`${image}:${tag}`, digest);
      for (const listener of listeners) listener(notification(image, tag, digest, content.length));
      return digest;
    },
    onPush(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    envOf(name) {
      const { image, reference } = parseImage(name);
      const digest = digestOf(image, reference);
      return digest === undefined ? undefined : contents.get(digest)?.env;
    },
    async resolve(image, reference) {
      const digest = digestOf(image, reference);
      return digest === undefined ? { outcome: 'unknown', reason: `no ${reference} in ${image}` } : { outcome: 'found', digest, mediaType: manifestType };
    },
  };
};
