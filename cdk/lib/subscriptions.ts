// The delivery of events to a consumer: a rule on the bus, and the consumer's queues.

import { Duration } from 'aws-cdk-lib';
import { type EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { type DeadLetterQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { EventConsumerDefinition } from './contract.ts';

const BATCH_SIZE = 10;
/** The receives before a message moves to the dead-letter queue: at least five (Lambda developer guide, "Configuring a queue to use with Lambda"). */
const RECEIVES = 5;
/** The maximum retention of SQS. */
const DEAD_LETTER_AGE = Duration.days(14);
/** The visibility timeout in function timeouts: at least six, by the same guide. */
const TIMEOUTS = 6;
/** The suffix of the queue for repeated handling, as in `src/streams/messages.rs`. */
const LATER = '-later';

/**
 * The actions Lambda requires before it creates a mapping (Lambda developer guide, "Creating and configuring an Amazon SQS
 * event source mapping", execution role permissions).
 */
export const QUEUE_ACTIONS = ['DeleteMessage', 'GetQueueAttributes', 'ReceiveMessage'].map((action) => `sqs:${action}`);

export interface SubscriptionProps {
  readonly definition: EventConsumerDefinition;
  readonly bus: EventBus;
  /** The `source` of events. */
  readonly source: string;
  /** The prefix of the queues' names. */
  readonly prefix: string;
  /** The function's timeout. */
  readonly timeout: Duration;
}

/** The rule and the queues of one consumer; `connect` adds the event source mappings. */
export class Subscription extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly queues: readonly Queue[];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: SubscriptionProps,
  ) {
    super(scope, id);
    const { definition, bus, source, timeout } = props;
    const { repeats } = definition;
    this.deadLetters = this.create('DeadLetters', '-dead-letters', { retention: DEAD_LETTER_AGE });
    accept(this.deadLetters, 'It is a dead-letter queue itself.', 'AwsSolutions-SQS3');
    const visibility = Duration.seconds(TIMEOUTS * timeout.toSeconds());
    const delay = Duration.seconds(definition.delaySeconds);
    this.queue = this.create('Queue', '', { visibility, delay, receives: RECEIVES });
    const later = repeats && this.later(repeats);
    this.queues = later ? [this.queue, later] : [this.queue];
    const targets = this.queues.map((queue) => new SqsQueue(queue, { deadLetterQueue: this.deadLetters }));
    new Rule(this, 'Rule', {
      description: `Events for ${definition.name}.`,
      eventBus: bus,
      eventPattern: { source: [source], detailType: [...definition.types] },
      targets,
    });
  }

  /** Creates the queue for repeated handling: a handled message stays, and is received again after the visibility timeout. */
  private later({ everySeconds, untilSeconds }: { everySeconds: number; untilSeconds: number }): Queue {
    const every = Duration.seconds(everySeconds);
    const receives = Math.ceil(untilSeconds / everySeconds) + RECEIVES;
    return this.create('Later', LATER, { visibility: every, delay: every, receives });
  }

  private create(
    id: string,
    suffix: string,
    options: { visibility?: Duration; delay?: Duration; receives?: number; retention?: Duration },
  ): Queue {
    const { visibility, delay, receives, retention } = options;
    const deadLetterQueue: DeadLetterQueue | undefined = receives
      ? { queue: this.deadLetters, maxReceiveCount: receives }
      : undefined;
    const queue = new Queue(this, id, {
      queueName: `${this.props.prefix}${this.props.definition.name}${suffix}`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: retention ?? DEAD_LETTER_AGE,
      ...(visibility && { visibilityTimeout: visibility }),
      ...(delay && { deliveryDelay: delay }),
      ...(deadLetterQueue && { deadLetterQueue }),
    });
    accept(
      queue,
      'Events are encrypted with the key SQS manages, as on the bus with that of EventBridge.',
      'CKV_AWS_27',
    );
    return queue;
  }

  /** Makes Lambda pass the queues' messages to a function whose role has QUEUE_ACTIONS on them. */
  connect(target: IFunction): void {
    for (const queue of this.queues) {
      new EventSourceMapping(this, `${queue.node.id}Mapping`, {
        target,
        eventSourceArn: queue.queueArn,
        batchSize: BATCH_SIZE,
        reportBatchItemFailures: true,
      });
    }
  }
}
