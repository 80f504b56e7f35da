// The dashboards: one of the stage, and one of each resource.

import { Duration } from 'aws-cdk-lib';
import {
  Dashboard as CloudWatchDashboard,
  type GraphWidget,
  type IWidget,
  MathExpression,
  Metric,
  SingleValueWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { perMinute } from './alarms.ts';
import { apiMetric } from './api-metrics.ts';
import type { Consumer } from './consumer-alarms.ts';
import type { Contract } from './contract.ts';
import type { ResourceDefinition } from './grouping.ts';
import { PRICES } from './prices.ts';
import { type ServiceMetric, serviceMetric } from './service-metrics.ts';
import type { StageOptions } from './stages.ts';
import { upstreamMetric } from './upstream.ts';
import { functionGraphs, graph, rows, tableGraphs, tableMetrics } from './widgets.ts';

const DAY = Duration.days(1);
const WIDTH = 12;

export interface DashboardProps {
  readonly name: string;
  readonly stage: string;
  /** The prefix of the names of functions and tables. */
  readonly prefix: string;
  readonly contract: Contract;
  readonly consumers: readonly Consumer[];
  readonly options: StageOptions;
}

/** The dashboard of a stage. */
export class Dashboard extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: DashboardProps,
  ) {
    super(scope, id);
    const { name, prefix, contract } = props;
    const functions = [...contract.functions, ...contract.consumers].map((definition) => definition.name);
    const widgets: IWidget[] = [
      ...this.ofApi(),
      ...this.ofService(),
      ...functionGraphs(functions, prefix),
      ...tableGraphs(contract.tables, prefix),
      ...this.ofConsumers(),
      ...this.ofUpstream(),
      this.cost(functions),
    ];
    new CloudWatchDashboard(this, 'Dashboard', { dashboardName: name, widgets: rows(widgets) });
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

  /** The graphs of the metrics that functions log. */
  private ofService(): GraphWidget[] {
    const { stage, options } = this.props;
    const shown: readonly [title: string, name: ServiceMetric, statistic: string][] = [
      ['Cold starts', 'coldStarts', Stats.SUM],
      ['Responses with 409', 'conflicts', Stats.SUM],
      ['Responses with 412', 'preconditionFailed', Stats.SUM],
      ['Time in DynamoDB p99, ms', 'dynamoDbMs', Stats.p(99)],
      ['Retries of requests to DynamoDB', 'retries', Stats.SUM],
    ];
    return shown.flatMap(([title, name, statistic]) => {
      const metric = serviceMetric(name, statistic, stage, options.telemetry);
      return metric ? [graph(title, [metric])] : [];
    });
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
    const { name, options } = this.props;
    const calls = [
      upstreamMetric(name, 'latency', Stats.SAMPLE_COUNT).with({ label: 'calls' }),
      upstreamMetric(name, 'failures', Stats.SUM).with({ label: 'failures' }),
      upstreamMetric(name, 'saved', Stats.SUM).with({ label: 'saved by the cache' }),
    ];
    const latency = [50, 90, 99].map((p) => upstreamMetric(name, 'latency', Stats.p(p)).with({ label: `p${p}` }));
    return options.upstream ? [graph('Upstream API: calls', calls), graph('Upstream API: latency, ms', latency)] : [];
  }

  /** The cost of the last day: requests, duration of functions, and units of tables and indexes. */
  private cost(functions: readonly string[]): SingleValueWidget {
    const { name, prefix, contract, options } = this.props;
    const sum = (namespace: string, metricName: string, dimensionsMap: Record<string, string>) =>
      new Metric({ namespace, metricName, dimensionsMap, statistic: Stats.SUM, period: DAY });
    const units = (metricName: string) =>
      contract.tables.flatMap((table) =>
        tableMetrics(table, prefix, metricName).map((metric) => metric.with({ statistic: Stats.SUM, period: DAY })),
      );
    const parts: readonly [id: string, metrics: readonly Metric[], price: number][] = [
      ['calls', [sum('AWS/ApiGateway', 'Count', { ApiName: name })], PRICES.apiRequest + PRICES.lambdaRequest],
      [
        'durations',
        functions.map((one) => sum('AWS/Lambda', 'Duration', { FunctionName: `${prefix}${one}` })),
        (options.functions.memory / 1_024 / 1_000) * PRICES.lambdaGigabyteSecond,
      ],
      ['reads', units('ConsumedReadCapacityUnits'), PRICES.readUnit],
      ['writes', units('ConsumedWriteCapacityUnits'), PRICES.writeUnit],
    ];
    const named = parts.flatMap(([id, metrics]) => metrics.map((metric, index) => [`${id}${index}`, metric] as const));
    const usingMetrics = Object.fromEntries(named);
    // METRICS with a text is all metrics with it in their id (CloudWatch user guide, "Using math expressions").
    const terms = parts.map(
      ([id, , price]) => `SUM(FILL(METRICS("${id}"), 0)) * ${price.toFixed(16).replace(/0+$/, '')}`,
    );
    const expression = terms.join(' + ');
    const cost = new MathExpression({ expression, usingMetrics, period: DAY, label: 'dollars' });
    return new SingleValueWidget({
      title: 'Cost of the day: requests, functions, tables',
      metrics: [cost],
      period: DAY,
      width: WIDTH,
    });
  }
}

export interface ResourceDashboardProps {
  readonly name: string;
  readonly prefix: string;
  readonly resource: ResourceDefinition;
  readonly contract: Contract;
}

/** The dashboard of a resource: its functions, their versions during a deployment, and its table. */
export class ResourceDashboard extends Construct {
  constructor(scope: Construct, id: string, { name, prefix, resource, contract }: ResourceDashboardProps) {
    super(scope, id);
    const functions = resource.functions.map((definition) => definition.name);
    const tables = contract.tables.filter((table) => table.name === resource.name);
    const calls = functions.map((one) =>
      perMinute(
        new Metric({
          namespace: 'AWS/Lambda',
          metricName: 'Invocations',
          dimensionsMap: { FunctionName: `${prefix}${one}` },
        }),
        Stats.SUM,
        one,
      ),
    );
    const widgets: IWidget[] = [
      graph('Requests', calls),
      graph('Requests by version', [versions(functions.map((one) => `${prefix}${one}`))]),
      ...functionGraphs(functions, prefix),
      ...(tables.length > 0 ? tableGraphs(tables, prefix) : []),
    ];
    new CloudWatchDashboard(this, 'Dashboard', { dashboardName: `${name}-${resource.name}`, widgets: rows(widgets) });
  }
}

/** Returns the invocations of each version, such as that of a canary deployment beside the previous one. */
function versions(functions: readonly string[]): MathExpression {
  const names = functions.map((name) => `"${name}"`).join(' OR ');
  const expression = `SEARCH('{AWS/Lambda,ExecutedVersion,FunctionName,Resource} MetricName="Invocations" FunctionName=(${names})', 'Sum')`;
  return new MathExpression({ expression, usingMetrics: {}, label: '' });
}
