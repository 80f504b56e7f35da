// A contract with an added resource.

import type { Contract } from '../lib/contract.ts';

/** Returns the contract with a copy of `items`, its functions, table, methods and models, under another name. */
export function withResource(contract: Contract, name: string): Contract {
  const { operations, functions, tables, models } = contract;
  const copy = <T>(value: T, isItems: (text: string) => boolean): T[] => {
    const text = JSON.stringify(value);
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    return isItems(text) ? [JSON.parse(text.replaceAll('items', name).replaceAll('Items', title)) as T] : [];
  };
  const all = <T>(values: readonly T[], start: RegExp) => [
    ...values,
    ...values.flatMap((value) => copy(value, (text) => start.test(text))),
  ];
  return {
    ...contract,
    operations: all(operations, /"path":"\/v1\/items/),
    functions: all(functions, /^\{"name":"items_/),
    tables: all(tables, /"name":"items"/),
    models: Object.fromEntries(all(Object.entries(models), /^\["Items/)),
  };
}
