import * as z from 'zod';
import { duration } from './duration.ts';

/** A name as Kubernetes takes it for objects (RFC 1123 label). */
const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'lower-case letters, digits and dashes, as in a DNS name');

/** Names of analyses and steps; they become parts of timer and gate names, so no dots. */
const word = z.string().min(1).max(63).regex(/^[^\s./|]+$/u, 'no spaces, dots, slashes or bars');

const workload = z.strictObject({
  kind: z.literal('Deployment'),
  name: dnsLabel,
  container: dnsLabel.optional().meta({ description: 'The container that gets the image; needed when the image is in several.' }),
  service: dnsLabel.optional().meta({ description: "The Service the routes lead to; the workload's name when absent." }),
});

const route = z.strictObject({
  kind: z.enum(['IngressRoute', 'TraefikService', 'HTTPRoute', 'GRPCRoute', 'VirtualService', 'HTTPProxy']),
  name: dnsLabel,
  apiVersion: z.string().optional().meta({ description: "The object's API version where it is not the usual one of its kind." }),
  lag: duration.optional().meta({ description: "Longest time a write takes to reach the proxy; the router's usual one when absent." }),
});

const targetFields = {
  cluster: dnsLabel.default('default'),
  workload,
  routes: z.array(route).min(1, 'at least one route').max(16),
};
const target = z.strictObject({ name: dnsLabel.optional(), ...targetFields });

const tagFilter = z.union([
  z.strictObject({ semver: z.string().min(1).max(200) }),
  z.strictObject({ glob: z.string().min(1).max(200) }),
  z.strictObject({ regex: z.string().min(1).max(500) }),
]);

const trigger = z.strictObject({
  registry: z.strictObject({
    image: z
      .string()
      .max(255)
      .regex(/^[^\s/:@]+(:\d+)?\/[^\s:@]+$/, 'host/repository without tag or digest, e.g. registry.example.com/team/demo'),
    tags: tagFilter.optional().meta({ description: 'Which tags start a release; every tag when absent.' }),
  }),
});

const weight = z.int().min(0).max(100);
const query = z.string().min(1).max(4_000);
const counters = z.strictObject({ bad: query, all: query });

const analysisFields = {
  provider: dnsLabel.default('prometheus'),
  interval: duration,
  warmUp: duration.prefault('0ms').meta({ description: 'Time after the weight is in effect before the first interval begins.' }),
  passes: z.int().min(1).max(1_000).default(1).meta({ description: 'Looks that must pass before the step may end.' }),
  failures: z.int().min(1).max(1_000).default(1).meta({ description: 'Failed looks that roll the release back.' }),
  onNoData: z.enum(['wait', 'pause', 'rollback']).default('wait'),
  onProviderDown: z.enum(['wait', 'pause', 'rollback']).default('wait'),
};
const analysis = z.union([
  z
    .strictObject({ ...analysisFields, query, max: z.number().optional(), min: z.number().optional() })
    .refine((a) => a.max !== undefined || a.min !== undefined, 'a query needs a bound: max, min or both')
    .refine((a) => a.max === undefined || a.min === undefined || a.min <= a.max, 'min is above max, so nothing could pass'),
  z.strictObject({
    ...analysisFields,
    canary: counters,
    stable: counters,
    tolerance: z.number().min(0).max(1).default(0).meta({ description: 'How much higher the share of bad answers may be than that of stable: 0.005 is half a percentage point.' }),
    minSamples: z.int().min(1).default(20).meta({ description: 'Answers each side must have given in this step before it is judged.' }),
  }),
]);

const stepFields = {
  name: word.optional(),
  hold: duration.optional(),
  analysis: z.union([word, z.array(word).min(1).max(8)]).optional(),
};
const step = z.strictObject({
  ...stepFields,
  weight,
  replicas: z.int().min(1).max(10_000).optional().meta({ description: 'Pods of the canary; as many as the weight needs when absent.' }),
  approval: z.strictObject({ question: z.string().min(1).max(500) }).optional(),
});
const ramp = z.strictObject({
  ...stepFields,
  ramp: z
    .strictObject({ from: weight, to: weight, by: z.int().min(1).max(100), every: duration })
    .refine((r) => r.from <= r.to, 'from is above to; a ramp only goes up'),
});

const alertPolicy = z.strictObject({
  match: z.record(z.string().min(1), z.string()).refine((labels) => Object.keys(labels).length > 0, 'at least one label'),
  do: z.enum(['rollback', 'pause']),
});

const specFields = {
  triggers: z.array(trigger).max(16).default([]),
  onPush: z.enum(['supersede', 'queue', 'refuse']).default('supersede').meta({ description: 'What a push does while a release is under way.' }),
  analyses: z.record(word, analysis).default({}),
  steps: z.array(z.union([step, ramp])).min(1, 'at least one step').max(64),
  alerts: z.array(alertPolicy).max(32).default([]),
  alertsBefore: z.enum(['wait', 'goOn']).default('wait').meta({ description: 'What to do while an alert of the policy was firing before the canary met its first user.' }),
  skew: duration.prefault('2m').meta({ description: 'How far the clocks of alert sources may be off.' }),
  watch: duration.prefault('10m').meta({ description: 'How long the old version stays at full size after all users left it.' }),
  progressDeadline: duration.prefault('10m'),
  liveness: duration.prefault('10s').meta({ description: "How often the canary's endpoints are looked at behind a router that drops a route with an empty backend." }),
};

/** What a user writes. `spec` names either `targets` or, for a single one, its fields directly. */
export const definitionSchema = z.strictObject({
  apiVersion: z.literal('sluice.dev/v1alpha1'),
  kind: z.literal('Rollout'),
  metadata: z.strictObject({ name: dnsLabel, namespace: dnsLabel.default('default') }),
  spec: z.union([
    z.strictObject({ ...specFields, targets: z.array(target).min(1).max(16) }),
    z.strictObject({ ...specFields, ...targetFields }),
  ]),
});

export type WrittenDefinition = z.infer<typeof definitionSchema>;
