// Tests of the credentials of each method, of the roles of callers, and of the policy for AWS roles.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { type Contract, readContract } from '../lib/contract.ts';
import { optionsOf, type StageSettings } from '../lib/settings.ts';
import { type AuthorizationOptions, type Credentials, STAGES, type StageOptions } from '../lib/stages.ts';
import { contractOf } from '../lib/upstream.ts';
import { isAllowed } from './policy.ts';
import { ENVIRONMENT, EVERYTHING, MIXED, templateOf } from './synthesized.ts';
import { at, type Json, list, ofType, rendered, resources } from './template.ts';

const contract = readContract();
const [reading] = contract.operations.filter(({ name }) => name === 'items_get');
assert.ok(reading);
/** The contract with an operation that needs no credentials. */
const open: Contract = {
  ...contract,
  operations: contract.operations.map((operation) => ({ ...operation, isPublic: operation === reading })),
};
const tokens = { issuer: 'https://login.shop.net/', audiences: ['web'] };
const userPool = { mfa: 'off', selfSignUp: false } as const;

const withApi = (api: Partial<StageOptions['api']>): StageOptions => ({
  ...STAGES.dev,
  api: { ...STAGES.dev.api, ...api },
});
const authorized = (authorization: AuthorizationOptions) => withApi({ authorization, tokens });
type Case = readonly [name: string, stage: string, options: StageOptions, contract: Contract];
const CASES: readonly Case[] = [
  ...Object.entries(STAGES).map(([stage, options]): Case => [stage, stage, options, contract]),
  ['tokens of an issuer', 'prod', EVERYTHING, contract],
  ['a user pool', 'dev', optionsOf('dev', { tokens: { userPool } }), contract],
  ['a user pool and several kinds of callers', 'prod', MIXED, contract],
  ['services', 'dev', authorized({ default: 'iam' }), contract],
  ['a public operation among keys', 'dev', authorized({ default: 'key' }), open],
  ['a public operation among tokens', 'dev', authorized({ default: 'token' }), open],
  ['a public operation among services', 'dev', authorized({ default: 'iam' }), open],
  ['no public operation', 'dev', authorized({ default: 'key', operations: { items_get: 'token' } }), open],
];

/** The method's authorization and need of an API key, by what callers have to send. */
const METHODS: Readonly<Record<Credentials | 'none', readonly [authorization: string, needsKey: boolean]>> = {
  none: ['NONE', false],
  key: ['NONE', true],
  token: ['CUSTOM', true],
  iam: ['AWS_IAM', false],
};

for (const [name, stage, options, whole] of CASES) {
  const described = contractOf(whole, options);
  describe(`in a stage with ${name}`, () => {
    const template = templateOf({ stage, options, contract: described });
    const methods = ofType(template, 'AWS::ApiGateway::Method').map(({ properties }) => properties);

    test('each operation has the credentials of the options', () => {
      const { default: usual, operations = {} } = options.api.authorization;
      const found = methods.filter(({ OperationName }) => OperationName !== undefined);
      assert.equal(found.length, described.operations.length);
      for (const { OperationName, AuthorizationType, ApiKeyRequired, AuthorizerId } of found) {
        const operation = described.operations.find(({ name }) => name === OperationName);
        const expected = operations[String(OperationName)] ?? (operation?.isPublic ? 'none' : usual);
        assert.deepEqual([AuthorizationType, ApiKeyRequired ?? false], METHODS[expected], String(OperationName));
        assert.equal(AuthorizerId !== undefined, expected === 'token', String(OperationName));
      }
    });

    test('nobody reaches a function without credentials, unless its operation is public', () => {
      const isOpen = ({ AuthorizationType, ApiKeyRequired }: (typeof methods)[number]) =>
        AuthorizationType === 'NONE' && !ApiKeyRequired;
      const reached = methods.filter((method) => isOpen(method) && at(method.Integration, 'Type') !== 'MOCK');
      const isPublic = described.operations.filter(({ isPublic }) => isPublic).map(({ name }) => name);
      const named = Object.keys(options.api.authorization.operations ?? {});
      assert.deepEqual(
        reached.map(({ OperationName }) => OperationName),
        isPublic.filter((name) => !named.includes(name)),
      );
    });

    test('an authorizer, a user pool and a policy for services exist where they are needed', () => {
      const kinds = methods.map(({ AuthorizationType }) => AuthorizationType);
      const count = (type: string) => ofType(template, type).length;
      assert.equal(count('AWS::ApiGateway::Authorizer'), kinds.includes('CUSTOM') ? 1 : 0);
      assert.equal(count('AWS::IAM::ManagedPolicy'), kinds.includes('AWS_IAM') ? 1 : 0);
      const hasPool = options.api.tokens !== undefined && 'userPool' in options.api.tokens;
      assert.equal(count('AWS::Cognito::UserPool'), hasPool ? 1 : 0);
    });
  });
}

describe('a 405', () => {
  const keys = (described: Contract, authorization: AuthorizationOptions) => {
    const template = templateOf({ options: authorized(authorization), contract: described });
    const found = ofType(template, 'AWS::ApiGateway::Method').filter(
      ({ properties }) => properties.HttpMethod === 'ANY',
    );
    return new Set(found.map(({ properties }) => properties.ApiKeyRequired));
  };

  test('needs a key where all operations of the path do', () => {
    assert.deepEqual(keys(contract, { default: 'key' }), new Set([true]));
    assert.deepEqual(keys(contract, { default: 'token' }), new Set([true]));
    assert.deepEqual(keys(contract, { default: 'iam' }), new Set([false]));
    assert.deepEqual(keys(open, { default: 'key' }), new Set([true, false]));
  });
});

describe('roles of callers', () => {
  const rolesOf = (settings: StageSettings, stage = 'dev') => {
    const template = templateOf({ stage, options: optionsOf(stage, settings) });
    const found = ofType(template, 'AWS::Lambda::Function').map(({ properties }) => {
      const variables = at(properties.Environment, 'Variables');
      return [at(variables, 'APPLICATION_ROLES'), at(variables, 'SERVICE_ROLES')].join('/');
    });
    assert.equal(new Set(found).size, 1);
    return found[0];
  };

  test('are admin for keys while they are the only callers', () => {
    for (const stage of Object.keys(STAGES)) {
      assert.equal(rolesOf({}, stage), 'admin/');
    }
    assert.equal(rolesOf({ tokens, authorization: { default: 'key' } }), 'admin/');
  });

  test('are none for keys beside users or services, unless the settings give some', () => {
    assert.equal(rolesOf({ tokens }), '/');
    assert.equal(rolesOf({ authorization: { default: 'key', operations: { items_list: 'iam' } } }), '/');
    assert.equal(
      rolesOf({ tokens, applicationRoles: ['reader'], serviceRoles: ['admin', 'auditor'] }),
      'reader/admin auditor',
    );
  });
});

describe('the policy for AWS roles', () => {
  const template = templateOf({ stage: 'prod', options: MIXED });
  const all = resources(template);
  const [policy] = ofType(template, 'AWS::IAM::ManagedPolicy');
  const document = JSON.parse(
    JSON.stringify(policy?.properties.PolicyDocument ?? null, (_, member: Json) =>
      typeof member === 'object' && member !== null && 'Fn::Join' in member ? rendered(member, all) : member,
    ),
  ) as Json;
  const [api] = ofType(template, 'AWS::ApiGateway::RestApi');
  const calls = (resource: string, action = 'execute-api:Invoke') =>
    isAllowed(document, {
      principal: { account: ENVIRONMENT.account },
      action,
      resource: `arn:AWS::Partition:execute-api:${ENVIRONMENT.region}:${ENVIRONMENT.account}:${resource}`,
      context: {},
    });

  test('allows the methods of the stage', () => {
    assert.ok(calls(`${api?.id}/prod/GET/v1/items/0193b8c4-5b00-7000-8000-000000000001/history`));
    assert.ok(calls(`${api?.id}/prod/POST/v1/users`));
  });

  test('allows no other stage, API or action', () => {
    assert.ok(!calls(`${api?.id}/staging/GET/v1/items`));
    assert.ok(!calls(`${api?.id}/prod2/GET/v1/items`));
    assert.ok(!calls('other/prod/GET/v1/items'));
    assert.ok(!calls(`${api?.id}/prod/GET/v1/items`, 'execute-api:InvalidateCache'));
  });

  test('is an output, to attach it', () => {
    assert.deepEqual(template.toJSON().Outputs.CallPolicy.Value, { Ref: policy?.id });
  });
});

describe('a user pool', () => {
  const properties = (template: Template, type: string) => ofType(template, type).map((found) => found.properties);
  const prod = templateOf({ stage: 'prod', options: MIXED });
  const dev = templateOf({ options: optionsOf('dev', { tokens: { userPool: { ...userPool, passwordAuth: true } } }) });

  test('has the groups, and policies that keep out guesses', () => {
    assert.deepEqual(
      properties(prod, 'AWS::Cognito::UserPoolGroup').map(({ GroupName }) => GroupName),
      ['admin', 'member'],
    );
    const [pool] = properties(prod, 'AWS::Cognito::UserPool');
    assert.equal(at(pool, 'Policies', 'PasswordPolicy', 'MinimumLength'), 12);
    assert.equal(pool?.MfaConfiguration, 'OPTIONAL');
    assert.deepEqual(pool?.EnabledMfas, ['SOFTWARE_TOKEN_MFA']);
    assert.equal(at(pool, 'AdminCreateUserConfig', 'AllowAdminCreateUserOnly'), false);
    assert.deepEqual(at(pool, 'UsernameConfiguration'), { CaseSensitive: false });
    const [other] = properties(dev, 'AWS::Cognito::UserPool');
    assert.equal(other?.MfaConfiguration, 'OFF');
    assert.equal(at(other, 'AdminCreateUserConfig', 'AllowAdminCreateUserOnly'), true);
  });

  test('is protected and retained as the tables are', () => {
    for (const [template, protection, policy] of [
      [prod, 'ACTIVE', 'RetainExceptOnCreate'],
      [dev, 'INACTIVE', 'Delete'],
    ] as const) {
      const [pool] = ofType(template, 'AWS::Cognito::UserPool');
      assert.equal(pool?.properties.DeletionProtection, protection);
      assert.equal(pool?.deletionPolicy, policy);
    }
  });

  test('has a client without a secret, for the code flow if it has sign-in pages', () => {
    const [client] = properties(prod, 'AWS::Cognito::UserPoolClient');
    assert.equal(client?.GenerateSecret, false);
    assert.deepEqual(client?.AllowedOAuthFlows, ['code']);
    assert.deepEqual(client?.CallbackURLs, ['https://www.shop.net/signed-in']);
    assert.deepEqual(client?.ExplicitAuthFlows, ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']);
    assert.equal(client?.PreventUserExistenceErrors, 'ENABLED');
    assert.equal(client?.EnableTokenRevocation, true);
    assert.equal(properties(prod, 'AWS::Cognito::UserPoolDomain')[0]?.Domain, 'shop-net');
    const [other] = properties(dev, 'AWS::Cognito::UserPoolClient');
    assert.equal(other?.AllowedOAuthFlowsUserPoolClient, false);
    assert.ok(list(other?.ExplicitAuthFlows ?? null).includes('ALLOW_USER_PASSWORD_AUTH'));
    assert.equal(properties(dev, 'AWS::Cognito::UserPoolDomain').length, 0);
  });

  test('is the issuer of the tokens that the authorizer accepts', () => {
    const [pool] = ofType(prod, 'AWS::Cognito::UserPool');
    const [client] = ofType(prod, 'AWS::Cognito::UserPoolClient');
    const [authorizer] = ofType(prod, 'AWS::Lambda::Function').filter(
      ({ properties }) => properties.Handler === 'authorizer',
    );
    const issuer = { 'Fn::Join': ['', ['https://', { 'Fn::GetAtt': [pool?.id, 'ProviderName'] }]] };
    const variables = at(authorizer?.properties.Environment, 'Variables') as Record<string, Json>;
    const { ISSUER, AUDIENCE, ROLES_CLAIM } = variables;
    assert.deepEqual(
      { ISSUER, AUDIENCE, ROLES_CLAIM },
      {
        ISSUER: issuer,
        AUDIENCE: { Ref: client?.id },
        ROLES_CLAIM: undefined,
      },
    );
    const outputs = prod.toJSON().Outputs as Record<string, { readonly Value: Json }>;
    assert.deepEqual(outputs.UserPoolId?.Value, { Ref: pool?.id });
    assert.deepEqual(outputs.UserPoolClientId?.Value, { Ref: client?.id });
    assert.deepEqual(outputs.TokenIssuer?.Value, issuer);
  });
});

describe('options that cannot work', () => {
  test('are refused at synthesis', () => {
    const synthesize = (options: StageOptions) => () => templateOf({ options });
    assert.throws(
      synthesize(withApi({ authorization: { default: 'token' } })),
      /authorization requires tokens: set tokens/,
    );
    const misspelled = { default: 'key', operations: { item_list: 'iam' } } as const;
    assert.throws(
      synthesize(withApi({ authorization: misspelled })),
      /names item_list: openapi.json has no such operation/,
    );
  });
});
