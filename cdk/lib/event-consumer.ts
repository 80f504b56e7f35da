// A consumer of the bus's events, through queues of its own.

import { Construct } from 'constructs';
import type { Consumer, FailureMetric } from './consumer-alarms.ts';
import { allow, type ConsumerProps, consumerFunction, TIMEOUT } from './consumer-function.ts';
import type { EventConsumerDefinition } from './contract.ts';
import type { Live } from './functions.ts';
import { QUEUE_ACTIONS, Subscription } from './subscriptions.ts';

export class EventConsumer extends Construct implements Consumer {
  readonly name: string;
  readonly live: Live;
  readonly lag: Consumer['lag'];
  readonly failureMetrics: readonly FailureMetric[];

  constructor(scope: Construct, id: string, props: ConsumerProps<EventConsumerDefinition>) {
    super(scope, id);
    const { definition, data, source, prefix } = props;
    this.name = definition.name;
    this.live = consumerFunction(props);
    const { bus } = data.bus;
    const subscription = new Subscription(this, 'Subscription', { definition, bus, source, prefix, timeout: TIMEOUT });
    for (const queue of subscription.queues) {
      allow(this.live, QUEUE_ACTIONS, queue.queueArn);
    }
    subscription.connect(this.live.alias);
    const { queue, deadLetters } = subscription;
    this.lag = { metric: queue.metricApproximateAgeOfOldestMessage(), second: 1 };
    this.failureMetrics = [
      {
        id: 'DeadLetters',
        name: 'dead-letters',
        metric: deadLetters.metricApproximateNumberOfMessagesVisible(),
        description: `${definition.name} failed events, which its dead-letter queue holds for 14 days. Look in its log for the cause, fix it, then run make replay (docs/stack.md).`,
        runbook: 'failed-changes',
      },
    ];
  }
}
