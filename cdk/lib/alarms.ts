// Alarms that notify the stage's topic.

import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
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

  protected alarm({ id, name, over, threshold, evaluation, description }: AlarmDefinition): Alarm {
    const alarm = new Alarm(this, id, {
      alarmName: `${this.name}-${name}`,
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
}

/** Returns a metric of each minute. */
export function perMinute(base: Metric, statistic: string, label?: string): Metric {
  return base.with({ statistic, period: PERIOD, ...(label && { label }) });
}
