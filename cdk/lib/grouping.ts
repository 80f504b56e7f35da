// The operations of the contract, grouped by resource and by path.

import type { Contract, FunctionDefinition, Operation } from './contract.ts';

/** The operations below one collection, with their functions and models. */
export interface ResourceDefinition {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly functions: readonly FunctionDefinition[];
  readonly models: Readonly<Record<string, object>>;
}

/** The first part of every path. */
export const ROOT = 'v1';

/** Groups operations by path. */
export function byPath(operations: readonly Operation[]): ReadonlyMap<string, readonly Operation[]> {
  const paths = new Set(operations.map(({ path }) => path));
  return new Map([...paths].map((path) => [path, operations.filter((operation) => operation.path === path)]));
}

/** Groups operations by the part of the path after the root, with the functions and models that they alone use. */
export function byResource({ operations, functions, models }: Contract): readonly ResourceDefinition[] {
  const owners = new Map<string, string>();
  const own = (kind: string, name: string, resource: string) => {
    const owner = owners.get(`${kind} ${name}`) ?? resource;
    if (owner !== resource) {
      throw new Error(`openapi.json: ${owner} and ${resource} share the ${kind} ${name}, but have a stack each`);
    }
    owners.set(`${kind} ${name}`, owner);
  };
  for (const operation of operations) {
    const resource = resourceOf(operation);
    own('function', operation.function, resource);
    for (const model of Object.values(operation.models)) {
      own('model', model, resource);
    }
  }
  return [...new Set(operations.map(resourceOf))].map((name) => ({
    name,
    operations: operations.filter((operation) => resourceOf(operation) === name),
    functions: functions.filter((definition) => owners.get(`function ${definition.name}`) === name),
    models: Object.fromEntries(Object.entries(models).filter(([model]) => owners.get(`model ${model}`) === name)),
  }));
}

function resourceOf({ name, path }: Operation): string {
  const [, root, resource] = path.split('/');
  if (root !== ROOT || !resource) {
    throw new Error(`openapi.json: the path ${path} of ${name} does not begin with /${ROOT}/ and a name`);
  }
  return resource;
}
