// Saved queries of CloudWatch Logs Insights over the functions of a stack.

import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Live } from './functions.ts';

/** A query, with `VALUE` where whoever asks puts an id. Its fields are those of docs/telemetry.md. */
interface Query {
  readonly name: string;
  readonly lines: readonly string[];
}

const REQUESTS: readonly Query[] = [
  {
    name: 'errors by operation and version',
    lines: ['filter level = "ERROR"', 'stats count(*) as errors by operation, version, cause', 'sort errors desc'],
  },
  {
    name: 'slowest requests',
    lines: [
      'filter ispresent(status)',
      'fields @timestamp, operation, status, durationMs, dynamoDbMs, retries, coldStart, requestId, traceId',
      'sort durationMs desc',
      'limit 50',
    ],
  },
  { name: 'one request by id', lines: ['filter requestId = "VALUE"', 'fields @timestamp, @message'] },
  {
    name: 'one customer in the last hour',
    lines: [
      'filter principalId = "VALUE"',
      'stats count(*) as requests, sum(capacityUnits) as units, pct(durationMs, 99) as p99 by operation, status, bin(5m)',
    ],
  },
  {
    name: 'throttled keys',
    lines: [
      'filter throttles > 0',
      'stats sum(throttles) as throttled by operation, principalId',
      'sort throttled desc',
    ],
  },
  {
    name: 'cold starts',
    lines: [
      'filter ispresent(initMs)',
      'stats count(*) as starts, pct(initMs, 50) as init50, pct(initMs, 99) as init99 by operation, bin(1h)',
    ],
  },
  {
    name: 'cost by operation',
    lines: [
      'filter ispresent(operation)',
      'stats count(*) as requests, sum(capacityUnits) as units, sum(durationMs) / 1000 as seconds by operation',
      'sort units desc',
    ],
  },
];

const BATCHES: readonly Query[] = [
  { name: 'failed changes', lines: ['filter level = "ERROR"', 'fields @timestamp, version, failures, cause'] },
  { name: 'one event by id', lines: ['filter @message like "VALUE"', 'fields @timestamp, @message'] },
];

export interface QueriesProps {
  /** The folder of the queries in the console. */
  readonly folder: string;
  readonly functions: readonly Live[];
  readonly kind: 'requests' | 'batches';
}

export class Queries extends Construct {
  constructor(scope: Construct, id: string, { folder, functions, kind }: QueriesProps) {
    super(scope, id);
    for (const { name, lines } of kind === 'requests' ? REQUESTS : BATCHES) {
      new CfnQueryDefinition(this, name.replaceAll(' ', '-'), {
        name: `${folder}/${name}`,
        queryString: lines.join('\n| '),
        logGroupNames: functions.map(({ logs }) => logs.logGroupName),
      });
    }
  }
}
