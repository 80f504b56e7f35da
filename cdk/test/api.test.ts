// Tests of the REST API: methods, models, limits, and the gateway's own responses.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { byPath } from '../lib/grouping.ts';
import { STAGES, type StageName, TIERS } from '../lib/stages.ts';
import { EVERYTHING, templateOf } from './synthesized.ts';
import { at, type Json, list, ofType, type Resource, resources } from './template.ts';

const contract = readContract();
const dev = templateOf();
const prod = templateOf({ stage: 'prod' });
const everything = templateOf({ stage: 'prod', options: EVERYTHING });
const [[firstPath, atFirstPath] = ['', []]] = byPath(contract.operations);

/** Returns the methods of a template, by names such as `POST /v1/items`. */
function methods(template = dev): ReadonlyMap<string, Resource> {
  const all = resources(template);
  const pathOf = (id: string): string => {
    const resource = all.get(id);
    return resource?.type === 'AWS::ApiGateway::Resource'
      ? `${pathOf(String(at(resource.properties.ParentId, 'Ref')))}/${resource.properties.PathPart}`
      : '';
  };
  return new Map(
    ofType(template, 'AWS::ApiGateway::Method').map((method) => [
      `${method.properties.HttpMethod} ${pathOf(String(at(method.properties.ResourceId, 'Ref')))}`,
      method,
    ]),
  );
}

describe('methods', () => {
  test('are those of the contract, plus a preflight and a 405 on each path', () => {
    const paths = [...byPath(contract.operations).keys()];
    const own = contract.operations.map(({ method, path }) => `${method} ${path}`);
    const around = paths.flatMap((path) => [`OPTIONS ${path}`, `ANY ${path}`]);
    assert.deepEqual([...methods().keys()].sort(), [...own, ...around].sort());
  });

  test('require an API key, except preflights', () => {
    for (const [name, { properties }] of methods()) {
      assert.equal(properties.ApiKeyRequired, !name.startsWith('OPTIONS '), name);
    }
  });

  test("invoke the live alias of the operation's function", () => {
    const all = resources(dev);
    for (const { method, path, function: name } of contract.operations) {
      const integration = at(methods().get(`${method} ${path}`)?.properties, 'Integration');
      assert.equal(at(integration, 'Type'), 'AWS_PROXY');
      const uri = JSON.stringify(at(integration, 'Uri'));
      const alias = all.get(/"Ref":"(\w*Alias\w*)"/.exec(uri)?.[1] ?? '');
      const lambda = all.get(String(at(alias?.properties.FunctionName, 'Ref')));
      assert.equal(lambda?.properties.FunctionName, `serverless-crud-dev-${name}`);
    }
  });

  test('validate bodies against the contract’s model of each content type', () => {
    const models = new Map(ofType(dev, 'AWS::ApiGateway::Model').map((model) => [model.id, model.properties]));
    assert.deepEqual(
      Object.fromEntries([...models.values()].map((model) => [model.Name, model.Schema])),
      contract.models,
    );
    for (const operation of contract.operations) {
      const { properties } = methods().get(`${operation.method} ${operation.path}`) ?? {};
      assert.ok(at(properties?.RequestValidatorId, 'Ref'));
      const byType = Object.entries((properties?.RequestModels ?? {}) as Record<string, Json>);
      const named = byType.map(([type, model]) => [type, models.get(String(at(model, 'Ref')))?.Name]);
      assert.deepEqual(Object.fromEntries(named), operation.models);
    }
    const [validator] = ofType(dev, 'AWS::ApiGateway::RequestValidator');
    assert.equal(validator?.properties.ValidateRequestBody, true);
    assert.equal(validator?.properties.ValidateRequestParameters, true);
  });

  test('are deployed again when a model changes', () => {
    const model = Object.keys(contract.models)[0] ?? '';
    const changed = { ...contract, models: { ...contract.models, [model]: { type: 'object', title: 'changed' } } };
    assert.notEqual(deploymentOf(templateOf({ contract: changed })), deploymentOf(dev));
  });

  test('respond to preflights with the origins, methods and headers of the stage', () => {
    for (const [path, operations] of byPath(contract.operations)) {
      const integration = at(methods().get(`OPTIONS ${path}`)?.properties, 'Integration');
      const [response] = list(at(integration, 'IntegrationResponses'));
      const headers = at(response, 'ResponseParameters') as Record<string, string>;
      const header = (name: string) => headers[`method.response.header.${name}`];
      const allowed = [...operations.map(({ method }) => method), 'OPTIONS'];
      assert.equal(header('Access-Control-Allow-Origin'), "'*'");
      assert.equal(header('Access-Control-Allow-Methods'), `'${allowed.join(',')}'`);
      assert.equal(
        header('Access-Control-Allow-Headers'),
        "'Authorization,Content-Type,If-Match,If-None-Match,Idempotency-Key,X-Api-Key'",
      );
      assert.equal(header('Access-Control-Expose-Headers'), "'ETag,Link,Location,Retry-After,WWW-Authenticate'");
    }
    const template = JSON.stringify(methods(prod).get(`OPTIONS ${firstPath}`)?.properties);
    assert.match(template, /www\.example\.com/);
    assert.match(template, /admin\.example\.com/);
    assert.doesNotMatch(template, /'\*'/);
  });

  test('refuse an unsupported method with a 405 problem that lists the supported ones', () => {
    const integration = at(methods().get(`ANY ${firstPath}`)?.properties, 'Integration');
    const [response] = list(at(integration, 'IntegrationResponses'));
    const headers = at(response, 'ResponseParameters') as Record<string, string>;
    const allowed = [...atFirstPath.map(({ method }) => method), 'OPTIONS'];
    assert.equal(headers['method.response.header.Allow'], `'${allowed.join(', ')}'`);
    assert.equal(headers['method.response.header.Content-Type'], "'application/problem+json'");
    const body = JSON.parse(String(at(response, 'ResponseTemplates', 'application/json')));
    assert.equal(body.status, 405);
    assert.equal(body.requestId, '$context.requestId');
  });

  test('return the requesting origin in a 405 if the stage has several', () => {
    const integration = at(methods(prod).get(`ANY ${firstPath}`)?.properties, 'Integration');
    const template = String(
      at(list(at(integration, 'IntegrationResponses'))[0], 'ResponseTemplates', 'application/json'),
    );
    assert.match(template, /^#set\(\$origin = \$input\.params\("Origin"\)\)#if\(.*\)#set\(.*= \$origin\)#end\{/);
  });
});

describe('gateway responses', () => {
  const responses = new Map(
    ofType(dev, 'AWS::ApiGateway::GatewayResponse').map(({ properties }) => [properties.ResponseType, properties]),
  );

  test('are problems that pages may read', () => {
    assert.equal(responses.size, 21);
    for (const [type, response] of responses) {
      const template = String(at(response.ResponseTemplates, 'application/json'));
      // The gateway substitutes its variables verbatim, so the template itself must be JSON.
      const problem = JSON.parse(template);
      assert.equal(String(problem.status), response.StatusCode, String(type));
      assert.deepEqual(
        Object.keys(problem).filter((name) => name !== 'errors'),
        ['type', 'title', 'status', 'detail', 'requestId'],
      );
      const header = (name: string) => at(response.ResponseParameters, `gatewayresponse.header.${name}`);
      assert.equal(header('Content-Type'), "'application/problem+json'");
      assert.equal(header('Access-Control-Allow-Origin'), "'*'");
      assert.equal(header('Access-Control-Expose-Headers'), "'ETag,Link,Location,Retry-After,WWW-Authenticate'");
    }
  });

  test('are 404 for an unknown path', () => {
    assert.equal(responses.get('MISSING_AUTHENTICATION_TOKEN')?.StatusCode, '404');
  });

  test('have Retry-After on 429', () => {
    const waits = ['THROTTLED', 'QUOTA_EXCEEDED'].map((type) => {
      assert.equal(responses.get(type)?.StatusCode, '429');
      return at(responses.get(type)?.ResponseParameters, 'gatewayresponse.header.Retry-After');
    });
    assert.deepEqual(waits, ["'1'", "'3600'"]);
  });

  test('contain the validation error of an invalid body', () => {
    const template = String(at(responses.get('BAD_REQUEST_BODY')?.ResponseTemplates, 'application/json'));
    assert.deepEqual(JSON.parse(template).errors, [{ pointer: '', detail: '$context.error.validationErrorString' }]);
  });

  test('return the requesting origin if the stage has several', () => {
    for (const { properties } of ofType(prod, 'AWS::ApiGateway::GatewayResponse')) {
      const origin = at(properties.ResponseParameters, 'gatewayresponse.header.Access-Control-Allow-Origin');
      assert.equal(origin, 'method.request.header.Origin');
    }
  });
});

describe('the stage', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    test(`${stage} is throttled, traced and logged, with a usage plan per tier`, () => {
      const template = templateOf({ stage });
      const { throttle } = STAGES[stage].api;
      const [deployed] = ofType(template, 'AWS::ApiGateway::Stage');
      assert.equal(deployed?.properties.StageName, stage);
      assert.equal(deployed?.properties.TracingEnabled, true);
      const [settings] = list(deployed?.properties.MethodSettings ?? null);
      assert.equal(at(settings, 'ThrottlingRateLimit'), throttle.rate);
      assert.equal(at(settings, 'ThrottlingBurstLimit'), throttle.burst);
      assert.equal(at(settings, 'DataTraceEnabled'), false);
      assert.equal(at(settings, 'LoggingLevel'), 'ERROR');
      const format = JSON.parse(String(at(deployed?.properties.AccessLogSetting, 'Format')));
      assert.ok(format.requestId);
      assert.doesNotMatch(JSON.stringify(format), /sourceIp|userAgent|apiKey"|authorizer|caller/);
      const plans = ofType(template, 'AWS::ApiGateway::UsagePlan').map(({ properties }) => ({
        ...(properties.Throttle as object),
        ...(properties.Quota as object),
      }));
      assert.deepEqual(
        plans,
        TIERS.map((tier) => {
          const { rate, burst, requestsPerMonth } = STAGES[stage].plans[tier];
          return { RateLimit: rate, BurstLimit: burst, Limit: requestsPerMonth, Period: 'MONTH' };
        }),
      );
    });
  }

  test('does not contain the values of API keys', () => {
    const keys = ofType(dev, 'AWS::ApiGateway::ApiKey');
    assert.equal(keys.length, TIERS.length);
    for (const { properties } of keys) {
      assert.equal(properties.Value, undefined);
    }
    const outputs = Object.keys(dev.toJSON().Outputs as object).sort();
    assert.deepEqual(outputs, [
      'AlarmTopic',
      'ApiId',
      'ApiKeyIdBasic',
      'ApiKeyIdPremium',
      'ApiUrl',
      'EventBus',
      'FailedChanges',
      'MigrationMachine',
    ]);
  });

  test('creates the execution log group before the gateway would, without retention', () => {
    const logs = ofType(dev, 'AWS::Logs::LogGroup').filter(({ properties }) =>
      JSON.stringify(properties.LogGroupName).includes('API-Gateway-Execution-Logs_'),
    );
    assert.equal(logs.length, 1);
    const stage = dev.toJSON().Resources[ofType(dev, 'AWS::ApiGateway::Stage')[0]?.id ?? ''];
    assert.ok(stage.DependsOn.includes(logs[0]?.id));
  });
});

describe('options', () => {
  test('a cache key includes every parameter, the origin and the caller', () => {
    const [stage] = ofType(everything, 'AWS::ApiGateway::Stage');
    assert.equal(stage?.properties.CacheClusterEnabled, true);
    const [settings] = list(stage?.properties.MethodSettings ?? null);
    assert.equal(at(settings, 'CachingEnabled'), true);
    assert.equal(at(settings, 'CacheDataEncrypted'), true);
    assert.equal(at(settings, 'CacheTtlInSeconds'), 60);
    const all = methods(everything);
    const keys = (name: string) => list(at(all.get(name)?.properties, 'Integration', 'CacheKeyParameters'));
    for (const { method, path, parameters } of contract.operations) {
      const headers = ['Origin', 'Authorization', 'x-api-key'].map((header) => `method.request.header.${header}`);
      const expected = [...parameters.map(({ name }) => name), ...headers];
      assert.deepEqual(keys(`${method} ${path}`), method === 'GET' ? expected : []);
    }
  });

  test('a custom domain replaces the default endpoint', () => {
    const [api] = ofType(everything, 'AWS::ApiGateway::RestApi');
    assert.equal(api?.properties.DisableExecuteApiEndpoint, true);
    const [domain] = ofType(everything, 'AWS::ApiGateway::DomainName');
    assert.equal(domain?.properties.DomainName, 'api.example.com');
    assert.equal(domain?.properties.SecurityPolicy, 'TLS_1_2');
    assert.equal(ofType(everything, 'AWS::ApiGateway::BasePathMapping').length, 1);
    assert.equal(everything.toJSON().Outputs.ApiUrl.Value, 'https://api.example.com/');
    assert.ok(everything.toJSON().Outputs.DomainTarget);
  });
});

function deploymentOf(template: typeof dev): string | undefined {
  return ofType(template, 'AWS::ApiGateway::Deployment')[0]?.id;
}
