// The event bus of the service's events, and its optional archive.

import { CfnOutput, Duration } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { ChangeOptions } from './stages.ts';

export interface BusProps {
  readonly name: string;
  /** The `source` of events. */
  readonly source: string;
  readonly options: ChangeOptions;
}

/** A bus per stage: a rule on it cannot match another stage's events. */
export class Bus extends Construct {
  readonly bus: EventBus;

  constructor(scope: Construct, id: string, { name, source, options }: BusProps) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', { eventBusName: name, description: 'Changes of records.' });
    if (options.archiveDays) {
      this.bus.archive('Archive', {
        archiveName: name,
        description: 'Events to replay for a consumer that missed them.',
        eventPattern: { source: [source] },
        retention: Duration.days(options.archiveDays),
      });
    }
    new CfnOutput(this, 'Name', { key: 'EventBus', value: this.bus.eventBusName });
  }
}
