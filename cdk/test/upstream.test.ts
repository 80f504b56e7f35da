// Tests of the operations that call the upstream API.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { optionsOf } from '../lib/settings.ts';
import { TIERS } from '../lib/stages.ts';
import { callsUpstream } from '../lib/upstream.ts';
import { Alarms, type Line, NEW } from './alarms.ts';
import { appOf, templateOf, UPSTREAM } from './synthesized.ts';
import { at, list, ofType, rendered, resources } from './template.ts';

const contract = readContract();
const callers = contract.functions.filter(callsUpstream).map(({ name }) => name);
const LINES = JSON.parse(readFileSync(new URL('log-lines.json', import.meta.url), 'utf8')) as Record<string, Line>;

describe('a stage without an upstream API', () => {
  const template = templateOf({ options: optionsOf('dev') });

  test('has no function that calls it, and no path for one', () => {
    const functions = ofType(template, 'AWS::Lambda::Function').map(({ properties }) =>
      String(properties.FunctionName),
    );
    assert.ok(functions.length > 0 && callers.length > 0);
    for (const name of callers) {
      assert.ok(!functions.some((found) => found.endsWith(`-${name}`)), name);
    }
    const paths = ofType(template, 'AWS::ApiGateway::Resource').map(({ properties }) => properties.PathPart);
    assert.ok(!paths.includes('paraphrase'));
  });

  test('keeps the table of the answers, whose name would be taken when the API comes back', () => {
    const tables = ofType(template, 'AWS::DynamoDB::GlobalTable').map(({ properties }) => properties.TableName);
    assert.ok(tables.includes('serverless-crud-dev-answers'));
  });
});

describe('a stage with an upstream API', () => {
  const template = templateOf({ stage: 'prod' });
  const all = resources(template);

  test('gives its settings and the ARN of its key to the functions that call it, and to no other', () => {
    const [secret] = ofType(template, 'AWS::SecretsManager::Secret').filter(
      ({ properties }) => properties.Description === 'The key of the upstream API.',
    );
    for (const { properties } of ofType(template, 'AWS::Lambda::Function')) {
      const name = String(properties.FunctionName).replace('serverless-crud-prod-', '');
      const variables = Object.entries(at(properties.Environment, 'Variables') as Record<string, unknown>);
      const own = Object.fromEntries(variables.filter(([variable]) => variable.startsWith('UPSTREAM_')));
      const arn = { 'Fn::GetAtt': [secret?.id, 'Id'] };
      assert.deepEqual(own, callers.includes(name) ? { ...UPSTREAM.variables, UPSTREAM_SECRET_ARN: arn } : {}, name);
    }
  });

  test('limits each key on each operation that calls it', () => {
    const plans = ofType(template, 'AWS::ApiGateway::UsagePlan');
    assert.equal(plans.length, TIERS.length);
    for (const { properties } of plans) {
      const [stage] = list(properties.ApiStages ?? null);
      assert.deepEqual(at(stage ?? null, 'Throttle'), {
        '/v1/items/{id}/describe/POST': { RateLimit: 1, BurstLimit: 5 },
        '/v1/paraphrase/POST': { RateLimit: 1, BurstLimit: 5 },
      });
    }
  });

  test('raises the alarm of the API when it fails, and not that of the function', () => {
    const alarms = new Alarms(template);
    const named = (end: string) => {
      const found = ofType(template, 'AWS::CloudWatch::Alarm').find(({ properties }) =>
        rendered(properties.AlarmName ?? null, all).includes(end),
      );
      return found ?? assert.fail(`there is no alarm ${end}`);
    };
    const line = { ...(LINES.upstreamFailed ?? assert.fail('there is no such line')), upstreamMs: 8 };
    for (let second = 0; second < 300; second += 10) {
      alarms.record({ second, function: 'serverless-crud-prod-paraphrase', version: NEW, line });
    }
    assert.equal(alarms.isInAlarm(named('-prod-upstream-failures'), 300), true);
    assert.equal(alarms.isInAlarm(named('-prod-paraphrase-failures-version-'), 300), false);
  });

  test('refuses unknown settings, the key among them, and a missing URL', () => {
    const withVariables = (variables: Record<string, string>) => () =>
      appOf({ options: { ...optionsOf('dev'), upstream: { ...UPSTREAM, variables } } });
    assert.throws(
      withVariables({ UPSTREAM_URL: 'https://api.example.com', UPSTREAM_SECRET: 'sk-1' }),
      /has UPSTREAM_SECRET: /,
    );
    assert.throws(withVariables({ UPSTREAM_TIMEOUT_MS: '1' }), /has no UPSTREAM_URL$/);
  });
});

describe('the setting upstream of cdk/stages.json', () => {
  test('has defaults besides its variables', () => {
    const { variables } = UPSTREAM;
    assert.deepEqual(optionsOf('prod', { upstream: { variables } }).upstream, UPSTREAM);
    const throttle = { rate: 2, burst: 3 };
    assert.deepEqual(optionsOf('prod', { upstream: { variables, throttle } }).upstream?.throttle, throttle);
    assert.equal(optionsOf('prod').upstream, undefined);
  });
});
