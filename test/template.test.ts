import { globSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEnvironment } from '../functions/aws/environment.ts';
import { expiryAttribute, tableDefinition } from '../infra/dynamodb/table.ts';
import { bundleInto, packageService, pathsIn, serviceCopy, type Packaged } from './template/packaged.ts';
import { rules, statementsOf } from './template/rules.ts';
import { mistakesBySpecification } from './template/spec.ts';
import { named, ofType, type Template } from './template/template.ts';
import { patience } from '../infra/worker/worker.ts';

/** Everything that a parameter can switch on. */
const everything = {
  alarmTopic: 'arn:aws:sns:eu-central-1:123456789012:alarms',
  clusterArns: 'arn:${AWS::Partition}:eks:eu-central-1:${AWS::AccountId}:cluster/a,arn:aws:eks:eu-central-1:123456789012:cluster/b',
  clusterRoleArns: 'arn:aws:iam::123456789012:role/sluice',
  securityGroupIds: 'sg-1',
  subnetIds: 'subnet-1,subnet-2',
};

let folder = '';
let dev: Packaged;
let again: Packaged;
let prod: Packaged;
beforeAll(async () => {
  folder = await serviceCopy();
  dev = await packageService(folder, 'first');
  await bundleInto(folder);
  again = await packageService(folder, 'second');
  prod = await packageService(folder, 'prod', ['--stage', 'prod', ...Object.entries(everything).map(([name, value]) => `--param=${name}=${value}`)]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stages = [
  ['dev', () => dev],
  ['prod, with every parameter', () => prod],
] as const;

describe.each(stages)('what is deployed: %s', (_stage, packaged) => {
  test('CloudFormation would take it', () => {
    expect(mistakesBySpecification(packaged().template)).toEqual([]);
  });
  test.each(Object.entries(rules))('%s', (_name, rule) => {
    expect(rule(packaged().template)).toEqual([]);
  });
  test('every function is called by what it is for, and by nothing else', () => {
    const { template } = packaged();
    const routes = ofType(template, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => {
      const [, integration = ''] = /\["integrations",\{"Ref":"(\w+)"\}\]/.exec(JSON.stringify(Properties['Target'])) ?? [];
      const { IntegrationUri: to, PayloadFormatVersion: format } = template.Resources[integration]?.Properties ?? {};
      return [Properties['RouteKey'], format, named(to)];
    });
    const mappings = ofType(template, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => [named(Properties['EventSourceArn']), Properties['BatchSize'], named(Properties['FunctionName'])]);
    const rules = ofType(template, 'AWS::Events::Rule').map(([, { Properties }]) => [Properties['ScheduleExpression'], Properties['State'], named(Properties['Targets'][0].Arn)]);
    expect([...routes, ...mappings, ...rules]).toEqual([
      ['POST /hooks/{source}', '2.0', 'IngestLambdaFunction'],
      ['$default', '2.0', 'ApiLambdaFunction'],
      ['InputsQueue', 1, 'WorkerLambdaFunction'],
      ['WakesQueue', 1, 'WorkerLambdaFunction'],
      ['UrgentQueue', 1, 'UrgentLambdaFunction'],
      ['rate(1 minute)', 'ENABLED', 'TickLambdaFunction'],
    ]);
  });
  test('every function is told what it must be told', () => {
    const told = ofType(packaged().template, 'AWS::Lambda::Function').map(([, { Properties }]) => Properties['Environment'].Variables as Record<string, unknown>);
    expect(told).toHaveLength(5);
    for (const variables of told) {
      // What CloudFormation puts in for a queue is its URL; a queue in place of another one would be found by its name.
      const filled = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, typeof value === 'string' ? value : `https://sqs.example.com/${named(value)}`]));
      expect(readEnvironment(filled)).toEqual({
        table: 'https://sqs.example.com/Table',
        config: '/var/task/dist/sluice.json',
        urls: { inputs: 'https://sqs.example.com/InputsQueue', urgent: 'https://sqs.example.com/UrgentQueue', wakes: 'https://sqs.example.com/WakesQueue', dead: 'https://sqs.example.com/DeadQueue', deadFifo: 'https://sqs.example.com/DeadFifoQueue' },
      });
      expect(() => readEnvironment({ ...filled, SLUICE_TABLE: undefined })).toThrow('SLUICE_TABLE');
    }
  });
  test('the table is the one that the store asks', () => {
    const { TableName: _name, ...wanted } = tableDefinition('any');
    expect(packaged().template.Resources['Table']?.Properties).toMatchObject({ ...wanted, TimeToLiveSpecification: { AttributeName: expiryAttribute, Enabled: true } });
  });
  test('the table can be brought back to any moment, and is encrypted', () => {
    expect(packaged().template.Resources['Table']?.Properties).toMatchObject({ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }, SSESpecification: { SSEEnabled: true } });
  });
  test('the stack itself is tagged, and with it all that it makes', () => {
    expect(packaged().provider.stackTags).toMatchObject({ app: 'sluice', stage: expect.any(String) });
  });
});

describe('stages', () => {
  test('the table of prod outlives its stack; that of dev does not', () => {
    const tableOf = ({ template }: Packaged) => template.Resources['Table'];
    expect(tableOf(prod)).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain', Properties: { DeletionProtectionEnabled: true } });
    expect(tableOf(dev)).toMatchObject({ DeletionPolicy: 'Delete', UpdateReplacePolicy: 'Delete', Properties: { DeletionProtectionEnabled: false } });
  });
  test('each has resources of its own', () => {
    const names = ({ template }: Packaged): readonly unknown[] => Object.values(template.Resources).flatMap(({ Properties }) => ['QueueName', 'FunctionName', 'LogGroupName'].map((name) => Properties[name]).filter((name) => name !== undefined));
    expect(names(dev).length).toBeGreaterThan(10);
    expect(names(dev).filter((name) => names(prod).includes(name))).toEqual([]);
  });
  test('a private cluster is reached from its subnets, and the way in stays out of them', () => {
    const inVpc = Object.entries(prod.template.Resources).filter(([, { Properties }]) => Properties?.['VpcConfig'] !== undefined);
    expect(inVpc.map(([id]) => id).toSorted()).toEqual(['ApiLambdaFunction', 'TickLambdaFunction', 'UrgentLambdaFunction', 'WorkerLambdaFunction']);
    expect(prod.template.Conditions?.['HasVpc']).toEqual({ 'Fn::Not': [{ 'Fn::Equals': ['subnet-1,subnet-2', ''] }] });
  });
});

describe('packages', () => {
  const functions = ['ingest', 'api', 'worker', 'urgent', 'tick'] as const;
  test('made twice, they are the same byte for byte', () => {
    expect(Object.keys(dev.zips).toSorted()).toEqual([...functions].toSorted());
    for (const name of functions) expect(dev.zips[name]?.equals(again.zips[name] ?? Buffer.of())).toBe(true);
  });
  test.each(functions)('%s holds its bundle and the configuration, and nothing else', (name) => {
    const paths = pathsIn(dev.zips[name] ?? Buffer.of());
    const bundle = name === 'urgent' ? 'worker' : name;
    const handler = String(Object.values(dev.template.Resources).find(({ Properties }) => Properties?.['FunctionName'] === `sluice-dev-${name}`)?.Properties['Handler']);
    expect(paths).toContain(`${handler.replace(/\.handler$/, '')}.mjs`);
    expect(paths).toContain('dist/sluice.json');
    expect(paths.filter((path) => !path.startsWith(`dist/${bundle}/`) && path !== 'dist/sluice.json' && !(name === 'api' && path.startsWith('web/public/')))).toEqual([]);
    expect(paths.filter((path) => /\.(map|ts)$/.test(path))).toEqual([]);
    expect(paths.includes('web/public/index.html')).toBe(name === 'api');
  });
});

describe('roles', () => {
  const allowed = (role: string, service: string): readonly string[] =>
    [...new Set(statementsOf(prod.template.Resources[role] ?? { Type: '', Properties: { Policies: [] } }).flatMap(({ Action }) => Action).filter((action) => action.startsWith(`${service}:`)))].toSorted();
  /** What a folder's code calls, by the names that IAM has for it. */
  const called = (folder: string, service: string): readonly string[] =>
    [...new Set(globSync(`${folder}/*.ts`).flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/new (\w+)Command\(/g)].map(([, name = '']) => `${service}:${service === 'sqs' ? name.replace(/Batch$/, '') : name}`)))].toSorted();

  test('worker and urgent may do to the table what the store does, and nothing else', () => {
    const wanted = called('infra/dynamodb', 'dynamodb');
    expect(wanted).toContain('dynamodb:Query');
    expect(allowed('WorkerRole', 'dynamodb')).toEqual(wanted);
    expect(allowed('UrgentRole', 'dynamodb')).toEqual(wanted);
    expect(allowed('ApiRole', 'dynamodb')).toEqual(wanted);
  });
  test('tick may do what finding the due and sending metrics take', () => {
    const actions: Readonly<Record<string, string>> = { get: 'GetItem', getMany: 'BatchGetItem', put: 'PutItem', update: 'UpdateItem', remove: 'DeleteItem', query: 'Query' };
    const used = [...readFileSync('infra/dynamodb/counts.ts', 'utf8').matchAll(/\brequests\.(\w+)\(/g)].map(([, name = '']) => `dynamodb:${actions[name]}`);
    expect(used).toContain('dynamodb:Query');
    expect(allowed('TickRole', 'dynamodb')).toEqual([...new Set(used)].toSorted());
    expect(allowed('TickRole', 'sqs')).toEqual(['sqs:GetQueueAttributes', 'sqs:SendMessage']);
  });
  test('worker and urgent may do to queues what the queue does, and nothing else', () => {
    const wanted = called('infra/sqs', 'sqs');
    expect(wanted).toContain('sqs:SendMessage');
    expect(allowed('WorkerRole', 'sqs')).toEqual(wanted);
    expect(allowed('UrgentRole', 'sqs')).toEqual(wanted);
  });
  test('the way in may send and read the secrets of senders, no more', () => {
    const statements = statementsOf(prod.template.Resources['IngestRole'] ?? { Type: '', Properties: { Policies: [] } });
    expect(new Set(statements.flatMap(({ Action }) => Action))).toEqual(new Set(['logs:CreateLogStream', 'logs:PutLogEvents', 'sqs:SendMessage', 'ssm:GetParameter', 'secretsmanager:GetSecretValue']));
    expect(statements.find(({ Action }) => Action.includes('sqs:SendMessage'))?.Resource.map(named)).toEqual(['InputsQueue', 'UrgentQueue', 'DeadQueue']);
    expect(JSON.stringify(statements)).not.toMatch(/sluice\/prod\/(people|clusters|registries|metrics)/);
  });
  test('clusters are described and roles assumed only where a parameter names them', () => {
    const text = JSON.stringify(prod.template.Resources['WorkerRole']);
    expect(text).toContain(`{"Fn::If":["HasClusters",{"Effect":"Allow","Action":"eks:DescribeCluster","Resource":{"Fn::Split":[",",{"Fn::Sub":"${everything.clusterArns}"}]}},{"Ref":"AWS::NoValue"}]}`);
    expect(text).toContain(`"Action":"sts:AssumeRole","Resource":{"Fn::Split":[",","${everything.clusterRoleArns}"]}`);
    expect(dev.template.Conditions?.['HasClusters']).toEqual({ 'Fn::Not': [{ 'Fn::Equals': ['', ''] }] });
  });
  test('a worker gives a message up, with the reason, before SQS does without one', () => {
    const receipts = ofType(dev.template, 'AWS::SQS::Queue').flatMap(([, { Properties }]) => (Properties['RedrivePolicy'] === undefined ? [] : [Properties['RedrivePolicy'].maxReceiveCount as number]));
    expect(receipts).toHaveLength(3);
    expect(Math.min(...receipts)).toBeGreaterThan(Math.max(patience.urgent.attempts, patience.normal.attempts));
  });
});

type Mutation = readonly [what: string, change: (resources: Template['Resources']) => unknown, finding: RegExp];

/** The template with one thing wrong. */
const broken = (change: Mutation[1]): Template => {
  const copy = structuredClone(dev.template);
  change(copy.Resources);
  return copy;
};
const at = (resources: Template['Resources'], id: string): Template['Resources'][string]['Properties'] => {
  const found = resources[id];
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found.Properties;
};
const statement = (resources: Template['Resources'], role: string, action: string): Record<string, unknown> =>
  (at(resources, role)['Policies'][0].PolicyDocument.Statement as Record<string, unknown>[]).find(({ Action }) => JSON.stringify(Action ?? '').includes(action)) ?? {};

describe('each rule can fail', () => {
  const ours: readonly (readonly [rule: keyof typeof rules, ...Mutation])[] = [
    ['no action and no resource is a wildcard without a reason', 'any action', (all) => (statement(all, 'TickRole', 'SendMessage')['Action'] = 'sqs:*'), /TickRole: sqs:\*/],
    ['no action and no resource is a wildcard without a reason', 'any queue', (all) => (statement(all, 'TickRole', 'SendMessage')['Resource'] = '*'), /TickRole: \*/],
    ['no action and no resource is a wildcard without a reason', 'any secret', (all) => (statement(all, 'IngestRole', 'ssm:')['Resource'] = { 'Fn::Sub': 'arn:aws:ssm:::parameter/*' }), /IngestRole: .*parameter\/\*/],
    ['no action and no resource is a wildcard without a reason', 'a reason that is for another action', (all) => (statement(all, 'WorkerRole', 'ReceiveMessage')['Resource'] = { 'Fn::Sub': '${Table.Arn}/index/*' }), /WorkerRole/],
    ['every function has a role of its own', 'a shared role', (all) => (at(all, 'TickLambdaFunction')['Role'] = { 'Fn::GetAtt': ['WorkerRole', 'Arn'] }), /TickLambdaFunction: .*WorkerRole/],
    ['every function has a role of its own', 'a role from elsewhere', (all) => (at(all, 'TickLambdaFunction')['Role'] = 'arn:aws:iam::123456789012:role/admin'), /TickLambdaFunction/],
    ['every function writes to its own log, which forgets', 'a log that keeps everything', (all) => delete at(all, 'ApiLogGroup')['RetentionInDays'], /ApiLogGroup/],
    ['every function writes to its own log, which forgets', 'no log group', (all) => delete all['ApiLogGroup'], /ApiLambdaFunction/],
    ['every function writes to its own log, which forgets', "another's log", (all) => (statement(all, 'ApiRole', 'logs:')['Resource'] = { 'Fn::GetAtt': ['TickLogGroup', 'Arn'] }), /ApiLambdaFunction: .*TickLogGroup/],
    ['every queue is encrypted', 'plain messages', (all) => (at(all, 'WakesQueue')['SqsManagedSseEnabled'] = false), /WakesQueue/],
    ['every queue but the dead ones has one, of its kind, that keeps longer', 'no dead-letter queue', (all) => delete at(all, 'UrgentQueue')['RedrivePolicy'], /UrgentQueue/],
    ['every queue but the dead ones has one, of its kind, that keeps longer', 'one of the other kind', (all) => (at(all, 'InputsQueue')['RedrivePolicy'].deadLetterTargetArn = { 'Fn::GetAtt': ['DeadQueue', 'Arn'] }), /InputsQueue: DeadQueue/],
    ['every queue but the dead ones has one, of its kind, that keeps longer', 'one that forgets as soon', (all) => (at(all, 'DeadQueue')['MessageRetentionPeriod'] = 345_600), /UrgentQueue/],
    ['a message is never given to two, and comes back in time', 'a time-out beyond visibility', (all) => (at(all, 'WorkerLambdaFunction')['Timeout'] = 21), /WakesQueue: .*21 s/],
    ['a message is never given to two, and comes back in time', 'a message that stays away', (all) => (at(all, 'UrgentQueue')['VisibilityTimeout'] = 120), /UrgentQueue: .*120 s/],
    ['a message is never given to two, and comes back in time', 'whole batches only', (all) => delete at(all, 'UrgentEventSourceMappingSQSUrgentQueue')['FunctionResponseTypes'], /one failure/],
    ['a message is never given to two, and comes back in time', 'no bound', (all) => delete at(all, 'WorkerEventSourceMappingSQSInputsQueue')['ScalingConfig'], /no bound/],
    ['a message is never given to two, and comes back in time', 'more pollers than reserved', (all) => (at(all, 'UrgentLambdaFunction')['ReservedConcurrentExecutions'] = 2), /throttled/],
    ['urgent things have concurrency of their own', 'nothing reserved', (all) => delete at(all, 'UrgentLambdaFunction')['ReservedConcurrentExecutions'], /UrgentLambdaFunction/],
    ['every queue and function has its alarms', 'nobody looks at dead letters', (all) => delete all['DeadFifoAlarm'], /DeadFifoQueue/],
    ['every queue and function has its alarms', 'a late alarm', (all) => (at(all, 'UrgentAgeAlarm')['Threshold'] = 60), /UrgentQueue: .*60/],
    ['every queue and function has its alarms', 'nobody looks at throttles', (all) => delete all['IngestThrottlesAlarm'], /IngestLambdaFunction: .*Throttles/],
    ['every queue and function has its alarms', 'an alarm that nobody hears', (all) => delete at(all, 'TickSilentAlarm')['AlarmActions'], /TickLambdaFunction: .*tells nobody/],
    ['everything is tagged', 'an unknown owner', (all) => delete at(all, 'DeadQueue')['Tags'], /DeadQueue: has no tag app/],
    ['functions run on what the bundles are for', 'another processor', (all) => delete at(all, 'TickLambdaFunction')['Architectures'], /TickLambdaFunction/],
    ['requests are limited', 'no limit', (all) => delete at(all, 'HttpApiStage')['DefaultRouteSettings'], /HttpApiStage/],
  ];
  test.each(ours)('%s: %s', (rule, _what, change, finding) => {
    expect(rules[rule](broken(change)).join('\n')).toMatch(finding);
  });
  test('none is without an example', () => {
    expect(new Set(ours.map(([rule]) => rule))).toEqual(new Set(Object.keys(rules)));
  });

  const specification: readonly Mutation[] = [
    ['a resource type that is none', (all) => (all['Extra'] = { Type: 'AWS::SQS::Qeue', Properties: {} }), /Extra: there is no resource type AWS::SQS::Qeue/],
    ['a property that is none', (all) => (at(all, 'WakesQueue')['VisibilityTimeOut'] = 20), /WakesQueue\.VisibilityTimeOut: there is no such/],
    ['a missing property', (all) => delete at(all, 'UrgentLogGroup')['LogGroupName'] && delete at(all, 'IngestRole')['AssumeRolePolicyDocument'], /IngestRole\.AssumeRolePolicyDocument: is missing/],
    ['a property that is none, further down', (all) => (at(all, 'Table')['GlobalSecondaryIndexes'][0].Projection.Type = 'ALL'), /Table\.GlobalSecondaryIndexes\[0\]\.Projection\.Type/],
    ['a missing property, further down', (all) => delete at(all, 'Table')['GlobalSecondaryIndexes'][1].IndexName, /Table\.GlobalSecondaryIndexes\[1\]\.IndexName: is missing/],
    ['a text where a number must be', (all) => (at(all, 'WakesQueue')['VisibilityTimeout'] = 'long'), /WakesQueue\.VisibilityTimeout: found "long", wanted a whole number/],
    ['a wrong branch of a condition', (all) => (at(all, 'WorkerLambdaFunction')['VpcConfig']['Fn::If'][1].Subnets = []), /WorkerLambdaFunction\.VpcConfig\.Subnets/],
    ['a condition that is not there', (all) => (at(all, 'WorkerLambdaFunction')['VpcConfig']['Fn::If'][0] = 'InVpc'), /condition InVpc/],
    ['a reference to nothing', (all) => (at(all, 'UrgentAgeAlarm')['Dimensions'][0].Value = { Ref: 'UrgentQeue' }), /UrgentQeue, which is not there/],
    ['an attribute that is none', (all) => (at(all, 'UrgentAgeAlarm')['Dimensions'][0].Value = { 'Fn::GetAtt': ['UrgentQueue', 'Name'] }), /AWS::SQS::Queue has no attribute Name/],
    ['a reference to nothing in a policy', (all) => (statement(all, 'TickRole', 'SendMessage')['Resource'] = { 'Fn::Sub': '${Tabel.Arn}/index/wake' }), /Tabel, which is not there/],
  ];
  test.each(specification)('the specification: %s', (_what, change, finding) => {
    expect(mistakesBySpecification(broken(change)).join('\n')).toMatch(finding);
  });
});
