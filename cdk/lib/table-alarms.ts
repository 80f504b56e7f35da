// Alarms on tables that DynamoDB throttles.

import { Duration } from 'aws-cdk-lib';
import { MathExpression, type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { Alarms, perMinute, SUSTAINED } from './alarms.ts';
import type { TableDefinition } from './contract.ts';
import { tableMetrics } from './widgets.ts';

/** The most metrics in the expression of an alarm (CloudWatch user guide, "Using metric math"). */
const METRICS = 10;

export interface TableAlarmsProps {
  readonly name: string;
  /** The prefix of the names of tables. */
  readonly prefix: string;
  readonly tables: readonly TableDefinition[];
}

export class TableAlarms extends Alarms {
  constructor(scope: Construct, id: string, { name, prefix, tables }: TableAlarmsProps) {
    super(scope, id, name);
    for (const table of tables) {
      for (const kind of ['Read', 'Write']) {
        const all = tableMetrics(table, prefix, `${kind}ThrottleEvents`).map((metric) => perMinute(metric, Stats.SUM));
        for (let part = 0; part * METRICS < all.length; part += 1) {
          const suffix = part === 0 ? '' : `-${part + 1}`;
          this.throttles(table.name, kind, suffix, all.slice(part * METRICS, (part + 1) * METRICS));
        }
      }
    }
  }

  private throttles(table: string, kind: string, suffix: string, metrics: readonly Metric[]): void {
    this.alarm({
      id: `${table}${kind}ThrottleEvents${suffix}`,
      name: `${table}-${kind.toLowerCase()}-throttles${suffix}`,
      over: sumOf(metrics),
      threshold: 0,
      evaluation: SUSTAINED,
      description: `DynamoDB throttles ${kind.toLowerCase()}s of ${table} or of its indexes. Look at its units on the dashboard: throttling after a sudden rise ends by itself, sustained throttling is due to one key or one index partition (docs/stack.md, "List shards").`,
      runbook: 'table-throttles',
    });
  }
}

/** Returns the sum of metrics, of which the missing ones are 0. */
function sumOf(metrics: readonly Metric[]): Metric | MathExpression {
  const [only] = metrics;
  if (only && metrics.length === 1) {
    return only;
  }
  const usingMetrics = Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric]));
  const terms = metrics.map((_, index) => `FILL(m${index}, 0)`);
  return new MathExpression({ expression: terms.join(' + '), usingMetrics, period: Duration.minutes(1) });
}
