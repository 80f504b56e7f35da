// The consumers of changes, from the tables' streams or from the bus.

import { Duration, Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FilterCriteria, FilterRule, MetricType, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import type { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { Bus } from './bus.ts';
import type { ConsumerDefinition, Contract, EventConsumerDefinition, StreamConsumerDefinition } from './contract.ts';
import { FailedChanges } from './failed-changes.ts';
import type { Functions, Live } from './functions.ts';
import type { Consumer } from './monitoring.ts';
import type { StageOptions } from './stages.ts';
import { QUEUE_ACTIONS, Subscription } from './subscriptions.ts';
import type { Tables } from './tables.ts';

/** A batch may take long. Records handled within the timeout stay handled, and no caller waits. */
const TIMEOUT = Duration.minutes(1);
const BATCH_SIZE = 100;
/** A failing record holds up a quarter of its shard's keys; the changes of each key stay in order. */
const BATCHES_PER_SHARD = 4;
/** Outlasts a short outage. A poison record is alone in its batch by then, so its retries are cheap. */
const RETRIES = 50;
/** More readers are throttled (DynamoDB Streams API reference, `GetRecords`, `LimitExceededException`). */
const READERS_PER_STREAM = 2;
/** The kinds of changes in a stream. */
const KINDS = ['INSERT', 'MODIFY', 'REMOVE'];
/**
 * The actions Lambda requires before it creates a mapping (DynamoDB developer guide, "IAM policy to allow an AWS Lambda
 * function to access DynamoDB stream records"). As there, `ListStreams` is on the stream only. If IAM supports it only for
 * all streams, this grants nothing, and nothing needs it.
 */
const STREAM_ACTIONS = ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
  (action) => `dynamodb:${action}`,
);
const HISTORY = 'history';

export interface ConsumersProps {
  readonly contract: Contract;
  readonly tables: Tables;
  readonly functions: Functions;
  readonly bus: Bus;
  /** The `source` of events. */
  readonly source: string;
  /** The prefix of the names of functions and queues. */
  readonly prefix: string;
  readonly options: StageOptions;
}

export class Consumers extends Construct {
  readonly all: readonly Consumer[];
  private readonly failed: FailedChanges;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ConsumersProps,
  ) {
    super(scope, id);
    checkReaders(props.contract.consumers);
    this.failed = new FailedChanges(this, 'FailedChanges', { options: props.options, key: props.tables.key });
    this.all = props.contract.consumers.map((definition) => this.consumer(definition));
  }

  private consumer(definition: ConsumerDefinition): Consumer {
    const { functions, bus } = this.props;
    const scope = new Construct(this, definition.name);
    const live = functions.create(definition, this.variables(definition), { timeout: TIMEOUT, isInBackground: true });
    if (definition.publishes) {
      allow(live, ['events:PutEvents'], bus.bus.eventBusArn);
    }
    return definition.source === 'streams'
      ? this.streamConsumer(scope, definition, live)
      : this.eventConsumer(scope, definition, live);
  }

  private streamConsumer(scope: Construct, definition: StreamConsumerDefinition, live: Live): Consumer {
    const { contract, tables } = this.props;
    this.allowFailureDestination(live);
    const mappings = definition.tables.map((table) => {
      const stream = tables.byName.get(table)?.tableStreamArn;
      if (!stream || !contract.tables.some(({ name, stream }) => stream && name === table)) {
        throw new Error(`openapi.json: ${definition.name} reads the stream of the table ${table}, which has none`);
      }
      allow(live, STREAM_ACTIONS, stream);
      return { table, mapping: this.mapping(scope, definition, { table, stream, live }) };
    });
    return {
      name: definition.name,
      function: live.function,
      lag: { metric: live.function.metric('IteratorAge'), second: 1_000 },
      failureMetrics: [
        ...mappings.flatMap(({ table, mapping }) => [
          {
            id: `${table}Failed`,
            name: `${table}-failed`,
            metric: mappingMetric(mapping, 'OnFailureDestinationDeliveredEventCount'),
            description: `${definition.name} failed changes of ${table}, which the bucket of failed changes holds. Look in its log for the cause, fix it, then run make replay (docs/stack.md).`,
          },
          {
            id: `${table}Dropped`,
            name: `${table}-dropped`,
            metric: mappingMetric(mapping, 'DroppedEventCount'),
            description: `Lambda dropped changes of ${table} for ${definition.name}. Check the mapping's destination, and compare the history with the table.`,
          },
        ]),
        // Changes that failed all attempts and did not reach the bucket: only the log has their position.
        {
          id: 'Undelivered',
          name: 'undelivered',
          metric: live.function.metric('DestinationDeliveryFailures'),
          description: `${definition.name} failed changes that Lambda could not write to the bucket. Its log is the only record of them: search it for "failures", and check the role's permissions on the bucket.`,
        },
      ],
    };
  }

  private eventConsumer(scope: Construct, definition: EventConsumerDefinition, live: Live): Consumer {
    const { bus, source, prefix } = this.props;
    const props = { definition, bus: bus.bus, source, prefix, timeout: TIMEOUT };
    const subscription = new Subscription(scope, 'Subscription', props);
    for (const queue of subscription.queues) {
      allow(live, QUEUE_ACTIONS, queue.queueArn);
    }
    subscription.connect(live.alias);
    const { queue, deadLetters } = subscription;
    return {
      name: definition.name,
      function: live.function,
      lag: { metric: queue.metricApproximateAgeOfOldestMessage(), second: 1 },
      failureMetrics: [
        {
          id: 'DeadLetters',
          name: 'dead-letters',
          metric: deadLetters.metricApproximateNumberOfMessagesVisible(),
          description: `${definition.name} failed events, which its dead-letter queue holds for 14 days. Look in its log for the cause, fix it, then run make replay (docs/stack.md).`,
        },
      ],
    };
  }

  private variables({ publishes, grants }: ConsumerDefinition): Record<string, string> {
    const writesHistory = grants.some(({ table }) => table === HISTORY);
    return {
      ...(publishes && { EVENT_BUS: this.props.bus.bus.eventBusName }),
      ...(writesHistory && { HISTORY_DAYS: String(this.props.options.changes.historyDays) }),
    };
  }

  /** Grants what Lambda needs to store a failed change (Lambda developer guide, "Retain discarded records", S3 destination). */
  private allowFailureDestination(live: Live): void {
    const { bucket } = this.failed;
    const objects = `${bucket.bucketArn}/aws/lambda/*`;
    allow(live, ['s3:PutObject'], objects);
    allow(live, ['s3:ListBucket'], bucket.bucketArn);
    const id = Stack.of(this).getLogicalId(bucket.node.findChild('Resource') as CfnBucket);
    const finding = `AwsSolutions-IAM5[Resource::<${id}.Arn>/aws/lambda/*]`;
    if (live.function.role) {
      accept(live.function.role, 'Lambda chooses the names of the objects it writes.', finding);
    }
    if (bucket.encryptionKey) {
      live.function.addToRolePolicy(
        new PolicyStatement({
          actions: ['kms:GenerateDataKey'],
          resources: [bucket.encryptionKey.keyArn],
          conditions: { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } },
        }),
      );
    }
  }

  private mapping(scope: Construct, definition: StreamConsumerDefinition, source: Source): EventSourceMapping {
    const { table, stream, live } = source;
    const isFiltered = KINDS.some((kind) => !definition.changes.includes(kind));
    const filter = FilterCriteria.filter({ eventName: FilterRule.or(...definition.changes) });
    return new EventSourceMapping(scope, table, {
      target: live.alias,
      eventSourceArn: stream,
      startingPosition: StartingPosition[definition.start],
      batchSize: BATCH_SIZE,
      maxBatchingWindow: Duration.seconds(definition.batchingWindow),
      parallelizationFactor: BATCHES_PER_SHARD,
      ...(isFiltered && { filters: [filter] }),
      reportBatchItemFailures: true,
      bisectBatchOnError: true,
      // No maximum age: it would also discard records that were never attempted.
      retryAttempts: RETRIES,
      // CDK's S3 destination would also let the function read and delete objects.
      onFailure: { bind: () => ({ destination: this.failed.bucket.bucketArn }) },
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
  }
}

interface Source {
  readonly table: string;
  readonly stream: string;
  readonly live: Live;
}

function checkReaders(consumers: readonly ConsumerDefinition[]): void {
  const read = consumers.flatMap((consumer) => (consumer.source === 'streams' ? consumer.tables : []));
  const crowded = read.find((table) => read.filter((other) => other === table).length > READERS_PER_STREAM);
  if (crowded) {
    throw new Error(`openapi.json: the stream of the table ${crowded} has more than ${READERS_PER_STREAM} readers`);
  }
}

/** Returns a metric of a mapping (Lambda developer guide, "Event source mapping metrics"). */
function mappingMetric(mapping: EventSourceMapping, metricName: string): Metric {
  const dimensionsMap = { EventSourceMappingUUID: mapping.eventSourceMappingId };
  return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap });
}

function allow({ function: lambda }: Live, actions: string[], resource: string): void {
  lambda.addToRolePolicy(new PolicyStatement({ actions, resources: [resource] }));
}
