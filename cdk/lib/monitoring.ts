// What is watched: a dashboard for people, alarms to a topic.

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
import { crashedCalls, failedRequests, LEAST_FAILURES, share, WINDOW } from './failures.ts';
import type { Live } from './functions.ts';
import type { AlarmOptions } from './stages.ts';

const PERIOD = Duration.minutes(1);
/** How many of the last minutes must be over a threshold that a single bad minute may cross. */
const LASTING = { evaluationPeriods: 5, datapointsToAlarm: 3 };
const AT_ONCE = { evaluationPeriods: 1, datapointsToAlarm: 1 };
/** Clients who try things out are no incident: fewer refused requests in five minutes are no alarm. */
const LEAST_CLIENT_ERRORS = 50;
const HALF = 12;

/** A record over which a consumer panics comes again and again while others are done: that is not half of its calls. */
const CRASHED_CALLS = 0.5;

/** A function that changes are given to, how far it is behind, and what counts the changes it gave up. */
export interface Consumer {
  readonly name: string;
  readonly function: LambdaFunction;
  /** How much of the metric is a second. */
  readonly lag: { readonly metric: Metric; readonly second: number };
  readonly lost: readonly {
    readonly id: string;
    /** What the alarm's name ends with. */
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

/** An alarm: its name within the stage, its metric, and where to look first when it rings. */
interface AlarmDefinition {
  readonly id: string;
  readonly name: string;
  readonly over: Metric | MathExpression;
  readonly threshold: number;
  readonly patience: typeof LASTING;
  readonly description: string;
}

export class Monitoring extends Construct {
  readonly topic: Topic;
  /** For each function: rings when its newest version fails requests, crashes or runs out of time. */
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
    new Dashboard(this, 'Dashboard', { dashboardName: props.name, widgets: this.rows() });
  }

  private alarmTopic(): Topic {
    const topic = new Topic(this, 'Alarms', { displayName: `Alarms of ${this.props.name}`, enforceSSL: true });
    // A topic's policy takes the place of SNS's default one, which lets its own account publish (SNS developer guide,
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
    accept(topic, 'Alarms name resources and figures, no data.', 'CKV_AWS_26');
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
      over: share(rest.metricClientError(sum), count, LEAST_CLIENT_ERRORS, 'Share of 4xx'),
      threshold: options.clientErrors,
      patience: AT_ONCE,
      description:
        'Many requests are refused. Look in the access log for the status and the key: a client that is wrong, or a release that refuses more.',
    });
    this.alarm({
      id: 'ServerErrors',
      name: 'server-errors',
      over: share(rest.metricServerError(sum), count, LEAST_FAILURES, 'Share of 5xx'),
      threshold: options.serverErrors,
      patience: AT_ONCE,
      description:
        "Requests fail on our side. Look which function's failures alarm rings too, then in its log for the level ERROR; if none does, in the access log for the gateway's own 5xx.",
    });
    this.alarm({
      id: 'Latency',
      name: 'latency',
      over: metric(rest.metricLatency(), Stats.p(99)),
      threshold: options.latency,
      patience: LASTING,
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
          patience: AT_ONCE,
          description: `Lambda did not start ${name}: the account's concurrency or the function's own is used up. Look at the dashboard for the function that took it.`,
        });
        const isConsumer = consumers.some((consumer) => consumer.name === name);
        const alarm = this.alarm({
          id: `${name}Failures`,
          // Named after the version, it is a new alarm for each: one that is updated keeps its state, so that an old
          // version in trouble would stop the next deployment (CloudWatch API reference, PutMetricAlarm).
          name: `${name}-failures-version-${lambda.currentVersion.version}`,
          ...(isConsumer
            ? {
                over: crashedCalls(this, { namespace, live }),
                threshold: CRASHED_CALLS,
                patience: LASTING,
                description: `The newest version of ${name} panics, runs out of time or dies. Look in its log for "crashed": true; a process that died left only Lambda's own lines. Records wait in the stream meanwhile.`,
              }
            : {
                over: failedRequests(this, { namespace, live }),
                threshold: options.serverErrors,
                patience: AT_ONCE,
                description: `The newest version of ${name} answers 5xx or dies. Look in its log for the level ERROR: "cause" says why; a process that died left only Lambda's own lines.`,
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
          patience: LASTING,
          description: `DynamoDB refuses ${kind.toLowerCase()}s of ${table.node.id}. Look at its units on the dashboard: a sudden rise settles by itself, a lasting one is one key or one index partition (docs/stack.md, "List shards").`,
        });
      }
    }
  }

  private consumerAlarms(): void {
    for (const { name, lag, lost } of this.props.consumers) {
      this.alarm({
        id: `${name}Lag`,
        name: `${name}-lag`,
        over: metric(lag.metric, Stats.MAXIMUM),
        threshold: this.props.options.streamLag * lag.second,
        patience: LASTING,
        description: `${name} is behind. Look in its log for "failures": a change or a service that fails holds up those after it.`,
      });
      for (const { id, name: kind, metric: count, description } of lost) {
        const over = metric(count, Stats.MAXIMUM);
        this.alarm({ id: `${name}${id}`, name: `${name}-${kind}`, over, threshold: 0, patience: AT_ONCE, description });
      }
    }
  }

  private alarm({ id, name, over, threshold, patience, description }: AlarmDefinition): Alarm {
    const alarm = new Alarm(this, id, {
      alarmName: `${this.props.name}-${name}`,
      alarmDescription: description,
      metric: over,
      threshold,
      ...patience,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
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
