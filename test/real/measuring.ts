import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../events/input.ts';
import type { Cluster } from '../../infra/cluster/port.ts';
import { kit, podsOf } from './helpers.ts';

export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const targetsEveryMs = 500;

/** JSON is YAML: both servers read it. Written whole or not at all, because Prometheus follows the file. */
const write = async (path: string, content: Json): Promise<void> => {
  await writeFile(`${path}.new`, JSON.stringify(content));
  await rename(`${path}.new`, path);
};

/** Label names that Prometheus takes as they are. */
const plain = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Debian's Prometheus cannot ask Kubernetes for pods, so a loop here writes their addresses to a file that it follows. */
const followPods = (cluster: Cluster, namespace: string, file: string): (() => Promise<void>) => {
  const ended = new AbortController();
  const loop = (async () => {
    let before = '';
    while (!ended.signal.aborted) {
      const pods = await podsOf(cluster, namespace).catch(() => undefined);
      const groups = pods?.map((pod) => ({
        targets: [`${pod.address}:8080`],
        labels: { ...Object.fromEntries(Object.entries(pod.labels).filter(([name]) => plain.test(name))), namespace, pod: pod.name },
      }));
      const now = JSON.stringify(groups);
      if (groups !== undefined && now !== before) await write(file, groups);
      before = now ?? before;
      await sleep(targetsEveryMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    ended.abort();
    await loop;
  };
};

export interface PrometheusOptions {
  readonly cluster: Cluster;
  /** All pods of this namespace are scraped on port 8080. */
  readonly namespace: string;
  /** A Prometheus duration, for scrapes and rules alike. */
  readonly every: string;
  /** Alerting rules; they go to the Alertmanager of `startAlertmanager`. */
  readonly rules?: readonly { readonly alert: string; readonly expr: string; readonly labels?: Readonly<Record<string, string>> }[];
}

/**
 * Prometheus on 127.0.0.1:9090, in the place of one that runs already. It takes up new targets only every five seconds, so give it
 * that long after pods appear before you expect numbers.
 */
export const startPrometheus = async ({ cluster, namespace, every, rules = [] }: PrometheusOptions): Promise<Server> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  const [config, targets, ruleFile] = [join(folder, 'prometheus.yml'), join(folder, 'targets.json'), join(folder, 'rules.yml')];
  await write(targets, []);
  await write(ruleFile, { groups: [{ name: 'test', rules: rules.map((rule) => ({ ...rule })) }] });
  await write(config, {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: [ruleFile],
    alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:9093'] }] }] },
    // the version label of the demo's own numbers wins over the pod's
    scrape_configs: [{ job_name: 'pods', honor_labels: true, file_sd_configs: [{ files: [targets] }] }],
  });
  const unfollow = followPods(cluster, namespace, targets);
  await kit('prometheus', config);
  return {
    url: 'http://127.0.0.1:9090',
    async stop() {
      await unfollow();
      await kit('stop', 'prometheus');
      await rm(folder, { recursive: true });
    },
  };
};

export interface AlertmanagerOptions {
  /** Where alerts are sent, resolved ones too. */
  readonly webhook: string;
  /** Sent as `Authorization: Bearer <token>`. */
  readonly token: string;
}

/** Alertmanager on 127.0.0.1:9093 that sends each alert at once and on its own, in the place of one that runs already. */
export const startAlertmanager = async ({ webhook, token }: AlertmanagerOptions): Promise<Server> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-alertmanager-'));
  const config = join(folder, 'alertmanager.yml');
  await write(config, {
    route: { receiver: 'sluice', group_by: ['...'], group_wait: '0s', group_interval: '1s', repeat_interval: '1h' },
    receivers: [{ name: 'sluice', webhook_configs: [{ url: webhook, send_resolved: true, http_config: { authorization: { type: 'Bearer', credentials: token } } }] }],
  });
  await kit('alertmanager', config);
  return {
    url: 'http://127.0.0.1:9093',
    async stop() {
      await kit('stop', 'alertmanager');
      await rm(folder, { recursive: true });
    },
  };
};
