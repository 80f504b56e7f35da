// The dashboard of a stage.

import { Dashboard as CloudWatchDashboard, GraphWidget, type IMetric, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { perMinute } from './alarms.ts';
import { apiMetric } from './api-metrics.ts';
import { coldStarts } from './cold-starts.ts';
import type { Consumer } from './consumer-alarms.ts';
import type { Contract } from './contract.ts';
import { upstreamMetric } from './upstream.ts';

const HALF_WIDTH = 12;

export interface DashboardProps {
  readonly name: string;
  /** The prefix of the names of functions and tables. */
  readonly prefix: string;
  readonly contract: Contract;
  readonly consumers: readonly Consumer[];
  readonly hasUpstream: boolean;
}

export class Dashboard extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: DashboardProps,
  ) {
    super(scope, id);
    const widgets = [
      ...this.ofApi(),
      ...this.ofFunctions(),
      ...this.ofTables(),
      ...this.ofConsumers(),
      ...this.ofUpstream(),
    ];
    const rows = Array.from({ length: Math.ceil(widgets.length / 2) }, (_, row) => widgets.slice(2 * row, 2 * row + 2));
    new CloudWatchDashboard(this, 'Dashboard', { dashboardName: props.name, widgets: rows });
  }

  private ofApi(): GraphWidget[] {
    const metric = (metricName: string, statistic: string, label?: string) =>
      perMinute(apiMetric(this.props.name, metricName), statistic, label);
    return [
      graph('Requests', [metric('Count', Stats.SUM)]),
      graph('Share of errors', [metric('4XXError', Stats.AVERAGE, '4xx'), metric('5XXError', Stats.AVERAGE, '5xx')]),
      graph(
        'Latency, ms',
        [50, 90, 99].map((p) => metric('Latency', Stats.p(p), `p${p}`)),
      ),
    ];
  }

  private ofFunctions(): GraphWidget[] {
    const { contract, prefix, name } = this.props;
    const names = [...contract.functions, ...contract.consumers].map(({ name }) => name);
    const each = (metricName: string, statistic: string) =>
      names.map((name) => this.metric('AWS/Lambda', metricName, { FunctionName: `${prefix}${name}` }, statistic, name));
    return [
      graph('Functions: duration p99, ms', each('Duration', Stats.p(99))),
      graph('Functions: throttles', each('Throttles', Stats.SUM)),
      graph('Functions: errors', each('Errors', Stats.SUM)),
      graph('Cold starts', [perMinute(coldStarts(name), Stats.SUM)]),
      graph('Functions: concurrency', each('ConcurrentExecutions', Stats.MAXIMUM)),
    ];
  }

  private ofTables(): GraphWidget[] {
    const { contract, prefix } = this.props;
    const each = (metricName: string) =>
      contract.tables.map(({ name }) =>
        this.metric('AWS/DynamoDB', metricName, { TableName: `${prefix}${name}` }, Stats.SUM, name),
      );
    return [
      graph('Tables: read units', each('ConsumedReadCapacityUnits')),
      graph('Tables: write units', each('ConsumedWriteCapacityUnits')),
      graph('Tables: throttled reads', each('ReadThrottleEvents')),
      graph('Tables: throttled writes', each('WriteThrottleEvents')),
    ];
  }

  private ofConsumers(): GraphWidget[] {
    const { consumers } = this.props;
    const lag = consumers.map(({ name, lag }) => perMinute(lag.metric, Stats.MAXIMUM, name));
    const failed = consumers.flatMap(({ name, failureMetrics }) =>
      failureMetrics.map(({ name: kind, metric }) => perMinute(metric, Stats.MAXIMUM, `${name} ${kind}`)),
    );
    return consumers.length > 0
      ? [graph('Consumers: lag, ms of streams and s of queues', lag), graph('Consumers: failed changes', failed)]
      : [];
  }

  private ofUpstream(): GraphWidget[] {
    const { name, hasUpstream } = this.props;
    const calls = [
      upstreamMetric(name, 'latency', Stats.SAMPLE_COUNT).with({ label: 'calls' }),
      upstreamMetric(name, 'failures', Stats.SUM).with({ label: 'failures' }),
      upstreamMetric(name, 'saved', Stats.SUM).with({ label: 'saved by the cache' }),
    ];
    const latency = [50, 90, 99].map((p) => upstreamMetric(name, 'latency', Stats.p(p)).with({ label: `p${p}` }));
    return hasUpstream ? [graph('Upstream API: calls', calls), graph('Upstream API: latency, ms', latency)] : [];
  }

  private metric(
    namespace: string,
    metricName: string,
    dimensionsMap: Record<string, string>,
    statistic: string,
    label: string,
  ): Metric {
    return perMinute(new Metric({ namespace, metricName, dimensionsMap }), statistic, label);
  }
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: HALF_WIDTH, leftYAxis: { min: 0 } });
}
