// What watches the service, and what happens when a new version is bad.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { readContract } from '../lib/contract.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { EVERYTHING, templateOf } from './synthesized.ts';
import { at, type Json, list, ofType, rendered, resources } from './template.ts';

const { functions: called, consumers, jobs, tables } = readContract();
const functions = [...called, ...consumers];
const prod = templateOf({ stage: 'prod' });

/** Threshold by metric, of the alarms that are not about one function or table. */
function thresholds(template: Template): Record<string, unknown> {
  const alarms = ofType(template, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties);
  return Object.fromEntries(alarms.map((alarm) => [String(alarm.MetricName), alarm.Threshold]));
}

describe('alarms', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    test(`of ${stage} ring at the thresholds of the stage`, () => {
      const { alarms } = STAGES[stage];
      const template = templateOf({ stage });
      assert.deepEqual(thresholds(template), {
        '4XXError': alarms.clientErrors,
        '5XXError': alarms.serverErrors,
        Latency: alarms.latency,
        Errors: 0,
        Throttles: 0,
        ReadThrottleEvents: 0,
        WriteThrottleEvents: 0,
        IteratorAge: alarms.streamLag * 1_000,
        ApproximateNumberOfMessagesVisible: 0,
        ApproximateAgeOfOldestMessage: alarms.streamLag,
        OnFailureDestinationDeliveredEventCount: 0,
        DroppedEventCount: 0,
        DestinationDeliveryFailures: 0,
        ExecutionsFailed: 0,
      });
      const ofConsumers = consumers.map((one) => (one.source === 'streams' ? 2 + 2 * one.tables.length : 2));
      const count = 3 + jobs.length + 2 * functions.length + 2 * tables.length + ofConsumers.reduce((a, b) => a + b, 0);
      assert.equal(ofType(template, 'AWS::CloudWatch::Alarm').length, count);
    });
  }

  test('all tell the topic, and stay silent where there is no traffic', () => {
    const [topic] = ofType(prod, 'AWS::SNS::Topic');
    for (const { properties } of ofType(prod, 'AWS::CloudWatch::Alarm')) {
      assert.deepEqual(properties.AlarmActions, [{ Ref: topic?.id }]);
      assert.equal(properties.TreatMissingData, 'notBreaching');
    }
  });

  test('reach the address of the stage', () => {
    const [subscription] = ofType(templateOf({ stage: 'prod', options: EVERYTHING }), 'AWS::SNS::Subscription');
    assert.equal(subscription?.properties.Protocol, 'email');
    assert.equal(subscription?.properties.Endpoint, 'operations@example.com');
    assert.equal(ofType(prod, 'AWS::SNS::Subscription').length, 0);
  });

  test('watch each consumer: how far behind it is, what it gave up, and what was not even kept', () => {
    const alarms = ofType(prod, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties);
    const of = (metric: string, dimension: string) =>
      alarms
        .filter(({ MetricName }) => MetricName === metric)
        .map(({ Dimensions }) => list(Dimensions ?? null).find((one) => at(one, 'Name') === dimension) ?? null)
        .map((found) => nameOf(at(found, 'Value')));
    const from = (source: string) =>
      consumers.filter((one) => one.source === source).map(({ name }) => `serverless-crud-prod-${name}`);
    assert.deepEqual(of('IteratorAge', 'FunctionName'), from('streams'));
    assert.deepEqual(of('DestinationDeliveryFailures', 'FunctionName'), from('streams'));
    assert.deepEqual(of('ApproximateAgeOfOldestMessage', 'QueueName'), from('events'));
    assert.deepEqual(
      of('ApproximateNumberOfMessagesVisible', 'QueueName'),
      from('events').map((name) => `${name}-dead-letters`),
    );
    assert.match(dashboard(prod), /IteratorAge/);
    assert.match(dashboard(prod), /ApproximateNumberOfMessagesVisible/);
  });
});

describe('the dashboard', () => {
  test('shows what the service does and how well', () => {
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

  test('counts cold starts from the log lines of all functions, as one metric', () => {
    const filters = ofType(prod, 'AWS::Logs::MetricFilter');
    assert.equal(filters.length, functions.length);
    const metrics = filters.map(({ properties }) => JSON.stringify(properties.MetricTransformations));
    assert.equal(new Set(metrics).size, 1);
    assert.equal(filters[0]?.properties.FilterPattern, '{ $.coldStart IS TRUE }');
  });
});

describe('a new version', () => {
  test('in production first gets a tenth, and goes when it crashes or answers errors', () => {
    const groups = ofType(prod, 'AWS::CodeDeploy::DeploymentGroup');
    assert.equal(groups.length, functions.length);
    for (const { properties } of groups) {
      assert.equal(properties.DeploymentConfigName, 'CodeDeployDefault.LambdaCanary10Percent5Minutes');
      assert.deepEqual(properties.AutoRollbackConfiguration, {
        Enabled: true,
        Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'],
      });
      assert.equal(at(properties.AlarmConfiguration, 'Enabled'), true);
      assert.equal(list(at(properties.AlarmConfiguration, 'Alarms')).length, 2);
    }
    for (const alias of ofType(prod, 'AWS::Lambda::Alias').filter(({ id }) => !id.includes('migrationsrun'))) {
      assert.ok(at(alias.updatePolicy, 'CodeDeployLambdaAliasUpdate', 'DeploymentGroupName'));
    }
  });

  test('elsewhere is live at once', () => {
    assert.equal(ofType(templateOf(), 'AWS::CodeDeploy::DeploymentGroup').length, 0);
  });
});

function nameOf(reference: Json): string {
  return rendered(reference, resources(prod));
}

function dashboard(template: Template): string {
  const [found] = ofType(template, 'AWS::CloudWatch::Dashboard');
  return JSON.stringify(found?.properties.DashboardBody).replaceAll('\\', '');
}
