import type { JsonPatchOp, ObjectRef } from '../../../statemachines/document.ts';
import { route, userObjects, workload } from '../../fixtures/demo.ts';
import type { Call } from '../kit/calls.ts';
import { drive } from '../kit/driver.ts';
import { differs, endOf, type End } from '../kit/end.ts';
import { aborted, promoted, type History } from '../kit/histories.ts';
import { unsound, type Case, type FaultClass } from '../kit/trial.ts';
import { contextOf, phaseOf } from '../kit/watched.ts';
import type { World } from '../kit/world.ts';

/** A controller that has a mind of its own about one field, and writes it each time we did. */
interface Rival {
  readonly name: string;
  readonly history: History;
  /** Which of our writes it answers. */
  readonly at: (call: Call) => boolean;
  readonly object: ObjectRef;
  readonly ops: (world: World) => readonly JsonPatchOp[];
  /** How the person who looks must find the rival's name. */
  readonly told: (world: World) => string;
}

const canary: ObjectRef = { ...workload, name: 'demo-canary' };
const [, , userRoute] = userObjects();
const pausedWhy = (world: World): string => {
  const release = world.release(1);
  return release === undefined ? '' : `${contextOf(release).paused?.why ?? ''}${contextOf(release).trying.why}`;
};

const rivals: readonly Rival[] = [
  { name: 'weights', history: promoted, at: (call) => call.verb === 'patch' && call.about === 'IngressRoute', object: route, ops: () => [{ op: 'test', path: '/spec/routes/0/services/1/name', value: 'demo-canary' }, { op: 'replace', path: '/spec/routes/0/services/1/weight', value: 77 }], told: pausedWhy },
  { name: 'the whole route', history: promoted, at: (call) => call.verb === 'patch' && call.about === 'IngressRoute', object: route, ops: () => [{ op: 'replace', path: '/spec', value: userRoute?.['spec'] ?? null }], told: pausedWhy },
  { name: 'the image of stable', history: promoted, at: (call) => call.verb === 'patch' && call.about === 'Deployment' && (call.args[0] as ObjectRef).name === 'demo', object: workload, ops: () => [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'registry.example.com/team/demo:1.0.0' }], told: pausedWhy },
];

const hourMs = 3_600_000;
/** One write for each weight it wanted, and a few to find out that it is no use. */
const mostWrites = 6;

const fight = (rival: Rival, settled: End): Case => ({
  name: `${rival.history.name}@${rival.name}`,
  history: rival.history,
  run: async (world) => {
    let ours = 0;
    world.befall({
      hand: async (call, inner) => {
        const result = await inner();
        if (rival.at(call)) {
          ours++;
          // Where there is nothing to fight about, its own test fails.
          await world.sandbox.asUser('mallory').patch(rival.object, rival.ops(world)).catch(() => undefined);
        }
        return result;
      },
    });
    const acts = [...rival.history.acts];
    await drive(world, { acts, forMs: hourMs });
    if (ours > mostWrites) return `${ours} writes in an hour, allowed are ${mostWrites}`;
    if (!rival.told(world).includes('mallory')) return `nobody is told who it is, but: ${JSON.stringify(rival.told(world))}`;
    // A person who does not know better says to go on: one more round, no more.
    const before = ours;
    const release = world.release(1);
    await world.order('command/ada/resume-1', 'release/pro/demo/1', { type: release !== undefined && phaseOf(release) === 'halted' ? 'retry' : 'resume' });
    await drive(world, { acts, forMs: hourMs });
    if (ours - before > mostWrites) return `${ours - before} writes in the hour after it was told to go on`;
    // The rival is gone.
    world.befall({});
    await world.order('command/ada/resume-2', 'release/pro/demo/1', { type: phaseOf(world.release(1) ?? release ?? fail()) === 'halted' ? 'retry' : 'resume' });
    const end = await endOf(world, await drive(world, { acts }));
    return unsound({ ...end, broken: [] }) ?? differs(settled.objects, end.objects, 'objects');
  },
});

const fail = (): never => {
  throw new Error('there is no release');
};

/** Scales our canary down as often as we scale it up: it never comes up, and the release is taken back in time. */
const starved = (untouched: End): Case => ({
  name: 'promoted@pods of the canary',
  history: promoted,
  run: async (world) => {
    let ours = 0;
    world.befall({
      hand: async (call, inner) => {
        const result = await inner();
        if ((call.verb === 'create' || call.verb === 'patch') && call.about === 'Deployment') {
          ours++;
          await world.sandbox.asUser('mallory').patch(canary, [{ op: 'replace', path: '/spec/replicas', value: 0 }]).catch(() => undefined);
        }
        return result;
      },
    });
    const end = await endOf(world, await drive(world, { acts: [...promoted.acts] }));
    if (ours > mostWrites) return `${ours} writes, allowed are ${mostWrites}`;
    return unsound(end) ?? differs(untouched.objects, end.objects, 'objects');
  },
});

/** Puts our entries back each time we took them out on the way back. */
const resurrected = (untouched: End): Case => ({
  name: 'aborted@our entries on the way back',
  history: aborted,
  run: async (world) => {
    const entries = [{ name: 'demo', port: 8080, weight: 40 }, { name: 'demo-canary', port: 8080, weight: 60 }];
    let ours = 0;
    world.befall({
      hand: async (call, inner) => {
        const result = await inner();
        const release = world.release(1);
        if (call.verb === 'patch' && call.about === 'IngressRoute' && release !== undefined && phaseOf(release) === 'rollingBack' && ours++ === 0)
          await world.sandbox.asUser('mallory').patch(route, [{ op: 'replace', path: '/spec/routes/0/services', value: entries }]);
        return result;
      },
    });
    const end = await endOf(world, await drive(world, { acts: [...aborted.acts] }));
    if (ours > mostWrites) return `${ours} writes, allowed are ${mostWrites}`;
    return unsound(end) ?? differs(untouched.objects, end.objects, 'objects');
  },
});

/** Another controller fights over a field: detected, named, and not fought for ever. */
export const anotherController: FaultClass = {
  name: 'another controller',
  cases: async (reference) => {
    const [settled, untouched] = [(await reference(promoted)).end, (await reference(aborted)).end];
    return [...rivals.map((rival) => fight(rival, settled)), starved(untouched), resurrected(untouched)];
  },
};

