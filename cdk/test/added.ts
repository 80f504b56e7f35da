// A contract with added resources.

import type { ConsumerDefinition, Contract, FunctionDefinition, Grant } from '../lib/contract.ts';

/** Returns the contract with a copy of `items` under another name: what the contract has when such a resource is added. */
export function withResource(contract: Contract, name: string): Contract {
  const { operations, functions, consumers, jobs, tables, models } = contract;
  const copy = <T>(value: T): T => {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    return JSON.parse(JSON.stringify(value).replaceAll('items', name).replaceAll('Items', title)) as T;
  };
  const all = <T>(values: readonly T[], isOfItems: (value: T) => boolean) => [
    ...values,
    ...values.filter(isOfItems).map(copy),
  ];
  const ofItems = ({ table }: Grant) => table === 'items';
  return {
    ...contract,
    operations: all(operations, ({ path }) => /^\/v1\/items(\/|$)/.test(path)),
    functions: all(functions, ({ name }) => name.startsWith('items_')),
    // Stream consumers read every table with records, and migrations change them.
    consumers: consumers.map(
      (consumer): ConsumerDefinition =>
        consumer.source === 'streams' ? { ...consumer, tables: [...consumer.tables, name] } : consumer,
    ),
    jobs: jobs.map((job): FunctionDefinition => ({ ...job, grants: all(job.grants, ofItems) })),
    tables: all(tables, ({ name }) => name === 'items'),
    models: Object.fromEntries(all(Object.entries(models), ([model]) => model.startsWith('Items'))),
  };
}

/** Returns the contract with as many resources in all. */
export function withResources(contract: Contract, count: number): Contract {
  const names = Array.from({ length: count - 2 }, (_, index) => `samples${index}`);
  return names.reduce(withResource, contract);
}
