// Tests of the gateway's templates, rendered as API Gateway renders them, with hostile input.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ResponseType } from 'aws-cdk-lib/aws-apigateway';
import { render } from 'velocityjs';
import { gatewayResponseOf, readContract } from '../lib/contract.ts';
import { STAGES } from '../lib/stages.ts';
import { templateOf } from './synthesized.ts';
import { at, type Json, list, ofType } from './template.ts';

const HOSTILE = [
  '"',
  '\\',
  'a\nb\r\nc\td\u0000',
  'é😀\u2028\ud800',
  '"}],"status":200,"x":[{"y":"',
  '$context.requestId $!{context.requestId} #set($x = 1)',
  '"; DROP \\" \\\\" \\',
];
/**
 * Every response type
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
 */
const RESPONSE_TYPES = [
  'ACCESS_DENIED',
  'API_CONFIGURATION_ERROR',
  'AUTHORIZER_CONFIGURATION_ERROR',
  'AUTHORIZER_FAILURE',
  'BAD_REQUEST_BODY',
  'BAD_REQUEST_PARAMETERS',
  'DEFAULT_4XX',
  'DEFAULT_5XX',
  'EXPIRED_TOKEN',
  'INTEGRATION_FAILURE',
  'INTEGRATION_TIMEOUT',
  'INVALID_API_KEY',
  'INVALID_SIGNATURE',
  'MISSING_AUTHENTICATION_TOKEN',
  'QUOTA_EXCEEDED',
  'REQUEST_TOO_LARGE',
  'RESOURCE_NOT_FOUND',
  'THROTTLED',
  'UNAUTHORIZED',
  'UNSUPPORTED_MEDIA_TYPE',
  'WAF_FILTERED',
];
/** The response types that no operation returns: for other paths, bodies, authorizers and signatures. */
const UNREACHABLE = new Set([
  'MISSING_AUTHENTICATION_TOKEN',
  'RESOURCE_NOT_FOUND',
  'REQUEST_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNAUTHORIZED',
]);
const contract = readContract();
const REQUEST_ID = 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef';

/**
 * Returns the value of `$context.error.validationErrorString`: the validator's message, which quotes the caller's values,
 * escaped for JSON. AWS documents only that it is a string; it was observed on AWS as
 * `"[instance value (\"x\") not found in enum (possible values: [\"high\"])]"`
 * (github.com/stevenalexander/aws-lambda-request-validation, README).
 */
function validationErrorString(value: string): string {
  return JSON.stringify(`[instance value (${JSON.stringify(value)}) not found in enum]`).slice(1, -1);
}

/**
 * Returns the variables of a request. A caller can choose `requestId`, but only as a UUID; other values from the caller
 * are unmodified (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html).
 */
function contextOf(sent: string): object {
  return {
    requestId: REQUEST_ID,
    extendedRequestId: 'JKJaXmPLvHcESHA=',
    xrayTraceId: '1-5759e988-bd862e3fe1be46a994272793',
    requestTimeEpoch: 1789000000000,
    httpMethod: 'POST',
    resourcePath: '/v1/items/{id}',
    path: `/dev/v1/items/${sent}`,
    status: 400,
    responseLength: 250,
    responseLatency: 12,
    integrationLatency: '-',
    integrationStatus: '-',
    identity: { apiKeyId: 'a1b2c3d4e5', apiKey: sent, userAgent: sent, sourceIp: sent },
    error: {
      responseType: 'BAD_REQUEST_BODY',
      message: sent,
      messageString: JSON.stringify(sent),
      validationErrorString: validationErrorString(sent),
    },
    responseOverride: { header: {} },
  };
}

describe('a gateway response', () => {
  const responses = ofType(templateOf(), 'AWS::ApiGateway::GatewayResponse').map(({ properties }) => properties);

  test('is in the contract once for each response type that AWS documents', () => {
    assert.deepEqual(contract.gatewayResponses.flatMap(({ types }) => types).sort(), RESPONSE_TYPES);
  });

  test('has a response type that is in the list above, which knows those of the CDK', () => {
    const known = Object.values(ResponseType).map(({ responseType }: ResponseType) => responseType);
    assert.deepEqual(known.sort(), RESPONSE_TYPES);
  });

  test('is deployed with the text and the headers of the contract, and no other is', () => {
    assert.deepEqual(responses.map(({ ResponseType }) => String(ResponseType)).sort(), RESPONSE_TYPES);
    for (const { ResponseType, ResponseTemplates, ResponseParameters, StatusCode } of responses) {
      const response = gatewayResponseOf(contract, ({ types }) => types.includes(String(ResponseType)));
      const { title, status, detail } = JSON.parse(String(at(ResponseTemplates, 'application/json')));
      assert.deepEqual(
        { title, status, detail, code: StatusCode },
        { title: response.title, status: response.status, detail: response.detail, code: String(response.status) },
      );
      const cors = ['Access-Control-Allow-Origin', 'Access-Control-Expose-Headers', 'Vary'];
      const headers = Object.entries(ResponseParameters as Record<string, Json>)
        .map(([name, value]) => [name.replace('gatewayresponse.header.', ''), value] as const)
        .filter(([name]) => !cors.includes(name));
      assert.deepEqual(
        Object.fromEntries(headers),
        Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, `'${value}'`])),
      );
    }
  });

  for (const { ResponseType, ResponseTemplates, StatusCode } of responses) {
    test(`of the type ${ResponseType} is the documented problem for any input`, () => {
      const template = String(at(ResponseTemplates, 'application/json'));
      for (const sent of HOSTILE) {
        const problem = JSON.parse(render(template, { context: contextOf(sent) }));
        const errors = [{ pointer: '', detail: JSON.parse(`"${validationErrorString(sent)}"`) }];
        assert.deepEqual(problem, {
          type: 'about:blank',
          title: problem.title,
          status: Number(StatusCode),
          detail: problem.detail,
          ...(ResponseType === 'BAD_REQUEST_BODY' && { errors }),
          requestId: REQUEST_ID,
        });
        assert.match(problem.title, /^[A-Z][A-Za-z ]+$/);
        assert.match(problem.detail, /^[A-Z].*\.$/);
      }
    });

    test(`of the type ${ResponseType} has only variables, since no template engine renders it`, () => {
      // "A GatewayResponse mapping template isn't processed by the Velocity Template Language (VTL) engine": API Gateway
      // developer guide, "x-amazon-apigateway-gateway-responses.responseTemplates object".
      const template = String(at(ResponseTemplates, 'application/json'));
      assert.doesNotMatch(template, /#/);
      const variables = new Set(template.match(/\$[^"]*/g));
      assert.deepEqual(
        variables,
        new Set([
          ...(ResponseType === 'BAD_REQUEST_BODY' ? ['$context.error.validationErrorString'] : []),
          '$context.requestId',
        ]),
      );
    });
  }

  test('is 503 with Retry-After for a throttled or crashed function, and 504 for a timeout', () => {
    // Lambda's 429 is an INTEGRATION_FAILURE (stackoverflow.com/q/36363280, repost.aws/questions/QUL-z6rJbmR4meafB7MzYXxw),
    // and so is a function's crash (github.com/DataBiosphere/azul/pull/6624): its status is replaced by the one configured here.
    const byType = new Map(responses.map((response) => [response.ResponseType, response]));
    const failure = byType.get('INTEGRATION_FAILURE');
    assert.equal(failure?.StatusCode, '503');
    assert.equal(at(failure?.ResponseParameters, 'gatewayresponse.header.Retry-After'), "'1'");
    const problem = JSON.parse(String(at(failure?.ResponseTemplates, 'application/json')));
    assert.equal(problem.title, 'Service Unavailable');
    assert.equal(byType.get('INTEGRATION_TIMEOUT')?.StatusCode, '504');
  });

  test('has a status that every operation documents', () => {
    const document = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'));
    const operations: Record<string, unknown>[] = Object.values<object>(document.paths).flatMap((path) =>
      Object.values(path).map(({ responses }) => responses),
    );
    const reachable = responses.filter(({ ResponseType }) => !UNREACHABLE.has(String(ResponseType)));
    assert.ok(operations.length > 0);
    for (const { ResponseType, StatusCode } of reachable) {
      assert.ok(
        operations.every((documented) => String(StatusCode) in documented),
        `${ResponseType}: ${StatusCode}`,
      );
    }
  });
});

describe('the response to an unsupported method', () => {
  const origins: readonly string[] = STAGES.prod.api.corsOrigins;
  const [integration] = ofType(templateOf({ stage: 'prod' }), 'AWS::ApiGateway::Method')
    .filter(({ properties }) => properties.HttpMethod === 'ANY')
    .map(({ properties }) => properties.Integration ?? null);
  const template = String(
    at(list(at(integration, 'IntegrationResponses'))[0], 'ResponseTemplates', 'application/json'),
  );

  /** Renders the body and the overridden header for a request with this `Origin`. */
  function respond(origin: string): { readonly body: string; readonly header: Record<string, string> } {
    const header: Record<string, string> = {};
    const context = { ...contextOf(origin), responseOverride: { header } };
    const body = render(template, {
      context,
      input: { params: (name: string) => (name === 'Origin' ? origin : '') },
    });
    return { body, header };
  }

  test('is the documented problem for any Origin', () => {
    for (const origin of [...HOSTILE, ...origins]) {
      const problem = JSON.parse(respond(origin).body);
      const { title, status, detail } = gatewayResponseOf(contract, ({ types }) => types.length === 0);
      assert.equal(status, 405);
      assert.deepEqual(problem, { type: 'about:blank', title, status, detail, requestId: REQUEST_ID });
    }
  });

  test('returns the requesting origin only if the stage allows it', () => {
    for (const origin of origins) {
      assert.deepEqual(respond(origin).header, { 'Access-Control-Allow-Origin': origin });
    }
    for (const origin of HOSTILE) {
      assert.deepEqual(respond(origin).header, {});
    }
  });

  test('is requested from the mock with a status', () => {
    for (const type of ['application/json', 'application/merge-patch+json']) {
      const request = String(at(integration, 'RequestTemplates', type));
      assert.deepEqual(JSON.parse(render(request, { context: contextOf('"') })), { statusCode: 405 });
    }
  });
});

describe('the access log', () => {
  const [stage] = ofType(templateOf(), 'AWS::ApiGateway::Stage');
  const format = String(at(stage?.properties.AccessLogSetting, 'Format'));

  test('has JSON lines without text from the caller', () => {
    const lines = HOSTILE.map((sent) => render(format, { context: contextOf(sent) }));
    assert.equal(new Set(lines).size, 1);
    const line = JSON.parse(lines[0] ?? '');
    assert.equal(line.requestId, REQUEST_ID);
    assert.equal(line.error, 'BAD_REQUEST_BODY');
    assert.doesNotMatch(lines.join(), /[\r\n$]/);
  });

  test('has the request id the caller can choose, and the one it cannot', () => {
    const line = JSON.parse(format);
    assert.equal(line.requestId, '$context.requestId');
    assert.equal(line.extendedRequestId, '$context.extendedRequestId');
  });
});
