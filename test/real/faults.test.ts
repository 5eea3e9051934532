import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Cluster } from '../../infra/cluster/port.ts';
import { openApiGate, type ApiGate, type GateRequest, type Refusal } from './api-gate.ts';
import { chance } from './chance.ts';
import { realCluster } from './helpers.ts';
import { setScene } from './scene.ts';
import { startSluice, type Sluice } from './sluice.ts';

// A sample of what `npm run faults` does to a sandbox exhaustively: the real API server refuses, or is silent, at some request of a release.

let cluster: Cluster;
let gate: ApiGate;
let sluice: Sluice;
beforeAll(async () => {
  cluster = await realCluster();
  gate = await openApiGate();
  sluice = await startSluice('faults', { kubeconfig: gate.kubeconfig });
});
afterAll(async () => {
  await sluice.stop();
  await gate.close();
  await cluster.close();
});

const writes = ({ method }: GateRequest): boolean => method !== 'GET';
const answers: readonly { readonly name: string; readonly refusal: Refusal; readonly of?: (request: GateRequest) => boolean }[] = [
  { name: '429 with Retry-After', refusal: { answer: { status: 429, headers: { 'retry-after': '1' } } } },
  { name: '500', refusal: { answer: { status: 500 } } },
  { name: '503', refusal: { answer: { status: 503 } } },
  { name: '503, though it was done', refusal: { after: true, answer: { status: 503 } }, of: writes },
  { name: 'silence', refusal: {} },
  { name: 'silence, though it was done', refusal: { after: true }, of: writes },
];
/** Fewer requests, and writes, than one of these releases takes. */
const least = { completed: { requests: 30, writes: 8 }, rolledBack: { requests: 20, writes: 6 } } as const;

const random = chance('faults');
const faults = answers.flatMap((answer) =>
  (['completed', 'rolledBack'] as const).map((outcome) => ({ ...answer, outcome, at: 1 + Math.floor(random() * least[outcome][answer.of === undefined ? 'requests' : 'writes']), times: random() < 0.5 ? 1 : 3 })),
);

/** The `at`-th request of a namespace is refused, and as many of the following as make `times`. */
const refuses = (namespace: string, { at, times, refusal, of = () => true }: (typeof faults)[number]) => {
  let seen = 0;
  let refused = 0;
  gate.refuse((request) => {
    if (!request.path.includes(`/namespaces/${namespace}/`) || !of(request) || ++seen < at || refused >= times) return undefined;
    refused++;
    return refusal;
  });
  return () => refused;
};

describe.concurrent('a release whose API server refuses comes out as any other', () => {
  test.for(faults)('$name at request $at, $times times: $outcome', { timeout: 240_000 }, async (fault, { expect }) => {
    const scene = await setScene({ sluice, cluster, replicas: 1, spec: { steps: [{ weight: 25, hold: '1s' }, { weight: 50, hold: '1s' }], watch: '1s', progressDeadline: '5m' } });
    const digest = await scene.push('1.1.0');
    const users = scene.users(10);
    const refused = refuses(scene.namespace, fault);
    await scene.start('1.1.0');
    if (fault.outcome === 'rolledBack') {
      await scene.until('a quarter of the users is on it', ({ seen }) => (seen[0]?.canary ?? 0) >= 25);
      await sluice.command(scene.rollout, { type: 'abort' });
    }
    const release = await scene.ended(1, 180_000);
    await scene.untilNothingIsLeft();
    const got = await users.stop();

    expect(refused()).toBeGreaterThan(0);
    expect(release.ending).toMatchObject({ outcome: fault.outcome, bad: false });
    expect(await scene.objects()).toEqual(fault.outcome === 'completed' ? scene.beforeWithImage(`${scene.image}@${digest}`) : scene.before);
    expect(got.lost).toEqual([]);
    expect(await sluice.replays(scene.rollout, 1)).toMatchObject({ ok: true });
    expect(await sluice.deadLetters()).toEqual([]);
  });
});
