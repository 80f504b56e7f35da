// The functions behind the streams of tables, and the queue of each for what it could not handle.

import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { Bus } from './bus.ts';
import type { ConsumerDefinition, Contract } from './contract.ts';
import type { Functions, Live } from './functions.ts';
import type { Consumer } from './monitoring.ts';
import type { StageOptions } from './stages.ts';
import type { Tables } from './tables.ts';

/** A batch may be long work, of which what is done stays done; nobody waits for it. */
const TIMEOUT = Duration.minutes(1);
const BATCH_SIZE = 100;
/** A record that cannot be handled holds up a quarter of the keys of its shard; each key stays in order. */
const LANES_A_SHARD = 4;
/** A stream keeps records for 24 hours: what is given up within six leaves most of a day to bring it through. */
const LONGEST_TRY = Duration.hours(6);
/** A short outage is no poison: it is sat out. A record that is poison is alone by then, and cheap. */
const RETRIES = 50;
/** As long as SQS keeps messages at most. */
const DEAD_LETTER_AGE = Duration.days(14);
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
  /** What the names of the functions and queues start with. */
  readonly prefix: string;
  readonly options: StageOptions;
}

export class Consumers extends Construct {
  readonly all: readonly Consumer[];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ConsumersProps,
  ) {
    super(scope, id);
    this.all = props.contract.consumers.map((definition) => this.consumer(definition));
  }

  private consumer(definition: ConsumerDefinition): Consumer {
    const { contract, functions, bus, tables } = this.props;
    const scope = new Construct(this, definition.name);
    const live = functions.create(definition, this.variables(definition), { timeout: TIMEOUT, isInBackground: true });
    const deadLetters = this.deadLetters(scope, definition);
    allow(live, ['sqs:SendMessage'], deadLetters.queueArn);
    if (definition.publishes) {
      allow(live, ['events:PutEvents'], bus.bus.eventBusArn);
    }
    for (const table of definition.tables) {
      const stream = tables.byName.get(table)?.tableStreamArn;
      if (!stream || !contract.tables.some(({ name, stream }) => stream && name === table)) {
        throw new Error(`openapi.json: ${definition.name} reads the stream of the table ${table}, which has none`);
      }
      allow(live, STREAM_ACTIONS, stream);
      mapping(scope, definition, { table, stream, live, deadLetters });
    }
    return { name: definition.name, function: live.function, deadLetters };
  }

  private variables({ publishes, grants }: ConsumerDefinition): Record<string, string> {
    const writesHistory = grants.some(({ table }) => table === HISTORY);
    return {
      ...(publishes && { EVENT_BUS: this.props.bus.bus.eventBusName }),
      ...(writesHistory && { HISTORY_DAYS: String(this.props.options.changes.historyDays) }),
    };
  }

  /** The queue for the places of records in their streams, which scripts/redrive.py brings through. */
  private deadLetters(scope: Construct, { name }: ConsumerDefinition): Queue {
    const queue = new Queue(scope, 'DeadLetters', {
      queueName: `${this.props.prefix}${name}-dead-letters`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: DEAD_LETTER_AGE,
    });
    accept(queue, 'It is a dead-letter queue, of a stream, which no other queue names.', 'AwsSolutions-SQS3');
    accept(queue, 'Its messages have places, no data: the key SQS manages is enough.', 'CKV_AWS_27');
    return queue;
  }
}

interface Source {
  readonly table: string;
  readonly stream: string;
  readonly live: Live;
  readonly deadLetters: Queue;
}

function mapping(scope: Construct, definition: ConsumerDefinition, { table, stream, live, deadLetters }: Source): void {
  const isFiltered = KINDS.some((kind) => !definition.events.includes(kind));
  const filter = FilterCriteria.filter({ eventName: FilterRule.or(...definition.events) });
  new EventSourceMapping(scope, table, {
    target: live.alias,
    eventSourceArn: stream,
    // Nothing between the making of a table and the making of this is missed.
    startingPosition: StartingPosition.TRIM_HORIZON,
    batchSize: BATCH_SIZE,
    maxBatchingWindow: Duration.seconds(definition.batchingWindow),
    parallelizationFactor: LANES_A_SHARD,
    ...(isFiltered && { filters: [filter] }),
    reportBatchItemFailures: true,
    bisectBatchOnError: true,
    retryAttempts: RETRIES,
    maxRecordAge: LONGEST_TRY,
    // CDK's own destination would also let the function read the queue's attributes.
    onFailure: { bind: () => ({ destination: deadLetters.queueArn }) },
  });
}

function allow({ function: lambda }: Live, actions: string[], resource: string): void {
  lambda.addToRolePolicy(new PolicyStatement({ actions, resources: [resource] }));
}
