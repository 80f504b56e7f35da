// Checks of AWS's quotas before a deployment.

import { isRequired } from './authorization.ts';
import type { ConsumerDefinition, Contract } from './contract.ts';
import { ROOT } from './grouping.ts';
import type { FunctionOptions, StageOptions } from './stages.ts';
import { metricCount } from './widgets.ts';

/** AWS's default quota of concurrent executions, over all functions of an account in a region. */
const DEFAULT_CONCURRENCY = 1_000;

/** The concurrency Lambda keeps for functions without a reservation (Lambda developer guide, "Configuring reserved concurrency"). */
const UNRESERVED = 100;

/** Readers of a stream; more are throttled (DynamoDB Streams API reference, `GetRecords`, `LimitExceededException`). */
const READERS_PER_STREAM = 2;

/** Resources of a REST API, the root included (API Gateway developer guide, "Quotas for configuring and running a REST API"). */
const PATHS = 300;

/** Rules on an event bus (EventBridge user guide, "Amazon EventBridge quotas"). */
const RULES = 300;

/** Metrics of a graph and of a dashboard (CloudWatch user guide, "CloudWatch service quotas"). */
const METRICS = { graph: 500, dashboard: 2_500 };

/** Throws if the service exceeds a quota, which AWS would report in the middle of a deployment. */
export function checkQuotas(contract: Contract, { functions, api }: StageOptions): void {
  checkConcurrency(contract, functions, isRequired('token', contract, api));
  checkReaders(contract.consumers);
  const { consumers, operations } = contract;
  const all = contract.functions.length + consumers.length;
  const rules = consumers.filter(({ source }) => source === 'events').length;
  const counts: readonly [count: number, quota: number, what: string][] = [
    [pathCount(operations.map(({ path }) => path)), PATHS, 'paths, the root and those between included, of a REST API'],
    [rules, RULES, 'event consumers with a rule on the bus'],
    [all, METRICS.graph, 'functions in a graph of the dashboard'],
    [metricCount(contract), METRICS.dashboard, 'metrics of the dashboard'],
  ];
  const exceeded = counts.find(([count, quota]) => count > quota);
  if (exceeded) {
    const [count, quota, what] = exceeded;
    throw new Error(`openapi.json leads to ${count} ${what}: AWS's quota is ${quota} (cdk/lib/quotas.ts)`);
  }
}

function pathCount(paths: readonly string[]): number {
  const above = (path: string): string[] =>
    path === '' ? [''] : [path, ...above(path.slice(0, path.lastIndexOf('/')))];
  return new Set([`/${ROOT}`, ...paths].flatMap(above)).size;
}

function checkReaders(consumers: readonly ConsumerDefinition[]): void {
  const read = consumers.flatMap((consumer) => (consumer.source === 'streams' ? consumer.tables : []));
  const crowded = read.find((table) => read.filter((other) => other === table).length > READERS_PER_STREAM);
  if (crowded) {
    throw new Error(`openapi.json: the stream of the table ${crowded} has more than ${READERS_PER_STREAM} readers`);
  }
}

/** Throws if a stage, perhaps with an authorizer, reserves or provisions more concurrency than its account has. */
export function checkConcurrency(
  { functions, consumers, jobs }: Contract,
  options: FunctionOptions,
  hasAuthorizer = false,
): void {
  const { reservedConcurrency, provisionedConcurrency = 0, accountConcurrency = DEFAULT_CONCURRENCY } = options;
  if (reservedConcurrency !== undefined && provisionedConcurrency > reservedConcurrency) {
    throw new Error(
      `provisionedConcurrency is ${provisionedConcurrency}, but reservedConcurrency allows ${reservedConcurrency}`,
    );
  }
  // Only functions that callers wait for are provisioned, and provisioned concurrency is part of the reserved one.
  const awaited = functions.length + Number(hasAuthorizer);
  const all = awaited + consumers.length + jobs.length;
  const taken = reservedConcurrency ? all * reservedConcurrency : awaited * provisionedConcurrency;
  if (taken > 0 && taken > accountConcurrency - UNRESERVED) {
    throw new Error(
      `${taken} concurrent executions would be reserved or provisioned: of the account's ${accountConcurrency}, Lambda ` +
        `keeps ${UNRESERVED} for functions without a reservation. Reserve less, or request a higher quota and set ` +
        'accountConcurrency in cdk/stages.json',
    );
  }
}
