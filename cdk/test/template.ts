// Accessors of templates: resources by type, references by name.

import type { Template } from 'aws-cdk-lib/assertions';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly properties: { readonly [name: string]: Json };
  readonly deletionPolicy: Json;
  readonly updatePolicy: Json;
}

interface RawResource {
  readonly Type: string;
  readonly Properties?: { readonly [name: string]: Json };
  readonly DeletionPolicy?: Json;
  readonly UpdatePolicy?: Json;
}

/** Returns the resources of the template by logical id. */
export function resources(template: Template): ReadonlyMap<string, Resource> {
  const raw = template.toJSON().Resources as { readonly [id: string]: RawResource };
  return new Map(
    Object.entries(raw).map(([id, { Type, Properties, DeletionPolicy, UpdatePolicy }]) => [
      id,
      {
        id,
        type: Type,
        properties: Properties ?? {},
        deletionPolicy: DeletionPolicy ?? null,
        updatePolicy: UpdatePolicy ?? null,
      },
    ]),
  );
}

/** Returns the resources of a type. */
export function ofType(template: Template, type: string): Resource[] {
  return [...resources(template).values()].filter((resource) => resource.type === type);
}

/** Returns a nested member, as in `at(method, 'Integration', 'Type')`, or null. */
export function at(value: Json | undefined, ...path: readonly string[]): Json {
  const [name, ...rest] = path;
  if (name === undefined) {
    return value ?? null;
  }
  return at(isObject(value) ? value[name] : undefined, ...rest);
}

export function list(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : value === null ? [] : [value];
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name property of each resource type. */
const NAMES: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::Events::EventBus': 'Name',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::ApiGateway::Resource': 'PathPart',
  'AWS::KMS::Key': 'Description',
  'AWS::SecretsManager::Secret': 'Description',
};

/** Returns a value as text, with references replaced by the names of the resources. */
export function rendered(value: Json, all: ReadonlyMap<string, Resource>): string {
  const named = (id: Json) => {
    const resource = typeof id === 'string' ? all.get(id) : undefined;
    return resource ? String(resource.properties[NAMES[resource.type] ?? ''] ?? id) : String(id);
  };
  if (!isObject(value)) {
    return String(value);
  }
  if ('Ref' in value) {
    return named(value.Ref ?? null);
  }
  if ('Fn::GetAtt' in value) {
    return named(list(value['Fn::GetAtt'] ?? null)[0] ?? null);
  }
  if ('Fn::Join' in value) {
    const [separator, parts] = list(value['Fn::Join'] ?? null);
    return list(parts ?? null)
      .map((part) => rendered(part, all))
      .join(String(separator));
  }
  return JSON.stringify(value);
}
