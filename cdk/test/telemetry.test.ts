// Tests of metrics, alarms, dashboards and queries against what the service and AWS emit.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { byResource } from '../lib/grouping.ts';
import { optionsOf } from '../lib/settings.ts';
import { STAGES, type StageOptions } from '../lib/stages.ts';
import { withCaller } from './added.ts';
import { EVERYTHING, templateOf, UPSTREAM } from './synthesized.ts';
import { at, type Json, list, ofType, rendered, resources } from './template.ts';

const RUNBOOK = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const everything = templateOf({
  stage: 'prod',
  contract: withCaller(readContract()),
  options: { ...EVERYTHING, upstream: UPSTREAM },
});
const ALARMS = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm', 'AWS::CloudWatch::AnomalyDetector'];

describe('alarms', () => {
  test('name a section of the runbook, and each of its alarms exists', () => {
    const sections = [...RUNBOOK.matchAll(/^### (.+)$/gm)].map(([, title]) => anchor(String(title)));
    const named = ALARMS.flatMap((type) => ofType(everything, type))
      .map(({ properties }) => properties.AlarmDescription)
      .filter((description) => description !== undefined)
      .map(
        (description) =>
          /Runbook: docs\/runbook\.md#([\w-]+)$/.exec(String(description))?.[1] ?? `none: ${description}`,
      );
    assert.deepEqual([...new Set(named)].sort(), sections.sort());
  });

  test('of a function are at most three', () => {
    const names = ofType(everything, 'AWS::CloudWatch::Alarm').map(({ properties }) =>
      rendered(properties.AlarmName ?? null, resources(everything)),
    );
    for (const { name } of readContract().functions) {
      const own = names.filter((alarm) => alarm.startsWith(`serverless-crud-prod-${name}-`));
      assert.ok(own.length > 0 && own.length <= 3, `${name}: ${own}`);
    }
  });

  test('on little traffic are raised without data, and only if the stage says what is little', () => {
    const find = (options: StageOptions) =>
      ofType(templateOf({ stage: 'prod', options }), 'AWS::CloudWatch::Alarm').find(({ properties }) =>
        String(properties.AlarmName).endsWith('-no-traffic'),
      );
    assert.equal(find(optionsOf('prod')), undefined);
    const alarm = find(EVERYTHING);
    assert.equal(alarm?.properties.ComparisonOperator, 'LessThanThreshold');
    assert.equal(alarm?.properties.TreatMissingData, 'breaching');
    assert.equal(alarm?.properties.Threshold, EVERYTHING.alarms.minRequestsPerHour);
  });

  test('that cannot wait are one composite alarm with a topic of its own', () => {
    const [page, ...others] = ofType(everything, 'AWS::CloudWatch::CompositeAlarm');
    assert.equal(others.length, 0);
    assert.equal(page?.properties.AlarmName, 'serverless-crud-prod-page');
    const rule = JSON.stringify(page?.properties.AlarmRule);
    for (const id of ['ServerErrors', 'Latency', 'NoTraffic']) {
      assert.match(rule, new RegExp(id));
    }
    const topics = ofType(everything, 'AWS::SNS::Topic').map(({ properties }) => properties.TopicName);
    assert.deepEqual(topics.sort(), ['serverless-crud-prod-alarms', 'serverless-crud-prod-pages']);
    assert.equal(ofType(templateOf(), 'AWS::CloudWatch::CompositeAlarm').length, 0);
  });

  test('on the budget notify the topic, which lets budgets of this account publish', () => {
    const [budget] = ofType(everything, 'AWS::Budgets::Budget');
    assert.deepEqual(at(budget?.properties.Budget, 'BudgetLimit'), { Amount: 100, Unit: 'USD' });
    assert.deepEqual(at(budget?.properties.Budget, 'CostFilters'), { TagKeyValue: ['user:stage$prod'] });
    const subscribers = list(budget?.properties.NotificationsWithSubscribers ?? null).flatMap((one) =>
      list(at(one, 'Subscribers')).map((subscriber) => rendered(at(subscriber, 'Address'), resources(everything))),
    );
    assert.equal(subscribers.length, 2);
    assert.ok(subscribers.every((address) => address.endsWith(':serverless-crud-prod-alarms')));
    assert.equal(ofType(templateOf(), 'AWS::Budgets::Budget').length, 0);
  });
});

describe('metrics', () => {
  test('of alarms and dashboards are emitted, with their dimensions', () => {
    const filtered = new Set(
      ofType(everything, 'AWS::Logs::MetricFilter').flatMap(({ properties }) =>
        list(properties.MetricTransformations ?? null).map((transformation) =>
          form(
            String(at(transformation, 'MetricNamespace')),
            String(at(transformation, 'MetricName')),
            list(at(transformation, 'Dimensions')).map((dimension) => String(at(dimension, 'Key'))),
          ),
        ),
      ),
    );
    const used = [...usedByAlarms(everything), ...usedByDashboards(everything)];
    assert.ok(used.length > 200);
    const unknown = used.filter((metric) => !filtered.has(metric) && !AWS_METRICS.has(metric) && !SERVICE.has(metric));
    assert.deepEqual([...new Set(unknown)], []);
  });

  test('are by operation, by stage or none, as the stage says', () => {
    const variables = (options: StageOptions) =>
      ofType(templateOf({ options }), 'AWS::Lambda::Function').map(({ properties }) =>
        at(properties.Environment, 'Variables', 'METRICS'),
      );
    for (const metrics of ['operation', 'stage', 'none'] as const) {
      const options = { ...STAGES.dev, telemetry: { ...STAGES.dev.telemetry, metrics } };
      assert.deepEqual([...new Set(variables(options))], [metrics]);
      const shown = usedByDashboards(templateOf({ options })).filter((metric) => SERVICE.has(metric));
      assert.equal(shown.length > 0, metrics !== 'none', metrics);
    }
  });
});

describe('saved queries', () => {
  test('use fields that the lines have', () => {
    const queries = ofType(everything, 'AWS::Logs::QueryDefinition').map(({ properties }) =>
      String(properties.QueryString),
    );
    assert.ok(queries.length > 0);
    for (const query of queries) {
      for (const field of query.replaceAll(/"[^"]*"/g, '').match(/\b[a-z]+(?:[A-Z]\w*)+\b/g) ?? []) {
        assert.ok(LOGGED.has(field), `${field} in ${query}`);
      }
    }
  });

  test('are in a folder of the stage, over the functions of a stack', () => {
    const names = ofType(everything, 'AWS::Logs::QueryDefinition').map(({ properties }) => String(properties.Name));
    const [resource] = byResource(readContract());
    const [consumer] = readContract().consumers;
    for (const name of [
      `${resource?.name}/errors by operation and version`,
      `${resource?.name}/one request by id`,
      `${consumer?.name}/failed changes`,
    ]) {
      assert.ok(names.includes(`serverless-crud-prod/${name}`), name);
    }
  });
});

/** Returns a metric as text: its namespace, name and the names of its dimensions. */
function form(namespace: string, name: string, dimensions: readonly string[]): string {
  return `${namespace} ${name} [${[...dimensions].sort().join(' ')}]`;
}

function usedByAlarms(template: Parameters<typeof ofType>[0]): string[] {
  return ofType(template, 'AWS::CloudWatch::Alarm').flatMap(({ properties }) => {
    const stats = list(properties.Metrics ?? null).map((metric) => at(metric, 'MetricStat', 'Metric'));
    const metrics = stats.length > 0 ? stats.filter((metric) => metric !== null) : [properties as Json];
    return metrics.map((metric) =>
      form(
        String(at(metric, 'Namespace')),
        String(at(metric, 'MetricName')),
        list(at(metric, 'Dimensions')).map((dimension) => String(at(dimension, 'Name'))),
      ),
    );
  });
}

function usedByDashboards(template: Parameters<typeof ofType>[0]): string[] {
  const bodies = ofType(template, 'AWS::CloudWatch::Dashboard').map(
    ({ properties }) => JSON.parse(rendered(properties.DashboardBody ?? null, resources(template))) as Json,
  );
  const metrics = bodies.flatMap((body) =>
    list(at(body, 'widgets')).flatMap((widget) => list(at(widget, 'properties', 'metrics'))),
  );
  return metrics.flatMap((metric) => {
    const parts = list(metric).filter((part) => typeof part === 'string');
    const expression = list(metric)
      .map((part) => at(part, 'expression'))
      .find((found) => found !== null);
    return expression === undefined ? [ofParts(parts.map(String))] : searched(String(expression));
  });
}

function ofParts([namespace = '', name = '', ...dimensions]: readonly string[]): string {
  return form(
    namespace,
    name,
    dimensions.filter((_, index) => index % 2 === 0),
  );
}

/** Returns the metric that a search expression finds, or nothing for other expressions, whose metrics are listed. */
function searched(expression: string): string[] {
  const [, schema, name] = /^SEARCH\('\{([^}]+)\} MetricName="(\w+)"/.exec(expression) ?? [];
  const [namespace = '', ...dimensions] = schema?.split(',') ?? [];
  return name ? [form(namespace, name, dimensions)] : [];
}

/** The anchor of a heading on GitHub. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

/** The metrics that functions log, `x-telemetry` of the contract. */
const TELEMETRY = readContract().telemetry;
const SERVICE: ReadonlySet<string> = new Set(
  TELEMETRY.metrics.flatMap(({ name }) =>
    [['stage'], ['stage', 'operation']].map((dimensions) => form(TELEMETRY.namespace, name, dimensions)),
  ),
);
const LOGGED: ReadonlySet<string> = new Set(TELEMETRY.fields.map(({ name }) => name));

/** The metrics of AWS: the page of each service's metrics and dimensions in its guide. */
const AWS_METRICS: ReadonlySet<string> = new Set([
  ...['Count', '4XXError', '5XXError', 'Latency'].map((name) => form('AWS/ApiGateway', name, ['ApiName'])),
  ...[
    'Duration',
    'Throttles',
    'Errors',
    'ConcurrentExecutions',
    'Invocations',
    'IteratorAge',
    'DestinationDeliveryFailures',
  ].map((name) => form('AWS/Lambda', name, ['FunctionName'])),
  ...['Invocations', 'Errors'].map((name) => form('AWS/Lambda', name, ['FunctionName', 'Resource', 'ExecutedVersion'])),
  ...['OnFailureDestinationDeliveredEventCount', 'DroppedEventCount'].map((name) =>
    form('AWS/Lambda', name, ['EventSourceMappingUUID']),
  ),
  ...['ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits', 'ReadThrottleEvents', 'WriteThrottleEvents'].flatMap(
    (name) => [
      form('AWS/DynamoDB', name, ['TableName']),
      form('AWS/DynamoDB', name, ['TableName', 'GlobalSecondaryIndexName']),
    ],
  ),
  ...['ApproximateAgeOfOldestMessage', 'ApproximateNumberOfMessagesVisible'].map((name) =>
    form('AWS/SQS', name, ['QueueName']),
  ),
  form('AWS/States', 'ExecutionsFailed', ['StateMachineArn']),
]);

test('alarms on a table with many indexes have at most ten metrics each', () => {
  const contract = readContract();
  const index = { name: 'i', partitionKey: 'p', sortKey: 's' };
  const indexes = Array.from({ length: 12 }, (_, number) => ({ ...index, name: `index${number}` }));
  const tables = contract.tables.map((table, place) => (place === 0 ? { ...table, indexes } : table));
  const alarms = ofType(templateOf({ contract: { ...contract, tables } }), 'AWS::CloudWatch::Alarm');
  const counts = alarms
    .filter(({ properties }) => String(properties.AlarmName).includes(`-${tables[0]?.name}-read-throttles`))
    .map(({ properties }) => list(properties.Metrics ?? null).filter((one) => at(one, 'MetricStat') !== null).length);
  assert.deepEqual(counts, [10, 3]);
});
