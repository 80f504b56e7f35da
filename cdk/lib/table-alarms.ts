// Alarms on tables that DynamoDB throttles.

import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { Alarms, perMinute, SUSTAINED } from './alarms.ts';

export interface TableAlarmsProps {
  readonly name: string;
  readonly tables: readonly TableV2[];
}

export class TableAlarms extends Alarms {
  constructor(scope: Construct, id: string, { name, tables }: TableAlarmsProps) {
    super(scope, id, name);
    for (const table of tables) {
      for (const kind of ['Read', 'Write']) {
        const metric = `${kind}ThrottleEvents`;
        this.alarm({
          id: `${table.node.id}${metric}`,
          name: `${table.node.id}-${kind.toLowerCase()}-throttles`,
          over: perMinute(table.metric(metric), Stats.SUM),
          threshold: 0,
          evaluation: SUSTAINED,
          description: `DynamoDB throttles ${kind.toLowerCase()}s of ${table.node.id}. Look at its units on the dashboard: throttling after a sudden rise ends by itself, sustained throttling is due to one key or one index partition (docs/stack.md, "List shards").`,
        });
      }
    }
  }
}
