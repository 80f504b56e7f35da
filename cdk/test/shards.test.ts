// Tests that the create rate of a stage does not exceed what its indexes sustain.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { checkShards, createsPerSecond } from '../lib/shards.ts';
import { STAGES, type StageName, type StageOptions } from '../lib/stages.ts';
import { appOf } from './synthesized.ts';

const contract = readContract();

function prodWith(rate: number, recordKilobytes: number): StageOptions {
  const { prod } = STAGES;
  return {
    ...prod,
    api: { ...prod.api, throttle: { rate, burst: rate } },
    data: { ...prod.data, recordKilobytes },
  };
}

test('the list of each resource has several shards, which bound its create rate', () => {
  const lists = contract.tables.flatMap(({ indexes }) => indexes.filter(({ name }) => name === 'list'));
  assert.equal(lists.length, contract.tables.filter(({ stream }) => stream).length);
  for (const { writeShards } of lists) {
    assert.ok(writeShards);
  }
});

describe('the create rate', () => {
  test('is a thousand write units per shard, with one unit per started KB', () => {
    for (const [kilobytes, expected] of [
      [0.5, 4_000],
      [1, 4_000],
      [1.5, 2_000],
      [4, 1_000],
      [400, 10],
    ] as const) {
      assert.equal(createsPerSecond({ writeShards: 4 }, kilobytes), expected);
    }
    assert.equal(createsPerSecond({}, 1), Number.POSITIVE_INFINITY);
  });

  test('of every stage is within the limit of its indexes', () => {
    for (const stage of Object.keys(STAGES) as StageName[]) {
      assert.doesNotThrow(() => checkShards(contract, stage, STAGES[stage]), stage);
    }
  });

  test('beyond the limit stops synthesis with a message that names the remedy', () => {
    const tables = contract.tables.map((table) => ({
      ...table,
      indexes: table.indexes.map(({ writeShards: _, ...index }) =>
        index.name === 'list' ? { ...index, writeShards: 4 } : index,
      ),
    }));
    const sharded = { ...contract, tables };
    const refusal = (options: StageOptions) => {
      let message = '';
      assert.throws(
        () => appOf({ stage: 'prod', options, contract: sharded }),
        (error: Error) => {
          message = error.message;
          return true;
        },
      );
      return message;
    };
    const tooFast = refusal(prodWith(4_001, 1));
    const [created] = tables.filter(({ stream }) => stream);
    assert.equal(
      tooFast,
      `prod allows 4001 creates of ${created?.name} per second (api.throttle.rate), but the index list sustains 4000 with records of 1 KB (data.recordKilobytes): raise LIST_SHARDS in src/resources (docs/stack.md, "List shards"), or lower the rate`,
    );
    assert.match(refusal(prodWith(2_000, 3)), /the index list sustains 1333 with records of 3 KB/);
    assert.doesNotThrow(() => appOf({ stage: 'prod', options: prodWith(4_000, 1), contract: sharded }));
  });
});
