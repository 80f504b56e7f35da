// The consumers of changes: what reaches them, what happens when they fail, and where their events go.

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

/** `consumer < table` of a mapping, by what it refers to. */
function ends({ properties }: Resource): string {
  const [stream, attribute] = list(at(properties.EventSourceArn, 'Fn::GetAtt'));
  // CDK makes `name:live` from the alias's ARN.
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
  test('of its tables, and of no others, reach the live version of each consumer', () => {
    const expected = ofStreams.flatMap(({ name, tables }) => tables.map((table) => `${name} < ${table}`));
    assert.deepEqual(streamMappings.map(ends).sort(), expected.sort());
  });

  test('are read from where the contract says, in batches that wait as long as it says', () => {
    for (const mapping of streamMappings) {
      const consumer = ofStreams.find(({ name }) => ends(mapping).startsWith(`${name} `));
      assert.equal(mapping.properties.StartingPosition, consumer?.start);
      assert.equal(mapping.properties.BatchSize, 100);
      assert.equal(mapping.properties.ParallelizationFactor, 4);
      assert.equal(mapping.properties.MaximumBatchingWindowInSeconds, consumer?.batchingWindow);
    }
  });

  test('call a consumer for the changes it reads alone; one that reads all has no filter', () => {
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
    assert.deepEqual(patterns, [[{ eventName: ['REMOVE'] }], [{ eventName: ['REMOVE'] }], [], []]);
    const starts = found.map(({ properties }) => properties.StartingPosition);
    assert.deepEqual(starts, ['LATEST', 'LATEST', 'TRIM_HORIZON', 'TRIM_HORIZON']);
  });

  test('a table without a stream is refused as a source, by name', () => {
    const [first, ...others] = contract.consumers;
    assert.ok(first);
    const wrong = { ...contract, consumers: [{ ...first, tables: ['bookkeeping'] }, ...others] };
    assert.throws(
      () => templateOf({ contract: wrong }),
      /audit_append reads the stream of the table bookkeeping, which has none/,
    );
  });

  test('a third reader of a stream is refused', () => {
    const [first, ...others] = contract.consumers;
    assert.ok(first);
    const third = { ...first, name: 'items_count' };
    const crowded = { ...contract, consumers: [first, ...others, third] };
    assert.throws(() => templateOf({ contract: crowded }), /the stream of the table items has more than 2 readers/);
  });
});

describe('what fails', () => {
  test('is tried again from the first failure, in halves, not for ever, and whatever its age', () => {
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

    test(`of ${stage} is kept whole, as long as the stage says, encrypted and from no public`, () => {
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

  test('for longer than it is known who deleted a record is not kept', () => {
    const options = { ...STAGES.dev, changes: { ...STAGES.dev.changes, failedDays: 91 } };
    assert.throws(() => templateOf({ options }), /changes.failedDays is 91: it is 1 to 90/);
  });

  test('rings when it is given up, when it is dropped, and when it could not be kept', () => {
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

describe('a consumer of events', () => {
  const policies = ofType(dev, 'AWS::SQS::QueuePolicy');
  const rules = ofType(dev, 'AWS::Events::Rule');
  const queueNamed = (name: string) =>
    queues.find(({ properties }) => properties.QueueName === `serverless-crud-dev-${name}`);

  for (const { name, types, delaySeconds, repeats } of ofEvents) {
    const names = repeats ? [name, `${name}-later`] : [name];
    const ours = names.map(queueNamed);
    const deadLetters = queueNamed(`${name}-dead-letters`);
    const rule = rules.find(({ properties }) => properties.Description === `Events for ${name}.`);

    test(`${name} gets the events of its types, through queues of its own`, () => {
      assert.deepEqual(rule?.properties.EventPattern, { source: ['serverless-crud'], 'detail-type': types });
      const targets = list(rule?.properties.Targets ?? null);
      const arns = targets.map((target) => list(at(target, 'Arn', 'Fn::GetAtt'))[0]);
      assert.deepEqual(
        arns,
        ours.map((queue) => queue?.id),
      );
      for (const target of targets) {
        assert.equal(list(at(target, 'DeadLetterConfig', 'Arn', 'Fn::GetAtt'))[0], deadLetters?.id);
        assert.equal(at(target, 'RoleArn'), null);
      }
      const read = mappings.filter(({ properties }) =>
        ours.some((queue) => list(at(properties.EventSourceArn, 'Fn::GetAtt'))[0] === queue?.id),
      );
      assert.equal(read.length, ours.length);
      for (const { properties } of read) {
        assert.deepEqual(properties.FunctionResponseTypes, ['ReportBatchItemFailures']);
        assert.match(JSON.stringify(properties.FunctionName), /:live/);
      }
    });

    test(`${name} may fail over an event for a while; then the event is kept for 14 days`, () => {
      const [first, later] = ours.map((queue) => queue?.properties);
      assert.equal(first?.VisibilityTimeout, 6 * 60);
      assert.equal(first?.DelaySeconds, delaySeconds);
      assert.equal(at(first?.RedrivePolicy, 'maxReceiveCount'), 5);
      if (repeats) {
        assert.deepEqual([later?.VisibilityTimeout, later?.DelaySeconds], [repeats.everySeconds, repeats.everySeconds]);
        assert.ok(Number(later?.VisibilityTimeout) >= 6 * 60);
        const passes = Math.ceil(repeats.untilSeconds / repeats.everySeconds);
        assert.equal(at(later?.RedrivePolicy, 'maxReceiveCount'), passes + 5);
      }
      for (const queue of ours) {
        const target = list(at(queue?.properties.RedrivePolicy, 'deadLetterTargetArn', 'Fn::GetAtt'))[0];
        assert.equal(target, deadLetters?.id);
      }
      assert.equal(deadLetters?.properties.MessageRetentionPeriod, 14 * 24 * 60 * 60);
    });

    test(`of the queues of ${name}, the rule alone may send, and by TLS alone`, () => {
      for (const queue of [...ours, deadLetters]) {
        assert.equal(queue?.properties.SqsManagedSseEnabled, true);
        const statements = policies
          .filter((one) => list(one.properties.Queues ?? null).some((of) => at(of, 'Ref') === queue?.id))
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

  test('has queues, and no other does', () => {
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

    test(`of ${stage} have a bus of their own, and are kept as the stage says`, () => {
      const [bus, ...others] = ofType(template, 'AWS::Events::EventBus');
      assert.equal(others.length, 0);
      assert.equal(bus?.properties.Name, `serverless-crud-${stage}`);
      const archives = ofType(template, 'AWS::Events::Archive').map(({ properties }) => properties.RetentionDays);
      assert.deepEqual(archives, archiveDays ? [archiveDays] : []);
      assert.deepEqual(template.toJSON().Outputs.EventBus.Value, { Ref: bus?.id });
    });

    test(`of ${stage} are published by the one that may; the history keeps changes as long as the stage says`, () => {
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
