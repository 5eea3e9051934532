import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Input, Json, Trace } from '../../events/input.ts';
import { rolloutId, type Rollout } from '../../statemachines/definition/rollout.ts';
import { parseDefinitions } from '../../statemachines/definition/parse.ts';
import { planRelease, type PlanView } from '../../statemachines/plan.ts';
import type { TargetFacts } from '../../statemachines/effects.ts';
import { ClusterError } from '../../infra/cluster/port.ts';
import { inspect } from '../../infra/perform/preflight.ts';
import type { Ports } from '../../infra/ports.ts';
import { repositoryOf } from '../../infra/workload/template.ts';
import { Claimed, runDocument } from '../../infra/worker/run.ts';
import { assertTheirs, gate } from './access.ts';
import { jsonBody } from './body.ts';
import { rolloutNamed } from './documents.ts';
import { Problem } from './problems.ts';
import type { Served } from './served.ts';
import { admit } from './traced.ts';

const textBody = z.strictObject({ text: z.string().max(1_000_000) });
const planBody = z
  .strictObject({ text: z.string().max(1_000_000).optional(), rollout: z.string().regex(/^[^/]+\/[^/]+$/, 'namespace/name').optional(), image: z.string().max(500).optional() })
  .refine(({ text, rollout }) => (text === undefined) !== (rollout === undefined), 'either text or rollout');

const looking = 8_000;

/** Definitions: checked, planned, applied. */
export const definitionRoutes = (app: FastifyInstance, served: Served): void => {
  const { ports } = served;
  const viewers = gate(served, 'viewer');
  const operators = gate(served, 'operator');
  const parsed = (text: string): readonly Rollout[] => {
    const result = parseDefinitions(text);
    if (!result.ok) throw new Problem(422, 'mistakes', `${result.mistakes.length} ${result.mistakes.length === 1 ? 'mistake' : 'mistakes'}, nothing was changed`, result.mistakes);
    return result.rollouts;
  };

  app.post<{ Body: Buffer | undefined }>('/api/lint', {
    onRequest: viewers.onRequest,
    handler: ({ body }) => {
      const result = parseDefinitions(jsonBody(textBody, body).text);
      return Promise.resolve(result.ok ? { ok: true, rollouts: result.rollouts.map(({ namespace, name }) => ({ namespace, name })) } : result);
    },
  });

  app.put<{ Body: Buffer | undefined }>('/api/rollouts', {
    onRequest: operators.onRequest,
    handler: async (request, reply) => {
      const person = operators.person(request);
      const trace = admit(ports.tracing, request, reply, person.name);
      const rollouts = parsed(jsonBody(textBody, request.body).text);
      for (const rollout of rollouts) assertTheirs(person, rollout);
      await mustExist(ports, rollouts);
      const applied: { namespace: string; name: string; created: boolean }[] = [];
      for (const rollout of rollouts) applied.push(await apply(ports, rollout, person.name, trace));
      return { applied };
    },
  });

  app.post<{ Body: Buffer | undefined }>('/api/plan', {
    onRequest: viewers.onRequest,
    handler: async (request) => {
      const { text, rollout, image } = jsonBody(planBody, request.body);
      const [chosen] = text === undefined ? [await applied(rollout ?? '')] : parsed(text);
      if (chosen === undefined) throw new Problem(422, 'mistakes', 'there is no definition in it');
      assertTheirs(viewers.person(request), chosen);
      return { plan: await planOf(ports, chosen, image) };
    },
  });

  const applied = async (named: string): Promise<Rollout> => {
    const [namespace = '', name = ''] = named.split('/');
    return (await rolloutNamed(ports.store, { namespace, name })).definition as unknown as Rollout;
  };
};

/** A workload or route that is not there is a mistake in the definition; a silent cluster is not. */
const mustExist = async (ports: Ports, rollouts: readonly Rollout[]): Promise<void> => {
  for (const rollout of rollouts)
    for (const target of rollout.targets) {
      const cluster = await ports.cluster(target.cluster);
      if (cluster === undefined) throw new Problem(422, 'unknown-cluster', `target ${target.name}: no cluster is configured under the name ${target.cluster}`);
      try {
        await inspect(cluster, rollout, target, { image: rollout.triggers[0]?.image ?? '', digest: '' }, AbortSignal.timeout(looking));
      } catch (error) {
        if (error instanceof ClusterError && error.failure === 'absent') throw new Problem(422, 'missing-objects', error.message);
      }
    }
};

/** Applies one definition. The id follows from its content, so applying the same again changes nothing. */
const apply = async (ports: Ports, rollout: Rollout, by: string, trace: Trace): Promise<{ namespace: string; name: string; created: boolean }> => {
  const id = rolloutId(rollout);
  const before = await ports.store.load(id);
  const content = createHash('sha256').update(JSON.stringify(rollout)).digest('hex').slice(0, 16);
  if (before === undefined || JSON.stringify(before.definition) !== JSON.stringify(rollout)) {
    const input: Input = {
      id: `apply/${content}/${before?.version ?? 0}`,
      document: id,
      event: { type: 'definition.applied', definition: rollout as unknown as Json },
      receivedAt: ports.clock.now(),
      by,
      trace,
    };
    try {
      await runDocument(ports, id, [input]);
    } catch (error) {
      if (error instanceof Claimed) throw new Problem(409, 'claimed', `${error.claim} belongs to rollout ${error.by.slice('rollout/'.length)}; a workload or route belongs to one rollout`);
      throw error;
    }
  }
  return { namespace: rollout.namespace, name: rollout.name, created: before === undefined };
};

/** The plan against the cluster as it is now. What would refuse the release is in it, not an error of the call. */
const planOf = async (ports: Ports, rollout: Rollout, image: string | undefined): Promise<PlanView> => {
  const repository = image === undefined ? (rollout.triggers[0]?.image ?? '') : repositoryOf(image);
  const reference = image === undefined ? undefined : image.slice(repository.length).replace(/^[:@]/, '');
  const facts: Record<string, TargetFacts> = {};
  const problems: string[] = [];
  let digest = '';
  if (reference !== undefined) {
    const found = await ports.registry.resolve(repository, reference === '' ? 'latest' : reference, AbortSignal.timeout(looking));
    if (found.outcome === 'found') digest = found.digest;
    else problems.push(`${repository}: ${found.reason}`);
  }
  for (const target of rollout.targets) {
    const cluster = await ports.cluster(target.cluster);
    try {
      if (cluster === undefined) throw new Error(`no cluster is configured under the name ${target.cluster}`);
      facts[target.name] = await inspect(cluster, rollout, target, { image: repository, digest }, AbortSignal.timeout(looking));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  const stable = Object.values(facts)[0]?.image ?? '?';
  const from = stable.slice(repositoryOf(stable).length).replace(/^:/, '');
  const to = digest === '' ? (reference ?? 'the version to come') : reference === digest ? digest : `${reference ?? ''}@${digest}`;
  return planRelease(rollout, facts, { from: short(from), to: short(to) }, problems);
};

/** Digests as people read them: their first digits. */
const short = (version: string): string => version.replace(/sha256:([0-9a-f]{8})[0-9a-f]{56}/, '$1');
