// A consumer of the tables' streams: its event source mappings and failure destination.

import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FilterCriteria, FilterRule, MetricType, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { Consumer, FailureMetric } from './consumer-alarms.ts';
import { allow, type ConsumerProps, consumerFunction } from './consumer-function.ts';
import type { StreamConsumerDefinition } from './contract.ts';
import type { Live } from './functions.ts';

const BATCH_SIZE = 100;
/** A failing record holds up a quarter of its shard's keys; the changes of each key stay in order. */
const BATCHES_PER_SHARD = 4;
/** Outlasts a short outage. A poison record is alone in its batch by then, so its retries are cheap. */
const RETRIES = 50;
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

export class StreamConsumer extends Construct implements Consumer {
  readonly name: string;
  readonly live: Live;
  readonly lag: Consumer['lag'];
  readonly failureMetrics: readonly FailureMetric[];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ConsumerProps<StreamConsumerDefinition>,
  ) {
    super(scope, id);
    const { definition } = props;
    this.name = definition.name;
    this.live = consumerFunction(props);
    this.allowFailureDestination();
    this.lag = { metric: this.live.function.metric('IteratorAge'), second: 1_000 };
    this.failureMetrics = [
      ...definition.tables.flatMap((table) => this.ofMapping(table, this.mapping(table))),
      // Changes that failed all attempts and did not reach the bucket: only the log has their position.
      {
        id: 'Undelivered',
        name: 'undelivered',
        metric: this.live.function.metric('DestinationDeliveryFailures'),
        description: `${definition.name} failed changes that Lambda could not write to the bucket. Its log is the only record of them: search it for "failures", and check the role's permissions on the bucket.`,
        runbook: 'undelivered-changes',
      },
    ];
  }

  private mapping(table: string): EventSourceMapping {
    const { definition, data } = this.props;
    const stream = data.tables.streamOf(table);
    if (!stream) {
      throw new Error(`openapi.json: ${definition.name} reads the stream of the table ${table}, which has none`);
    }
    allow(this.live, STREAM_ACTIONS, stream);
    const isFiltered = KINDS.some((kind) => !definition.changes.includes(kind));
    const filter = FilterCriteria.filter({ eventName: FilterRule.or(...definition.changes) });
    return new EventSourceMapping(this, table, {
      target: this.live.alias,
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
      onFailure: { bind: () => ({ destination: data.failedChanges.arn }) },
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
  }

  private ofMapping(table: string, mapping: EventSourceMapping): FailureMetric[] {
    const { name } = this.props.definition;
    return [
      {
        id: `${table}Failed`,
        name: `${table}-failed`,
        metric: mappingMetric(mapping, 'OnFailureDestinationDeliveredEventCount'),
        description: `${name} failed changes of ${table}, which the bucket of failed changes holds. Look in its log for the cause, fix it, then run make replay (docs/stack.md).`,
        runbook: 'failed-changes',
      },
      {
        id: `${table}Dropped`,
        name: `${table}-dropped`,
        metric: mappingMetric(mapping, 'DroppedEventCount'),
        description: `Lambda dropped changes of ${table} for ${name}. Check the mapping's destination, and compare the history with the table.`,
        runbook: 'dropped-changes',
      },
    ];
  }

  /** Grants what Lambda needs to store a failed change (Lambda developer guide, "Retain discarded records", S3 destination). */
  private allowFailureDestination(): void {
    const { failedChanges, tables } = this.props.data;
    const { function: lambda } = this.live;
    allow(this.live, ['s3:PutObject'], `${failedChanges.arn}/aws/lambda/*`);
    allow(this.live, ['s3:ListBucket'], failedChanges.arn);
    if (lambda.role) {
      accept(lambda.role, 'Lambda chooses the names of the objects it writes.', failedChanges.finding);
    }
    if (tables.key) {
      lambda.addToRolePolicy(
        new PolicyStatement({
          actions: ['kms:GenerateDataKey'],
          resources: [tables.key.keyArn],
          conditions: { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } },
        }),
      );
    }
  }
}

/** Returns a metric of a mapping (Lambda developer guide, "Event source mapping metrics"). */
function mappingMetric(mapping: EventSourceMapping, metricName: string): Metric {
  const dimensionsMap = { EventSourceMappingUUID: mapping.eventSourceMappingId };
  return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap });
}
