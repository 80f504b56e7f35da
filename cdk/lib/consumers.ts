// The functions that changes are given to: from the streams of tables, or from the bus.

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

/** A batch may be long work, of which what is done stays done; nobody waits for it. */
const TIMEOUT = Duration.minutes(1);
const BATCH_SIZE = 100;
/** A record that cannot be handled holds up a quarter of the keys of its shard; each key stays in order. */
const LANES_A_SHARD = 4;
/** A short outage is no poison: it is sat out. A record that is poison is alone by then, and cheap. */
const RETRIES = 50;
/** More are throttled (DynamoDB Streams API reference, `GetRecords`, `LimitExceededException`). */
const READERS_A_STREAM = 2;
/** Every kind of change a stream has. */
const KINDS = ['INSERT', 'MODIFY', 'REMOVE'];
/**
 * What Lambda wants of the role before it makes a mapping (DynamoDB developer guide, "IAM policy to allow an AWS Lambda
 * function to access DynamoDB stream records"). There too listing is on the stream alone; where IAM knows it for all
 * streams only, this grants nothing, and is not missed.
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
  /** What events say they come from. */
  readonly source: string;
  /** What the names of the functions and queues start with. */
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
    refuseThirdReaders(props.contract.consumers);
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
      ? this.ofStreams(scope, definition, live)
      : this.ofEvents(scope, definition, live);
  }

  private ofStreams(scope: Construct, definition: StreamConsumerDefinition, live: Live): Consumer {
    const { contract, tables } = this.props;
    this.allowKeeping(live);
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
      lost: [
        ...mappings.flatMap(({ table, mapping }) => [
          {
            id: `${table}Failed`,
            name: `${table}-failed`,
            metric: counted(mapping, 'OnFailureDestinationDeliveredEventCount'),
            description: `${definition.name} gave up changes of ${table}, which the bucket of failed changes keeps. Look in its log for the cause, mend it, then run make replay (docs/stack.md).`,
          },
          {
            id: `${table}Dropped`,
            name: `${table}-dropped`,
            metric: counted(mapping, 'DroppedEventCount'),
            description: `Lambda dropped changes of ${table} for ${definition.name}. Check the mapping's destination, and compare the history with the table.`,
          },
        ]),
        // Changes that were given up and did not even reach the bucket: only the log has their place.
        {
          id: 'Undelivered',
          name: 'undelivered',
          metric: live.function.metric('DestinationDeliveryFailures'),
          description: `${definition.name} gave up changes that Lambda could not write into the bucket. Its log alone names them: search it for "failures", and check the role's right to the bucket.`,
        },
      ],
    };
  }

  private ofEvents(scope: Construct, definition: EventConsumerDefinition, live: Live): Consumer {
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
      lost: [
        {
          id: 'DeadLetters',
          name: 'dead-letters',
          metric: deadLetters.metricApproximateNumberOfMessagesVisible(),
          description: `${definition.name} gave up events, which its dead-letter queue keeps for 14 days. Look in its log for the cause, mend it, then run make replay (docs/stack.md).`,
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

  /** What Lambda needs to keep a failed change (Lambda developer guide, "Retain discarded records", S3 destination). */
  private allowKeeping(live: Live): void {
    const { bucket } = this.failed;
    const objects = `${bucket.bucketArn}/aws/lambda/*`;
    allow(live, ['s3:PutObject'], objects);
    allow(live, ['s3:ListBucket'], bucket.bucketArn);
    const id = Stack.of(this).getLogicalId(bucket.node.findChild('Resource') as CfnBucket);
    const finding = `AwsSolutions-IAM5[Resource::<${id}.Arn>/aws/lambda/*]`;
    if (live.function.role) {
      accept(live.function.role, 'Lambda makes up the names of what it keeps.', finding);
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
      parallelizationFactor: LANES_A_SHARD,
      ...(isFiltered && { filters: [filter] }),
      reportBatchItemFailures: true,
      bisectBatchOnError: true,
      // By count alone: an age would also take what was never tried.
      retryAttempts: RETRIES,
      // CDK's own destination would also let the function read and delete what is kept.
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

function refuseThirdReaders(consumers: readonly ConsumerDefinition[]): void {
  const read = consumers.flatMap((consumer) => (consumer.source === 'streams' ? consumer.tables : []));
  const crowded = read.find((table) => read.filter((other) => other === table).length > READERS_A_STREAM);
  if (crowded) {
    throw new Error(`openapi.json: the stream of the table ${crowded} has more than ${READERS_A_STREAM} readers`);
  }
}

/** A metric of a mapping (Lambda developer guide, "Event source mapping metrics"). */
function counted(mapping: EventSourceMapping, metricName: string): Metric {
  const dimensionsMap = { EventSourceMappingUUID: mapping.eventSourceMappingId };
  return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap });
}

function allow({ function: lambda }: Live, actions: string[], resource: string): void {
  lambda.addToRolePolicy(new PolicyStatement({ actions, resources: [resource] }));
}
