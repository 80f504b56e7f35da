// What watches the service, and what happens when a new version is bad.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { readContract } from '../lib/contract.ts';
import { Monitoring } from '../lib/monitoring.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { EVERYTHING, templateOf } from './synthesized.ts';
import { at, list, ofType } from './template.ts';

const { functions, tables } = readContract();
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
      });
      const count = 3 + 2 * functions.length + 2 * tables.length;
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

  test('watch the streams of consumers: how far behind they are, and what they gave up', () => {
    const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'Test');
    const rest = new RestApi(stack, 'Api', { cloudWatchRole: false });
    rest.root.addMethod('GET');
    const consumer = {
      name: 'audit',
      function: new LambdaFunction(stack, 'Audit', {
        runtime: Runtime.NODEJS_22_X,
        handler: 'index.handler',
        code: Code.fromInline('exports.handler = () => {}'),
      }),
      deadLetters: new Queue(stack, 'DeadLetters'),
    };
    const options = STAGES.prod.alarms;
    new Monitoring(stack, 'Monitoring', {
      name: 'test',
      rest,
      functions: [],
      tables: [],
      consumers: [consumer],
      options,
    });
    const template = Template.fromStack(stack);
    assert.equal(thresholds(template).IteratorAge, options.streamLag * 1_000);
    assert.equal(thresholds(template).ApproximateNumberOfMessagesVisible, 0);
    assert.match(dashboard(template), /IteratorAge/);
    assert.match(dashboard(template), /ApproximateNumberOfMessagesVisible/);
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
    for (const alias of ofType(prod, 'AWS::Lambda::Alias')) {
      assert.ok(at(alias.updatePolicy, 'CodeDeployLambdaAliasUpdate', 'DeploymentGroupName'));
    }
  });

  test('elsewhere is live at once', () => {
    assert.equal(ofType(templateOf(), 'AWS::CodeDeploy::DeploymentGroup').length, 0);
  });
});

function dashboard(template: Template): string {
  const [found] = ofType(template, 'AWS::CloudWatch::Dashboard');
  return JSON.stringify(found?.properties.DashboardBody).replaceAll('\\', '');
}
