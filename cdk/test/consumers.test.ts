// The consumers of streams: what reaches them, what happens when they fail, and where their events go.

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
const queues = ofType(dev, 'AWS::SQS::Queue');

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
    const expected = contract.consumers.flatMap(({ name, tables }) => tables.map((table) => `${name} < ${table}`));
    assert.deepEqual(mappings.map(ends).sort(), expected.sort());
  });

  test('are read from their start, in batches that wait as long as the contract says', () => {
    for (const mapping of mappings) {
      const consumer = contract.consumers.find(({ name }) => ends(mapping).startsWith(`${name} `));
      assert.equal(mapping.properties.StartingPosition, 'TRIM_HORIZON');
      assert.equal(mapping.properties.BatchSize, 100);
      assert.equal(mapping.properties.ParallelizationFactor, 4);
      assert.equal(mapping.properties.MaximumBatchingWindowInSeconds, consumer?.batchingWindow);
    }
  });

  test('call a consumer for the changes it reads alone; one that reads all has no filter', () => {
    for (const mapping of mappings) {
      const consumer = contract.consumers.find(({ name }) => ends(mapping).startsWith(`${name} `));
      const patterns = list(at(mapping.properties.FilterCriteria, 'Filters')).map((filter) =>
        JSON.parse(String(at(filter, 'Pattern'))),
      );
      assert.deepEqual(patterns, consumer?.events.length === 3 ? [] : [{ eventName: consumer?.events }]);
    }
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
});

describe('what fails', () => {
  test('is tried again from the first failure, in halves, and not for ever', () => {
    for (const { properties } of mappings) {
      assert.deepEqual(properties.FunctionResponseTypes, ['ReportBatchItemFailures']);
      assert.equal(properties.BisectBatchOnFunctionError, true);
      assert.equal(properties.MaximumRetryAttempts, 50);
      assert.equal(properties.MaximumRecordAgeInSeconds, 6 * 60 * 60);
    }
  });

  test("leaves its place in the consumer's own queue", () => {
    for (const mapping of mappings) {
      const [queue] = list(at(mapping.properties.DestinationConfig, 'OnFailure', 'Destination', 'Fn::GetAtt'));
      const consumer = ends(mapping).split(' ')[0];
      assert.equal(named({ Ref: queue ?? null }), `${consumer}-dead-letters`);
    }
    assert.equal(queues.length, contract.consumers.length);
  });

  test('is kept for 14 days, encrypted, and by TLS alone', () => {
    const policies = ofType(dev, 'AWS::SQS::QueuePolicy');
    for (const { id, properties } of queues) {
      assert.equal(properties.MessageRetentionPeriod, 14 * 24 * 60 * 60);
      assert.equal(properties.SqsManagedSseEnabled, true);
      const policy = policies.find((one) => list(one.properties.Queues ?? null).some((of) => at(of, 'Ref') === id));
      const [statement, ...others] = list(at(policy?.properties.PolicyDocument, 'Statement'));
      assert.equal(others.length, 0);
      assert.equal(at(statement, 'Effect'), 'Deny');
      assert.deepEqual(at(statement, 'Condition'), { Bool: { 'aws:SecureTransport': 'false' } });
    }
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
