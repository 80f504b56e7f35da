// A contract with added resources.

import assert from 'node:assert/strict';
import type { ConsumerDefinition, Contract, FunctionDefinition, Grant } from '../lib/contract.ts';
import { byResource } from '../lib/grouping.ts';

/** Returns the contract with a copy of its first resource under another name: what it has when such a resource is added. */
export function withResource(contract: Contract, name: string): Contract {
  const { operations, functions, consumers, jobs, tables, models } = contract;
  const [first] = byResource(contract);
  assert.ok(first);
  const copy = <T>(value: T): T => {
    const text = JSON.stringify(value).replaceAll(first.name, name);
    return JSON.parse(text.replaceAll(titleOf(first.name), titleOf(name))) as T;
  };
  const all = <T>(values: readonly T[], added: readonly T[]) => [...values, ...added.map(copy)];
  const ofFirst = ({ table }: Grant) => table === first.name;
  return {
    ...contract,
    operations: all(operations, first.operations),
    functions: all(functions, first.functions),
    // Stream consumers read every table with records, and migrations change them.
    consumers: consumers.map(
      (consumer): ConsumerDefinition =>
        consumer.source === 'streams' ? { ...consumer, tables: [...consumer.tables, name] } : consumer,
    ),
    jobs: jobs.map((job): FunctionDefinition => ({ ...job, grants: all(job.grants, job.grants.filter(ofFirst)) })),
    tables: all(
      tables,
      tables.filter((table) => table.name === first.name),
    ),
    models: Object.fromEntries(all(Object.entries(models), Object.entries(first.models))),
  };
}

/** Returns the contract with as many resources in all. */
export function withResources(contract: Contract, count: number): Contract {
  const missing = count - byResource(contract).length;
  const names = Array.from({ length: Math.max(missing, 0) }, (_, index) => `samples${index}`);
  return names.reduce(withResource, contract);
}

/** Returns the contract with an operation that calls the upstream API, `POST /v1/probe`. */
export function withCaller(contract: Contract): Contract {
  const environment = ['UPSTREAM_CACHE_SECONDS', 'UPSTREAM_TIMEOUT_MS', 'UPSTREAM_URL'];
  const caller: FunctionDefinition = { name: 'probe', grants: [], secrets: ['upstream'], environment };
  const operation = {
    name: 'probe',
    method: 'POST',
    path: '/v1/probe',
    function: 'probe',
    parameters: [],
    models: {},
    isPublic: false,
  };
  return {
    ...contract,
    functions: [...contract.functions, caller],
    operations: [...contract.operations, operation],
  };
}

/** Returns a name in the case of models: `line_items` is `LineItems`. */
function titleOf(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
