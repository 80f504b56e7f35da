// Tests of tables, functions and logs in each stage.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { optionsOf } from '../lib/settings.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { appOf, EVERYTHING, templateOf, UPSTREAM } from './synthesized.ts';
import { at, list, ofType } from './template.ts';

const contract = readContract();

for (const stage of Object.keys(STAGES) as StageName[]) {
  const { data, functions, logRetention } = STAGES[stage];
  const deletionPolicy = data.keep ? 'RetainExceptOnCreate' : 'Delete';
  const template = templateOf({ stage });

  describe(`in ${stage}`, () => {
    test('tables have the keys, indexes, streams and TTL of the contract', () => {
      const tables = ofType(template, 'AWS::DynamoDB::GlobalTable').map(({ properties }) => ({
        name: properties.TableName,
        billing: properties.BillingMode,
        key: keys(properties.KeySchema ?? null),
        indexes: list(properties.GlobalSecondaryIndexes ?? null).map((index) => ({
          name: at(index, 'IndexName'),
          key: keys(at(index, 'KeySchema')),
          projection: at(index, 'Projection', 'ProjectionType'),
        })),
        stream: at(properties.StreamSpecification, 'StreamViewType'),
        expiry: at(properties.TimeToLiveSpecification, 'AttributeName'),
      }));
      const expected = contract.tables.map((table) => ({
        name: `serverless-crud-${stage}-${table.name}`,
        billing: 'PAY_PER_REQUEST',
        key: [table.partitionKey, ...(table.sortKey ? [table.sortKey] : [])],
        indexes: table.indexes.map((index) => ({
          name: index.name,
          key: [index.partitionKey, index.sortKey],
          projection: 'ALL',
        })),
        stream: table.stream ? 'NEW_AND_OLD_IMAGES' : null,
        expiry: table.ttlAttribute ?? null,
      }));
      assert.deepEqual(tables, expected);
    });

    test('tables have point-in-time recovery, and the retention and protection of the stage', () => {
      for (const table of ofType(template, 'AWS::DynamoDB::GlobalTable')) {
        const [replica] = list(table.properties.Replicas ?? null);
        assert.deepEqual(at(replica, 'PointInTimeRecoverySpecification'), {
          PointInTimeRecoveryEnabled: true,
          RecoveryPeriodInDays: 35,
        });
        assert.equal(at(replica, 'DeletionProtectionEnabled') ?? false, data.protect);
        assert.equal(table.deletionPolicy, deletionPolicy);
        assert.equal(at(table.properties.SSESpecification, 'SSEEnabled'), data.customerKey);
      }
    });

    test('a customer key is rotated, and retained with the tables', () => {
      const keys = ofType(template, 'AWS::KMS::Key');
      assert.equal(keys.length, data.customerKey ? 1 : 0);
      for (const key of keys) {
        assert.equal(key.properties.EnableKeyRotation, true);
        assert.equal(key.deletionPolicy, deletionPolicy);
      }
    });

    test('functions have the memory, tracing and logs of the stage', () => {
      const lambdas = ofType(template, 'AWS::Lambda::Function');
      assert.deepEqual(
        lambdas.map(({ properties }) => String(properties.FunctionName)).sort(),
        [...contract.functions, ...contract.consumers, ...contract.jobs]
          .map(({ name }) => `serverless-crud-${stage}-${name}`)
          .sort(),
      );
      for (const { properties } of lambdas) {
        assert.equal(properties.Runtime, 'provided.al2023');
        assert.deepEqual(properties.Architectures, ['arm64']);
        assert.equal(properties.MemorySize, functions.memory);
        const isJob = String(properties.FunctionName).endsWith('migrations_run');
        const variables = at(properties.Environment, 'Variables') as Record<string, unknown>;
        const inTime = 'UPSTREAM_URL' in variables ? UPSTREAM.timeout : functions.timeout;
        const timeout = isConsumer(properties.FunctionName ?? null) ? 60 : inTime;
        assert.equal(properties.Timeout, isJob ? 900 : timeout);
        assert.deepEqual(properties.TracingConfig, { Mode: 'Active' });
        assert.equal(at(properties.LoggingConfig, 'LogFormat'), 'JSON');
        assert.ok(at(properties.LoggingConfig, 'LogGroup', 'Ref'));
      }
    });

    test('every log group has the retention of the stage', () => {
      const groups = ofType(template, 'AWS::Logs::LogGroup');
      assert.ok(groups.length >= contract.functions.length + contract.consumers.length + 2);
      for (const group of groups) {
        assert.equal(group.properties.RetentionInDays, logRetention);
      }
    });

    test('every function has the alias live', () => {
      const aliases = ofType(template, 'AWS::Lambda::Alias');
      assert.equal(aliases.length, contract.functions.length + contract.consumers.length + contract.jobs.length);
      for (const { properties } of aliases) {
        assert.equal(properties.Name, 'live');
      }
    });

    test('resources have tags', () => {
      for (const type of [
        'AWS::Lambda::Function',
        'AWS::ApiGateway::RestApi',
        'AWS::IAM::Role',
        'AWS::Logs::LogGroup',
      ]) {
        for (const { properties } of ofType(template, type)) {
          const tags = list(properties.Tags ?? null).map((tag) => `${at(tag, 'Key')}=${at(tag, 'Value')}`);
          assert.deepEqual(tags.sort(), ['project=serverless-crud', `stage=${stage}`]);
        }
      }
    });
  });
}

test('the cursor secret is generated by AWS and referenced by its ARN', () => {
  const template = templateOf({ options: optionsOf('dev') });
  const [secret, ...others] = ofType(template, 'AWS::SecretsManager::Secret');
  assert.equal(others.length, 0, 'a stage without an upstream API has no key for it');
  assert.deepEqual(secret?.properties.GenerateSecretString, { ExcludePunctuation: true, PasswordLength: 64 });
  assert.doesNotMatch(JSON.stringify(template.toJSON()), /resolve:secretsmanager/);
  assert.doesNotMatch(JSON.stringify(template.toJSON().Outputs), new RegExp(secret?.id ?? ''));
  for (const { properties } of ofType(template, 'AWS::Lambda::Function')) {
    const name = String(properties.FunctionName).replace('serverless-crud-dev-', '');
    const variables = at(properties.Environment, 'Variables') as Record<string, unknown>;
    assert.deepEqual(
      variables.CURSOR_SECRET_ARN,
      /_(list|history)$/.test(name) ? { 'Fn::GetAtt': [secret?.id, 'Id'] } : undefined,
      name,
    );
    assert.equal(variables.CURSOR_SECRET, undefined);
  }
});

test('the secret is encrypted with the customer key if the stage has one', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    const [secret] = ofType(templateOf({ stage }), 'AWS::SecretsManager::Secret');
    assert.equal(secret?.properties.KmsKeyId !== undefined, STAGES[stage].data.customerKey, stage);
  }
});

test('functions have the environment variables of the service', () => {
  const [lambda] = ofType(templateOf({ stage: 'prod' }), 'AWS::Lambda::Function');
  const { TABLE_PREFIX, CORS_ORIGINS } = at(lambda?.properties.Environment, 'Variables') as Record<string, string>;
  assert.equal(TABLE_PREFIX, 'serverless-crud-prod-');
  assert.equal(CORS_ORIGINS, 'https://www.example.com,https://admin.example.com');
});

test('concurrency is reserved and provisioned by the stage, and background functions are not provisioned', () => {
  const template = templateOf({ stage: 'prod', options: EVERYTHING });
  for (const { properties } of ofType(template, 'AWS::Lambda::Function')) {
    assert.equal(properties.ReservedConcurrentExecutions, 40);
  }
  const aliases = ofType(template, 'AWS::Lambda::Alias');
  const warm = aliases.filter(({ properties }) => properties.ProvisionedConcurrencyConfig);
  assert.equal(warm.length, contract.functions.length + 1, "the operations' functions and the authorizer");
  for (const { id, properties } of warm) {
    assert.deepEqual(properties.ProvisionedConcurrencyConfig, { ProvisionedConcurrentExecutions: 2 });
    const inBackground = [...contract.consumers, ...contract.jobs];
    assert.ok(!inBackground.some(({ name }) => id.includes(name.replace('_', ''))));
  }
});

test('all stacks of production have termination protection', () => {
  const isProtected = (stage: string) =>
    appOf({ stage }).stacks.map(({ terminationProtection }) => terminationProtection);
  assert.deepEqual(new Set(isProtected('prod')), new Set([true]));
  assert.deepEqual(new Set(isProtected('dev')), new Set([false]));
});

function isConsumer(functionName: Parameters<typeof list>[0]): boolean {
  return contract.consumers.some(({ name }) => String(functionName).endsWith(`-${name}`));
}

function keys(schema: Parameters<typeof list>[0]): unknown[] {
  return list(schema).map((key) => at(key, 'AttributeName'));
}
