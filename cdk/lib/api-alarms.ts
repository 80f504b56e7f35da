// Alarms on the API as its callers see it.

import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { Alarms, IMMEDIATE, perMinute, SUSTAINED } from './alarms.ts';
import { apiMetric } from './api-metrics.ts';
import { MIN_FAILURES, share, WINDOW } from './failures.ts';
import type { AlarmOptions } from './stages.ts';

/** Fewer refused requests in five minutes do not raise an alarm: clients may be experimenting. */
const MIN_CLIENT_ERRORS = 50;

export interface ApiAlarmsProps {
  readonly name: string;
  readonly options: AlarmOptions;
}

export class ApiAlarms extends Alarms {
  constructor(scope: Construct, id: string, { name, options }: ApiAlarmsProps) {
    super(scope, id, name);
    const sum = (metricName: string) => apiMetric(name, metricName, { statistic: Stats.SUM, period: WINDOW });
    this.alarm({
      id: 'ClientErrors',
      name: 'client-errors',
      over: share(sum('4XXError'), sum('Count'), MIN_CLIENT_ERRORS, 'Share of 4xx'),
      threshold: options.clientErrors,
      evaluation: IMMEDIATE,
      description:
        'Many requests are refused. Look in the access log for the status and the key: the cause is a client, or a release that refuses more.',
    });
    this.alarm({
      id: 'ServerErrors',
      name: 'server-errors',
      over: share(sum('5XXError'), sum('Count'), MIN_FAILURES, 'Share of 5xx'),
      threshold: options.serverErrors,
      evaluation: IMMEDIATE,
      description:
        "Requests fail with a 5xx. Look for a function whose failures alarm is also active, then in its log for the level ERROR; if there is none, in the access log for the gateway's own 5xx.",
    });
    this.alarm({
      id: 'Latency',
      name: 'latency',
      over: perMinute(apiMetric(name, 'Latency'), Stats.p(99)),
      threshold: options.latency,
      evaluation: SUSTAINED,
      description:
        "The API is slow. Look at the dashboard for the function whose duration rose, and at its tables' throttles.",
    });
  }
}
