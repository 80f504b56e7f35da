// Tests of the authorizer of tokens: who calls it, what it may do, and that no method with data is open.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { optionsOf } from '../lib/settings.ts';
import { Alarms, type Call, type Line, minutes, NEW } from './alarms.ts';
import { EVERYTHING, templateOf } from './synthesized.ts';
import { at, type Json, ofType } from './template.ts';

const TOKENS = { issuer: 'https://login.example.com/', audiences: ['web'] };
const everything = templateOf({ stage: 'prod', options: EVERYTHING });
const contract = readContract();
/** Log lines as the functions write them; `cargo test --test service log_lines` checks that. */
const LINES = JSON.parse(readFileSync(new URL('log-lines.json', import.meta.url), 'utf8')) as Record<string, Line>;

describe('the authorizer', () => {
  test('is called with the header of a request, and its policy is kept for 300 seconds', () => {
    const [authorizer, ...others] = ofType(everything, 'AWS::ApiGateway::Authorizer');
    assert.equal(others.length, 0);
    assert.equal(authorizer?.properties.Type, 'REQUEST');
    assert.equal(authorizer?.properties.IdentitySource, 'method.request.header.Authorization');
    assert.equal(authorizer?.properties.AuthorizerResultTtlInSeconds, 300);
    assert.match(JSON.stringify(authorizer?.properties.AuthorizerUri), /functions.*invocations/);
  });

  test('guards each operation, besides the API key', () => {
    const methods = ofType(everything, 'AWS::ApiGateway::Method');
    const operations = methods.filter(({ properties }) => properties.OperationName !== undefined);
    assert.deepEqual(
      operations.map(({ properties }) => properties.OperationName).sort(),
      contract.operations.map(({ name }) => name).sort(),
    );
    for (const { properties } of operations) {
      assert.equal(properties.AuthorizationType, 'CUSTOM', String(properties.OperationName));
      assert.ok(properties.AuthorizerId);
      assert.equal(properties.ApiKeyRequired, true);
    }
    for (const { properties } of methods.filter((method) => !operations.includes(method))) {
      assert.equal(at(properties, 'Integration', 'Type'), 'MOCK', 'other methods reach no function');
    }
  });

  test('has no permission on tables, secrets or keys, and its settings', () => {
    const [lambda] = ofType(everything, 'AWS::Lambda::Function').filter(
      ({ properties }) => properties.Handler === 'authorizer',
    );
    const variables = at(lambda?.properties, 'Environment', 'Variables') as Record<string, unknown>;
    const { ISSUER, AUDIENCE, TENANT_CLAIM, ROLES_CLAIM, CURSOR_SECRET_ARN, APPLICATION_ROLES } = variables;
    assert.deepEqual(
      { ISSUER, AUDIENCE, TENANT_CLAIM, ROLES_CLAIM, CURSOR_SECRET_ARN, APPLICATION_ROLES },
      {
        ISSUER: 'https://login.example.com/',
        AUDIENCE: 'web mobile',
        TENANT_CLAIM: 'org',
        ROLES_CLAIM: undefined,
        CURSOR_SECRET_ARN: undefined,
        APPLICATION_ROLES: '',
      },
    );
    const role = JSON.stringify(lambda?.properties.Role);
    const policies = ofType(everything, 'AWS::IAM::Policy').filter(({ properties }) =>
      (properties.Roles as Json[]).some((attached) => role.includes(String(at(attached, 'Ref')))),
    );
    assert.equal(policies.length, 1);
    assert.doesNotMatch(JSON.stringify(policies[0]?.properties), /dynamodb|secretsmanager|kms/);
  });

  test('may be invoked by this API alone', () => {
    const permissions = ofType(everything, 'AWS::Lambda::Permission').filter(({ properties }) =>
      JSON.stringify(properties.SourceArn).includes('authorizers/'),
    );
    assert.equal(permissions.length, 1);
    assert.equal(permissions[0]?.properties.Principal, 'apigateway.amazonaws.com');
  });

  test('raises an alarm when it crashes, and none for refused tokens', () => {
    const isInAlarm = (call: Pick<Call, 'line' | 'isError'>) => {
      const alarms = new Alarms(everything);
      const [alarm] = ofType(everything, 'AWS::CloudWatch::Alarm').filter(({ properties }) =>
        JSON.stringify(properties.AlarmName).includes('-authorizer-failures-'),
      );
      assert.ok(alarm);
      for (let second = 0; second < 900; second += 1) {
        alarms.record({ second, function: 'serverless-crud-prod-authorizer', version: NEW, ...call });
      }
      return minutes(15).some((second) => alarms.isInAlarm(alarm, second));
    };
    const line = LINES.unauthorized;
    assert.ok(line?.callFailed);
    assert.equal(isInAlarm({ line, isError: true }), false);
    assert.equal(isInAlarm({ isError: true }), true);
    assert.equal(isInAlarm({}), false);
  });

  test('does not exist without tokens, and keys are trusted then', () => {
    const dev = templateOf({ stage: 'dev' });
    assert.equal(ofType(dev, 'AWS::ApiGateway::Authorizer').length, 0);
    assert.deepEqual(optionsOf('dev').api.applicationRoles, ['admin']);
    assert.deepEqual(optionsOf('dev', { tokens: TOKENS }).api.applicationRoles, []);
  });
});
