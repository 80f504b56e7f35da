// The failed calls of a function's newest version: those its log tells of, and those of a process that died.

import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, type IFilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Live } from './functions.ts';

/** An alarm looks at the last five minutes, each minute anew (CloudWatch user guide, "Alarm evaluation window"). */
export const WINDOW = Duration.minutes(5);
/** Fewer failures in the window are no alarm, whatever their share: one at night is all of the requests. */
export const LEAST_FAILURES = 3;
const MINUTE = Duration.minutes(1);

export interface FailureProps {
  /** The namespace of the metrics made from log lines. */
  readonly namespace: string;
  readonly live: Live;
}

/**
 * The share of the newest version's requests that failed in the window, 0 to 1; 0 where they are fewer than
 * `LEAST_FAILURES`.
 *
 * It looks at the version just published and no other, so that an older one in trouble does not stop the deployment
 * that mends it. A request has failed with a status of 500 or more, whatever the function caught to answer that, and
 * where the process died.
 */
export function failedRequests(scope: Construct, { namespace, live }: FailureProps): MathExpression {
  const pattern = FilterPattern.numberValue('$.status', '>=', 500);
  const failures = new MathExpression({
    expression: 'FILL(answered, 0) + FILL(errors, 0)',
    usingMetrics: {
      answered: lines(scope, { namespace, metricName: 'ServerErrors', pattern, live, period: WINDOW }),
      errors: ofLambda(live, 'Errors', WINDOW),
    },
    period: WINDOW,
  });
  return share(failures, ofLambda(live, 'Invocations', WINDOW), LEAST_FAILURES, live.name);
}

/**
 * The share of a consumer's calls in a minute, of its newest version, that panicked, ran out of time or died.
 *
 * A record that fails is no fault of the version. Where it is the first of several the call fails, which Lambda counts
 * as an error; the line says so, and what is left of Lambda's count wrote no line. Lines are counted later than
 * Lambda's errors, so that the last two minutes can look worse than they were: an alarm wants a third one.
 */
export function crashedCalls(scope: Construct, { namespace, live }: FailureProps): MathExpression {
  const counted = (metricName: string, field: string) =>
    lines(scope, { namespace, metricName, pattern: FilterPattern.booleanValue(field, true), live, period: MINUTE });
  const failures = new MathExpression({
    expression: `FILL(crashed, 0) + IF(${ERRORS} > ${TOLD}, ${ERRORS} - ${TOLD}, 0)`,
    usingMetrics: {
      crashed: counted('Crashes', '$.crashed'),
      told: counted('FailedCalls', '$.callFailed'),
      errors: ofLambda(live, 'Errors', MINUTE),
    },
    period: MINUTE,
  });
  return share(failures, ofLambda(live, 'Invocations', MINUTE), 1, live.name, MINUTE);
}

const ERRORS = 'FILL(errors, 0)';
const TOLD = 'FILL(told, 0)';

/** The share of `failures` in all of `calls`, or 0 where there are fewer than `least` of them. */
export function share(
  failures: Metric | MathExpression,
  calls: Metric,
  least: number,
  label: string,
  period = WINDOW,
): MathExpression {
  const [some, all] = ['FILL(failures, 0)', 'FILL(calls, 0)'];
  return new MathExpression({
    // Counts of the two come at different times: failures whose calls are not yet counted are all of the calls.
    expression: `IF(${some} >= ${least}, ${some} / IF(${all} > ${some}, ${all}, ${some}), 0)`,
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

/** The number of the newest version's log lines of that pattern. Failures alone match: a healthy service pays nothing. */
function lines(scope: Construct, { namespace, metricName, pattern, live, period }: LineProps): Metric {
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

/** A metric of the newest version, called by the alias (Lambda developer guide, "Using CloudWatch metrics with Lambda"). */
function ofLambda({ function: lambda, alias }: Live, metricName: string, period: Duration): Metric {
  const ofAlias = alias.metric(metricName, { statistic: Stats.SUM, period });
  // The alias's dimensions are made of names: were it referred to, it would wait for the alarm that it waits for.
  return ofAlias.with({ dimensionsMap: { ...ofAlias.dimensions, ExecutedVersion: lambda.currentVersion.version } });
}
