// Checks that the indexes of a table sustain the create rate that a stage allows.

import type { Contract, Index } from './contract.ts';
import type { StageOptions } from './stages.ts';

/**
 * Write units per second of an index partition (DynamoDB developer guide, "Designing partition keys to distribute your
 * workload"). Ids increase with time, so all new records of a shard are at its end, where DynamoDB does not split it by
 * heat.
 */
const UNITS_PER_SHARD = 1_000;
/** The index behind a list without a filter. */
const LIST = 'list';

/** Returns the creates per second that an index sustains, with one write unit per started KB. */
export function createsPerSecond({ writeShards }: Pick<Index, 'writeShards'>, recordKilobytes: number): number {
  // An index without shards has a partition per key, so no single number bounds it.
  return writeShards
    ? Math.floor((writeShards * UNITS_PER_SHARD) / Math.ceil(recordKilobytes))
    : Number.POSITIVE_INFINITY;
}

/** Throws if a stage allows more creates than an index sustains. */
export function checkShards({ tables, operations }: Contract, stage: string, { api, data }: StageOptions): void {
  for (const { name, indexes } of tables.filter(({ name }) => isCreated(name, operations))) {
    for (const index of indexes) {
      const maximum = createsPerSecond(index, data.recordKilobytes);
      if (api.throttle.rate > maximum) {
        const option = index.name === LIST ? 'LIST_SHARDS' : `the shards of the filter ${index.name}`;
        throw new Error(
          `${stage} allows ${api.throttle.rate} creates of ${name} per second (api.throttle.rate), but the index ${index.name} sustains ${maximum} with records of ${data.recordKilobytes} KB (data.recordKilobytes): raise ${option} in src/resources (docs/stack.md, "List shards"), or lower the rate`,
        );
      }
    }
  }
}

function isCreated(table: string, operations: Contract['operations']): boolean {
  return operations.some(({ method, path }) => method === 'POST' && path.endsWith(`/${table}`));
}
