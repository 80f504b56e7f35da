// Metrics of the failed invocations of a function's newest version: those in its log, and those of a crashed process.

import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, type IFilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Live } from './functions.ts';

/** An alarm evaluates the last five minutes, once a minute (CloudWatch user guide, "Alarm evaluation window"). */
export const WINDOW = Duration.minutes(5);
/** Fewer failures in the window do not raise an alarm, whatever their share: at night one may be all requests. */
export const MIN_FAILURES = 3;
const MINUTE = Duration.minutes(1);

export interface CrashProps extends FailureProps {
  /** True if it catches panics and timeouts, and logs them with `"crashed": true`. */
  readonly logsCrashes: boolean;
}

export interface FailureProps {
  /** The namespace of the metrics from log lines. */
  readonly namespace: string;
  readonly live: Live;
}

/**
 * Returns the share of the newest version's requests that failed in the window, from 0 to 1; 0 if fewer than `MIN_FAILURES`
 * failed.
 *
 * Only the newest version counts, so that a failing older one does not block the deployment that fixes it. A request
 * fails with a status of 500 or more, including caught panics and timeouts, or with a crash of the process.
 */
export function failedRequests(scope: Construct, { namespace, live }: FailureProps): MathExpression {
  // The upstream API has alarms of its own: an old version would fail as well.
  const pattern = FilterPattern.all(
    FilterPattern.numberValue('$.status', '>=', 500),
    FilterPattern.notExists('$.upstreamFailed'),
  );
  const failures = new MathExpression({
    expression: 'FILL(responses, 0) + FILL(errors, 0)',
    usingMetrics: {
      responses: countLines(scope, { namespace, metricName: 'ServerErrors', pattern, live, period: WINDOW }),
      errors: lambdaMetric(live, 'Errors', WINDOW),
    },
    period: WINDOW,
  });
  return share(failures, lambdaMetric(live, 'Invocations', WINDOW), MIN_FAILURES, live.name);
}

/**
 * Returns the share of invocations of the newest version in a minute that panicked, timed out or crashed.
 *
 * A record that a consumer fails to process, or a token that the authorizer refuses, is not a fault of the version. If the
 * invocation fails for it, Lambda counts an error; the log line says so. Lambda's remaining errors have no line: the process crashed. Metric filters lag behind
 * Lambda's metrics, so the last two minutes can look worse than they were; an alarm requires a third one.
 */
export function crashedCalls(scope: Construct, { namespace, live, logsCrashes }: CrashProps): MathExpression {
  const counted = (metricName: string, field: string) =>
    countLines(scope, {
      namespace,
      metricName,
      pattern: FilterPattern.booleanValue(field, true),
      live,
      period: MINUTE,
    });
  const failures = new MathExpression({
    expression: `${logsCrashes ? 'FILL(crashed, 0) + ' : ''}IF(${ERRORS} > ${LOGGED}, ${ERRORS} - ${LOGGED}, 0)`,
    usingMetrics: {
      ...(logsCrashes && { crashed: counted('Crashes', '$.crashed') }),
      logged: counted('FailedCalls', '$.callFailed'),
      errors: lambdaMetric(live, 'Errors', MINUTE),
    },
    period: MINUTE,
  });
  return share(failures, lambdaMetric(live, 'Invocations', MINUTE), 1, live.name, MINUTE);
}

const ERRORS = 'FILL(errors, 0)';
const LOGGED = 'FILL(logged, 0)';

/** Returns the share of `failures` in `calls`, or 0 if there are fewer than `minimum` failures. */
export function share(
  failures: Metric | MathExpression,
  calls: Metric,
  minimum: number,
  label: string,
  period = WINDOW,
): MathExpression {
  const [some, all] = ['FILL(failures, 0)', 'FILL(calls, 0)'];
  return new MathExpression({
    // The two metrics arrive at different times: failures may be counted before their invocations.
    expression: `IF(${some} >= ${minimum}, ${some} / IF(${all} > ${some}, ${all}, ${some}), 0)`,
    usingMetrics: { failures, calls },
    period,
    label,
  });
}

interface LineProps {
  readonly namespace: string;
  readonly metricName: string;
  readonly pattern: IFilterPattern;
  readonly live: Live;
  readonly period: Duration;
}

/** Counts the newest version's log lines that match the pattern. Only failures match: a healthy service pays nothing. */
function countLines(scope: Construct, { namespace, metricName, pattern, live, period }: LineProps): Metric {
  new MetricFilter(scope, `${live.name}${metricName}`, {
    metricNamespace: namespace,
    metricName,
    logGroup: live.logs,
    filterPattern: pattern,
    metricValue: '1',
    dimensions: { Function: '$.function', Version: '$.version' },
  });
  const { functionName, currentVersion } = live.function;
  return new Metric({
    namespace,
    metricName,
    statistic: Stats.SUM,
    period,
    dimensionsMap: { Function: functionName, Version: currentVersion.version },
  });
}

/** Returns a metric of the newest version, invoked through the alias (Lambda developer guide, "Using CloudWatch metrics with Lambda"). */
function lambdaMetric({ function: lambda, alias }: Live, metricName: string, period: Duration): Metric {
  const ofAlias = alias.metric(metricName, { statistic: Stats.SUM, period });
  // The alias's dimensions are names: a reference to the alias would be a circular dependency with the alarm.
  return ofAlias.with({ dimensionsMap: { ...ofAlias.dimensions, ExecutedVersion: lambda.currentVersion.version } });
}
