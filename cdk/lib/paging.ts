// The composite alarm on what cannot wait, and its topic.

import { type Alarm, AlarmRule, AlarmState, CompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Construct } from 'constructs';
import { Notifications } from './alarm-topic.ts';
import { described } from './alarms.ts';

export interface PagingProps {
  /** The name of the service in this stage. */
  readonly name: string;
  readonly alarms: readonly Alarm[];
  /** The recipient, if any. */
  readonly email: string | undefined;
}

/** Callers see failures: one alarm for all of them, so that one outage wakes somebody once. */
export class Paging extends Construct {
  constructor(scope: Construct, id: string, { name, alarms, email }: PagingProps) {
    super(scope, id);
    const { topic } = new Notifications(this, 'Topic', { name: `${name}-pages`, email });
    const alarm = new CompositeAlarm(this, 'Alarm', {
      compositeAlarmName: `${name}-page`,
      alarmDescription: described(
        'Callers see failures or waiting. Look at the dashboard of the stage, and at the alarms of which this one is made.',
        'page',
      ),
      alarmRule: AlarmRule.anyOf(...alarms.map((one) => AlarmRule.fromAlarm(one, AlarmState.ALARM))),
    });
    alarm.addAlarmAction(new SnsAction(topic));
    alarm.addOkAction(new SnsAction(topic));
  }
}
