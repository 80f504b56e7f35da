// The upstream API: the operations that call it, with their settings, limits, metrics and alarms.

import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { Alarms, IMMEDIATE, perMinute, SUSTAINED } from './alarms.ts';
import type { Contract, FunctionDefinition } from './contract.ts';
import { MIN_FAILURES, share, WINDOW } from './failures.ts';
import type { Live } from './functions.ts';
import type { AlarmOptions, StageOptions, Throttle, UpstreamOptions } from './stages.ts';

/** Returns true if the function calls the upstream API. */
export function callsUpstream({ secrets = [] }: FunctionDefinition): boolean {
  return secrets.includes('upstream');
}

/**
 * Returns the contract of a stage: without the operations that call the upstream API, unless its options name one. Throws
 * if a setting is unknown or missing.
 */
export function contractOf(contract: Contract, { upstream }: StageOptions): Contract {
  if (upstream) {
    checkVariables(contract, upstream);
    return contract;
  }
  const functions = contract.functions.filter((definition) => !callsUpstream(definition));
  const names = new Set(functions.map(({ name }) => name));
  const operations = contract.operations.filter((operation) => names.has(operation.function));
  const used = new Set(operations.flatMap(({ models }) => Object.values(models)));
  const models = Object.entries(contract.models).filter(([name]) => used.has(name));
  return { ...contract, functions, operations, models: Object.fromEntries(models) };
}

function checkVariables({ functions }: Contract, { variables }: UpstreamOptions): void {
  const known = new Set(functions.filter(callsUpstream).flatMap(({ environment = [] }) => environment));
  const unknown = Object.keys(variables).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new Error(`cdk/stages.json: upstream has ${unknown}: the variables are ${[...known].join(', ')}`);
  }
  if (variables.UPSTREAM_URL === undefined) {
    throw new Error('cdk/stages.json: upstream has no UPSTREAM_URL');
  }
}

/** Returns the settings of the upstream API that a function reads. */
export function upstreamVariables(
  { environment = [] }: FunctionDefinition,
  { upstream }: StageOptions,
): Record<string, string> {
  const given = Object.entries(upstream?.variables ?? {});
  return Object.fromEntries(given.filter(([name]) => environment.includes(name)));
}

/**
 * Returns the limits of a usage plan on single methods, by path and method (CloudFormation template reference,
 * "AWS::ApiGateway::UsagePlan ApiStage").
 */
export function methodThrottles({ operations, functions }: Contract, throttle: Throttle): Record<string, object> {
  const callers = new Set(functions.filter(callsUpstream).map(({ name }) => name));
  const limited = operations.filter((operation) => callers.has(operation.function));
  const limit = { RateLimit: throttle.rate, BurstLimit: throttle.burst };
  return Object.fromEntries(limited.map(({ path, method }) => [`${path}/${method}`, limit]));
}

/** The metrics of all calls, each over all functions: one per function would cost several times as much. */
const METRICS = {
  latency: {
    name: 'UpstreamLatency',
    pattern: FilterPattern.numberValue('$.upstreamMs', '>=', 0),
    value: '$.upstreamMs',
  },
  failures: { name: 'UpstreamFailures', pattern: FilterPattern.booleanValue('$.upstreamFailed', true), value: '1' },
  saved: { name: 'UpstreamCallsSaved', pattern: FilterPattern.booleanValue('$.cacheHit', true), value: '1' },
};

/** Counts calls of the upstream API, from the log lines of the functions that make them. */
export function countUpstreamCalls(scope: Construct, serviceName: string, functions: readonly Live[]): void {
  const filters = new Construct(scope, 'UpstreamCalls');
  for (const live of functions) {
    for (const { name, pattern, value } of Object.values(METRICS)) {
      new MetricFilter(filters, `${live.name}${name}`, {
        metricNamespace: serviceName,
        metricName: name,
        logGroup: live.logs,
        filterPattern: pattern,
        metricValue: value,
      });
    }
  }
}

/** Returns a metric of the upstream API's calls. */
export function upstreamMetric(
  namespace: string,
  metric: keyof typeof METRICS,
  statistic: string,
  period = Duration.minutes(1),
): Metric {
  return new Metric({ namespace, metricName: METRICS[metric].name, statistic, period });
}

export interface UpstreamAlarmsProps {
  /** The name of the service in this stage. */
  readonly name: string;
  readonly options: AlarmOptions;
  readonly upstream: UpstreamOptions;
}

/** The alarms on the upstream API. Its failures are none of a new version: the alarms of functions leave them out. */
export class UpstreamAlarms extends Alarms {
  constructor(scope: Construct, id: string, { name, options, upstream }: UpstreamAlarmsProps) {
    super(scope, id, name);
    const failures = upstreamMetric(name, 'failures', Stats.SUM, WINDOW);
    const calls = upstreamMetric(name, 'latency', Stats.SAMPLE_COUNT, WINDOW);
    this.alarm({
      id: 'Failures',
      name: 'upstream-failures',
      over: share(failures, calls, MIN_FAILURES, 'Share of failed calls'),
      threshold: options.serverErrors,
      evaluation: IMMEDIATE,
      description:
        'Calls of the upstream API fail. Look in the log of its functions for upstreamStatus and cause: 401 and 403 are its key (make upstream-key), no status is its availability.',
    });
    this.alarm({
      id: 'Latency',
      name: 'upstream-latency',
      over: perMinute(upstreamMetric(name, 'latency', Stats.p(99)), Stats.p(99)),
      threshold: upstream.latency,
      evaluation: SUSTAINED,
      description:
        'The upstream API is slow. Look in the log of its functions for upstreamMs and upstreamAttempts: many attempts are failures that a retry hides.',
    });
  }
}
