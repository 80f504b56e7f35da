// The stages, and every way in which they may differ. docs/stack.md says what each option costs and buys.

import { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** How fast and how much: a steady rate and a burst, both in requests a second. */
export interface Throttle {
  readonly rate: number;
  readonly burst: number;
}

/** What a tier of customers may do. */
export interface Plan extends Throttle {
  readonly requestsPerMonth: number;
}

export interface DataOptions {
  /** Whether tables, their key and the logs outlive the stack, and tables refuse to be deleted. */
  readonly keep: boolean;
  /** Whether tables are encrypted with a key of this account instead of one AWS owns. */
  readonly customerKey: boolean;
}

export interface FunctionOptions {
  /** Memory in MB; CPU comes with it: 1,769 MB are one core. */
  readonly memory: number;
  /** Seconds; API Gateway gives up after 29. */
  readonly timeout: number;
  /** The most instances of each function, kept free for it; none: the account's limit, shared. */
  readonly reservedConcurrency?: number;
  /** Instances of each function that are always warm. */
  readonly provisionedConcurrency?: number;
  /** Whether a new version first gets a tenth of the requests for five minutes, and goes when an alarm rings. */
  readonly canary: boolean;
}

export interface ChangeOptions {
  /** How many days the history keeps a change. Changes of users hold personal data: no longer than there is a reason. */
  readonly historyDays: number;
  /** How many days a change that a consumer gave up is kept for `make replay`; at most 90. */
  readonly failedDays: number;
  /** How many days the bus keeps its events, to be sent once more; none: it does not. */
  readonly archiveDays?: number;
}

export interface DomainOptions {
  readonly name: string;
  /** A certificate for it, in the stack's own region. */
  readonly certificateArn: string;
}

export interface ApiOptions {
  /** Origins whose pages may call the API; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** For each method, over all callers. */
  readonly throttle: Throttle;
  /** A cache of GET answers: they are then up to `seconds` old. */
  readonly cache?: { readonly gigabytes: '0.5' | '1.6' | '6.1' | '13.5'; readonly seconds: number };
  readonly domain?: DomainOptions;
  /** A web application firewall: AWS's managed rules, and a limit for each address. */
  readonly firewall?: { readonly requestsPer5Minutes: number };
}

export interface AlarmOptions {
  /** Who is told; none: subscribe to the topic by hand. */
  readonly email?: string;
  /** Share of answers, 0 to 1. */
  readonly serverErrors: number;
  /** Share of answers, 0 to 1. */
  readonly clientErrors: number;
  /** The gateway's p99, in milliseconds. */
  readonly latency: number;
  /** How far a stream's consumer may be behind, in seconds. */
  readonly streamLag: number;
}

export const TIERS = ['basic', 'premium'] as const;
export type Tier = (typeof TIERS)[number];

export interface StageOptions {
  readonly data: DataOptions;
  readonly functions: FunctionOptions;
  readonly changes: ChangeOptions;
  readonly api: ApiOptions;
  readonly plans: Readonly<Record<Tier, Plan>>;
  readonly alarms: AlarmOptions;
  readonly logRetention: RetentionDays;
}

export const STAGES = {
  dev: {
    data: { keep: false, customerKey: false },
    functions: { memory: 256, timeout: 10, canary: false },
    changes: { historyDays: 30, failedDays: 30 },
    api: { corsOrigins: ['*'], throttle: { rate: 100, burst: 200 } },
    plans: {
      basic: { rate: 5, burst: 10, requestsPerMonth: 10_000 },
      premium: { rate: 50, burst: 100, requestsPerMonth: 1_000_000 },
    },
    alarms: { serverErrors: 0.05, clientErrors: 0.5, latency: 3_000, streamLag: 300 },
    logRetention: RetentionDays.ONE_WEEK,
  },
  staging: {
    data: { keep: false, customerKey: true },
    functions: { memory: 512, timeout: 10, canary: false },
    changes: { historyDays: 90, failedDays: 30, archiveDays: 14 },
    api: { corsOrigins: ['https://staging.example.com'], throttle: { rate: 500, burst: 1_000 } },
    plans: {
      basic: { rate: 10, burst: 20, requestsPerMonth: 100_000 },
      premium: { rate: 100, burst: 200, requestsPerMonth: 5_000_000 },
    },
    alarms: { serverErrors: 0.02, clientErrors: 0.3, latency: 1_500, streamLag: 120 },
    logRetention: RetentionDays.ONE_MONTH,
  },
  prod: {
    data: { keep: true, customerKey: true },
    functions: { memory: 512, timeout: 10, canary: true },
    changes: { historyDays: 365, failedDays: 30, archiveDays: 90 },
    api: {
      corsOrigins: ['https://www.example.com', 'https://admin.example.com'],
      throttle: { rate: 2_000, burst: 4_000 },
      firewall: { requestsPer5Minutes: 10_000 },
    },
    plans: {
      basic: { rate: 10, burst: 20, requestsPerMonth: 100_000 },
      premium: { rate: 200, burst: 400, requestsPerMonth: 10_000_000 },
    },
    alarms: { serverErrors: 0.01, clientErrors: 0.2, latency: 1_000, streamLag: 60 },
    logRetention: RetentionDays.ONE_YEAR,
  },
} as const satisfies Record<string, StageOptions>;

export type StageName = keyof typeof STAGES;

/** The stage of that name. */
export function stageNamed(name: unknown): StageName {
  const known = Object.keys(STAGES) as StageName[];
  const found = known.find((stage) => stage === name);
  if (!found) {
    throw new Error(`there is no stage ${JSON.stringify(name)}: it is one of ${known.join(', ')}`);
  }
  return found;
}
