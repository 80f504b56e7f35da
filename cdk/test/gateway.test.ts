// Tests of the gateway's templates, rendered as API Gateway renders them, with hostile input.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { render } from 'velocityjs';
import { STAGES } from '../lib/stages.ts';
import { templateOf } from './synthesized.ts';
import { at, list, ofType } from './template.ts';

const HOSTILE = [
  '"',
  '\\',
  'a\nb\r\nc\td\u0000',
  'é😀\u2028\ud800',
  '"}],"status":200,"x":[{"y":"',
  '$context.requestId $!{context.requestId} #set($x = 1)',
  '"; DROP \\" \\\\" \\',
];
/** The response types that no operation returns: for other paths, bodies, authorizers and signatures. */
const UNREACHABLE = new Set([
  'MISSING_AUTHENTICATION_TOKEN',
  'RESOURCE_NOT_FOUND',
  'REQUEST_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNAUTHORIZED',
]);
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
      assert.deepEqual(
        { ...problem, detail: '' },
        { type: 'about:blank', title: 'Method Not Allowed', status: 405, detail: '', requestId: REQUEST_ID },
      );
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
