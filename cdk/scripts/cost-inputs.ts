// What the cost of a million requests is computed from. Change it to your own traffic, then `UPDATE=1 make test-stack`.

/** us-east-1, in dollars, as the AWS price pages had them in 2025; without free tiers. */
export const PRICES = {
  apiRequest: 3.5e-6,
  cacheHour: { '0.5': 0.02, '1.6': 0.038, '6.1': 0.2, '13.5': 0.25 },
  lambdaRequest: 0.2e-6,
  lambdaGigabyteSecond: 0.0000133334,
  provisionedGigabyteSecond: 0.0000033334,
  readUnit: 0.125e-6,
  writeUnit: 0.625e-6,
  storedGigabyteMonth: 0.25,
  recoveryGigabyteMonth: 0.2,
  logGigabyte: 0.5,
  trace: 5e-6,
  alarmMonth: 0.1,
  metricMonth: 0.3,
  dashboardMonth: 3,
  keyMonth: 1,
  secretMonth: 0.4,
  busEvent: 1e-6,
  archivedGigabyte: 0.1,
  archivedGigabyteMonth: 0.023,
  firewallMonth: 5,
  firewallRuleMonth: 1,
  firewallRequest: 0.6e-6,
} as const;

/**
 * The verbs: their share of the requests, the DynamoDB units of one, and how long DynamoDB takes, in milliseconds.
 * Units follow from DynamoDB's rules for records up to 1 KB: a strong read of 4 KB is 1; a list asks 4 shards for 20
 * records, 0.5 a 4 KB; a write is 1 and 1 for each index, twice in a transaction, as a delete is one with the row that
 * says who deleted.
 * Times are assumptions within AWS's "single-digit milliseconds": replace them by those of your dashboard.
 */
export const VERBS = {
  get: { share: 0.5, readUnits: 1, writeUnits: 0, databaseMs: 4 },
  list: { share: 0.2, readUnits: 4, writeUnits: 0, databaseMs: 6 },
  create: { share: 0.15, readUnits: 0, writeUnits: 6, databaseMs: 10 },
  update: { share: 0.12, readUnits: 0, writeUnits: 4, databaseMs: 8 },
  delete: { share: 0.03, readUnits: 0, writeUnits: 8, databaseMs: 10 },
} as const;

export const TRAFFIC = {
  /** CPU of a warm request on a whole core, in milliseconds: the verbs' mean by share, as benches/RESULTS.md has it. */
  cpuMs: 0.6,
  /** The share of requests that start an environment, and what its start costs, in milliseconds: assumptions. */
  coldShare: 0.01,
  coldMs: 60,
  /** X-Ray's default rule takes one request a second and 5 % of the others: half of all at 2 a second. */
  tracedShare: 0.5,
  /** Log lines of a request, of the function, Lambda's own and the gateway, in KB: as they are written. */
  logKilobytes: 1.5,
  storedGigabytes: 1,
} as const;

/** What each change costs after its request, where changes are too seldom to share a batch: AWS reads streams free. */
export const CHANGES = {
  /** The verb behind each kind of change; half of the changes are of each table. */
  verbs: { INSERT: 'create', MODIFY: 'update', REMOVE: 'delete' },
  /** An entry of the history, and an event, have the record before and after, in KB; a write unit is 1 KB. */
  kilobytes: 2,
  /** A call of a consumer, in milliseconds: an assumption. */
  consumerMs: 12,
  /** Log lines of a call, the function's and Lambda's own, in KB. */
  logKilobytes: 0.6,
} as const;
