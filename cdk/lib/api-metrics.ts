// The metrics of the REST API, by its name.

import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';

/** Returns a metric over all stages of the API, of which there is one (API Gateway developer guide, "Amazon API Gateway dimensions and metrics"). */
export function apiMetric(name: string, metricName: string, options: MetricOptions = {}): Metric {
  return new Metric({ namespace: 'AWS/ApiGateway', metricName, dimensionsMap: { ApiName: name }, ...options });
}
