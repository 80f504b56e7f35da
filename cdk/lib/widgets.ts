// The graphs of the dashboards.

import {
  GraphWidget,
  type IMetric,
  LogQueryVisualizationType,
  LogQueryWidget,
  Metric,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import { perMinute } from './alarms.ts';
import type { Contract, TableDefinition } from './contract.ts';

const HALF_WIDTH = 12;
/** A query reads at most this many log groups (CloudWatch Logs user guide, "CloudWatch Logs quotas"). */
const LOG_GROUPS = 50;

/** Returns a graph of half the width of a dashboard. */
export function graph(title: string, left: readonly IMetric[]): GraphWidget {
  return new GraphWidget({ title, left: [...left], width: HALF_WIDTH, leftYAxis: { min: 0 } });
}

/** Returns the graphs of Lambda functions, with a series each. */
export function functionGraphs(names: readonly string[], prefix: string): (GraphWidget | LogQueryWidget)[] {
  const each = (metricName: string, statistic: string) =>
    names.map((name) => {
      const dimensionsMap = { FunctionName: `${prefix}${name}` };
      return perMinute(new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap }), statistic, name);
    });
  return [
    ...[50, 90, 99].map((p) => graph(`Functions: duration p${p}, ms`, each('Duration', Stats.p(p)))),
    graph('Functions: throttles', each('Throttles', Stats.SUM)),
    graph('Functions: errors', each('Errors', Stats.SUM)),
    graph('Functions: concurrency', each('ConcurrentExecutions', Stats.MAXIMUM)),
    memory(names, prefix),
  ];
}

/** Returns the memory used and given, from the reports that Lambda logs (Lambda developer guide, "Lambda Telemetry API Event schema reference"). */
function memory(names: readonly string[], prefix: string): LogQueryWidget {
  return new LogQueryWidget({
    title: 'Functions: memory used of that given, MB',
    width: HALF_WIDTH,
    view: LogQueryVisualizationType.TABLE,
    logGroupNames: names.slice(0, LOG_GROUPS).map((name) => `/aws/lambda/${prefix}${name}`),
    queryLines: [
      'filter type = "platform.report"',
      'stats max(record.metrics.maxMemoryUsedMB) as used, max(record.metrics.memorySizeMB) as given by @log',
      'sort used desc',
    ],
  });
}

/** Returns the graphs of tables, with a series for each table and index. */
export function tableGraphs(tables: readonly TableDefinition[], prefix: string): GraphWidget[] {
  const each = (metricName: string) =>
    tables.flatMap((table) => tableMetrics(table, prefix, metricName).map((metric) => perMinute(metric, Stats.SUM)));
  return [
    graph('Tables: read units', each('ConsumedReadCapacityUnits')),
    graph('Tables: write units', each('ConsumedWriteCapacityUnits')),
    graph('Tables: throttled reads', each('ReadThrottleEvents')),
    graph('Tables: throttled writes', each('WriteThrottleEvents')),
  ];
}

/** Returns a metric of a table and of each of its indexes (DynamoDB developer guide, "DynamoDB metrics and dimensions"). */
export function tableMetrics({ name, indexes }: TableDefinition, prefix: string, metricName: string): Metric[] {
  const TableName = `${prefix}${name}`;
  const ofTable = new Metric({ namespace: 'AWS/DynamoDB', metricName, dimensionsMap: { TableName }, label: name });
  const ofIndexes = indexes.map((index) => {
    const dimensionsMap = { TableName, GlobalSecondaryIndexName: index.name };
    return new Metric({ namespace: 'AWS/DynamoDB', metricName, dimensionsMap, label: `${name}/${index.name}` });
  });
  return [ofTable, ...ofIndexes];
}

/** Returns the number of metrics in the graphs above, by the functions and tables. */
export function metricCount({
  functions,
  consumers,
  tables,
}: Pick<Contract, 'functions' | 'consumers' | 'tables'>): number {
  const series = tables.reduce((sum, { indexes }) => sum + 1 + indexes.length, 0);
  return 6 * (functions.length + consumers.length) + 4 * series;
}

/** Arranges widgets in rows of two. */
export function rows<T>(widgets: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(widgets.length / 2) }, (_, row) => widgets.slice(2 * row, 2 * row + 2));
}
