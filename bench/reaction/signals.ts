import { nameOf } from '../world/clones.ts';

/** A way to say that application `n` must go back to stable. */
export interface Signal {
  readonly what: string;
  request(namespace: string, n: number): { readonly path: string; readonly body: string };
}

export const abortByHand: Signal = {
  what: 'abort by the API',
  request: (namespace, n) => ({ path: `/api/rollouts/${namespace}/${nameOf(n)}/commands`, body: JSON.stringify({ type: 'abort', reason: 'bench' }) }),
};

export const firingAlert: Signal = {
  what: 'alert from Alertmanager',
  request: (namespace, n) => {
    const labels = { alertname: 'HighErrorRate', severity: 'critical', rollout: `${namespace}/${nameOf(n)}` };
    const fingerprint = n.toString(16).padStart(16, '0');
    const alert = { status: 'firing', labels, annotations: { summary: 'too many errors' }, startsAt: new Date().toISOString(), endsAt: '0001-01-01T00:00:00Z', generatorURL: '', fingerprint };
    const message = { version: '4', status: 'firing', receiver: 'sluice', groupKey: '{}', truncatedAlerts: 0, groupLabels: {}, commonLabels: labels, commonAnnotations: {}, externalURL: '', alerts: [alert] };
    return { path: '/hooks/alertmanager', body: JSON.stringify(message) };
  },
};
