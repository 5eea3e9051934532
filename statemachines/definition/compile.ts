import { distance } from 'fastest-levenshtein';
import * as z from 'zod';
import { definitionSchema, type WrittenDefinition } from './schema.ts';
import type { Analysis, Rollout, Step, Target } from './rollout.ts';
import { tagFilterProblem } from './tags.ts';

/** One mistake in a definition: where (`path` into the document), what was found and what is allowed. */
export interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type Compiled = { readonly ok: true; readonly rollout: Rollout } | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Characters of JSON that a definition may take, so that a release's document stays below its 32 KB. */
const largestDefinition = 16_384;

/** Checks a definition as a user wrote it and takes its shorthands apart. Never throws. */
export const compileDefinition = (written: unknown): Compiled => {
  const parsed = definitionSchema.safeParse(written);
  if (!parsed.success) return { ok: false, mistakes: withoutEchoes(parsed.error.issues.flatMap((issue) => explain(issue, written, []))) };
  const rollout = normalise(parsed.data);
  const size = JSON.stringify(rollout).length;
  if (size > largestDefinition) return { ok: false, mistakes: [{ path: [], message: `it takes ${size} characters; allowed are ${largestDefinition}, because every release keeps its own copy` }] };
  const mistakes = [...stepMistakes(parsed.data, rollout), ...targetMistakes(rollout), ...triggerMistakes(rollout)];
  return mistakes.length === 0 ? { ok: true, rollout } : { ok: false, mistakes };
};

type Issue = z.core.$ZodIssue;

/** Zod reports a union as one issue with a list for each branch; people want the branch they meant: the one with fewest mistakes. */
const explain = (issue: Issue, root: unknown, above: readonly PropertyKey[]): Mistake[] => {
  const path = [...above, ...issue.path].filter((part): part is string | number => typeof part !== 'symbol');
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const meant = issue.errors.reduce((best, branch) => (weigh(branch) < weigh(best) ? branch : best));
    return meant.flatMap((inner) => explain(inner, root, path));
  }
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    return issue.keys.map((key) => ({ path: [...path, key], message: `unknown field${nearest(key, known)}` }));
  }
  const found = path.reduce<unknown>((value, part) => (value as Record<string | number, unknown> | undefined)?.[part], root);
  return [{ path, message: found === undefined ? `missing; ${issue.message}` : `${issue.message}; found ${show(found)}` }];
};

/** A misspelt field is one mistake, not also a missing one. */
const withoutEchoes = (mistakes: readonly Mistake[]): Mistake[] => {
  const meant = new Set(mistakes.map(({ path, message }) => JSON.stringify([...path.slice(0, -1), /did you mean `(.+)`/.exec(message)?.[1]])));
  return mistakes.filter(({ path, message }) => !message.startsWith('missing') || !meant.has(JSON.stringify(path)));
};

const weigh = (issues: readonly Issue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : issue.path.length === 0 ? 3 : 1), 0);

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

const nearest = (key: string, known: readonly string[]): string => {
  const [best] = [...known].sort((a, b) => distance(key, a) - distance(key, b));
  if (best !== undefined && distance(key, best) <= Math.max(2, key.length / 3)) return `; did you mean \`${best}\`?`;
  return known.length === 0 ? '' : `; allowed are ${[...known].sort().join(', ')}`;
};

/** The schema as JSON Schema, for editors and for naming the fields that are allowed at a place. */
export const definitionJsonSchema = (): z.core.JSONSchema.BaseSchema => z.toJSONSchema(definitionSchema, { io: 'input' });

/** Fields that some branch of the schema allows at this path. */
const knownKeys = (path: readonly (string | number)[]): string[] => {
  let places: z.core.JSONSchema.BaseSchema[] = [definitionJsonSchema()];
  const open = (schema: z.core.JSONSchema.BaseSchema): z.core.JSONSchema.BaseSchema[] =>
    [schema, ...((schema.anyOf ?? schema.oneOf ?? []) as z.core.JSONSchema.BaseSchema[]).flatMap(open)];
  for (const part of path)
    places = places.flatMap(open).flatMap((schema) => {
      const next = typeof part === 'number' ? schema.items : (schema.properties?.[part] ?? schema.additionalProperties);
      return typeof next === 'object' && !Array.isArray(next) ? [next as z.core.JSONSchema.BaseSchema] : [];
    });
  return [...new Set(places.flatMap(open).flatMap((schema) => Object.keys(schema.properties ?? {})))];
};

const listed = <T>(value: T | readonly T[] | undefined): readonly T[] => (value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T]);

const normalise = ({ metadata, spec }: WrittenDefinition): Rollout => {
  const written = 'targets' in spec ? spec.targets : [{ cluster: spec.cluster, workload: spec.workload, routes: spec.routes }];
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    targets: written.map((target): Target => {
      const name = ('name' in target ? target.name : undefined) ?? (written.length === 1 ? target.workload.name : `${target.cluster}-${target.workload.name}`);
      const { container, service, ...workload } = target.workload;
      return {
        name,
        cluster: target.cluster,
        workload: { ...workload, service: service ?? workload.name, ...(container === undefined ? {} : { container }) },
        routes: target.routes.map(({ lag, apiVersion, ...route }) => ({
          key: `${name}/${route.kind}/${route.name}`,
          ...route,
          ...(apiVersion === undefined ? {} : { apiVersion }),
          ...(lag === undefined ? {} : { lagMs: lag }),
        })),
      };
    }),
    triggers: spec.triggers.map(({ registry }) => ({ image: registry.image, ...(registry.tags === undefined ? {} : { tags: registry.tags }) })),
    onPush: spec.onPush,
    analyses: Object.fromEntries(Object.entries(spec.analyses).map(([name, written]) => [name, normaliseAnalysis(written)])),
    steps: spec.steps.flatMap((step, at) => takeApart(step, at)),
    alerts: spec.alerts,
    alertsBefore: spec.alertsBefore,
    skewMs: spec.skew,
    watchMs: spec.watch,
    progressDeadlineMs: spec.progressDeadline,
    livenessMs: spec.liveness,
  };
};

const normaliseAnalysis = (written: WrittenDefinition['spec']['analyses'][string]): Analysis => ({
  provider: written.provider,
  intervalMs: written.interval,
  warmUpMs: written.warmUp,
  passes: written.passes,
  failures: written.failures,
  onNoData: written.onNoData,
  onProviderDown: written.onProviderDown,
  judgement:
    'query' in written
      ? {
          type: 'bound',
          query: written.query,
          ...(written.max === undefined ? {} : { max: written.max }),
          ...(written.min === undefined ? {} : { min: written.min }),
        }
      : { type: 'counters', canary: written.canary, stable: written.stable, tolerance: written.tolerance, minSamples: written.minSamples },
});

type WrittenStep = WrittenDefinition['spec']['steps'][number];

const takeApart = (step: WrittenStep, at: number): Step[] => {
  const analyses = listed(step.analysis);
  if ('ramp' in step) {
    const { from, to, by, every } = step.ramp;
    const weights = Array.from({ length: Math.ceil((to - from) / by) }, (_, i) => from + i * by);
    return [...weights, to].map((weight) => ({ name: `${step.name ?? 'ramp'}-${weight}`, weight, holdMs: every, analyses }));
  }
  return [
    {
      name: step.name ?? `${at + 1}-${step.weight}`,
      weight: step.weight,
      ...(step.replicas === undefined ? {} : { replicas: step.replicas }),
      holdMs: step.hold ?? 0,
      analyses,
      ...(step.approval === undefined ? {} : { question: step.approval.question }),
    },
  ];
};

const stepMistakes = (written: WrittenDefinition, rollout: Rollout): Mistake[] => {
  const mistakes: Mistake[] = [];
  const names = new Set<string>();
  let highest = 0;
  for (const [at, step] of written.spec.steps.entries()) {
    const [field, first] = 'ramp' in step ? [['ramp', 'from'], step.ramp.from] : [['weight'], step.weight];
    if (first < highest)
      mistakes.push({ path: ['spec', 'steps', at, ...field], message: `${first} is below the ${highest} of the step before; steps only go up, abort goes back` });
    highest = Math.max(highest, 'ramp' in step ? step.ramp.to : step.weight);
    for (const name of listed(step.analysis))
      if (!Object.hasOwn(rollout.analyses, name))
        mistakes.push({ path: ['spec', 'steps', at, 'analysis'], message: `no analysis is called ${JSON.stringify(name)}${nearest(name, Object.keys(rollout.analyses))}` });
    for (const { name } of takeApart(step, at)) {
      if (names.has(name)) mistakes.push({ path: ['spec', 'steps', at], message: `two steps are called ${JSON.stringify(name)}; give them names of their own` });
      names.add(name);
    }
  }
  return mistakes;
};

const targetMistakes = (rollout: Rollout): Mistake[] => {
  const mistakes: Mistake[] = [];
  const seen = new Map<string, number>();
  for (const [at, target] of rollout.targets.entries()) {
    const keys = [`target ${target.name}`, `${target.cluster} ${target.workload.kind} ${target.workload.name}`, ...target.routes.map((r) => `${target.cluster} ${r.kind} ${r.name}`)];
    for (const key of keys) {
      if (seen.has(key)) mistakes.push({ path: ['spec', 'targets', at], message: `${key} is named twice; a workload or route belongs to one target` });
      seen.set(key, at);
    }
  }
  return mistakes;
};

const triggerMistakes = (rollout: Rollout): Mistake[] =>
  rollout.triggers.flatMap(({ tags }, at) => {
    const problem = tags === undefined ? undefined : tagFilterProblem(tags);
    return problem === undefined ? [] : [{ path: ['spec', 'triggers', at, 'registry', 'tags'], message: problem }];
  });
