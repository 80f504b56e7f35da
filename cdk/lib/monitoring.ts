// What is watched: a dashboard for people, alarms to a topic.

import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { Live } from './functions.ts';
import type { AlarmOptions } from './stages.ts';

const PERIOD = Duration.minutes(1);
/** How many of the last minutes must be over a threshold that a single bad minute may cross. */
const LASTING = { evaluationPeriods: 5, datapointsToAlarm: 3 };
const AT_ONCE = { evaluationPeriods: 1, datapointsToAlarm: 1 };
const HALF = 12;

/** A function that changes are given to, how far it is behind, and what counts the changes it gave up. */
export interface Consumer {
  readonly name: string;
  readonly function: LambdaFunction;
  /** How much of the metric is a second. */
  readonly lag: { readonly metric: Metric; readonly second: number };
  readonly lost: readonly { readonly name: string; readonly metric: Metric }[];
}

export interface MonitoringProps {
  readonly name: string;
  readonly rest: RestApi;
  readonly functions: readonly Live[];
  readonly tables: readonly TableV2[];
  readonly consumers: readonly Consumer[];
  readonly options: AlarmOptions;
}

export class Monitoring extends Construct {
  readonly topic: Topic;
  /** Rings when answers are errors of ours. */
  readonly serverErrors: Alarm;
  /** For each function: rings when its live version crashes or runs out of time. */
  readonly crashes: ReadonlyMap<string, Alarm>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MonitoringProps,
  ) {
    super(scope, id);
    this.topic = this.alarmTopic();
    this.serverErrors = this.apiAlarms();
    this.crashes = this.functionAlarms();
    this.tableAlarms();
    this.consumerAlarms();
    new Dashboard(this, 'Dashboard', { dashboardName: props.name, widgets: this.rows() });
  }

  private alarmTopic(): Topic {
    const topic = new Topic(this, 'Alarms', { displayName: `Alarms of ${this.props.name}`, enforceSSL: true });
    accept(topic, 'Alarms name resources and figures, no data.', 'CKV_AWS_26');
    const { email } = this.props.options;
    if (email) {
      topic.addSubscription(new EmailSubscription(email));
    }
    return topic;
  }

  private apiAlarms(): Alarm {
    const { rest, options } = this.props;
    this.alarm('ClientErrors', metric(rest.metricClientError(), Stats.AVERAGE), options.clientErrors, LASTING);
    this.alarm('Latency', metric(rest.metricLatency(), Stats.p(99)), options.latency, LASTING);
    return this.alarm('ServerErrors', metric(rest.metricServerError(), Stats.AVERAGE), options.serverErrors, LASTING);
  }

  private functionAlarms(): Map<string, Alarm> {
    return new Map(
      this.props.functions.map(({ name, function: lambda, alias }) => {
        this.alarm(`${name}Throttles`, metric(lambda.metricThrottles(), Stats.SUM), 0, AT_ONCE);
        return [name, this.alarm(`${name}Errors`, metric(alias.metricErrors(), Stats.SUM), 0, AT_ONCE)];
      }),
    );
  }

  private tableAlarms(): void {
    for (const table of this.props.tables) {
      for (const name of ['ReadThrottleEvents', 'WriteThrottleEvents']) {
        this.alarm(`${table.node.id}${name}`, metric(table.metric(name), Stats.SUM), 0, LASTING);
      }
    }
  }

  private consumerAlarms(): void {
    for (const { name, lag, lost } of this.props.consumers) {
      const most = this.props.options.streamLag * lag.second;
      this.alarm(`${name}Lag`, metric(lag.metric, Stats.MAXIMUM), most, LASTING);
      for (const { name: what, metric: count } of lost) {
        this.alarm(`${name}${what}`, metric(count, Stats.MAXIMUM), 0, AT_ONCE);
      }
    }
  }

  private alarm(id: string, over: Metric, threshold: number, patience: typeof LASTING): Alarm {
    const alarm = new Alarm(this, id, {
      metric: over,
      threshold,
      ...patience,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    return alarm;
  }

  private rows(): IWidget[][] {
    const { rest, functions, tables, consumers } = this.props;
    const each = (of: (lambda: LambdaFunction) => Metric, statistic: string) =>
      functions.map(({ name, function: lambda }) => metric(of(lambda), statistic, name));
    const perTable = (name: string) => tables.map((table) => metric(table.metric(name), Stats.SUM, table.node.id));
    const rows = [
      [
        graph('Requests', [metric(rest.metricCount(), Stats.SUM)]),
        graph('Share of errors', [
          metric(rest.metricClientError(), Stats.AVERAGE, '4xx'),
          metric(rest.metricServerError(), Stats.AVERAGE, '5xx'),
        ]),
      ],
      [
        graph(
          'Latency, ms',
          [50, 90, 99].map((p) => metric(rest.metricLatency(), Stats.p(p), `p${p}`)),
        ),
        graph(
          'Functions: duration p99, ms',
          each((lambda) => lambda.metricDuration(), Stats.p(99)),
        ),
      ],
      [
        graph(
          'Functions: throttles',
          each((lambda) => lambda.metricThrottles(), Stats.SUM),
        ),
        graph(
          'Functions: errors',
          each((lambda) => lambda.metricErrors(), Stats.SUM),
        ),
      ],
      [graph('Cold starts', [this.coldStarts()]), graph('Functions: at once', [concurrency(functions)].flat())],
      [
        graph('Tables: read units', perTable('ConsumedReadCapacityUnits')),
        graph('Tables: write units', perTable('ConsumedWriteCapacityUnits')),
      ],
      [
        graph('Tables: throttled reads', perTable('ReadThrottleEvents')),
        graph('Tables: throttled writes', perTable('WriteThrottleEvents')),
      ],
    ];
    const streams = [
      graph(
        'Consumers: lag, ms of streams and s of queues',
        consumers.map(({ name, lag }) => metric(lag.metric, Stats.MAXIMUM, name)),
      ),
      graph(
        'Consumers: changes given up',
        consumers.flatMap(({ name, lost }) =>
          lost.map(({ name: what, metric: count }) => metric(count, Stats.MAXIMUM, `${name} ${what}`)),
        ),
      ),
    ];
    return consumers.length > 0 ? [...rows, streams] : rows;
  }

  /** One metric over all functions, counted from their log lines: a metric each would cost ten times as much. */
  private coldStarts(): Metric {
    const { name, functions } = this.props;
    const target = { metricNamespace: name, metricName: 'ColdStarts' };
    for (const { name, logs } of functions) {
      new MetricFilter(this, `${name}ColdStarts`, {
        ...target,
        logGroup: logs,
        filterPattern: FilterPattern.booleanValue('$.coldStart', true),
        metricValue: '1',
      });
    }
    return new Metric({
      namespace: target.metricNamespace,
      metricName: target.metricName,
      statistic: Stats.SUM,
      period: PERIOD,
    });
  }
}

function concurrency(functions: readonly Live[]): Metric[] {
  return functions.map(({ name, function: lambda }) =>
    metric(lambda.metric('ConcurrentExecutions'), Stats.MAXIMUM, name),
  );
}

function metric(of: Metric, statistic: string, label?: string): Metric {
  return of.with({ statistic, period: PERIOD, ...(label && { label }) });
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: HALF, leftYAxis: { min: 0 } });
}
