// Inputs of the cost of a million requests. Change them to your own traffic, then run `UPDATE=1 make test-stack`.

/**
 * The operations: their share of the requests, DynamoDB units per request, and DynamoDB's time in milliseconds.
 * The units follow from DynamoDB's rules for records up to 1 KB: a strongly consistent read of 4 KB is 1. A list queries 4
 * shards for 20 records, at 0.5 per 4 KB. A write is 1 plus 1 per index, and twice that in a transaction; a delete is one,
 * with the row that records its author.
 * The times are assumptions within AWS's "single-digit milliseconds": replace them with those of your dashboard.
 */
export const OPERATIONS = {
  get: { share: 0.5, readUnits: 1, writeUnits: 0, databaseMs: 4 },
  list: { share: 0.2, readUnits: 4, writeUnits: 0, databaseMs: 6 },
  create: { share: 0.15, readUnits: 0, writeUnits: 6, databaseMs: 10 },
  update: { share: 0.12, readUnits: 0, writeUnits: 4, databaseMs: 8 },
  delete: { share: 0.03, readUnits: 0, writeUnits: 8, databaseMs: 10 },
} as const;

export const TRAFFIC = {
  /** CPU time of a warm request on a whole core, in milliseconds: the weighted mean of benches/RESULTS.md. */
  cpuMs: 0.6,
  /** The share of requests with a cold start, and its duration in milliseconds: assumptions. */
  coldShare: 0.01,
  coldMs: 60,
  /** X-Ray's default rule samples one request per second and 5 % of the others: about half at 2 per second. */
  tracedShare: 0.5,
  /** Log lines of a request from the function, Lambda and the gateway, in KB: measured. */
  logKilobytes: 1.5,
  storedGigabytes: 1,
} as const;

/** The authorizer of tokens. */
export const TOKENS = {
  /** The time for which API Gateway keeps the policy of a token, in seconds. */
  cacheSeconds: 300,
  /** The requests that a user sends in this time: an assumption. */
  requests: 10,
  /** The duration of a call in milliseconds: it verifies one signature, and has no database. */
  milliseconds: 1,
} as const;

/** The cost of each change after its request, with one change per batch. Lambda's reads of streams are free. */
export const CHANGES = {
  /** The operation behind each kind of change; the changes are divided equally among the tables. */
  operations: { INSERT: 'create', MODIFY: 'update', REMOVE: 'delete' },
  /** The size of a history entry or event, with old and new record, in KB; a write unit is 1 KB. */
  kilobytes: 2,
  /** The duration of a consumer's invocation in milliseconds: an assumption. */
  consumerMs: 12,
  /** Log lines of an invocation from the function and Lambda, in KB. */
  logKilobytes: 0.6,
} as const;

/** A call of the upstream API: its duration, and the metrics in its two alarms. */
export const UPSTREAM = { callMs: 2_000, alarmMetrics: 3 } as const;

/**
 * The metrics that functions log and that have a value in most hours, since others cost nothing then: requests,
 * durationMs, dynamoDbMs, capacityUnits, coldStarts (docs/telemetry.md).
 */
export const TELEMETRY = { metrics: 5 } as const;
