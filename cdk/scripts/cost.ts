// What docs/cost.md says: what a million requests a month cost in each stage, from the stage's own options.

import { readContract } from '../lib/contract.ts';
import { STAGES, type StageName, type StageOptions } from '../lib/stages.ts';
import { CHANGES, PRICES, TRAFFIC, VERBS } from './cost-inputs.ts';

const REQUESTS = 1_000_000;
const HOURS = 730;
const DAYS_A_MONTH = 30;
/** What one core has (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). */
const MEGABYTES_A_CORE = 1_769;
const FIREWALL_RULES = 5;

type Lines = Record<string, number>;

/** Dollars a month, by what they are for. */
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
    'Alarms, dashboard, one metric': alarmMetrics() * PRICES.alarmMonth + PRICES.dashboardMonth + PRICES.metricMonth,
    'Secret and key': PRICES.secretMonth + (options.data.customerKey ? PRICES.keyMonth : 0),
    Firewall: firewall(options),
  };
}

/** How the types of events end, by the kind of change. */
const EVENTS = { INSERT: '.created', MODIFY: '.updated', REMOVE: '.deleted' } as const;

/** Changes of records a month. */
function changes(): number {
  return Object.values(CHANGES.verbs).reduce((sum, verb) => sum + REQUESTS * VERBS[verb].share, 0);
}

/** What the changes of that many days take. */
function changedGigabytes(days: number): number {
  return (((changes() * CHANGES.kilobytes) / 1e6) * days) / DAYS_A_MONTH;
}

/** Calls of all consumers: one for each change they read, and one for each pass over it. */
function consumerCalls(): number {
  const { consumers, tables } = readContract();
  const streams = tables.filter(({ stream }) => stream).length;
  const shareOf = (kind: keyof typeof CHANGES.verbs) => VERBS[CHANGES.verbs[kind]].share;
  const kinds = Object.keys(CHANGES.verbs) as (keyof typeof CHANGES.verbs)[];
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
  const taken = changedGigabytes(DAYS_A_MONTH) * PRICES.archivedGigabyte;
  return options.archiveDays ? taken + changedGigabytes(options.archiveDays) * PRICES.archivedGigabyteMonth : 0;
}

/** Billed seconds of all requests, and of the consumers. */
function seconds(options: StageOptions): number {
  return requestSeconds(options) + (consumerCalls() * CHANGES.consumerMs) / 1_000;
}

/** DynamoDB's time, and the CPU's on the stage's share of a core. */
function requestSeconds({ functions }: StageOptions): number {
  const cpu = TRAFFIC.cpuMs * Math.max(1, MEGABYTES_A_CORE / functions.memory);
  const warm = mean(({ databaseMs }) => Math.ceil(databaseMs + cpu));
  return (REQUESTS * (warm + TRAFFIC.coldShare * TRAFFIC.coldMs)) / 1_000;
}

function mean(of: (verb: (typeof VERBS)[keyof typeof VERBS]) => number): number {
  return Object.values(VERBS).reduce((sum, verb) => sum + verb.share * of(verb), 0);
}

function gigabytes({ functions }: StageOptions): number {
  return functions.memory / 1_024;
}

function provisioned(options: StageOptions): number {
  const environments = (options.functions.provisionedConcurrency ?? 0) * readContract().functions.length;
  return environments * gigabytes(options) * HOURS * 3_600 * PRICES.provisionedGigabyteSecond;
}

function cache({ api }: StageOptions): number {
  return api.cache ? PRICES.cacheHour[api.cache.gigabytes] * HOURS : 0;
}

/** The metrics that alarms watch, which is what AWS charges for: as lib/monitoring.ts and lib/migrations.ts have them. */
function alarmMetrics(): number {
  const { functions, consumers, jobs, tables } = readContract();
  // A share is of two counts or more: the failures of a function are three, the crashes of a consumer four.
  const api = 2 * 2 + 1;
  // Beside its crashes, each consumer has one for its lag, its throttles and what it lost; of streams, two for each table.
  const ofConsumers = consumers.map(
    (consumer) => 4 + 3 + (consumer.source === 'streams' ? 2 * consumer.tables.length : 0),
  );
  const perConsumer = ofConsumers.reduce((sum, count) => sum + count, 0);
  return api + jobs.length + (1 + 3) * functions.length + 2 * tables.length + perConsumer;
}

function firewall({ api }: StageOptions): number {
  const rules = PRICES.firewallMonth + FIREWALL_RULES * PRICES.firewallRuleMonth;
  return api.firewall ? rules + REQUESTS * PRICES.firewallRequest : 0;
}

/** The document. */
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
  const totals = costs.map((cost) => Object.values(cost).reduce((sum, value) => sum + value, 0));
  const inputs = Object.entries(VERBS).map(
    ([verb, { share, readUnits, writeUnits, databaseMs }]) =>
      `| ${verb} | ${Math.round(share * 100)} % | ${readUnits} | ${writeUnits} | ${databaseMs} |`,
  );
  return `# What a million requests a month cost

Written by \`UPDATE=1 make test-stack\` from the stages' own options (\`cdk/lib/stages.ts\`) and the inputs in
\`cdk/scripts/cost-inputs.ts\`: change either and run it again. Dollars a month, us-east-1, without free tiers, which
cover most of a small stage.

| | ${stages.map((stage) => `${stage} (${STAGES[stage].functions.memory} MB)`).join(' | ')} |
| --- |${stages.map(() => ' ---: |').join('')}
${lines.join('\n')}
${row('**sum**', totals)}

API Gateway and traces are most of what grows with the traffic, and Lambda's duration nearly nothing: memory is chosen
for latency, not for cost. What does not grow with it, alarms first, is the price of being told. The history is counted
as large as it is once it has all the days the stage keeps.

## Inputs

| verb | share | read units | write units | DynamoDB, ms |
| --- | ---: | ---: | ---: | ---: |
${inputs.join('\n')}

A request has ${TRAFFIC.cpuMs} ms of CPU on a whole core, the verbs' mean in benches/RESULTS.md; a stage has its memory's share of one
(${MEGABYTES_A_CORE.toLocaleString('en')} MB are a core). DynamoDB's times, ${TRAFFIC.coldShare * 100} % cold starts of ${TRAFFIC.coldMs} ms, and
${TRAFFIC.tracedShare * 100} % traced requests are assumptions: replace them by those of your dashboard. A request logs ${TRAFFIC.logKilobytes} KB. ${TRAFFIC.storedGigabytes} GB is stored.
A change is written to the history and put on the bus once, with ${CHANGES.kilobytes} KB, and calls each consumer that reads it
once, for ${CHANGES.consumerMs} ms; a busier service has more changes in a call. Lambda reads streams free.
Data that leaves AWS is not counted ($0.09 a GB).
`;
}
