// The number of cold starts of all functions, in one metric.

import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Live } from './functions.ts';

const METRIC = 'ColdStarts';

/** Counts the cold starts of functions from their log lines in one metric: one per function would cost ten times as much. */
export function countColdStarts(scope: Construct, serviceName: string, functions: readonly Live[]): void {
  const filters = new Construct(scope, METRIC);
  for (const { name, logs } of functions) {
    new MetricFilter(filters, name, {
      metricNamespace: serviceName,
      metricName: METRIC,
      logGroup: logs,
      filterPattern: FilterPattern.booleanValue('$.coldStart', true),
      metricValue: '1',
    });
  }
}

export function coldStarts(serviceName: string): Metric {
  return new Metric({ namespace: serviceName, metricName: METRIC, statistic: Stats.SUM });
}
