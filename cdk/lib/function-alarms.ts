// Alarms on functions that are throttled, or whose newest version fails.

import { type Alarm, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { type AlarmDefinition, Alarms, IMMEDIATE, perMinute, SUSTAINED } from './alarms.ts';
import { crashedCalls, failedRequests } from './failures.ts';
import type { Live } from './functions.ts';
import type { AlarmOptions } from './stages.ts';

/** One record that makes a consumer panic is retried while others succeed, which is less than half of the invocations. */
const CRASHED_SHARE = 0.5;

export interface FunctionAlarmsProps {
  /** The name of the service in this stage, which is also the namespace of its metrics. */
  readonly name: string;
  readonly functions: readonly Live[];
  /** The kind of the functions: those with HTTP responses, unless it is given. */
  readonly kind?: 'consumer' | 'authorizer';
  readonly options: AlarmOptions;
}

export class FunctionAlarms extends Alarms {
  /** The alarm of each function on failed requests, crashes and timeouts of its newest version. */
  readonly failures: ReadonlyMap<string, Alarm>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: FunctionAlarmsProps,
  ) {
    super(scope, id, props.name);
    for (const live of props.functions) {
      this.throttles(live);
    }
    this.failures = new Map(props.functions.map((live) => [live.name, this.failure(live)]));
  }

  private throttles({ name, function: lambda }: Live): void {
    this.alarm({
      id: `${name}Throttles`,
      name: `${name}-throttles`,
      over: perMinute(lambda.metricThrottles(), Stats.SUM),
      threshold: 0,
      evaluation: IMMEDIATE,
      description: `Lambda throttled ${name}: the account's concurrency or the function's own is used up. Look at the dashboard for the function that uses it.`,
      runbook: 'function-throttles',
    });
  }

  private failure(live: Live): Alarm {
    const { name, function: lambda } = live;
    return this.alarm({
      id: `${name}Failures`,
      // The version in the name makes it a new alarm per version. An updated alarm keeps its state, so a failing old
      // version would block the next deployment (CloudWatch API reference, PutMetricAlarm).
      name: `${name}-failures-version-${lambda.currentVersion.version}`,
      ...(this.props.kind ? this.ofCalls(live, this.props.kind) : this.ofRequests(live)),
    });
  }

  private ofCalls(live: Live, kind: 'consumer' | 'authorizer'): Omit<AlarmDefinition, 'id' | 'name'> {
    const isConsumer = kind === 'consumer';
    const advice = isConsumer
      ? `Look in its log for "crashed": true; a crashed process leaves only Lambda's own lines. Records wait in the stream meanwhile.`
      : `Look in its log for Lambda's own lines. Requests with a token that is not in API Gateway's cache get a 5xx meanwhile.`;
    return {
      over: crashedCalls(this, { namespace: this.props.name, live, logsCrashes: isConsumer }),
      threshold: CRASHED_SHARE,
      evaluation: SUSTAINED,
      description: `The newest version of ${live.name} panics, times out or crashes. ${advice}`,
      runbook: isConsumer ? 'consumer-failures' : 'authorizer-failures',
    };
  }

  private ofRequests(live: Live): Omit<AlarmDefinition, 'id' | 'name'> {
    return {
      over: failedRequests(this, { namespace: this.props.name, live }),
      threshold: this.props.options.serverErrors,
      evaluation: IMMEDIATE,
      description: `The newest version of ${live.name} responds with 5xx or crashes. Look in its log for the level ERROR, whose "cause" gives the reason; a crashed process leaves only Lambda's own lines.`,
      runbook: 'function-failures',
    };
  }
}
