// The stack of one consumer of changes: its function, its mappings or queues, and their alarms.

import type { Construct } from 'constructs';
import { Canary } from '../canary.ts';
import { type Consumer, ConsumerAlarms } from '../consumer-alarms.ts';
import type { ConsumerDefinition } from '../contract.ts';
import { EventConsumer } from '../event-consumer.ts';
import { FunctionAlarms } from '../function-alarms.ts';
import { Functions } from '../functions.ts';
import { PROJECT } from '../project.ts';
import { Queries } from '../queries.ts';
import { StreamConsumer } from '../stream-consumer.ts';
import type { DataStack } from './data.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

export interface ConsumerStackProps extends ServiceProps {
  readonly consumer: ConsumerDefinition;
  readonly data: DataStack;
}

export class ConsumerStack extends StageStack {
  readonly consumer: Consumer;

  constructor(scope: Construct, props: ConsumerStackProps) {
    const { consumer: definition, data, options } = props;
    super(scope, `consumer-${definition.name}`, `The consumer ${definition.name}.`, props);
    const { serviceName, prefix } = this;
    const functions = new Functions(this, 'Functions', { ...props, data, prefix });
    const shared = { functions, data, prefix, source: PROJECT, options: options.changes };
    this.consumer =
      definition.source === 'streams'
        ? new StreamConsumer(this, 'Consumer', { ...shared, definition })
        : new EventConsumer(this, 'Consumer', { ...shared, definition });
    const { live } = this.consumer;
    new ConsumerAlarms(this, 'ConsumerAlarms', { name: serviceName, consumer: this.consumer, options: options.alarms });
    const alarms = new FunctionAlarms(this, 'Alarms', {
      name: serviceName,
      functions: [live],
      kind: 'consumer',
      options: options.alarms,
    });
    new Queries(this, 'Queries', { folder: `${serviceName}/${definition.name}`, functions: [live], kind: 'batches' });
    if (options.functions.canary) {
      new Canary(this, 'Canary', { name: this.stackName, functions: [live], failures: alarms.failures });
    }
  }
}
