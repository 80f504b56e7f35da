// Generates docs/cost.md: the cost of a million requests a month in each stage, from the stage's options.

import { readContract } from '../lib/contract.ts';
import { byResource } from '../lib/grouping.ts';
import { PRICES } from '../lib/prices.ts';
import { STAGES, type StageName, type StageOptions } from '../lib/stages.ts';
import { contractOf } from '../lib/upstream.ts';
import { CHANGES, OPERATIONS, TELEMETRY, TOKENS, TRAFFIC, UPSTREAM } from './cost-inputs.ts';

const REQUESTS = 1_000_000;
const HOURS = 730;
const DAYS_PER_MONTH = 30;
/** The memory that comes with one core (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). */
const MEGABYTES_PER_CORE = 1_769;
const FIREWALL_RULES = 5;
/** The metrics in the alarms of the authorizer: three on its failures, one on throttles. */
const AUTHORIZER_METRICS = 4;

type Lines = Record<string, number>;

/** Returns the dollars per month, by item. */
export function costOf(stage: StageName): Lines {
  const options: StageOptions = STAGES[stage];
  return {
    'API Gateway': REQUESTS * PRICES.apiRequest + cache(options),
    'Lambda: requests': (REQUESTS + consumerCalls()) * PRICES.lambdaRequest,
    'Lambda: duration': seconds(options) * gigabytes(options) * PRICES.lambdaGigabyteSecond,
    'Lambda: provisioned': provisioned(options),
    'DynamoDB: reads': REQUESTS * mean(({ readUnits }) => readUnits) * PRICES.readUnit,
    'DynamoDB: writes': REQUESTS * mean(({ writeUnits }) => writeUnits) * PRICES.writeUnit,
    'DynamoDB: history': changes() * CHANGES.kilobytes * PRICES.writeUnit,
    'DynamoDB: storage and recovery':
      (TRAFFIC.storedGigabytes + changedGigabytes(options.changes.historyDays)) *
      (PRICES.storedGigabyteMonth + PRICES.recoveryGigabyteMonth),
    EventBridge: changes() * PRICES.busEvent + archive(options),
    Logs: ((REQUESTS * TRAFFIC.logKilobytes + consumerCalls() * CHANGES.logKilobytes) / 1e6) * PRICES.logGigabyte,
    Traces: (REQUESTS + consumerCalls()) * TRAFFIC.tracedShare * PRICES.trace,
    Alarms: alarmMetrics(options) * PRICES.alarmMonth + (options.alarms.paging ? PRICES.compositeAlarmMonth : 0),
    Dashboards: dashboards(options) * PRICES.dashboardMonth,
    Metrics: metrics(options) * PRICES.metricMonth,
    'Secret and key': PRICES.secretMonth + (options.data.customerKey ? PRICES.keyMonth : 0),
    Firewall: firewall(options),
  };
}

/** The suffixes of event types, by kind of change. */
const EVENTS = { INSERT: '.created', MODIFY: '.updated', REMOVE: '.deleted' } as const;

/** Returns the changes of records per month. */
function changes(): number {
  return Object.values(CHANGES.operations).reduce((sum, operation) => sum + REQUESTS * OPERATIONS[operation].share, 0);
}

/** Returns the size of the changes of this many days. */
function changedGigabytes(days: number): number {
  return (((changes() * CHANGES.kilobytes) / 1e6) * days) / DAYS_PER_MONTH;
}

/** Returns the invocations of all consumers: one per change they read and per pass over it. */
function consumerCalls(): number {
  const { consumers, tables } = readContract();
  const streams = tables.filter(({ stream }) => stream).length;
  const shareOf = (kind: keyof typeof CHANGES.operations) => OPERATIONS[CHANGES.operations[kind]].share;
  const kinds = Object.keys(CHANGES.operations) as (keyof typeof CHANGES.operations)[];
  const calls = consumers.map((consumer) => {
    if (consumer.source === 'streams') {
      const read = kinds.filter((kind) => consumer.changes.includes(kind)).map(shareOf);
      return read.reduce((all, share) => all + share, 0) * consumer.tables.length;
    }
    const { types, repeats } = consumer;
    const taken = kinds.flatMap((kind) => types.filter((type) => type.endsWith(EVENTS[kind])).map(() => shareOf(kind)));
    const passes = repeats ? 1 + Math.ceil(repeats.untilSeconds / repeats.everySeconds) : 1;
    return taken.reduce((all, share) => all + share, 0) * passes;
  });
  return (REQUESTS * calls.reduce((sum, count) => sum + count, 0)) / streams;
}

function archive({ changes: options }: StageOptions): number {
  const taken = changedGigabytes(DAYS_PER_MONTH) * PRICES.archivedGigabyte;
  return options.archiveDays ? taken + changedGigabytes(options.archiveDays) * PRICES.archivedGigabyteMonth : 0;
}

/** Returns the billed seconds of all requests and consumers. */
function seconds(options: StageOptions): number {
  return requestSeconds(options) + (consumerCalls() * CHANGES.consumerMs) / 1_000;
}

/** Returns the seconds of DynamoDB's time, and of CPU time on the stage's share of a core. */
function requestSeconds({ functions }: StageOptions): number {
  const cpu = TRAFFIC.cpuMs * Math.max(1, MEGABYTES_PER_CORE / functions.memory);
  const warm = mean(({ databaseMs }) => Math.ceil(databaseMs + cpu));
  return (REQUESTS * (warm + TRAFFIC.coldShare * TRAFFIC.coldMs)) / 1_000;
}

function mean(of: (operation: (typeof OPERATIONS)[keyof typeof OPERATIONS]) => number): number {
  return Object.values(OPERATIONS).reduce((sum, operation) => sum + operation.share * of(operation), 0);
}

function gigabytes({ functions }: StageOptions): number {
  return functions.memory / 1_024;
}

function provisioned(options: StageOptions): number {
  const environments =
    (options.functions.provisionedConcurrency ?? 0) * contractOf(readContract(), options).functions.length;
  return environments * gigabytes(options) * HOURS * 3_600 * PRICES.provisionedGigabyteSecond;
}

function cache({ api }: StageOptions): number {
  return api.cache ? PRICES.cacheHour[api.cache.gigabytes] * HOURS : 0;
}

/** Counts the metrics in alarms, which AWS bills: those of lib/*-alarms.ts and lib/migrations.ts. */
function alarmMetrics(options: StageOptions): number {
  const { functions, consumers, jobs, tables } = contractOf(readContract(), options);
  // A share uses two metrics or more: a function's failures three, a consumer's crashes four.
  const api = 2 * 2 + 1;
  // Each consumer also has one for lag, throttles and undelivered failures each; a stream consumer two per table.
  const ofConsumers = consumers.map(
    (consumer) => 4 + 3 + (consumer.source === 'streams' ? 2 * consumer.tables.length : 0),
  );
  const perConsumer = ofConsumers.reduce((sum, count) => sum + count, 0);
  const perTable = tables.reduce((sum, { indexes }) => sum + 2 * (1 + indexes.length), 0);
  return api + jobs.length + (1 + 3) * functions.length + perTable + perConsumer;
}

function dashboards(options: StageOptions): number {
  return 1 + (options.telemetry.resourceDashboards ? byResource(contractOf(readContract(), options)).length : 0);
}

/** Returns the metrics that functions log: each for the stage, or for each operation and consumer in it. */
function metrics(options: StageOptions): number {
  const { functions, consumers } = contractOf(readContract(), options);
  const by = { none: 0, stage: 1, operation: functions.length + consumers.length }[options.telemetry.metrics];
  return TELEMETRY.metrics * by;
}

function firewall({ api }: StageOptions): number {
  const rules = PRICES.firewallMonth + FIREWALL_RULES * PRICES.firewallRuleMonth;
  return api.firewall ? rules + REQUESTS * PRICES.firewallRequest : 0;
}

/** Returns the dollars for the authorizer's calls, with a log line and perhaps a trace each. */
function authorizer({ functions }: StageOptions): number {
  const calls = REQUESTS / TOKENS.requests;
  const duration = (TOKENS.milliseconds / 1_000) * (functions.memory / 1_024) * PRICES.lambdaGigabyteSecond;
  const logs = (CHANGES.logKilobytes / 1e6) * PRICES.logGigabyte;
  return calls * (PRICES.lambdaRequest + duration + logs + TRAFFIC.tracedShare * PRICES.trace);
}

/** Returns the dollars for a million calls of the upstream API in a stage, by item. */
function upstreamCost(stage: StageName): Lines {
  const options: StageOptions = STAGES[stage];
  const duration = (REQUESTS * UPSTREAM.callMs) / 1_000;
  return {
    'Lambda: waiting for the response': duration * gigabytes(options) * PRICES.lambdaGigabyteSecond,
    'DynamoDB: an `Idempotency-Key` each': 2 * REQUESTS * PRICES.writeUnit,
    'DynamoDB: the cache, reading and writing': REQUESTS * (PRICES.readUnit + PRICES.writeUnit),
    'Fixed: secret, metrics, alarms':
      PRICES.secretMonth + 3 * PRICES.metricMonth + UPSTREAM.alarmMetrics * PRICES.alarmMonth,
  };
}

/** Returns the document. */
export function costDocument(): string {
  const stages = Object.keys(STAGES) as StageName[];
  const costs = stages.map(costOf);
  const row = (name: string, values: readonly number[]) =>
    `| ${name} | ${values.map((value) => value.toFixed(2)).join(' | ')} |`;
  const lines = Object.keys(costs[0] ?? {}).map((name) =>
    row(
      name,
      costs.map((cost) => cost[name] ?? 0),
    ),
  );
  const calls = stages.map(upstreamCost);
  const upstreamLines = Object.keys(calls[0] ?? {}).map((name) =>
    row(
      name,
      calls.map((cost) => cost[name] ?? 0),
    ),
  );
  const totals = costs.map((cost) => Object.values(cost).reduce((sum, value) => sum + value, 0));
  const inputs = Object.entries(OPERATIONS).map(
    ([operation, { share, readUnits, writeUnits, databaseMs }]) =>
      `| ${operation} | ${Math.round(share * 100)} % | ${readUnits} | ${writeUnits} | ${databaseMs} |`,
  );
  return `# Cost of a million requests a month

Generated by \`UPDATE=1 make test-stack\` from the stages' options (\`cdk/lib/stages.ts\`) and the inputs in
\`cdk/scripts/cost-inputs.ts\`: change either and run it again. Dollars per month, us-east-1, without free tiers, which
cover most of a small stage.

| | ${stages.map((stage) => `${stage} (${STAGES[stage].functions.memory} MB)`).join(' | ')} |
| --- |${stages.map(() => ' ---: |').join('')}
${lines.join('\n')}
${row('**sum**', totals)}

API Gateway and traces dominate the costs that grow with traffic. Lambda's duration is nearly nothing: choose memory for
latency, not for cost. Most of the fixed costs are alarms and metrics: \`telemetry.metrics\` of a stage decides about the latter. The history is counted at its full size, with all days the stage
keeps.

## Tokens

The stage option \`api.tokens\` adds the authorizer: a call per token and ${TOKENS.cacheSeconds} seconds. With ${TOKENS.requests} requests of a user in that time, a
million requests add $${authorizer(STAGES.prod).toFixed(2)} in prod, most of it for traces, and the function's ${AUTHORIZER_METRICS} metrics in alarms $${(AUTHORIZER_METRICS * PRICES.alarmMonth).toFixed(2)}. API Gateway bills no
requests that it refuses for a missing or invalid key or token (Amazon API Gateway pricing); Lambda bills the call.

A user pool costs nothing for its first ${PRICES.freeUsers.toLocaleString('en')} monthly active users, then $${PRICES.activeUser} each (plan Essentials, Amazon Cognito
pricing): $${((100_000 - PRICES.freeUsers) * PRICES.activeUser).toLocaleString('en')} a month with 100,000. API keys of customers, usage plans and IAM cost nothing.

## Calls of the upstream API

A stage with an upstream API ([actions.md](actions.md)) pays for each million calls, beside the request itself and the API's own
price:

| | ${stages.map((stage) => `${stage} (${STAGES[stage].functions.memory} MB)`).join(' | ')} |
| --- |${stages.map(() => ' ---: |').join('')}
${upstreamLines.join('\n')}

A call takes ${UPSTREAM.callMs / 1_000} s, an assumption. A call that the cache saves costs a read and no time of waiting.

## Inputs

| operation | share | read units | write units | DynamoDB, ms |
| --- | ---: | ---: | ---: | ---: |
${inputs.join('\n')}

A request uses ${TRAFFIC.cpuMs} ms of CPU on a whole core, the mean of benches/RESULTS.md; a stage has its memory's share of a core
(${MEGABYTES_PER_CORE.toLocaleString('en')} MB are one core). DynamoDB's times, ${TRAFFIC.coldShare * 100} % cold starts of ${TRAFFIC.coldMs} ms, and
${TRAFFIC.tracedShare * 100} % traced requests are assumptions: replace them with those of your dashboard. A request logs ${TRAFFIC.logKilobytes} KB. ${TRAFFIC.storedGigabytes} GB is stored.
A change is written to the history and to the bus once, with ${CHANGES.kilobytes} KB, and invokes each consumer that reads it
once, for ${CHANGES.consumerMs} ms; a busier service has more changes per invocation. Lambda's reads of streams are free.
Data transfer out of AWS is not included ($0.09 per GB).
`;
}
