// Tests of alarms, the dashboard and canary deployments.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { readContract } from '../lib/contract.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { EVERYTHING, templateOf, UPSTREAM } from './synthesized.ts';
import { at, type Json, list, ofType, rendered, resources } from './template.ts';

const { functions: called, consumers, jobs, tables } = readContract();
const functions = [...called, ...consumers];
const prod = templateOf({ stage: 'prod' });

const topic = ofType(prod, 'AWS::SNS::Topic')[0]?.properties.TopicName;

/** Returns the thresholds by alarm name. */
function thresholds(template: Template): Map<string, Json> {
  const alarms = ofType(template, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties);
  return new Map(alarms.map(({ AlarmName, Threshold }) => [nameOf(AlarmName ?? null), Threshold ?? null]));
}

describe('alarms', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    test(`of ${stage} have the thresholds of the stage`, () => {
      const { alarms } = STAGES[stage];
      const template = templateOf({ stage });
      const ofStreams = consumers.filter(({ source }) => source === 'streams');
      const ofEvents = consumers.filter(({ source }) => source === 'events');
      const mappings = consumers.flatMap((consumer) => (consumer.source === 'streams' ? consumer.tables : [])).length;
      const expected: [RegExp, number, number][] = [
        [/-client-errors$/, 1, alarms.clientErrors],
        [/-server-errors$/, 1, alarms.serverErrors],
        [/-dev-latency$|-staging-latency$|-prod-latency$/, 1, alarms.latency],
        [/-upstream-latency$/, 1, UPSTREAM.latency],
        [/-upstream-failures$/, 1, alarms.serverErrors],
        [/[^-]+-throttles$/, functions.length + 2 * tables.length, 0],
        [/-dead-letters$/, ofEvents.length, 0],
        [/-undelivered$/, ofStreams.length, 0],
        [/-failed$/, mappings, 0],
        [/-dropped$/, mappings, 0],
        [/-migrations-failures$/, jobs.length, 0],
      ];
      const all = [...thresholds(template)];
      for (const [name, count, threshold] of expected) {
        const found = all.filter(([alarm]) => name.test(alarm)).map(([, value]) => value);
        assert.deepEqual(found, Array(count).fill(threshold), String(name));
      }
      for (const { name, source } of consumers) {
        const lag = all.filter(([alarm]) => alarm.endsWith(`-${name}-lag`)).map(([, value]) => value);
        assert.deepEqual(lag, [source === 'streams' ? alarms.streamLag * 1_000 : alarms.streamLag], name);
      }
      const failures = all.filter(([alarm]) => /-failures-version-/.test(alarm));
      const isConsumer = (alarm: string) => consumers.some(({ name }) => alarm.includes(`-${name}-`));
      assert.deepEqual(
        failures.map(([, threshold]) => threshold),
        failures.map(([alarm]) => (isConsumer(alarm) ? 0.5 : alarms.serverErrors)),
      );
      const count = 5 + jobs.length + 2 * functions.length + 2 * tables.length + 2 * consumers.length + 2 * mappings;
      assert.equal(ofType(template, 'AWS::CloudWatch::Alarm').length, count);
    });
  }

  test('have the name of the stage, a description with a first step, and an OK action', () => {
    for (const { properties } of ofType(prod, 'AWS::CloudWatch::Alarm')) {
      const name = nameOf(properties.AlarmName ?? null);
      assert.match(name, /^serverless-crud-prod-/);
      assert.match(String(properties.AlarmDescription), /\. (Look|Its log|The stream|Records|Check)/, name);
      assert.deepEqual(list(properties.OKActions ?? null).map(topicOf), [topic], name);
    }
  });

  test('on a share of requests require a minimum number of failures', () => {
    const alarms = ofType(prod, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties);
    const shares = alarms.filter(({ Metrics }) => list(Metrics ?? null).length > 0);
    assert.equal(shares.length, 3 + functions.length);
    const minimums = shares.map(({ Metrics }) => {
      const expressions = list(Metrics ?? null).map((metric) => String(at(metric, 'Expression')));
      return Number(/>= (\d+),/.exec(expressions.join('\n'))?.[1]);
    });
    // A consumer's minimum is per minute, in three minutes of five.
    assert.deepEqual(
      [...new Set(minimums)].sort((a, b) => a - b),
      [1, 3, 50],
    );
  });

  test('notify the topic, and are not raised without traffic', () => {
    for (const { properties } of ofType(prod, 'AWS::CloudWatch::Alarm')) {
      assert.deepEqual(list(properties.AlarmActions ?? null).map(topicOf), [topic]);
      assert.equal(properties.TreatMissingData, 'notBreaching');
    }
  });

  test('are sent to the address of the stage', () => {
    const [subscription] = ofType(templateOf({ stage: 'prod', options: EVERYTHING }), 'AWS::SNS::Subscription');
    assert.equal(subscription?.properties.Protocol, 'email');
    assert.equal(subscription?.properties.Endpoint, 'operations@example.com');
    assert.equal(ofType(prod, 'AWS::SNS::Subscription').length, 0);
  });

  test('cover the lag, failed changes and undelivered changes of each consumer', () => {
    const alarms = ofType(prod, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties);
    const watched = (metric: string, dimension: string) =>
      alarms
        .filter(({ MetricName }) => MetricName === metric)
        .map(
          ({ Dimensions }) => list(Dimensions ?? null).find((candidate) => at(candidate, 'Name') === dimension) ?? null,
        )
        .map((found) => nameOf(at(found, 'Value')));
    const from = (source: string) =>
      consumers.filter((consumer) => consumer.source === source).map(({ name }) => `serverless-crud-prod-${name}`);
    assert.deepEqual(watched('IteratorAge', 'FunctionName'), from('streams'));
    assert.deepEqual(watched('DestinationDeliveryFailures', 'FunctionName'), from('streams'));
    assert.deepEqual(watched('ApproximateAgeOfOldestMessage', 'QueueName'), from('events'));
    assert.deepEqual(
      watched('ApproximateNumberOfMessagesVisible', 'QueueName'),
      from('events').map((name) => `${name}-dead-letters`),
    );
    assert.match(dashboard(prod), /IteratorAge/);
    assert.match(dashboard(prod), /ApproximateNumberOfMessagesVisible/);
  });
});

describe('the dashboard', () => {
  test('shows traffic, latency, errors and capacity', () => {
    const shown = dashboard(prod);
    for (const name of [
      'Count',
      '4XXError',
      '5XXError',
      'Latency',
      'Duration',
      'Throttles',
      'ConcurrentExecutions',
      'ColdStarts',
    ]) {
      assert.match(shown, new RegExp(`"${name}"`), name);
    }
    for (const name of [
      'ConsumedReadCapacityUnits',
      'ConsumedWriteCapacityUnits',
      'ReadThrottleEvents',
      'WriteThrottleEvents',
    ]) {
      assert.match(shown, new RegExp(`"${name}"`), name);
    }
    for (const statistic of ['p50', 'p90', 'p99']) {
      assert.match(shown, new RegExp(`"${statistic}"`));
    }
  });

  test('counts the cold starts of all functions in one metric', () => {
    const all = ofType(prod, 'AWS::Logs::MetricFilter');
    const filters = all.filter(({ properties }) => /coldStart/.test(String(properties.FilterPattern)));
    assert.equal(filters.length, functions.length);
    const metrics = filters.map(({ properties }) => JSON.stringify(properties.MetricTransformations));
    assert.equal(new Set(metrics).size, 1);
    assert.equal(filters[0]?.properties.FilterPattern, '{ $.coldStart IS TRUE }');
  });
});

describe('a new version', () => {
  test('in production receives a tenth first, and is rolled back by its alarm', () => {
    const groups = ofType(prod, 'AWS::CodeDeploy::DeploymentGroup');
    assert.equal(groups.length, functions.length);
    for (const { properties } of groups) {
      assert.equal(properties.DeploymentConfigName, 'CodeDeployDefault.LambdaCanary10Percent5Minutes');
      assert.deepEqual(properties.AutoRollbackConfiguration, {
        Enabled: true,
        Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'],
      });
      assert.equal(at(properties.AlarmConfiguration, 'Enabled'), true);
      assert.equal(list(at(properties.AlarmConfiguration, 'Alarms')).length, 1);
    }
    for (const alias of ofType(prod, 'AWS::Lambda::Alias').filter(({ id }) => !id.includes('migrationsrun'))) {
      assert.ok(at(alias.updatePolicy, 'CodeDeployLambdaAliasUpdate', 'DeploymentGroupName'));
    }
  });

  test('in other stages is live at once', () => {
    assert.equal(ofType(templateOf(), 'AWS::CodeDeploy::DeploymentGroup').length, 0);
  });
});

/** Returns the name of the topic in an ARN. */
function topicOf(arn: Json): string | undefined {
  return rendered(arn, resources(prod)).split(':').at(-1);
}

function nameOf(reference: Json): string {
  return rendered(reference, resources(prod));
}

function dashboard(template: Template): string {
  const [found] = ofType(template, 'AWS::CloudWatch::Dashboard');
  return JSON.stringify(found?.properties.DashboardBody).replaceAll('\\', '');
}
