// The contract as the stack reads it: openapi.json with its `x-` fields, and the models in schemas/.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** DynamoDB actions on a table, or on the named indexes if there are any. */
export interface Grant {
  readonly table: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
}

/** `cursor`: the secret that signs the cursors of lists. `upstream`: the key of the upstream API. */
export type SecretName = 'cursor' | 'upstream';

/** A key of a table or index; all keys are strings. */
export interface Index {
  readonly name: string;
  readonly partitionKey: string;
  readonly sortKey: string;
  /** The number of partitions that new records with the same key are spread over; none if each key has its own. */
  readonly writeShards?: number;
}

export interface TableDefinition {
  readonly name: string;
  readonly partitionKey: string;
  readonly sortKey?: string;
  readonly indexes: readonly Index[];
  readonly ttlAttribute?: string;
  readonly stream: boolean;
}

/** A parameter under API Gateway's name, `method.request.path.id`. */
export interface Parameter {
  readonly name: string;
  readonly required: boolean;
}

/** A method on a path, and the function that serves it. */
export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly function: string;
  readonly parameters: readonly Parameter[];
  /** True if callers need no credentials. */
  readonly isPublic: boolean;
  /** The model of the body by content type; empty without a body. */
  readonly models: Readonly<Record<string, string>>;
}

export interface FunctionDefinition {
  readonly name: string;
  readonly grants: readonly Grant[];
  /** The secrets it reads. */
  readonly secrets?: readonly SecretName[];
  /** Its own environment variables, beside those of all functions. */
  readonly environment?: readonly string[];
}

interface AnyConsumerDefinition extends FunctionDefinition {
  /** True if it puts events on the bus. */
  readonly publishes: boolean;
}

/** A function that reads the streams of tables. */
export interface StreamConsumerDefinition extends AnyConsumerDefinition {
  readonly source: 'streams';
  readonly tables: readonly string[];
  /** The kinds of changes it reads, as streams name them. */
  readonly changes: readonly string[];
  /** The time in seconds in which changes are collected into a batch. */
  readonly batchingWindow: number;
  /** The starting position of a new mapping. */
  readonly start: 'TRIM_HORIZON' | 'LATEST';
}

/** A function that takes events from the bus, through a queue of its own. */
export interface EventConsumerDefinition extends AnyConsumerDefinition {
  readonly source: 'events';
  /** The types of events it takes. */
  readonly types: readonly string[];
  /** The delay in seconds before the function receives an event. */
  readonly delaySeconds: number;
  /** The schedule on which it receives each event again, if any. */
  readonly repeats?: { readonly everySeconds: number; readonly untilSeconds: number };
}

export type ConsumerDefinition = StreamConsumerDefinition | EventConsumerDefinition;

/** An answer that API Gateway gives without a function. */
export interface GatewayResponseDefinition {
  /** The response types it is for; none for 405, which a mock integration answers. */
  readonly types: readonly string[];
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
  /** True if `errors` holds what the request validator found. */
  readonly hasErrors: boolean;
}

/** The headers pages may send and read, and the time they may rely on a preflight. */
export interface CorsDefinition {
  readonly allowedHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
  readonly maxAgeSeconds: number;
}

/** The metrics and fields that functions log, in the Embedded Metric Format. */
export interface TelemetryDefinition {
  readonly namespace: string;
  readonly metrics: readonly { readonly name: string }[];
  readonly fields: readonly { readonly name: string }[];
}

export interface Contract {
  readonly operations: readonly Operation[];
  /** The functions, each once; several operations may share one. */
  readonly functions: readonly FunctionDefinition[];
  readonly consumers: readonly ConsumerDefinition[];
  /** The functions without an operation. */
  readonly jobs: readonly FunctionDefinition[];
  readonly tables: readonly TableDefinition[];
  readonly gatewayResponses: readonly GatewayResponseDefinition[];
  readonly cors: CorsDefinition;
  readonly telemetry: TelemetryDefinition;
  /** The draft 4 JSON Schema of each request model. */
  readonly models: Readonly<Record<string, object>>;
}

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const LOCATIONS = { path: 'path', query: 'querystring', header: 'header' } as const;

interface ParameterObject {
  readonly name: string;
  readonly in: keyof typeof LOCATIONS;
  readonly required?: boolean;
}

interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly (ParameterObject | { readonly $ref: string })[];
  readonly security?: readonly unknown[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly 'x-function': FunctionDefinition;
  readonly 'x-request-model'?: string;
}

interface Document {
  readonly paths: Readonly<Record<string, Partial<Record<(typeof METHODS)[number], OperationObject>>>>;
  readonly components?: { readonly parameters?: Readonly<Record<string, ParameterObject>> };
  readonly 'x-tables': readonly TableDefinition[];
  readonly 'x-consumers'?: readonly ConsumerDefinition[];
  readonly 'x-jobs': readonly FunctionDefinition[];
  readonly 'x-gateway-responses': readonly GatewayResponseDefinition[];
  readonly 'x-cors': CorsDefinition;
  readonly 'x-telemetry': TelemetryDefinition;
}

/** Reads the contract from the root of the repository. */
export function readContract(root = REPOSITORY): Contract {
  const document = readJson<Document>(`${root}/openapi.json`);
  const found = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [{ path, method, definition: item[method] }] : [])),
  );
  const models = new Set(found.flatMap(({ definition }) => definition['x-request-model'] ?? []));
  return {
    operations: found.map(({ path, method, definition }) => ({
      name: definition.operationId,
      method: method.toUpperCase(),
      path,
      function: definition['x-function'].name,
      parameters: (definition.parameters ?? []).map((parameter) => parameterOf(document, parameter)),
      // The document has no requirements for all operations, so one without its own would be an error of the generator.
      isPublic: definition.security?.length === 0,
      models: modelsOf(definition),
    })),
    functions: functionsOf(found.map(({ definition }) => definition['x-function'])),
    consumers: document['x-consumers'] ?? [],
    jobs: document['x-jobs'],
    tables: document['x-tables'],
    gatewayResponses: document['x-gateway-responses'],
    cors: document['x-cors'],
    telemetry: document['x-telemetry'],
    models: Object.fromEntries([...models].map((name) => [name, readJson<object>(`${root}/schemas/${name}.json`)])),
  };
}

/** The answer of API Gateway's own that fulfils the condition. */
export function gatewayResponseOf(
  { gatewayResponses }: Contract,
  condition: (response: GatewayResponseDefinition) => boolean,
): GatewayResponseDefinition {
  const found = gatewayResponses.find(condition);
  if (!found) {
    throw new Error(`openapi.json has no answer of API Gateway with ${condition}`);
  }
  return found;
}

function parameterOf(document: Document, parameter: ParameterObject | { readonly $ref: string }): Parameter {
  const found =
    '$ref' in parameter ? document.components?.parameters?.[parameter.$ref.split('/').at(-1) ?? ''] : parameter;
  if (!found) {
    throw new Error(`openapi.json refers to a parameter that does not exist: ${JSON.stringify(parameter)}`);
  }
  return { name: `method.request.${LOCATIONS[found.in]}.${found.name}`, required: found.required ?? false };
}

function modelsOf(definition: OperationObject): Record<string, string> {
  const model = definition['x-request-model'];
  const contentTypes = Object.keys(definition.requestBody?.content ?? {});
  return Object.fromEntries(model ? contentTypes.map((contentType) => [contentType, model]) : []);
}

/** Returns each function once, with the union of the grants of its operations. */
function functionsOf(definitions: readonly FunctionDefinition[]): FunctionDefinition[] {
  const functions = new Map<string, Map<string, Grant>>();
  const secretsOf = new Map<string, readonly SecretName[]>();
  const environmentOf = new Map<string, readonly string[]>();
  for (const { name, grants, secrets = [], environment = [] } of definitions) {
    const merged = functions.get(name) ?? new Map<string, Grant>();
    functions.set(name, merged);
    secretsOf.set(name, [...new Set([...(secretsOf.get(name) ?? []), ...secrets])]);
    environmentOf.set(name, [...new Set([...(environmentOf.get(name) ?? []), ...environment])]);
    for (const grant of grants) {
      const key = [grant.table, ...grant.indexes].join(' ');
      const actions = new Set([...(merged.get(key)?.actions ?? []), ...grant.actions]);
      merged.set(key, { ...grant, actions: [...actions].sort() });
    }
  }
  return [...functions].map(([name, grants]) => ({
    name,
    grants: [...grants.values()],
    secrets: secretsOf.get(name) ?? [],
    environment: environmentOf.get(name) ?? [],
  }));
}

function readJson<T>(path: string): T {
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: run \`make contract\``);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
