import { parseDefinitions } from '../../statemachines/definition/parse.ts';
import { releaseMachine } from '../../statemachines/release/machine.ts';
import { rolloutMachine } from '../../statemachines/rollout/machine.ts';
import { chartOf } from '../diagrams/chart.ts';
import { mermaidOf } from '../diagrams/mermaid.ts';
import { spellBriefly, spellEvent } from '../diagrams/spell.ts';
import { svgOf } from '../diagrams/svg.ts';
import type { Generated } from './generated.ts';

/** The machine of a release depends on its definition only in its analyses, each of which adds a region to `gating`. */
const definition = `
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: demo, namespace: pro}
spec:
  workload: {kind: Deployment, name: demo}
  routes: [{kind: IngressRoute, name: demo}]
  analyses:
    health: {query: up, min: 1, interval: 30s}
  steps:
  - {weight: 10, hold: 5m, analysis: health}
  - {weight: 50, approval: {question: 'Go on?'}}
`;

const phases = [
  ['preparing', 'the tag becomes a digest, and everything the release relies on is looked at before anything is written'],
  ['stepping', 'one step: capacity, then routes, then gates (`promoting` is the same without gates)'],
  ['watching', 'all users are on the canary, stable is still at full size; `liveness` is the same wherever it stands'],
  ['settling', 'stable gets the pinned digest, users come back to it, the canary is retired (`restoring` goes the same way with the old image)'],
  ['rollingBack', 'the armed writes, until each has succeeded'],
] as const;

/** Pictures of the machines, drawn from the machines themselves. */
export const statecharts = async (): Promise<readonly Generated[]> => {
  const parsed = parseDefinitions(definition);
  const [rollout] = parsed.ok ? parsed.rollouts : [];
  if (rollout === undefined) throw new Error(`the definition to draw has mistakes: ${JSON.stringify(parsed)}`);
  const release = releaseMachine(Object.keys(rollout.analyses));
  const way = chartOf(release, { open: (path) => path === 'stepping', spell: spellBriefly });
  const lock = chartOf(rolloutMachine(), { open: () => false, spell: spellEvent });
  const details = phases.map(([only]) => ({
    only,
    chart: chartOf(release, { only, open: (path) => only === 'watching' || !/(^|\.)(held|liveness)$/.test(path), spell: spellEvent }),
  }));
  const page = `# The machines

Generated from the machines by \`npm run generate\`; what changes no state is left out. Arrows without a name are taken at once, when
what a state waits for is so. A name with a dot is the result of an effect (\`statemachines/effects.ts\`).

## A release

\`\`\`mermaid
${mermaidOf(way)}
\`\`\`

[The same as a picture](release.svg). Each phase in full:

${phases.map(([only, what]) => `- [${only}](release-${only}.svg): ${what}`).join('\n')}

## A rollout: the lock, and the queue before it

\`\`\`mermaid
${mermaidOf(lock)}
\`\`\`

[The same as a picture](rollout.svg).
`;
  return [
    { path: 'docs/statecharts/README.md', text: page },
    { path: 'docs/statecharts/release.svg', text: await svgOf(way) },
    { path: 'docs/statecharts/rollout.svg', text: await svgOf(lock) },
    ...(await Promise.all(details.map(async ({ only, chart }) => ({ path: `docs/statecharts/release-${only}.svg`, text: await svgOf(chart) })))),
  ];
};
