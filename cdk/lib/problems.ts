// API Gateway's own responses, as problem details (RFC 9457) like those of the functions.

import { GatewayResponse, type IRestApi, ResponseType } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';

/** The request headers pages may send, and the response headers they may read. */
export const ALLOWED_HEADERS = ['Content-Type', 'If-Match', 'If-None-Match', 'Idempotency-Key', 'X-Api-Key'];
export const EXPOSED_HEADERS = ['ETag', 'Link', 'Location', 'Retry-After'];

const PROBLEM_JSON = 'application/problem+json';

interface ResponseDefinition {
  readonly type: ResponseType;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
  /** True if the gateway provides the validation error. */
  readonly hasErrors?: boolean;
}

/**
 * Every type of gateway response
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
 */
const RESPONSES: readonly ResponseDefinition[] = [
  response(ResponseType.DEFAULT_4XX, 400, 'Bad Request', 'The request cannot be answered.'),
  response(ResponseType.BAD_REQUEST_PARAMETERS, 400, 'Bad Request', 'A parameter of the request is missing.'),
  {
    ...response(ResponseType.BAD_REQUEST_BODY, 400, 'Bad Request', 'The request is not valid: see errors.'),
    hasErrors: true,
  },
  response(ResponseType.UNAUTHORIZED, 401, 'Unauthorized', 'The request is not signed.'),
  response(ResponseType.ACCESS_DENIED, 403, 'Forbidden', 'The caller may not do this.'),
  response(ResponseType.EXPIRED_TOKEN, 403, 'Forbidden', "The request's token has expired."),
  response(ResponseType.INVALID_API_KEY, 403, 'Forbidden', 'The header x-api-key is missing, or names no key.'),
  response(ResponseType.INVALID_SIGNATURE, 403, 'Forbidden', "The request's signature is not valid."),
  response(ResponseType.WAF_FILTERED, 403, 'Forbidden', 'The request was refused.'),
  // The gateway's type for an unknown path.
  response(ResponseType.MISSING_AUTHENTICATION_TOKEN, 404, 'Not Found', 'There is nothing at this path.'),
  response(ResponseType.RESOURCE_NOT_FOUND, 404, 'Not Found', 'There is nothing at this path.'),
  response(ResponseType.REQUEST_TOO_LARGE, 413, 'Payload Too Large', 'The body is too large.'),
  response(
    ResponseType.UNSUPPORTED_MEDIA_TYPE,
    415,
    'Unsupported Media Type',
    'The body must be of the type application/json, or application/merge-patch+json in a PATCH.',
  ),
  {
    ...response(ResponseType.THROTTLED, 429, 'Too Many Requests', 'Too many requests at once: wait, then try again.'),
    retryAfterSeconds: 1,
  },
  {
    ...response(
      ResponseType.QUOTA_EXCEEDED,
      429,
      'Too Many Requests',
      "The key's requests for this month are used up.",
    ),
    retryAfterSeconds: 3_600,
  },
  response(ResponseType.DEFAULT_5XX, 500, 'Internal Server Error', 'Something went wrong on our side.'),
  response(ResponseType.API_CONFIGURATION_ERROR, 500, 'Internal Server Error', 'Something went wrong on our side.'),
  response(
    ResponseType.AUTHORIZER_CONFIGURATION_ERROR,
    500,
    'Internal Server Error',
    'Something went wrong on our side.',
  ),
  response(ResponseType.AUTHORIZER_FAILURE, 500, 'Internal Server Error', 'Something went wrong on our side.'),
  // A throttled function or a crashed one: the gateway does not distinguish them (docs/stack.md).
  {
    ...response(ResponseType.INTEGRATION_FAILURE, 503, 'Service Unavailable', 'The service is busy: try again.'),
    retryAfterSeconds: 1,
  },
  response(ResponseType.INTEGRATION_TIMEOUT, 504, 'Gateway Timeout', 'The service took too long to answer: try again.'),
];

function response(type: ResponseType, status: number, title: string, detail: string): ResponseDefinition {
  return { type, status, title, detail };
}

/** Turns every response of the gateway itself into a problem that pages of the stage's origins may read. */
export class Problems extends Construct {
  constructor(scope: Construct, id: string, restApi: IRestApi, corsOrigins: readonly string[]) {
    super(scope, id);
    for (const { type, status, title, detail, retryAfterSeconds, hasErrors } of RESPONSES) {
      new GatewayResponse(this, type.responseType, {
        restApi,
        type,
        statusCode: String(status),
        responseHeaders: {
          ...problemHeaders(corsOrigins),
          ...(retryAfterSeconds && { 'Retry-After': `'${retryAfterSeconds}'` }),
        },
        templates: { 'application/json': problem(status, title, detail, hasErrors) },
      });
    }
  }
}

/** Returns the headers of a problem, in API Gateway's notation. */
export function problemHeaders(corsOrigins: readonly string[]): Record<string, string> {
  return {
    'Content-Type': `'${PROBLEM_JSON}'`,
    'Cache-Control': "'no-store'",
    'Access-Control-Allow-Origin': allowedOrigin(corsOrigins),
    'Access-Control-Expose-Headers': `'${EXPOSED_HEADERS.join(',')}'`,
    Vary: "'Origin'",
  };
}

/** Returns the template of a problem's body. */
export function problem(status: number, title: string, detail: string, hasErrors = false): string {
  // The gateway's message, which AWS escapes for JSON: see test/gateway.test.ts.
  const errors = [{ pointer: '', detail: '$context.error.validationErrorString' }];
  const requestId = '$context.requestId';
  return JSON.stringify({ type: 'about:blank', title, status, detail, ...(hasErrors && { errors }), requestId });
}

/** Returns the allowed origin. With several it echoes the requesting one, since errors hold nothing private. */
function allowedOrigin(origins: readonly string[]): string {
  return origins.length === 1 ? `'${origins[0]}'` : 'method.request.header.Origin';
}
