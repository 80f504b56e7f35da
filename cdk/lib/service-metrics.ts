// The metrics that functions write into their log lines: docs/telemetry.md lists them.

import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PROJECT } from './project.ts';
import type { TelemetryOptions } from './stages.ts';

/** The metrics of the Embedded Metric Format, `x-telemetry` in the contract. */
export type ServiceMetric =
  | 'requests'
  | 'clientErrors'
  | 'serverErrors'
  | 'preconditionFailed'
  | 'conflicts'
  | 'coldStarts'
  | 'durationMs'
  | 'dynamoDbMs'
  | 'capacityUnits'
  | 'retries'
  | 'throttles';

/** Returns a metric over all operations, as one series: or one for each operation, if the stage has those. */
export function serviceMetric(
  name: ServiceMetric,
  statistic: string,
  stage: string,
  { metrics }: TelemetryOptions,
): Metric | MathExpression | undefined {
  if (metrics === 'none') {
    return undefined;
  }
  if (metrics === 'stage') {
    return new Metric({ namespace: PROJECT, metricName: name, dimensionsMap: { stage }, statistic });
  }
  // CloudWatch user guide, "CloudWatch search expression syntax".
  const expression = `SEARCH('{${PROJECT},stage,operation} MetricName="${name}" stage="${stage}"', '${statistic}')`;
  return new MathExpression({ expression, usingMetrics: {}, label: '' });
}
