// Alarms that notify the stage's topic.

import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmBase,
  ComparisonOperator,
  type MathExpression,
  type Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { alarmTopic } from './alarm-topic.ts';

const PERIOD = Duration.minutes(1);
/** The evaluation of a threshold that a single minute may exceed. */
export const SUSTAINED = { evaluationPeriods: 5, datapointsToAlarm: 3 };
export const IMMEDIATE = { evaluationPeriods: 1, datapointsToAlarm: 1 };

/** An alarm: its name within the stage, its metric, and a description that says where to look first. */
export interface AlarmDefinition {
  readonly id: string;
  readonly name: string;
  readonly over: Metric | MathExpression;
  readonly threshold: number;
  readonly evaluation: typeof SUSTAINED;
  readonly description: string;
  /** The section of docs/runbook.md. */
  readonly runbook: string;
  /** True if smaller values raise the alarm, and missing ones. */
  readonly isBelow?: boolean;
}

/** The alarms of one concern. */
export abstract class Alarms extends Construct {
  private readonly topic: ITopic;

  constructor(
    scope: Construct,
    id: string,
    /** The name of the service in this stage. */
    private readonly name: string,
  ) {
    super(scope, id);
    this.topic = alarmTopic(this, name);
  }

  protected alarm(definition: AlarmDefinition): Alarm {
    const { id, name, over, threshold, evaluation, description, runbook, isBelow = false } = definition;
    const alarm = new Alarm(this, id, {
      alarmName: `${this.name}-${name}`,
      alarmDescription: described(description, runbook),
      metric: over,
      threshold,
      ...evaluation,
      comparisonOperator: isBelow ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: isBelow ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    this.notify(alarm);
    return alarm;
  }

  /** Notifies the stage's topic. */
  protected notify(alarm: AlarmBase): void {
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
  }
}

/** Returns the description of an alarm, with the section of the runbook. */
export function described(description: string, runbook: string): string {
  return `${description} Runbook: docs/runbook.md#${runbook}`;
}

/** Returns a metric of each minute. */
export function perMinute(base: Metric, statistic: string, label?: string): Metric {
  return base.with({ statistic, period: PERIOD, ...(label && { label }) });
}
