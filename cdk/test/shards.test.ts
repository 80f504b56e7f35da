// A stage does not let more creates through than the indexes of its tables take.

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

test('the contract says how many shards a list, and a filter of few values, are spread over', () => {
  const shards = contract.tables.flatMap(({ name, indexes }) =>
    indexes.map((index) => [`${name} ${index.name}`, index.writeShards ?? null]),
  );
  assert.deepEqual(Object.fromEntries(shards), {
    'items list': 4,
    'items ownerId': null,
    'items status': 4,
    'users list': 4,
    'users email': null,
  });
});

describe('creates a second', () => {
  test('are a thousand write units for each shard, and a unit for each KB begun', () => {
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

  test('of every stage are within what its indexes take', () => {
    for (const stage of Object.keys(STAGES) as StageName[]) {
      assert.doesNotThrow(() => checkShards(contract, stage, STAGES[stage]), stage);
    }
  });

  test('beyond that stop the synthesis, in a line that names what to change', () => {
    const refusal = (options: StageOptions) => {
      let message = '';
      assert.throws(
        () => appOf({ stage: 'prod', options }),
        (error: Error) => {
          message = error.message;
          return true;
        },
      );
      return message;
    };
    const tooFast = refusal(prodWith(4_001, 1));
    assert.equal(
      tooFast,
      'prod allows 4001 creates of items per second (api.throttle.rate), but the index list sustains 4000 with records of 1 KB (data.recordKilobytes): raise LIST_SHARDS in src/resources (docs/stack.md, "List shards"), or lower the rate',
    );
    assert.match(refusal(prodWith(2_000, 3)), /the index list sustains 1333 with records of 3 KB/);
    assert.doesNotThrow(() => appOf({ stage: 'prod', options: prodWith(4_000, 1) }));
  });
});
