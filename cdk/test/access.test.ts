// Tests of permissions: each function's role has what its operations declare, and nothing else.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type ConsumerDefinition, readContract, type SecretName } from '../lib/contract.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { templateOf } from './synthesized.ts';
import { at, list, ofType, type Resource, rendered, resources } from './template.ts';

const contract = readContract();
const functions = [...contract.functions, ...contract.consumers, ...contract.jobs];
const SNAPSHOT = new URL('access.json', import.meta.url);
const LOGS = ['logs:CreateLogStream', 'logs:PutLogEvents'];
const TRACES = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
const STREAM = ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map((name) => `dynamodb:${name}`);
const KEY_NAME = 'Encrypts the tables and secrets.';
const SECRETS = { cursor: 'Signs the cursors of lists.', upstream: 'The key of the upstream API.' };
const QUEUE = ['DeleteMessage', 'GetQueueAttributes', 'ReceiveMessage'].map((name) => `sqs:${name}`);
const KEY = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'];

/** Returns the permissions of a stage's functions as `action resource`, by function. */
function access(stage: StageName): Record<string, string[]> {
  const template = templateOf({ stage });
  const all = resources(template);
  const policies = ofType(template, 'AWS::IAM::Policy');
  return Object.fromEntries(
    ofType(template, 'AWS::Lambda::Function').map((lambda) => {
      const role = String(list(at(lambda.properties.Role, 'Fn::GetAtt'))[0]);
      const own = policies.filter((policy) =>
        list(policy.properties.Roles ?? null).some((reference) => at(reference, 'Ref') === role),
      );
      assert.deepEqual(at(all.get(role)?.properties.ManagedPolicyArns), null);
      assert.deepEqual(at(all.get(role)?.properties.Policies), null);
      return [String(lambda.properties.FunctionName), own.flatMap((policy) => statements(policy, all)).sort()];
    }),
  );
}

function statements(policy: Resource, all: ReadonlyMap<string, Resource>): string[] {
  return list(at(policy.properties.PolicyDocument, 'Statement')).flatMap((statement) => {
    assert.equal(at(statement, 'Effect'), 'Allow');
    return list(at(statement, 'Action')).flatMap((action) =>
      list(at(statement, 'Resource')).map((resource) =>
        `${action} ${rendered(resource, all)}`
          .replace(/\w+FailedChangesBucket\w+/, 'FailedChanges')
          .replace(/arn:\S+:table\//, ''),
      ),
    );
  });
}

/** Returns the permissions that the contract declares, in the same form. */
function declared(stage: StageName): Record<string, string[]> {
  const prefix = `serverless-crud-${stage}-`;
  const hasKey = STAGES[stage].data.customerKey;
  return Object.fromEntries(
    functions.map(({ name, grants, secrets = [] }) => {
      const consumer = contract.consumers.find((consumer) => consumer.name === name);
      const tables = grants.flatMap(({ table, actions, indexes }) => {
        const targets = indexes.length ? indexes.map((index) => `/index/${index}`) : [''];
        return actions.flatMap((action) => targets.map((target) => `dynamodb:${action} ${prefix}${table}${target}`));
      });
      const logs = LOGS.map((action) => `${action} /aws/lambda/${prefix}${name}`);
      const traces = TRACES.map((action) => `${action} *`);
      const key = hasKey ? KEY.map((action) => `${action} ${KEY_NAME}`) : [];
      const streams = consumer ? consumerAccess(prefix, hasKey, consumer) : [];
      const secret = secrets.flatMap((name) => [
        `secretsmanager:GetSecretValue ${SECRETS[name]}`,
        ...(hasKey ? [`kms:Decrypt ${KEY_NAME}`] : []),
      ]);
      return [`${prefix}${name}`, [...tables, ...streams, ...secret, ...logs, ...traces, ...key].sort()];
    }),
  );
}

/** Returns a consumer's permissions in addition to its grants: on streams and failed changes, or queues, and on the bus. */
function consumerAccess(prefix: string, hasKey: boolean, consumer: ConsumerDefinition): string[] {
  const bus = consumer.publishes ? [`events:PutEvents ${prefix.slice(0, -1)}`] : [];
  if (consumer.source === 'events') {
    const names = consumer.repeats ? [consumer.name, `${consumer.name}-later`] : [consumer.name];
    return [...names.flatMap((name) => QUEUE.map((action) => `${action} ${prefix}${name}`)), ...bus];
  }
  const streams = consumer.tables.flatMap((table) => STREAM.map((action) => `${action} ${prefix}${table}`));
  const kept = ['s3:ListBucket FailedChanges', 's3:PutObject FailedChanges/aws/lambda/*'];
  const key = hasKey ? [`kms:GenerateDataKey ${KEY_NAME}`] : [];
  return [...streams, ...kept, ...key, ...bus];
}

describe('permissions', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    test(`each role in ${stage} has exactly its function's grants`, () => {
      assert.deepEqual(access(stage), declared(stage));
    });
  }

  test('permissions equal test/access.json (UPDATE=1 npm test accepts)', () => {
    const actions = access('dev');
    if (process.env.UPDATE) {
      writeFileSync(SNAPSHOT, `${JSON.stringify(actions, null, 2)}\n`);
    }
    assert.deepEqual(actions, JSON.parse(readFileSync(SNAPSHOT, 'utf8')));
  });

  test('each function has its own role, which only Lambda may assume', () => {
    const template = templateOf();
    const roles = ofType(template, 'AWS::Lambda::Function').map((lambda) => JSON.stringify(lambda.properties.Role));
    assert.equal(new Set(roles).size, functions.length);
    const services = ofType(template, 'AWS::Lambda::Function').map((lambda) => {
      const role = resources(template).get(String(list(at(lambda.properties.Role, 'Fn::GetAtt'))[0]));
      return at(list(at(role?.properties.AssumeRolePolicyDocument, 'Statement'))[0] ?? null, 'Principal', 'Service');
    });
    assert.deepEqual(new Set(services), new Set(['lambda.amazonaws.com']));
  });

  test('only lists and histories read the cursor secret, and only callers of the upstream API its key', () => {
    const readers = (secret: SecretName) =>
      functions.filter(({ secrets = [] }) => secrets.includes(secret)).map(({ name }) => name);
    assert.deepEqual(
      readers('cursor'),
      functions.map(({ name }) => name).filter((name) => /_(list|history)$/.test(name)),
    );
    const callers = functions.filter(({ environment = [] }) => environment.includes('UPSTREAM_URL'));
    assert.ok(callers.length > 0);
    assert.deepEqual(
      readers('upstream'),
      callers.map(({ name }) => name),
    );
  });

  test('the key is used only through DynamoDB, and through Secrets Manager to read a secret', () => {
    const policies = ofType(templateOf({ stage: 'prod' }), 'AWS::IAM::Policy');
    const uses = policies.flatMap((policy) => list(at(policy.properties.PolicyDocument, 'Statement')));
    const ofKey = uses.filter((statement) => list(at(statement, 'Action')).includes('kms:Decrypt'));
    const services = ofKey.map((statement) => at(statement, 'Condition', 'StringLike', 'kms:ViaService'));
    const readers = functions.filter(({ secrets = [] }) => secrets.length > 0);
    const through = (service: string) => services.filter((found) => found === `${service}.*.amazonaws.com`).length;
    assert.equal(through('dynamodb'), functions.length);
    assert.equal(through('secretsmanager'), readers.length);
    assert.equal(services.length, functions.length + readers.length);
  });

  test("API Gateway may invoke each function's live alias from its own methods", () => {
    const permissions = ofType(templateOf(), 'AWS::Lambda::Permission').map(({ properties }) => properties);
    assert.equal(permissions.length, contract.operations.length);
    for (const permission of permissions) {
      assert.equal(permission.Principal, 'apigateway.amazonaws.com');
      assert.match(JSON.stringify(permission.FunctionName), /Alias/);
      assert.doesNotMatch(JSON.stringify(permission.SourceArn), /test-invoke-stage/);
    }
  });
});
