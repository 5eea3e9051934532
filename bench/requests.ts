import { definition, fiveSteps, fiveStepsWatch, namespace, type RouteKind } from './world/application.ts';
import { heldWorld, isGating, phaseOf, start, type HeldWorld } from './world/held.ts';
import { peers } from './peers.ts';
import type { Bench, Row } from './row.ts';

const name = 'demo';
const mostInRelease = 60;
const mostAfterAbort = 20;

const begin = async (route: RouteKind): Promise<HeldWorld> => {
  const world = await heldWorld({ name, route, definition: definition(name, route, fiveSteps, fiveStepsWatch) });
  await world.tell(`rollout/${namespace}/${name}`, start);
  return world;
};

const spellCalls = (world: HeldWorld): string =>
  Object.entries(world.sandbox.calls.all())
    .toSorted(([, a], [, b]) => b - a)
    .map(([call, count]) => `${call} ${count}`)
    .join(', ');

const wholeRelease = async (route: RouteKind): Promise<Row> => {
  const world = await begin(route);
  const begun = world.ports.clock.now();
  const ended = await world.until(1, 'its end', ({ snapshot }) => snapshot.status === 'done');
  if (phaseOf(ended) !== 'completed') throw new Error(`the five-step release ended ${phaseOf(ended)}: ${JSON.stringify(ended.snapshot.context['ending'])}`);
  const value = world.sandbox.calls.total();
  const seconds = (world.ports.clock.now() - begun) / 1_000;
  const notes = [`${seconds.toFixed(0)} s by the release's own clock, ${world.runs()} messages handled: ${spellCalls(world)}`];
  await world.close();
  return {
    what: `five-step release, API requests, ${route}`,
    measured: { unit: 'requests', value },
    bar: { text: `<= ${mostInRelease}`, met: value <= mostInRelease },
    ...(route === 'IngressRoute' ? { peers: peers.release } : {}),
    notes,
  };
};

const afterAbort = async (): Promise<Row> => {
  const world = await begin('IngressRoute');
  await world.until(1, 'the third step', (release) => isGating(release) && release.snapshot.context['step'] === 2);
  world.sandbox.calls.reset();
  await world.tell(`release/${namespace}/${name}/1`, { type: 'abort', reason: 'bench' }, true);
  await world.pass(40_000);
  const value = world.sandbox.calls.total();
  const notes = [`aborted at 40 %: ${spellCalls(world)}`];
  await world.close();
  return {
    what: 'the 40 s after an abort, API requests, IngressRoute',
    measured: { unit: 'requests', value },
    bar: { text: `<= ${mostAfterAbort}`, met: value <= mostAfterAbort },
    peers: peers.afterAbort,
    notes,
  };
};

/** Requests to the Kubernetes API, counted by the sandbox; the clock is held, so 90 s of release pass in a moment. */
export const requests: Bench = {
  about: 'API requests of a five-step release, and after an abort (sandbox, held clock)',
  run: async () => [await wholeRelease('IngressRoute'), await wholeRelease('HTTPRoute'), await afterAbort()],
};
