// The creates a second that the indexes of a table take: a stage that lets more through is not synthesized.

import type { Contract, Index } from './contract.ts';
import type { StageOptions } from './stages.ts';

/**
 * Write units a second that one partition of an index takes (DynamoDB developer guide, "Designing partition keys to
 * distribute your workload"). Ids rise with time, so that all new records of a shard are at its end, where DynamoDB does
 * not split it by heat.
 */
const UNITS_A_SHARD = 1_000;
/** The index behind a list without a filter. */
const LIST = 'list';

/** Creates a second that an index takes, of records of that many KB: a KB is a unit. */
export function createsPerSecond({ writeShards }: Pick<Index, 'writeShards'>, recordKilobytes: number): number {
  // An index without shards has a partition for each key: no single number bounds it.
  return writeShards
    ? Math.floor((writeShards * UNITS_A_SHARD) / Math.ceil(recordKilobytes))
    : Number.POSITIVE_INFINITY;
}

/** Throws if a stage lets more creates through than an index takes. */
export function checkShards({ tables, operations }: Contract, stage: string, { api, data }: StageOptions): void {
  for (const { name, indexes } of tables.filter(({ name }) => isCreated(name, operations))) {
    for (const index of indexes) {
      const most = createsPerSecond(index, data.recordKilobytes);
      if (api.throttle.rate > most) {
        const option = index.name === LIST ? 'LIST_SHARDS' : `the shards of the filter ${index.name}`;
        throw new Error(
          `${stage} lets ${api.throttle.rate} creates of ${name} a second through (api.throttle.rate), but the index ${index.name} takes ${most} with records of ${data.recordKilobytes} KB (data.recordKilobytes): raise ${option} in src/resources (docs/stack.md, "List shards"), or lower the rate`,
        );
      }
    }
  }
}

function isCreated(table: string, operations: Contract['operations']): boolean {
  return operations.some(({ method, path }) => method === 'POST' && path.endsWith(`/${table}`));
}
