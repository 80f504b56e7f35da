// Tests of the checks of quotas at synthesis, with contracts that exceed them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Contract, readContract } from '../lib/contract.ts';
import { byResource } from '../lib/grouping.ts';
import { checkQuotas } from '../lib/quotas.ts';
import { STAGES } from '../lib/stages.ts';
import { withResources } from './added.ts';
import { appOf } from './synthesized.ts';

const contract = readContract();
const [operation] = contract.operations;
const consumer = contract.consumers.find(({ source }) => source === 'events');
assert.ok(operation && consumer);

const check = (changed: Partial<Contract>) => () => checkQuotas({ ...contract, ...changed }, STAGES.prod);

describe('a quota', () => {
  test('is not reached by twenty resources', () => {
    assert.doesNotThrow(check(withResources(contract, 20)));
  });

  test('of paths counts the root and those without a method', () => {
    const paths = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...operation, path: `/v1/items/{id}/a${index}` }));
    assert.doesNotThrow(check({ operations: paths(296) }));
    assert.throws(check({ operations: paths(297) }), /leads to 301 paths, .* of a REST API: AWS's quota is 300/);
  });

  test('of rules bounds the event consumers', () => {
    const consumers = (count: number) => Array.from({ length: count }, () => consumer);
    assert.doesNotThrow(check({ consumers: consumers(300) }));
    assert.throws(check({ consumers: consumers(301) }), /leads to 301 event consumers with a rule on the bus/);
  });

  test('of metrics bounds the functions and tables on the dashboard', () => {
    const functions = Array.from({ length: 500 }, () => ({ name: 'a', grants: [] }));
    assert.throws(check({ functions }), /functions in a graph of the dashboard: AWS's quota is 500/);
    const [table] = contract.tables;
    assert.ok(table);
    const tables = Array.from({ length: 700 }, () => table);
    assert.throws(check({ tables }), /metrics of the dashboard: AWS's quota is 2500/);
  });

  test('is checked at synthesis', () => {
    const operations = Array.from({ length: 300 }, (_, index) => ({ ...operation, path: `/v1/items/a${index}` }));
    assert.throws(() => appOf({ contract: { ...contract, operations } }), /AWS's quota is 300/);
  });
});

describe('a resource', () => {
  test('has the operations below its path, with their functions and models', () => {
    const resources = byResource(contract);
    const named = (name: string) => resources.find((resource) => resource.name === name);
    const [items, users] = [named('items'), named('users')];
    assert.deepEqual(resources.map(({ name }) => name).sort(), ['items', 'paraphrase', 'users']);
    const names = items?.functions.map(({ name }) => name) ?? [];
    assert.ok(names.includes('items_publish') && names.every((name) => name.startsWith('items_')));
    assert.deepEqual(Object.keys(users?.models ?? {}).sort(), ['UsersCreate', 'UsersPatch', 'UsersUpdate']);
  });

  test('shares no function and no model with another', () => {
    const [first, ...rest] = contract.operations;
    assert.ok(first);
    const shared = { ...first, path: '/v1/users/shared' };
    assert.throws(
      () => byResource({ ...contract, operations: [shared, ...rest, first] }),
      /^Error: openapi.json: users and items share the function /,
    );
  });

  test('has a path below the root', () => {
    assert.throws(
      () => byResource({ ...contract, operations: [{ ...operation, path: '/health' }] }),
      /the path \/health of \w+ does not begin with \/v1\/ and a name/,
    );
  });
});
