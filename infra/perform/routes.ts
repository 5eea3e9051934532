import type { Json } from '../../events/input.ts';
import { ClusterError } from '../cluster/port.ts';
import { otherRelease } from '../routing/annotations.ts';
import { armedWrite, cleanOps, forwardWrite, restoreOps, slowRestore } from '../routing/armed.ts';
import { assertWanted, contextOf, existing, foreign, marksOf, patchAsRead, routeOf, spellRef, untilWritten, type Performer } from './performing.ts';

/** Computes the way back from the state that the coming write will leave (invariant 11). Writes nothing. */
export const planRoute: Performer<'route.plan'> = async (params, performing) => {
  const { cluster, clusterName, ref, router, sides, memory } = await routeOf(performing, params);
  const object = await existing(cluster, ref, performing.signal);
  const plan = router.plan(object, sides, { canary: params.canary }, memory);
  if (!plan.ok) throw new ClusterError('invalid', `${spellRef(ref)}: ${plan.problem}`);
  return { type: 'route.plan.done', armed: armedWrite(clusterName, ref, plan, marksOf(performing)) as unknown as Json };
};

/** Writes the traffic wanted, and only when the way back in the document is the way back from it. */
export const writeRoute: Performer<'route.write'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { cluster, clusterName, ref, router, sides, memory } = await routeOf(performing, params);
    const object = await cluster.get(ref, performing.signal);
    if (object === undefined) {
      // Nobody reaches anything through a route that is gone.
      if (params.canary === null) return { type: 'route.write.done', changed: false };
      throw new ClusterError('absent', `${spellRef(ref)} does not exist in cluster ${cluster.name}`);
    }
    await assertWanted(performing);
    const seen = contextOf(performing).seen[params.route];
    if (params.canary !== null && seen !== undefined && router.verify(object, sides, { canary: params.canary }).state === 'foreign') {
      const left = router.verify(object, sides, { canary: seen.canary });
      if (left.state === 'foreign') return { type: 'route.write.foreign', ...foreign(object, `${spellRef(ref)}: ${left.reason}`, 'spec') };
    }
    const plan = router.plan(object, sides, params.canary === null ? null : { canary: params.canary }, memory);
    if (!plan.ok) return { type: 'route.write.foreign', ...foreign(object, `${spellRef(ref)}: ${plan.problem}`, 'spec') };
    const marks = marksOf(performing);
    if (params.canary !== null) {
      const armed = performing.document.armed[params.route];
      if (JSON.stringify(armed?.ops) !== JSON.stringify(armedWrite(clusterName, ref, plan, marks).ops))
        return { type: 'route.write.disarmed', reason: `${spellRef(ref)} is not as it was when its way back was planned` };
    }
    const write = forwardWrite(object, plan, marks, performing.effect.key);
    if (!write.ok) throw new ClusterError('invalid', write.problem);
    if (write.ops.length === 0) return { type: 'route.write.done', changed: false };
    await patchAsRead(performing, cluster, ref, object, write.ops);
    return { type: 'route.write.done', changed: true };
  });

export const verifyRoute: Performer<'route.verify'> = async (params, performing) => {
  const { cluster, ref, router, sides } = await routeOf(performing, params);
  const object = await cluster.get(ref, performing.signal);
  if (object === undefined && params.canary === null) return { type: 'route.verify.done', canary: 0 };
  if (object === undefined) throw new ClusterError('absent', `${spellRef(ref)} does not exist in cluster ${cluster.name}`);
  const verified = router.verify(object, sides, params.canary === null ? null : { canary: params.canary });
  if (verified.state === 'foreign') return { type: 'route.verify.foreign', ...foreign(object, `${spellRef(ref)}: ${verified.reason}`, 'spec') };
  if (verified.state === 'notYet') return { type: 'route.verify.notYet', reason: `${spellRef(ref)}: ${verified.reason}` };
  return { type: 'route.verify.done', canary: router.observe(object, sides).canary };
};

/**
 * Sends the armed write: one request, no read before it. Where its tests fail (the forward write never came, or somebody moved the
 * entries) it reads and plans again; either way the object changes, so that a forward write still on its way loses.
 */
export const restoreRoute: Performer<'route.restore'> = async (params, performing) => {
  const { effect, document, signal, ports } = performing;
  const armed = document.armed[params.route];
  if (armed === undefined) throw new ClusterError('invalid', `route ${params.route} is not armed`);
  const cluster = await ports.cluster(armed.cluster);
  if (cluster === undefined) throw new ClusterError('unavailable', `no cluster is configured under the name ${JSON.stringify(armed.cluster)}`);
  try {
    await cluster.patch(armed.object, restoreOps(armed, effect.key), { signal });
    return { type: 'route.restore.done' };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    if (error.failure === 'absent') return { type: 'route.restore.done' };
    if (error.failure !== 'invalid' && error.failure !== 'conflict') throw error;
  }
  return untilWritten(performing, async () => {
    const { router, sides } = await routeOf(performing, params);
    const object = await cluster.get(armed.object, signal);
    if (object === undefined) return { type: 'route.restore.done' };
    await assertWanted(performing);
    const marks = marksOf(performing);
    // Another release holds the object: nothing of this one is on it any more.
    if (otherRelease(object, marks) !== undefined) return { type: 'route.restore.done' };
    const write = slowRestore(object, router, sides, armed.memory, marks, effect.key);
    if (!write.ok) throw new ClusterError('invalid', write.problem);
    await patchAsRead(performing, cluster, armed.object, object, write.ops);
    return { type: 'route.restore.done' };
  });
};

/** Takes our annotations off at the end. */
export const cleanRoute: Performer<'route.clean'> = (params, performing) =>
  untilWritten(performing, async () => {
    const { cluster, ref } = await routeOf(performing, params);
    const object = await cluster.get(ref, performing.signal);
    if (object === undefined) return { type: 'route.clean.done' };
    await assertWanted(performing);
    const write = cleanOps(object, marksOf(performing));
    if (write.ok && write.ops.length > 0) await patchAsRead(performing, cluster, ref, object, write.ops);
    return { type: 'route.clean.done' };
  });
