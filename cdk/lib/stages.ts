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
  /** Tables, their key and the logs outlive the stack. */
  readonly keep: boolean;
  /** The stack and its tables refuse to be deleted. */
  readonly protect: boolean;
  /** Whether tables are encrypted with a key of this account instead of one AWS owns. */
  readonly customerKey: boolean;
  /** CloudTrail records every request to the tables, whoever makes it, in a bucket of the stage. */
  readonly trail?: boolean;
  /** The size of a record as it is stored, in KB: with it, the shards of an index bound how many are created a second. */
  readonly recordKilobytes: number;
}

export interface FunctionOptions {
  /** Memory in MB; CPU comes with it: 1,769 MB are one core. */
  readonly memory: number;
  /** Seconds; API Gateway gives up after 29. */
  readonly timeout: number;
  /** The most instances of each function, kept free for it; none: the account's limit, shared. */
  readonly reservedConcurrency?: number;
  /** The account's quota of function instances at once; none: AWS's usual 1,000. New accounts have fewer. */
  readonly accountConcurrency?: number;
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
  /** A web application firewall in front: AWS's managed rules, and limits that follow from `plans`. */
  readonly firewall: boolean;
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

/**
 * The stages with a shape of their own. Any other name is a stage of the shape `dev`: a developer's, a pull request's.
 * `staging` has the options of `prod` with smaller numbers, so that production meets none of them first; it only does not
 * keep its data. Origins are placeholders until cdk/stages.json has others.
 */
export const STAGES = {
  dev: {
    data: { keep: false, protect: false, customerKey: false, recordKilobytes: 1 },
    functions: { memory: 256, timeout: 10, canary: false },
    changes: { historyDays: 30, failedDays: 30 },
    api: { corsOrigins: ['*'], throttle: { rate: 100, burst: 200 }, firewall: false },
    plans: {
      basic: { rate: 5, burst: 10, requestsPerMonth: 10_000 },
      premium: { rate: 50, burst: 100, requestsPerMonth: 1_000_000 },
    },
    alarms: { serverErrors: 0.05, clientErrors: 0.5, latency: 3_000, streamLag: 300 },
    logRetention: RetentionDays.ONE_WEEK,
  },
  staging: {
    data: { keep: false, protect: false, customerKey: true, recordKilobytes: 1 },
    functions: { memory: 512, timeout: 10, canary: true },
    changes: { historyDays: 90, failedDays: 30, archiveDays: 14 },
    api: {
      corsOrigins: ['https://staging.example.com', 'https://admin.staging.example.com'],
      throttle: { rate: 500, burst: 1_000 },
      firewall: true,
    },
    plans: {
      basic: { rate: 10, burst: 20, requestsPerMonth: 100_000 },
      premium: { rate: 100, burst: 200, requestsPerMonth: 5_000_000 },
    },
    alarms: { serverErrors: 0.02, clientErrors: 0.3, latency: 1_500, streamLag: 120 },
    logRetention: RetentionDays.ONE_MONTH,
  },
  prod: {
    data: { keep: true, protect: true, customerKey: true, recordKilobytes: 1 },
    functions: { memory: 512, timeout: 10, canary: true },
    changes: { historyDays: 365, failedDays: 30, archiveDays: 90 },
    api: {
      corsOrigins: ['https://www.example.com', 'https://admin.example.com'],
      throttle: { rate: 2_000, burst: 4_000 },
      firewall: true,
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

/**
 * With the longest name a stage's names stay within AWS's limits: Lambda's 64 characters, of which `serverless-crud-` and
 * this leave 27 for a function, and the 48 of an archive of events.
 */
const NAME = /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,19}$/;

/** The account's own stack has this name. */
const TAKEN = 'account';

/** Returns the name of a stage if it can be one. */
export function stageNamed(name: unknown): string {
  if (typeof name !== 'string' || !NAME.test(name) || name === TAKEN) {
    throw new Error(
      `${JSON.stringify(name)} cannot be a stage: it is a word of up to 20 lower-case letters, digits and single ` +
        `hyphens that starts with a letter, and not "${TAKEN}"`,
    );
  }
  return name;
}

/** Returns the name of the shape a stage has: its own, or that of `dev`. */
export function shapeOf(stage: string): StageName {
  return Object.hasOwn(STAGES, stage) ? (stage as StageName) : 'dev';
}
