// The dashboard, and alarms that notify a topic.

import { Duration, Stack } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  type MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { crashedCalls, failedRequests, MIN_FAILURES, share, WINDOW } from './failures.ts';
import type { Live } from './functions.ts';
import type { AlarmOptions } from './stages.ts';

const PERIOD = Duration.minutes(1);
/** The evaluation of a threshold that a single minute may exceed. */
const SUSTAINED = { evaluationPeriods: 5, datapointsToAlarm: 3 };
const IMMEDIATE = { evaluationPeriods: 1, datapointsToAlarm: 1 };
/** Fewer refused requests in five minutes do not raise an alarm: clients may be experimenting. */
const MIN_CLIENT_ERRORS = 50;
const HALF_WIDTH = 12;

/** One record that makes a consumer panic is retried while others succeed, which is less than half of the invocations. */
const CRASHED_SHARE = 0.5;

/** A consumer of changes, with its metrics of lag and failed changes. */
export interface Consumer {
  readonly name: string;
  readonly function: LambdaFunction;
  /** The lag; `second` is one second in the metric's unit. */
  readonly lag: { readonly metric: Metric; readonly second: number };
  readonly failureMetrics: readonly {
    readonly id: string;
    /** The suffix of the alarm's name. */
    readonly name: string;
    readonly metric: Metric;
    readonly description: string;
  }[];
}

export interface MonitoringProps {
  readonly name: string;
  readonly rest: RestApi;
  readonly functions: readonly Live[];
  readonly tables: readonly TableV2[];
  readonly consumers: readonly Consumer[];
  readonly options: AlarmOptions;
}

/** An alarm: its name within the stage, its metric, and a description that says where to look first. */
interface AlarmDefinition {
  readonly id: string;
  readonly name: string;
  readonly over: Metric | MathExpression;
  readonly threshold: number;
  readonly evaluation: typeof SUSTAINED;
  readonly description: string;
}

export class Monitoring extends Construct {
  readonly topic: Topic;
  /** The alarm of each function on failed requests, crashes and timeouts of its newest version. */
  readonly failures: ReadonlyMap<string, Alarm>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MonitoringProps,
  ) {
    super(scope, id);
    this.topic = this.alarmTopic();
    this.apiAlarms();
    this.failures = this.functionAlarms();
    this.tableAlarms();
    this.consumerAlarms();
    new Dashboard(this, 'Dashboard', { dashboardName: props.name, widgets: this.widgets() });
  }

  private alarmTopic(): Topic {
    const topic = new Topic(this, 'Alarms', { displayName: `Alarms of ${this.props.name}`, enforceSSL: true });
    // A topic's policy replaces SNS's default one, which lets the topic's account publish (SNS developer guide,
    // "Example cases for Amazon SNS access control").
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    accept(topic, 'Alarms contain names of resources and metrics, no data.', 'CKV_AWS_26');
    const { email } = this.props.options;
    if (email) {
      topic.addSubscription(new EmailSubscription(email));
    }
    return topic;
  }

  private apiAlarms(): void {
    const { rest, options } = this.props;
    const count = rest.metricCount({ statistic: Stats.SUM, period: WINDOW });
    const sum = { statistic: Stats.SUM, period: WINDOW };
    this.alarm({
      id: 'ClientErrors',
      name: 'client-errors',
      over: share(rest.metricClientError(sum), count, MIN_CLIENT_ERRORS, 'Share of 4xx'),
      threshold: options.clientErrors,
      evaluation: IMMEDIATE,
      description:
        'Many requests are refused. Look in the access log for the status and the key: the cause is a client, or a release that refuses more.',
    });
    this.alarm({
      id: 'ServerErrors',
      name: 'server-errors',
      over: share(rest.metricServerError(sum), count, MIN_FAILURES, 'Share of 5xx'),
      threshold: options.serverErrors,
      evaluation: IMMEDIATE,
      description:
        "Requests fail with a 5xx. Look for a function whose failures alarm is also active, then in its log for the level ERROR; if there is none, in the access log for the gateway's own 5xx.",
    });
    this.alarm({
      id: 'Latency',
      name: 'latency',
      over: metric(rest.metricLatency(), Stats.p(99)),
      threshold: options.latency,
      evaluation: SUSTAINED,
      description:
        "The API is slow. Look at the dashboard for the function whose duration rose, and at its tables' throttles.",
    });
  }

  private functionAlarms(): Map<string, Alarm> {
    const { consumers, functions, name: namespace, options } = this.props;
    return new Map(
      functions.map((live) => {
        const { name, function: lambda } = live;
        this.alarm({
          id: `${name}Throttles`,
          name: `${name}-throttles`,
          over: metric(lambda.metricThrottles(), Stats.SUM),
          threshold: 0,
          evaluation: IMMEDIATE,
          description: `Lambda throttled ${name}: the account's concurrency or the function's own is used up. Look at the dashboard for the function that uses it.`,
        });
        const isConsumer = consumers.some((consumer) => consumer.name === name);
        const alarm = this.alarm({
          id: `${name}Failures`,
          // The version in the name makes it a new alarm per version. An updated alarm keeps its state, so a failing old
          // version would block the next deployment (CloudWatch API reference, PutMetricAlarm).
          name: `${name}-failures-version-${lambda.currentVersion.version}`,
          ...(isConsumer
            ? {
                over: crashedCalls(this, { namespace, live }),
                threshold: CRASHED_SHARE,
                evaluation: SUSTAINED,
                description: `The newest version of ${name} panics, times out or crashes. Look in its log for "crashed": true; a crashed process leaves only Lambda's own lines. Records wait in the stream meanwhile.`,
              }
            : {
                over: failedRequests(this, { namespace, live }),
                threshold: options.serverErrors,
                evaluation: IMMEDIATE,
                description: `The newest version of ${name} responds with 5xx or crashes. Look in its log for the level ERROR, whose "cause" gives the reason; a crashed process leaves only Lambda's own lines.`,
              }),
        });
        return [name, alarm];
      }),
    );
  }

  private tableAlarms(): void {
    for (const table of this.props.tables) {
      for (const kind of ['Read', 'Write']) {
        const name = `${kind}ThrottleEvents`;
        this.alarm({
          id: `${table.node.id}${name}`,
          name: `${table.node.id}-${kind.toLowerCase()}-throttles`,
          over: metric(table.metric(name), Stats.SUM),
          threshold: 0,
          evaluation: SUSTAINED,
          description: `DynamoDB throttles ${kind.toLowerCase()}s of ${table.node.id}. Look at its units on the dashboard: throttling after a sudden rise ends by itself, sustained throttling is due to one key or one index partition (docs/stack.md, "List shards").`,
        });
      }
    }
  }

  private consumerAlarms(): void {
    for (const { name, lag, failureMetrics } of this.props.consumers) {
      this.alarm({
        id: `${name}Lag`,
        name: `${name}-lag`,
        over: metric(lag.metric, Stats.MAXIMUM),
        threshold: this.props.options.streamLag * lag.second,
        evaluation: SUSTAINED,
        description: `${name} is behind. Look in its log for "failures": a failing change or dependency holds up later changes.`,
      });
      for (const { id, name: kind, metric: count, description } of failureMetrics) {
        const over = metric(count, Stats.MAXIMUM);
        this.alarm({
          id: `${name}${id}`,
          name: `${name}-${kind}`,
          over,
          threshold: 0,
          evaluation: IMMEDIATE,
          description,
        });
      }
    }
  }

  private alarm({ id, name, over, threshold, evaluation, description }: AlarmDefinition): Alarm {
    const alarm = new Alarm(this, id, {
      alarmName: `${this.props.name}-${name}`,
      alarmDescription: description,
      metric: over,
      threshold,
      ...evaluation,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
    return alarm;
  }

  private widgets(): IWidget[][] {
    const { rest, functions, tables, consumers } = this.props;
    const perFunction = (metricOf: (lambda: LambdaFunction) => Metric, statistic: string) =>
      functions.map(({ name, function: lambda }) => metric(metricOf(lambda), statistic, name));
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
          perFunction((lambda) => lambda.metricDuration(), Stats.p(99)),
        ),
      ],
      [
        graph(
          'Functions: throttles',
          perFunction((lambda) => lambda.metricThrottles(), Stats.SUM),
        ),
        graph(
          'Functions: errors',
          perFunction((lambda) => lambda.metricErrors(), Stats.SUM),
        ),
      ],
      [graph('Cold starts', [this.coldStarts()]), graph('Functions: concurrency', [concurrency(functions)].flat())],
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
        'Consumers: failed changes',
        consumers.flatMap(({ name, failureMetrics }) =>
          failureMetrics.map(({ name: kind, metric: count }) => metric(count, Stats.MAXIMUM, `${name} ${kind}`)),
        ),
      ),
    ];
    return consumers.length > 0 ? [...rows, streams] : rows;
  }

  /** Counts cold starts of all functions from their log lines in one metric: one per function would cost ten times as much. */
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

function metric(base: Metric, statistic: string, label?: string): Metric {
  return base.with({ statistic, period: PERIOD, ...(label && { label }) });
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: HALF_WIDTH, leftYAxis: { min: 0 } });
}
