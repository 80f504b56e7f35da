// The bus the service's events are on, for whoever wants to know of changes, and its archive by option.

import { CfnOutput, Duration } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { ChangeOptions } from './stages.ts';

export interface BusProps {
  readonly name: string;
  /** What events say they come from. */
  readonly source: string;
  readonly options: ChangeOptions;
}

/** A bus of the stage's own: a rule on it cannot meet another stage's events. */
export class Bus extends Construct {
  readonly bus: EventBus;

  constructor(scope: Construct, id: string, { name, source, options }: BusProps) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', { eventBusName: name, description: 'What has changed.' });
    if (options.archiveDays) {
      this.bus.archive('Archive', {
        archiveName: name,
        description: 'To be sent once more to one who missed them.',
        eventPattern: { source: [source] },
        retention: Duration.days(options.archiveDays),
      });
    }
    new CfnOutput(this, 'Name', { key: 'EventBus', value: this.bus.eventBusName });
  }
}
