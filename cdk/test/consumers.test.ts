// Tests of the consumers of changes: delivery, failures and events.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { templateOf } from './synthesized.ts';
import { at, type Json, list, ofType, type Resource, rendered, resources } from './template.ts';

const contract = readContract();
const dev = templateOf();
const all = resources(dev);
const mappings = ofType(dev, 'AWS::Lambda::EventSourceMapping');
const streamMappings = mappings.filter(({ properties }) => properties.StartingPosition);
const queues = ofType(dev, 'AWS::SQS::Queue');
const ofStreams = contract.consumers.filter((consumer) => consumer.source === 'streams');
const ofEvents = contract.consumers.filter((consumer) => consumer.source === 'events');

/** Returns `consumer < table` of a mapping. */
function describeMapping({ properties }: Resource): string {
  const [stream, attribute] = list(at(properties.EventSourceArn, 'Fn::GetAtt'));
  // CDK derives `name:live` from the alias's ARN.
  const [, name] = /\{"Ref":"(\w+)"\}.*":live"/.exec(JSON.stringify(properties.FunctionName)) ?? [];
  const alias = all.get(String(name));
  assert.equal(attribute, 'StreamArn');
  assert.equal(alias?.type, 'AWS::Lambda::Alias');
  assert.equal(alias.properties.Name, 'live');
  return `${named(alias.properties.FunctionName ?? null)} < ${named({ Ref: stream ?? null })}`;
}

function named(value: Json): string {
  return rendered(value, all).replace('serverless-crud-dev-', '');
}

function variables(template: typeof dev, name: string): Record<string, Json> {
  const lambda = ofType(template, 'AWS::Lambda::Function').find(({ properties }) =>
    String(properties.FunctionName).endsWith(`-${name}`),
  );
  return at(lambda?.properties.Environment, 'Variables') as Record<string, Json>;
}

describe('streams', () => {
  test('of the declared tables only reach the live version of each consumer', () => {
    const expected = ofStreams.flatMap(({ name, tables }) => tables.map((table) => `${name} < ${table}`));
    assert.deepEqual(streamMappings.map(describeMapping).sort(), expected.sort());
  });

  test('have the starting position and batching window of the contract', () => {
    for (const mapping of streamMappings) {
      const consumer = ofStreams.find(({ name }) => describeMapping(mapping).startsWith(`${name} `));
      assert.equal(mapping.properties.StartingPosition, consumer?.start);
      assert.equal(mapping.properties.BatchSize, 100);
      assert.equal(mapping.properties.ParallelizationFactor, 4);
      assert.equal(mapping.properties.MaximumBatchingWindowInSeconds, consumer?.batchingWindow);
    }
  });

  test('are filtered by the kinds of changes a consumer reads, if it does not read all', () => {
    const [audit, publish, ...others] = contract.consumers;
    assert.ok(audit?.source === 'streams' && publish);
    const changed = { ...audit, changes: ['REMOVE'], start: 'LATEST' as const };
    const template = templateOf({ contract: { ...contract, consumers: [changed, publish, ...others] } });
    const found = ofType(template, 'AWS::Lambda::EventSourceMapping').filter(
      ({ properties }) => properties.StartingPosition,
    );
    const patterns = found.map(({ properties }) =>
      list(at(properties.FilterCriteria, 'Filters')).map((filter) => JSON.parse(String(at(filter, 'Pattern')))),
    );
    const ofAudit = audit.tables.map(() => [{ eventName: ['REMOVE'] }]);
    const rest = found.slice(ofAudit.length);
    assert.deepEqual(patterns, [...ofAudit, ...rest.map(() => [])]);
    const starts = found.map(({ properties }) => properties.StartingPosition);
    assert.deepEqual(starts, [...ofAudit.map(() => 'LATEST'), ...rest.map(() => 'TRIM_HORIZON')]);
  });

  test('are refused for a table without a stream', () => {
    const [first, ...others] = contract.consumers;
    assert.ok(first);
    const wrong = { ...contract, consumers: [{ ...first, tables: ['bookkeeping'] }, ...others] };
    assert.throws(
      () => templateOf({ contract: wrong }),
      /audit_append reads the stream of the table bookkeeping, which has none/,
    );
  });

  test('are refused for a third reader', () => {
    const [first, ...others] = contract.consumers;
    assert.ok(first);
    const third = { ...first, name: 'changes_count' };
    const crowded = { ...contract, consumers: [first, ...others, third] };
    assert.throws(() => templateOf({ contract: crowded }), /the stream of the table \w+ has more than 2 readers/);
  });
});

describe('a failed change', () => {
  test('is retried from the first failure, with halved batches, a maximum of attempts and no maximum age', () => {
    for (const { properties } of streamMappings) {
      assert.deepEqual(properties.FunctionResponseTypes, ['ReportBatchItemFailures']);
      assert.equal(properties.BisectBatchOnFunctionError, true);
      assert.equal(properties.MaximumRetryAttempts, 50);
      assert.equal(properties.MaximumRecordAgeInSeconds, undefined);
    }
  });

  for (const stage of Object.keys(STAGES) as StageName[]) {
    const template = templateOf({ stage });
    const [bucket, ...others] = ofType(template, 'AWS::S3::Bucket');
    const { data, changes } = STAGES[stage];

    test(`in ${stage} is stored in a private, encrypted bucket with the retention of the stage`, () => {
      assert.equal(others.length, 0);
      for (const { properties } of ofType(template, 'AWS::Lambda::EventSourceMapping')) {
        if (properties.StartingPosition) {
          const [destination] = list(at(properties.DestinationConfig, 'OnFailure', 'Destination', 'Fn::GetAtt'));
          assert.equal(destination, bucket?.id);
          assert.deepEqual(properties.MetricsConfig, { Metrics: ['EventCount'] });
        }
      }
      const [rule] = list(at(bucket?.properties.LifecycleConfiguration, 'Rules'));
      assert.equal(at(rule, 'ExpirationInDays'), changes.failedDays);
      const [encryption] = list(at(bucket?.properties.BucketEncryption, 'ServerSideEncryptionConfiguration'));
      const algorithm = at(encryption, 'ServerSideEncryptionByDefault', 'SSEAlgorithm');
      assert.equal(algorithm, data.customerKey ? 'aws:kms' : 'AES256');
      const access = bucket?.properties.PublicAccessBlockConfiguration;
      for (const kind of ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets']) {
        assert.equal(at(access, kind), true);
      }
      const [policy] = ofType(template, 'AWS::S3::BucketPolicy');
      const [statement] = list(at(policy?.properties.PolicyDocument, 'Statement'));
      assert.deepEqual(at(statement, 'Condition'), { Bool: { 'aws:SecureTransport': 'false' } });
      assert.equal(bucket?.deletionPolicy, data.keep ? 'RetainExceptOnCreate' : 'Delete');
    });
  }

  test('cannot be kept for longer than the author of a deletion', () => {
    const options = { ...STAGES.dev, changes: { ...STAGES.dev.changes, failedDays: 91 } };
    assert.throws(() => templateOf({ options }), /changes.failedDays is 91: it is 1 to 90/);
  });

  test('raises an alarm when its attempts are exhausted, when it is dropped, and when it cannot be stored', () => {
    const alarms = ofType(dev, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties);
    for (const { id } of streamMappings) {
      const ofMapping = alarms.filter(({ Dimensions }) =>
        list(Dimensions ?? null).some((one) => at(one, 'Value', 'Ref') === id),
      );
      assert.deepEqual(ofMapping.map(({ MetricName, Threshold }) => `${MetricName} > ${Threshold}`).sort(), [
        'DroppedEventCount > 0',
        'OnFailureDestinationDeliveredEventCount > 0',
      ]);
    }
    const names = alarms.map(({ MetricName }) => MetricName);
    assert.equal(names.filter((name) => name === 'DestinationDeliveryFailures').length, ofStreams.length);
    assert.equal(names.filter((name) => name === 'ApproximateNumberOfMessagesVisible').length, ofEvents.length);
  });
});

describe('an event consumer', () => {
  const policies = ofType(dev, 'AWS::SQS::QueuePolicy');
  const rules = ofType(dev, 'AWS::Events::Rule');
  const queueNamed = (name: string) =>
    queues.find(({ properties }) => properties.QueueName === `serverless-crud-dev-${name}`);

  for (const { name, types, delaySeconds, repeats } of ofEvents) {
    const names = repeats ? [name, `${name}-later`] : [name];
    const ownQueues = names.map(queueNamed);
    const deadLetters = queueNamed(`${name}-dead-letters`);
    const rule = rules.find(({ properties }) => properties.Description === `Events for ${name}.`);

    test(`${name} receives events of its types through its own queues`, () => {
      assert.deepEqual(rule?.properties.EventPattern, { source: ['serverless-crud'], 'detail-type': types });
      const targets = list(rule?.properties.Targets ?? null);
      const arns = targets.map((target) => list(at(target, 'Arn', 'Fn::GetAtt'))[0]);
      assert.deepEqual(
        arns,
        ownQueues.map((queue) => queue?.id),
      );
      for (const target of targets) {
        assert.equal(list(at(target, 'DeadLetterConfig', 'Arn', 'Fn::GetAtt'))[0], deadLetters?.id);
        assert.equal(at(target, 'RoleArn'), null);
      }
      const read = mappings.filter(({ properties }) =>
        ownQueues.some((queue) => list(at(properties.EventSourceArn, 'Fn::GetAtt'))[0] === queue?.id),
      );
      assert.equal(read.length, ownQueues.length);
      for (const { properties } of read) {
        assert.deepEqual(properties.FunctionResponseTypes, ['ReportBatchItemFailures']);
        assert.match(JSON.stringify(properties.FunctionName), /:live/);
      }
    });

    test(`${name} retries a failed event, then keeps it for 14 days`, () => {
      const [first, later] = ownQueues.map((queue) => queue?.properties);
      assert.equal(first?.VisibilityTimeout, 6 * 60);
      assert.equal(first?.DelaySeconds, delaySeconds);
      assert.equal(at(first?.RedrivePolicy, 'maxReceiveCount'), 5);
      if (repeats) {
        assert.deepEqual([later?.VisibilityTimeout, later?.DelaySeconds], [repeats.everySeconds, repeats.everySeconds]);
        assert.ok(Number(later?.VisibilityTimeout) >= 6 * 60);
        const passes = Math.ceil(repeats.untilSeconds / repeats.everySeconds);
        assert.equal(at(later?.RedrivePolicy, 'maxReceiveCount'), passes + 5);
      }
      for (const queue of ownQueues) {
        const target = list(at(queue?.properties.RedrivePolicy, 'deadLetterTargetArn', 'Fn::GetAtt'))[0];
        assert.equal(target, deadLetters?.id);
      }
      assert.equal(deadLetters?.properties.MessageRetentionPeriod, 14 * 24 * 60 * 60);
    });

    test(`only the rule may send to the queues of ${name}, and only over TLS`, () => {
      for (const queue of [...ownQueues, deadLetters]) {
        assert.equal(queue?.properties.SqsManagedSseEnabled, true);
        const statements = policies
          .filter((policy) =>
            list(policy.properties.Queues ?? null).some((reference) => at(reference, 'Ref') === queue?.id),
          )
          .flatMap((policy) => list(at(policy.properties.PolicyDocument, 'Statement')));
        const denied = statements.filter((statement) => at(statement, 'Effect') === 'Deny');
        assert.deepEqual(
          denied.map((statement) => at(statement, 'Condition')),
          [{ Bool: { 'aws:SecureTransport': 'false' } }],
        );
        const allowed = statements.filter((statement) => at(statement, 'Effect') === 'Allow');
        assert.ok(allowed.length > 0);
        for (const statement of allowed) {
          assert.deepEqual(at(statement, 'Principal'), { Service: 'events.amazonaws.com' });
          assert.ok(list(at(statement, 'Action')).includes('sqs:SendMessage'));
          const arn = at(statement, 'Condition', 'ArnEquals', 'aws:SourceArn', 'Fn::GetAtt');
          assert.deepEqual(arn, [rule?.id, 'Arn']);
        }
      }
    });
  }

  test('is the only kind with queues', () => {
    const expected = ofEvents.flatMap(({ name, repeats }) => [
      name,
      `${name}-dead-letters`,
      ...(repeats ? [`${name}-later`] : []),
    ]);
    const found = queues.map(({ properties }) => String(properties.QueueName).replace('serverless-crud-dev-', ''));
    assert.deepEqual(found.sort(), expected.sort());
  });
});

describe('events', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    const template = templateOf({ stage });
    const { archiveDays, historyDays } = { archiveDays: undefined, ...STAGES[stage].changes };

    test(`of ${stage} have their own bus, with the archive of the stage`, () => {
      const [bus, ...others] = ofType(template, 'AWS::Events::EventBus');
      assert.equal(others.length, 0);
      assert.equal(bus?.properties.Name, `serverless-crud-${stage}`);
      const archives = ofType(template, 'AWS::Events::Archive').map(({ properties }) => properties.RetentionDays);
      assert.deepEqual(archives, archiveDays ? [archiveDays] : []);
      assert.deepEqual(template.toJSON().Outputs.EventBus.Value, { Ref: bus?.id });
    });

    test(`of ${stage} are published only by publishing consumers; the history has the retention of the stage`, () => {
      for (const { name, publishes, grants } of contract.consumers) {
        const { EVENT_BUS, HISTORY_DAYS } = variables(template, name);
        assert.equal(EVENT_BUS !== undefined, publishes);
        const days = grants.some(({ table }) => table === 'history') ? String(historyDays) : undefined;
        assert.equal(HISTORY_DAYS, days);
      }
      for (const { name } of contract.functions) {
        const { EVENT_BUS, HISTORY_DAYS } = variables(template, name);
        assert.deepEqual([EVENT_BUS, HISTORY_DAYS], [undefined, undefined]);
      }
    });
  }
});
