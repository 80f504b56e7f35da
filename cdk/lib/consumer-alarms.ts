// Alarms on the lag of a consumer, and on the changes it failed.

import { type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { Alarms, IMMEDIATE, perMinute, SUSTAINED } from './alarms.ts';
import type { Live } from './functions.ts';
import type { AlarmOptions } from './stages.ts';

/** A consumer of changes, with its metrics of lag and failed changes. */
export interface Consumer {
  readonly name: string;
  readonly live: Live;
  /** The lag; `second` is one second in the metric's unit. */
  readonly lag: { readonly metric: Metric; readonly second: number };
  readonly failureMetrics: readonly FailureMetric[];
}

export interface FailureMetric {
  readonly id: string;
  /** The suffix of the alarm's name. */
  readonly name: string;
  readonly metric: Metric;
  readonly description: string;
  /** The section of docs/runbook.md. */
  readonly runbook: string;
}

export interface ConsumerAlarmsProps {
  readonly name: string;
  readonly consumer: Consumer;
  readonly options: AlarmOptions;
}

export class ConsumerAlarms extends Alarms {
  constructor(scope: Construct, id: string, { name: serviceName, consumer, options }: ConsumerAlarmsProps) {
    super(scope, id, serviceName);
    const { name, lag, failureMetrics } = consumer;
    this.alarm({
      id: 'Lag',
      name: `${name}-lag`,
      over: perMinute(lag.metric, Stats.MAXIMUM),
      threshold: options.streamLag * lag.second,
      evaluation: SUSTAINED,
      description: `${name} is behind. Look in its log for "failures": a failing change or dependency holds up later changes.`,
      runbook: 'consumer-lag',
    });
    for (const { id, name: kind, metric, description, runbook } of failureMetrics) {
      const over = perMinute(metric, Stats.MAXIMUM);
      this.alarm({ id, name: `${name}-${kind}`, over, threshold: 0, evaluation: IMMEDIATE, description, runbook });
    }
  }
}
