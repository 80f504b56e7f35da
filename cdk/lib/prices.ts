// AWS's prices, for the estimate of docs/cost.md and the dashboards.

/** Prices in us-east-1 in dollars, from the AWS price pages of 2025, without free tiers. */
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
  compositeAlarmMonth: 0.5,
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
  /** A monthly active user of a user pool with the plan Essentials, beyond the free ones ("Amazon Cognito pricing"). */
  activeUser: 0.015,
  freeUsers: 10_000,
} as const;
