import type { Json } from '../../events/input.ts';
import { canaryName, type Rollout, type Target } from '../../statemachines/definition/rollout.ts';
import type { TargetFacts } from '../../statemachines/effects.ts';
import { ClusterError, type Cluster, type KubeObject } from '../cluster/port.ts';
import { routerOf } from '../routing/routers.ts';
import { canaryProblem } from '../workload/canary.ts';
import { at, containersOf, gitOpsOwner, hashOf, listAt, repositoryOf } from '../workload/template.ts';
import { contextOf, rolloutOf, routeRef, sidesOf, spellRef, targetOf, workloadRef, type Performer } from './performing.ts';

/** Reads everything a release relies on before it writes anything, and refuses with all reasons at once. */
export const preflight: Performer<'release.preflight'> = async (params, performing) => {
  const rollout = rolloutOf(performing);
  const { image } = contextOf(performing);
  const targets: Record<string, TargetFacts> = {};
  for (const { name } of rollout.targets) {
    const { target, cluster } = await targetOf(performing, name);
    targets[name] = await inspect(cluster, rollout, target, { image, digest: params.digest }, performing.signal);
  }
  return { type: 'release.preflight.done', targets: targets as unknown as Json };
};

/** What a target is at the start. Throws every reason why it cannot carry a release at once: `absent` when an object it names is one of them, else `invalid`. */
export const inspect = async (cluster: Cluster, rollout: Rollout, target: Target, version: { image: string; digest: string }, signal: AbortSignal): Promise<TargetFacts> => {
  const { namespace } = rollout;
  const ref = workloadRef(rollout, target);
  const [stable, service, canary, canaryServiceObject, autoscalers, ...routes] = await Promise.all([
    cluster.get(ref, signal),
    cluster.get({ apiVersion: 'v1', kind: 'Service', namespace, name: target.workload.service }, signal),
    cluster.get({ ...ref, name: canaryName(ref.name) }, signal),
    cluster.get({ apiVersion: 'v1', kind: 'Service', namespace, name: canaryName(target.workload.service) }, signal),
    cluster.list({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', namespace }, signal),
    ...target.routes.map((route) => cluster.get(routeRef(rollout, route), signal)),
  ]);
  // What an earlier release is still taking away is worth waiting for.
  for (const leftover of [canary, canaryServiceObject])
    if (leftover?.metadata.labels?.['sluice.dev/rollout'] === rollout.name) throw new ClusterError('unavailable', `${leftover.kind} ${leftover.metadata.name} of an earlier release is still being removed`);

  const problems: string[] = [];
  let missing = false;
  const require = (object: KubeObject | undefined, what: string): object is KubeObject => {
    if (object === undefined) {
      missing = true;
      problems.push(`${what} does not exist in cluster ${cluster.name}`);
    }
    return object !== undefined;
  };
  for (const taken of [canary, canaryServiceObject]) if (taken !== undefined) problems.push(`${taken.kind} ${namespace}/${taken.metadata.name} exists; its name is needed for the canary`);
  const hasStable = require(stable, spellRef(ref));
  const hasService = require(service, `Service ${namespace}/${target.workload.service}`);
  const container = hasStable ? chooseContainer(stable, target, version.image, problems) : undefined;
  if (hasStable) problems.push(...stableProblems(stable, container));
  if (hasStable && hasService) problems.push(...[canaryProblem(stable, service)].filter((problem) => problem !== undefined));
  const autoscaler = findAutoscaler(autoscalers, target, problems);
  const found: Record<string, { fragile: boolean; lagMs: number }> = {};
  for (const [position, route] of target.routes.entries()) {
    const object = routes[position];
    const where = spellRef(routeRef(rollout, route));
    if (!require(object, where)) continue;
    const router = routerOf(route.kind);
    const problem = router.check(object, sidesOf(rollout, target));
    if (problem !== undefined) problems.push(`${where}: ${problem}`);
    const { fragile, lagMs } = router.capabilities(object);
    found[route.key] = { fragile, lagMs: route.lagMs ?? lagMs };
  }
  if (problems.length > 0 || !hasStable || container === undefined) throw new ClusterError(missing ? 'absent' : 'invalid', problems.join('; '));
  const unwell = unwellness(stable);
  if (unwell !== undefined) throw new ClusterError('unavailable', unwell);
  return {
    template: hashOf(at(stable, 'spec', 'template')),
    image: containersOf(stable).find(({ name }) => name === container)?.image ?? '',
    pinned: `${version.image}@${version.digest}`,
    container,
    replicas: Number(at(stable, 'spec', 'replicas') ?? 1),
    ...(autoscaler === undefined ? {} : { autoscaler }),
    routes: found,
  };
};

const chooseContainer = (stable: KubeObject, target: Target, image: string, problems: string[]): string | undefined => {
  const containers = containersOf(stable);
  const named = target.workload.container;
  const names = containers.map(({ name }) => name).join(', ');
  if (named !== undefined) {
    if (!containers.some(({ name }) => name === named)) problems.push(`Deployment ${stable.metadata.name} has no container ${named}; it has ${names}`);
    return named;
  }
  const matching = containers.filter((container) => repositoryOf(container.image) === image);
  if (matching.length === 1) return matching[0]?.name;
  if (matching.length === 0 && containers.length === 1) return containers[0]?.name;
  problems.push(`${matching.length === 0 ? 'no' : 'more than one'} container of Deployment ${stable.metadata.name} runs ${image}; name one in workload.container: ${names}`);
  return undefined;
};

const stableProblems = (stable: KubeObject, container: string | undefined): string[] => {
  const problems: string[] = [];
  const where = `Deployment ${stable.metadata.name}`;
  const replicas = Number(at(stable, 'spec', 'replicas') ?? 1);
  if (at(stable, 'spec', 'paused') === true) problems.push(`${where} is paused`);
  if (replicas === 0) problems.push(`${where} has 0 replicas, so there is no stable version to compare with or go back to`);
  const owner = container === undefined ? undefined : gitOpsOwner(stable, container);
  if (owner !== undefined)
    problems.push(
      `the image of ${where} is applied from Git by ${owner}, which would undo the promotion; let it ignore that field, write the image back to Git, or start the release from the change in Git`,
    );
  return problems;
};

/** A release begins from a healthy stable (R40). What heals by itself is worth waiting for. */
const unwellness = (stable: KubeObject): string | undefined => {
  const count = (field: string): number => Number(at(stable, 'status', field) ?? 0);
  const replicas = Number(at(stable, 'spec', 'replicas') ?? 1);
  return count('availableReplicas') >= replicas && count('updatedReplicas') >= replicas
    ? undefined
    : `Deployment ${stable.metadata.name} is not well: ${count('availableReplicas')} of ${replicas} pods available, ${count('updatedReplicas')} up to date; a release begins from a healthy stable`;
};

const findAutoscaler = (autoscalers: readonly KubeObject[], target: Target, problems: string[]): TargetFacts['autoscaler'] => {
  const ours = autoscalers.find((one) => at(one, 'spec', 'scaleTargetRef', 'kind') === target.workload.kind && at(one, 'spec', 'scaleTargetRef', 'name') === target.workload.name);
  if (ours === undefined) return undefined;
  const keda = listAt(ours, 'metadata', 'ownerReferences').some((owner) => at(owner as never, 'kind') === 'ScaledObject');
  if (keda) {
    problems.push(`HorizontalPodAutoscaler ${ours.metadata.name} belongs to a KEDA ScaledObject, which would undo our lower bound; pause the ScaledObject for the release`);
    return undefined;
  }
  return { name: ours.metadata.name, min: Number(at(ours, 'spec', 'minReplicas') ?? 1) };
};
