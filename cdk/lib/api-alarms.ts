// Alarms on the API as its callers see it.

import { Duration } from 'aws-cdk-lib';
import { type Alarm, AnomalyDetectionAlarm, type Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { Alarms, described, IMMEDIATE, perMinute, SUSTAINED } from './alarms.ts';
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
  /** The alarms on what callers see, which cannot wait. */
  readonly urgent: readonly Alarm[];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ApiAlarmsProps,
  ) {
    super(scope, id, props.name);
    const { options } = props;
    this.clientErrors();
    this.urgent = [this.serverErrors(), this.latency()];
    if (options.minRequestsPerHour !== undefined) {
      this.urgent = [...this.urgent, this.traffic(options.minRequestsPerHour)];
    }
    if (options.anomalies) {
      this.anomaly('Traffic', 'Count', Stats.SUM, 'The number of requests');
      this.anomaly('Latency', 'Latency', Stats.p(99), 'The latency');
    }
  }

  private sum(metricName: string, period = WINDOW): Metric {
    return apiMetric(this.props.name, metricName, { statistic: Stats.SUM, period });
  }

  private clientErrors(): void {
    this.alarm({
      id: 'ClientErrors',
      name: 'client-errors',
      over: share(this.sum('4XXError'), this.sum('Count'), MIN_CLIENT_ERRORS, 'Share of 4xx'),
      threshold: this.props.options.clientErrors,
      evaluation: IMMEDIATE,
      description:
        'Many requests are refused. Look in the access log for the status and the key: the cause is a client, or a release that refuses more.',
      runbook: 'client-errors',
    });
  }

  private serverErrors(): Alarm {
    return this.alarm({
      id: 'ServerErrors',
      name: 'server-errors',
      over: share(this.sum('5XXError'), this.sum('Count'), MIN_FAILURES, 'Share of 5xx'),
      threshold: this.props.options.serverErrors,
      evaluation: IMMEDIATE,
      description:
        "Requests fail with a 5xx. Look for a function whose failures alarm is also active, then in its log for the level ERROR; if there is none, in the access log for the gateway's own 5xx.",
      runbook: 'server-errors',
    });
  }

  private latency(): Alarm {
    return this.alarm({
      id: 'Latency',
      name: 'latency',
      over: perMinute(apiMetric(this.props.name, 'Latency'), Stats.p(99)),
      threshold: this.props.options.latency,
      evaluation: SUSTAINED,
      description:
        "The API is slow. Look at the dashboard for the function whose duration rose, and at its tables' throttles.",
      runbook: 'latency',
    });
  }

  /** Raises an alarm in an hour with fewer requests. Hours without a request have no data. */
  private traffic(minimum: number): Alarm {
    return this.alarm({
      id: 'NoTraffic',
      name: 'no-traffic',
      over: this.sum('Count', Duration.hours(1)),
      threshold: minimum,
      evaluation: IMMEDIATE,
      isBelow: true,
      description:
        'Fewer requests arrive than there always were. Look at the domain, its certificate and the clients: a service that nobody reaches has no errors.',
      runbook: 'no-traffic',
    });
  }

  /** Raises an alarm outside of the expected band (CloudWatch user guide, "Using CloudWatch anomaly detection"). */
  private anomaly(id: string, metricName: string, statistic: string, subject: string): void {
    const alarm = new AnomalyDetectionAlarm(this, `${id}Anomaly`, {
      alarmName: `${this.props.name}-${id.toLowerCase()}-anomaly`,
      alarmDescription: described(
        `${subject} is not as in the past two weeks. Look at the dashboard for the operation and the time at which it changed.`,
        'anomalies',
      ),
      metric: apiMetric(this.props.name, metricName, { statistic, period: WINDOW }),
      stdDevs: 3,
      ...SUSTAINED,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.notify(alarm);
  }
}
