// API Gateway's own responses, as problem details (RFC 9457) like those of the functions.

import { GatewayResponse, type IRestApi, ResponseType } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import type { Contract, GatewayResponseDefinition } from './contract.ts';

/** Turns every response of the gateway itself into a problem that pages of the stage's origins may read. */
export class Problems extends Construct {
  constructor(scope: Construct, id: string, restApi: IRestApi, contract: Contract, corsOrigins: readonly string[]) {
    super(scope, id);
    for (const response of contract.gatewayResponses) {
      for (const type of response.types) {
        new GatewayResponse(this, type, {
          restApi,
          type: ResponseType.of(type),
          statusCode: String(response.status),
          responseHeaders: problemHeaders(response, contract, corsOrigins),
          templates: { 'application/json': problem(response) },
        });
      }
    }
  }
}

/** Returns the headers of a problem, in API Gateway's notation. */
export function problemHeaders(
  { headers }: GatewayResponseDefinition,
  { cors }: Contract,
  corsOrigins: readonly string[],
): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, `'${value}'`])),
    'Access-Control-Allow-Origin': allowedOrigin(corsOrigins),
    'Access-Control-Expose-Headers': `'${cors.exposedHeaders.join(',')}'`,
    Vary: "'Origin'",
  };
}

/** Returns the template of a problem's body. */
export function problem({ status, title, detail, hasErrors }: GatewayResponseDefinition): string {
  // The gateway's message, which AWS escapes for JSON: see test/gateway.test.ts.
  const errors = [{ pointer: '', detail: '$context.error.validationErrorString' }];
  const requestId = '$context.requestId';
  return JSON.stringify({ type: 'about:blank', title, status, detail, ...(hasErrors && { errors }), requestId });
}

/** Returns the allowed origin. With several it echoes the requesting one, since errors hold nothing private. */
function allowedOrigin(origins: readonly string[]): string {
  return origins.length === 1 ? `'${origins[0]}'` : 'method.request.header.Origin';
}
