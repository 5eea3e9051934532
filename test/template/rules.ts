import { named, ofType, whenAllHold, type Resource, type Template } from './template.ts';

/** Answers what is wrong, each with the logical id it is about. */
export type Rule = (template: Template) => readonly string[];

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly unknown[];
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

/** What a role allows, when every parameter is given. */
export const statementsOf = ({ Properties }: Resource): readonly Statement[] =>
  (Properties['Policies'] as { PolicyDocument: { Statement: unknown[] } }[])
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement.map(whenAllHold) as { Effect: string; Action: unknown; Resource: unknown }[])
    .map(({ Effect, Action, Resource: on }) => ({ Effect, Action: list(Action).map(String), Resource: list(on) }));

const functions = (template: Template): readonly (readonly [id: string, resource: Resource])[] => ofType(template, 'AWS::Lambda::Function');
const queues = (template: Template): readonly (readonly [id: string, resource: Resource])[] => ofType(template, 'AWS::SQS::Queue');
const isDead = (id: string): boolean => id.startsWith('Dead');

/** Every `*` that a role may have, with why. */
const reasons: readonly { readonly actions: RegExp; readonly resource: RegExp; readonly why: string }[] = [
  { actions: /^(ssm:GetParameter|secretsmanager:GetSecretValue)$/, resource: /[:/]sluice\/[a-z0-9-]+\/(sources|people|clusters|registries|metrics|telemetry)\/\*$/, why: 'secrets are named by whoever installs; the folder is fixed' },
  { actions: /^dynamodb:/, resource: /^\$\{Table\.Arn\}\/index\/\*$/, why: 'all indexes of our own table' },
  { actions: /^ec2:(Describe(NetworkInterfaces|Subnets)|(Create|Delete)NetworkInterface|(Una|A)ssignPrivateIpAddresses)$/, resource: /^\*$/, why: 'Lambda makes the interfaces, so they have no names beforehand' },
];

const wildcards: Rule = (template) =>
  ofType(template, 'AWS::IAM::Role').flatMap(([id, role]) =>
    statementsOf(role).flatMap(({ Effect, Action, Resource: on }) => {
      const text = (value: unknown): string => (typeof value === 'string' ? value : ((value as { readonly 'Fn::Sub'?: string })['Fn::Sub'] ?? JSON.stringify(value)));
      const wideActions = Effect === 'Allow' ? Action.filter((action) => action.includes('*')) : [];
      const wide = Effect === 'Allow' ? on.map(text).filter((one) => one.includes('*')) : [];
      const unreasoned = wide.filter((one) => !Action.every((action) => reasons.some(({ actions, resource }) => actions.test(action) && resource.test(one))));
      return [...wideActions, ...unreasoned].map((one) => `${id}: ${one} is wider than anything there is a reason for`);
    }),
  );

const ownRole: Rule = (template) => {
  const roles = functions(template).map(([id, { Properties }]) => [id, named(Properties['Role']) ?? ''] as const);
  const shared = roles.filter(([, role], at) => roles.findIndex(([, other]) => other === role) !== at || template.Resources[role]?.Type !== 'AWS::IAM::Role');
  const unused = ofType(template, 'AWS::IAM::Role').filter(([id]) => !roles.some(([, role]) => role === id));
  return [...shared.map(([id, role]) => `${id}: has no role of its own, but ${role || 'none'}`), ...unused.map(([id]) => `${id}: is no function's role`)];
};

const ownLogs: Rule = (template) =>
  functions(template).flatMap(([id, { Properties }]) => {
    const group = ofType(template, 'AWS::Logs::LogGroup').find(([, one]) => one.Properties['LogGroupName'] === `/aws/lambda/${Properties['FunctionName']}`);
    if (group === undefined) return [`${id}: has no log group, so Lambda makes one that keeps everything`];
    if (typeof group[1].Properties['RetentionInDays'] !== 'number') return [`${group[0]}: keeps everything`];
    const role = template.Resources[named(Properties['Role']) ?? ''];
    const granted = role === undefined ? [] : statementsOf(role).filter(({ Action }) => Action.some((action) => action.startsWith('logs:'))).flatMap(({ Resource: on }) => on.map(named));
    return granted.length === 1 && granted[0] === group[0] ? [] : [`${id}: may write to ${granted.join(', ') || 'no log'}, and its log is ${group[0]}`];
  });

const encrypted: Rule = (template) => queues(template).filter(([, { Properties }]) => Properties['SqsManagedSseEnabled'] !== true && Properties['KmsMasterKeyId'] === undefined).map(([id]) => `${id}: is not encrypted`);

const wayOut: Rule = (template) =>
  queues(template).flatMap(([id, { Properties }]) => {
    const to = named(Properties['RedrivePolicy']?.deadLetterTargetArn) ?? '';
    if (isDead(id)) return to === '' ? [] : [`${id}: is where dead letters stay`];
    const target = template.Resources[to];
    if (!isDead(to) || target === undefined) return [`${id}: has no dead-letter queue`];
    if (target.Properties['FifoQueue'] !== Properties['FifoQueue']) return [`${id}: ${to} is of the other kind, which SQS refuses`];
    return target.Properties['MessageRetentionPeriod'] > Properties['MessageRetentionPeriod'] ? [] : [`${id}: what moves to ${to} keeps its age and may be gone at once`];
  });

/** SQS refuses a mapping whose queue gives a message to somebody else while the function may still have it. */
const visibility: Rule = (template) =>
  ofType(template, 'AWS::Lambda::EventSourceMapping').flatMap(([id, { Properties }]) => {
    const queue = template.Resources[named(Properties['EventSourceArn']) ?? '']?.Properties ?? {};
    const handler = template.Resources[named(Properties['FunctionName']) ?? '']?.Properties ?? {};
    const found: string[] = [];
    if (!(queue['VisibilityTimeout'] >= handler['Timeout'])) found.push(`${id}: a message comes back after ${queue['VisibilityTimeout']} s, and the function may work on it for ${handler['Timeout']} s`);
    // The bar for a worker killed in a rollback: redelivery brings the route back within 25 s.
    if (!(queue['VisibilityTimeout'] <= 22)) found.push(`${id}: a message of a killed worker comes back after ${queue['VisibilityTimeout']} s`);
    if (!list(Properties['FunctionResponseTypes']).includes('ReportBatchItemFailures')) found.push(`${id}: one failure of a batch brings back all of it`);
    const most = Properties['ScalingConfig']?.MaximumConcurrency as number | undefined;
    const reserved = handler['ReservedConcurrentExecutions'] as number | undefined;
    if (most === undefined) found.push(`${id}: has no bound, and clusters would not be spared`);
    else if (reserved !== undefined && most > reserved) found.push(`${id}: hands out ${most} at once to a function that has ${reserved}, and the rest is throttled`);
    return found;
  });

/** Aborts and alerts do not wait for anybody: their way in and their workers have concurrency of their own. */
const reserved: Rule = (template) =>
  ['IngestLambdaFunction', 'UrgentLambdaFunction'].filter((id) => !(template.Resources[id]?.Properties['ReservedConcurrentExecutions'] > 0)).map((id) => `${id}: has no concurrency of its own`);

const watched: Rule = (template) => {
  const alarms = ofType(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => ({
    of: named((Properties['Dimensions'] as { Value: unknown }[])[0]?.Value) ?? '',
    metric: String(Properties['MetricName']),
    threshold: Number(Properties['Threshold']),
    told: list(whenAllHold(Properties['AlarmActions'])).length > 0 && Properties['AlarmActions'] !== undefined,
  }));
  const need = (id: string, metric: string, most = Infinity): readonly string[] => {
    const alarm = alarms.find((one) => one.of === id && one.metric === metric);
    if (alarm === undefined) return [`${id}: no alarm looks at ${metric}`];
    if (alarm.threshold > most) return [`${id}: the alarm of ${metric} begins above ${alarm.threshold}, wanted ${most}`];
    return alarm.told ? [] : [`${id}: the alarm of ${metric} tells nobody`];
  };
  return [
    ...queues(template).flatMap(([id]) => (isDead(id) ? need(id, 'ApproximateNumberOfMessagesVisible', 0) : need(id, 'ApproximateAgeOfOldestMessage', id === 'UrgentQueue' ? 5 : Infinity))),
    ...functions(template).flatMap(([id]) => [...need(id, 'Errors', 0), ...need(id, 'Throttles', 0)]),
    ...need('TickLambdaFunction', 'Invocations'),
  ];
};

const tagged: Rule = (template) =>
  ['AWS::Lambda::Function', 'AWS::SQS::Queue', 'AWS::DynamoDB::Table', 'AWS::IAM::Role', 'AWS::CloudWatch::Alarm', 'AWS::ApiGatewayV2::Stage'].flatMap((type) =>
    ofType(template, type).flatMap(([id, { Properties }]) => {
      const tags = (Properties['Tags'] ?? {}) as Record<string, string> | { Key: string }[];
      const names = Array.isArray(tags) ? tags.map(({ Key }) => Key) : Object.keys(tags);
      return ['app', 'stage'].filter((name) => !names.includes(name)).map((name) => `${id}: has no tag ${name}`);
    }),
  );

const runtime: Rule = (template) =>
  functions(template).flatMap(([id, { Properties }]) => {
    const runs = `${Properties['Runtime']} on ${list(Properties['Architectures']).join()}`;
    return runs === 'nodejs24.x on arm64' ? [] : [`${id}: is for ${runs}, the bundles for nodejs24.x on arm64`];
  });

const limited: Rule = (template) =>
  ofType(template, 'AWS::ApiGatewayV2::Stage').filter(([, { Properties }]) => !(Properties['DefaultRouteSettings']?.ThrottlingRateLimit > 0 && Properties['DefaultRouteSettings']?.ThrottlingBurstLimit > 0)).map(([id]) => `${id}: is open to any flood`);

/** Our own rules, by what they hold. */
export const rules = {
  'no action and no resource is a wildcard without a reason': wildcards,
  'every function has a role of its own': ownRole,
  'every function writes to its own log, which forgets': ownLogs,
  'every queue is encrypted': encrypted,
  'every queue but the dead ones has one, of its kind, that keeps longer': wayOut,
  'a message is never given to two, and comes back in time': visibility,
  'urgent things have concurrency of their own': reserved,
  'every queue and function has its alarms': watched,
  'everything is tagged': tagged,
  'functions run on what the bundles are for': runtime,
  'requests are limited': limited,
} satisfies Record<string, Rule>;
