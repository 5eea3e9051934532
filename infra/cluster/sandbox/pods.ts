import type { Clock } from '../../clock.ts';
import type { KubeObject } from '../port.ts';
import { referTo, type ApiServer } from './api-server.ts';
import { fieldsAt, listAt, numberAt, textAt, textsAt } from './fields.ts';
import type { Env, ImageRegistry } from './image-registry.ts';
import { controllerOf } from './owners.ts';
import { behaviourOf, startPodServer, type PodBehaviour } from './pod-server.ts';
import { podStatus, type ContainerState } from './pod-status.ts';
import { isReady } from './replica-sets.ts';
import { labelSelector } from './selector.ts';

/** A pod as a proxy can reach it. `port` is on loopback and there only with real HTTP; a pod that is down refuses connections. */
export interface RunningPod {
  readonly up: boolean;
  readonly behaviour: PodBehaviour;
  readonly port?: number;
}

/** Names pods for `kill`. `comesBack`: the container restarts and gets ready again, otherwise it keeps crashing. */
export interface Victims {
  readonly namespace: string;
  readonly labelSelector: string;
  readonly comesBack: boolean;
}

/** What the node does with pods. */
export interface Node {
  added(pod: KubeObject): void;
  modified(pod: KubeObject): void;
  deleted(pod: KubeObject): void;
  /** Undefined for a pod that never ran or is gone. */
  running(uid: string): RunningPod | undefined;
  /** Addresses of the pods that serve HTTP, as `http://127.0.0.1:port`. */
  addresses(): readonly { readonly namespace: string; readonly pod: string; readonly labels: Readonly<Record<string, string>>; readonly url: string }[];
  /** Lets pods fail at this moment; how many there were. */
  kill(victims: Victims): number;
  close(): void;
}

export interface NodeSettings {
  /** From the creation of a pod until it is ready. */
  readonly readyDelayMs: number;
  /** Pods serve real HTTP on loopback. */
  readonly http: boolean;
}

interface Run {
  readonly ip: string;
  readonly env: Env;
  restarts: number;
  up: boolean;
  port?: number;
  server?: { close(): void };
}

/** A pod told to stop goes on serving this long, as the demo image of the real stack does, but never beyond its grace period. */
const lingerMs = 2000;
const scheduleMs = 10;
/** First wait before a crashed container is started again; it doubles up to five minutes. */
const firstBackOffMs = 10_000;

const kubelet = { manager: 'kubelet', subresource: 'status' } as const;

export const createNode = (server: ApiServer, clock: Clock, random: () => number, registry: ImageRegistry, settings: NodeSettings): Node => {
  const runs = new Map<string, Run>();
  let lastIp = 1;

  const uidOf = (pod: KubeObject): string => pod.metadata.uid ?? '';
  const current = (pod: KubeObject): KubeObject | undefined => {
    const found = server.get(referTo(pod));
    return found?.metadata.uid === pod.metadata.uid ? found : undefined;
  };
  const report = (pod: KubeObject, state: ContainerState): void => {
    const run = runs.get(uidOf(pod));
    if (run && current(pod)) server.change(referTo(pod), kubelet, (object) => ({ ...object, status: podStatus(object, run.ip, state, run.restarts, clock.now()) }));
  };
  const after = (ms: number, pod: KubeObject, act: (pod: KubeObject, run: Run) => void): void => {
    clock.at(clock.now() + ms, () => {
      const [now, run] = [current(pod), runs.get(uidOf(pod))];
      if (now && run && now.metadata.deletionTimestamp === undefined) act(now, run);
    });
  };

  const stop = (run: Run): void => {
    run.up = false;
    run.server?.close();
    delete run.server;
    delete run.port;
  };

  const serve = (pod: KubeObject, run: Run): void => {
    run.up = true;
    if (!settings.http) return report(pod, { is: 'running', ready: true });
    report(pod, { is: 'running', ready: false });
    run.server = startPodServer(behaviourOf(run.env), random, (port) => {
      if (!run.up) return;
      run.port = port;
      report(pod, { is: 'running', ready: true });
    });
  };

  const crash = (pod: KubeObject, run: Run): void => {
    run.restarts += 1;
    report(pod, { is: 'waiting', reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' });
    after(Math.min(300_000, firstBackOffMs * 2 ** (run.restarts - 1)), pod, crash);
  };

  const finish = (pod: KubeObject, run: Run): void => {
    report(pod, { is: 'running', ready: true });
    after(Number(run.env['RUN_MS'] ?? 200), pod, (now) => report(now, { is: 'ended', exitCode: Number(run.env['EXIT_CODE'] ?? 0) }));
  };

  const start = (pod: KubeObject, run: Run): void => {
    if (run.env['CRASH'] === '1') crash(pod, run);
    else if (controllerOf(pod)?.kind === 'Job') finish(pod, run);
    else if (run.env['NEVER_READY'] === '1') report(pod, { is: 'running', ready: false });
    else serve(pod, run);
  };

  const schedule = (pod: KubeObject): void => {
    const container = listAt(pod, 'spec', 'containers')[0];
    const image = textAt(container, 'image') ?? '';
    const imageEnv = registry.envOf(image);
    const own = Object.fromEntries(listAt(container, 'env').map((entry) => [textAt(entry, 'name') ?? '', textAt(entry, 'value') ?? '']));
    lastIp += 1;
    const run: Run = { ip: `10.244.${(lastIp >> 8) & 255}.${lastIp & 255}`, env: { ...imageEnv, ...own }, restarts: 0, up: false };
    runs.set(uidOf(pod), run);
    server.change(referTo(pod), { manager: 'kube-scheduler' }, (object) => ({ ...object, spec: { ...fieldsAt(object, 'spec'), nodeName: 'sandbox' } }));
    if (!imageEnv) return report(pod, { is: 'waiting', reason: 'ErrImagePull', message: `failed to resolve image "${image}": not found` });
    report(pod, { is: 'waiting', reason: 'ContainerCreating', message: '' });
    after(Math.max(0, settings.readyDelayMs - scheduleMs), pod, start);
  };

  const leaving = new Set<string>();
  const end = (pod: KubeObject): void => {
    if (leaving.has(uidOf(pod))) return;
    leaving.add(uidOf(pod));
    const graceMs = (numberAt(pod, 'spec', 'terminationGracePeriodSeconds') ?? 30) * 1000;
    const run = runs.get(uidOf(pod));
    clock.at(clock.now() + (run?.up ? Math.min(graceMs, lingerMs) : scheduleMs), () => server.erase(referTo(pod), pod.metadata.uid));
  };

  const running = (run: Run): RunningPod => ({ up: run.up, behaviour: behaviourOf(run.env), ...(run.port === undefined ? {} : { port: run.port }) });

  return {
    added(pod) {
      clock.at(clock.now() + scheduleMs, () => {
        const now = current(pod);
        if (now && now.metadata.deletionTimestamp === undefined) schedule(now);
      });
    },
    modified(pod) {
      if (pod.metadata.deletionTimestamp !== undefined) end(pod);
    },
    deleted(pod) {
      const run = runs.get(uidOf(pod));
      if (run) stop(run);
      runs.delete(uidOf(pod));
      leaving.delete(uidOf(pod));
    },
    running(uid) {
      const run = runs.get(uid);
      return run && running(run);
    },
    addresses: () =>
      server.everything().flatMap((pod) => {
        const port = pod.kind === 'Pod' ? runs.get(uidOf(pod))?.port : undefined;
        return port === undefined ? [] : [{ namespace: pod.metadata.namespace ?? '', pod: pod.metadata.name, labels: textsAt(pod, 'metadata', 'labels'), url: `http://127.0.0.1:${port}` }];
      }),
    kill({ namespace, labelSelector: selector, comesBack }) {
      const wanted = labelSelector(selector);
      const victims = server.list({ apiVersion: 'v1', kind: 'Pod', namespace }).filter((pod) => wanted(pod.metadata.labels ?? {}) && isReady(pod));
      for (const pod of victims) {
        const run = runs.get(uidOf(pod));
        if (!run) continue;
        stop(run);
        if (comesBack) {
          run.restarts += 1;
          report(pod, { is: 'running', ready: false });
          after(settings.readyDelayMs, pod, start);
        } else crash(pod, run);
      }
      return victims.length;
    },
    close() {
      for (const run of runs.values()) stop(run);
      runs.clear();
    },
  };
};
