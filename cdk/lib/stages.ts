// The stages and their options. docs/stack.md describes the benefit and cost of each.

import { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** A steady rate and a burst, in requests per second. */
export interface Throttle {
  readonly rate: number;
  readonly burst: number;
}

/** The limits of a tier of customers. */
export interface Plan extends Throttle {
  readonly requestsPerMonth: number;
}

export interface DataOptions {
  /** Tables, their key and the logs outlive the stack. */
  readonly keep: boolean;
  /** The stack and its tables refuse to be deleted. */
  readonly protect: boolean;
  /** Tables are encrypted with a key of this account instead of one AWS owns. */
  readonly customerKey: boolean;
  /** CloudTrail records every request to the tables, from any caller, in a bucket of the stage. */
  readonly trail?: boolean;
  /** The size of a stored record in KB, from which the create rate of a sharded index follows. */
  readonly recordKilobytes: number;
}

export interface FunctionOptions {
  /** Memory in MB; CPU comes with it: 1,769 MB are one core. */
  readonly memory: number;
  /** Seconds; API Gateway times out after 29. */
  readonly timeout: number;
  /** The concurrency reserved for each function; none: it shares the account's quota. */
  readonly reservedConcurrency?: number;
  /** The account's quota of concurrent executions; none: AWS's default of 1,000. New accounts have less. */
  readonly accountConcurrency?: number;
  /** Instances of each function that are always warm. */
  readonly provisionedConcurrency?: number;
  /** A new version receives a tenth of the requests for five minutes first, and is rolled back by an alarm. */
  readonly canary: boolean;
}

export interface ChangeOptions {
  /** The retention of the history, in days. Changes of users hold personal data: keep it as short as possible. */
  readonly historyDays: number;
  /** The retention of failed changes for `make replay`, in days; at most 90. */
  readonly failedDays: number;
  /** The retention of the bus's archive, in days; none: no archive. */
  readonly archiveDays?: number;
}

export interface DomainOptions {
  readonly name: string;
  /** A certificate for the domain, in the stack's region. */
  readonly certificateArn: string;
}

/** The tokens of an OpenID Connect issuer that exists already. */
export interface IssuerOptions {
  /** The `iss` of tokens, an https URL. */
  readonly issuer: string;
  /** The accepted values of `aud`, or of `client_id` in access tokens of Amazon Cognito. */
  readonly audiences: readonly string[];
  /** The claim with the roles; none: `cognito:groups` or `roles`. */
  readonly rolesClaim?: string;
  /** The claim with the tenant; none: users have no tenant. */
  readonly tenantClaim?: string;
}

export const MFA = ['off', 'optional', 'required'] as const;
export type Mfa = (typeof MFA)[number];

/** An Amazon Cognito user pool of the stage, with the groups `admin` and `member`. */
export interface UserPoolOptions {
  /** Codes of an authenticator app besides the password. */
  readonly mfa: Mfa;
  /** Anybody may sign up; otherwise administrators of the pool create the users. */
  readonly selfSignUp: boolean;
  /** The sign-in pages, with the authorization code flow; none: clients sign in with the secure remote password protocol. */
  readonly signInPages?: {
    /** The first part of the pages' host name, unique in the region over all accounts. */
    readonly domainPrefix: string;
    /** The pages of the application that take the code. */
    readonly callbackUrls: readonly string[];
    /** The pages that may follow a sign-out. */
    readonly logoutUrls?: readonly string[];
  };
  /** Clients may send the password itself to Amazon Cognito (`USER_PASSWORD_AUTH`), for tests. */
  readonly passwordAuth?: boolean;
}

/** The tokens of signed-in users: of a user pool of the stage, or of another issuer. */
export type TokenOptions = IssuerOptions | { readonly userPool: UserPoolOptions };

/**
 * The credentials of an operation's callers: `key` an API key; `token` a user's token, and the API key of the application;
 * `iam` a signature of AWS's IAM.
 */
export const CREDENTIALS = ['key', 'token', 'iam'] as const;
export type Credentials = (typeof CREDENTIALS)[number];

export interface AuthorizationOptions {
  /** The credentials for operations without another entry. Public operations need none. */
  readonly default: Credentials;
  /** Other credentials, by the name of the operation; also for public operations, which then are not public. */
  readonly operations?: Readonly<Record<string, Credentials>>;
}

export interface ApiOptions {
  /** Origins whose pages may call the API; `*` allows all. */
  readonly corsOrigins: readonly string[];
  readonly authorization: AuthorizationOptions;
  /**
   * The roles of every holder of an API key. `admin` trusts all keys with all records: the predefined stages do, since
   * keys are their only callers.
   */
  readonly applicationRoles: readonly string[];
  /** The roles of every AWS role and user that may call the API. */
  readonly serviceRoles: readonly string[];
  /** The tokens that operations with the credentials `token` accept. */
  readonly tokens?: TokenOptions;
  /** The limit per method, over all callers. */
  readonly throttle: Throttle;
  /** A cache of GET responses, which are then up to `seconds` old. */
  readonly cache?: { readonly gigabytes: '0.5' | '1.6' | '6.1' | '13.5'; readonly seconds: number };
  readonly domain?: DomainOptions;
  /** A web application firewall: AWS's managed rules, and rate limits derived from `plans`. */
  readonly firewall: boolean;
}

/** The API of another service that actions call: docs/actions.md. */
export interface UpstreamOptions {
  /** Its settings, by the names of their environment variables: `UPSTREAM_URL` at least. The key is a secret instead. */
  readonly variables: Readonly<Record<string, string>>;
  /** The timeout in seconds of functions that call it; API Gateway times out after 29. */
  readonly timeout: number;
  /** The limit of each API key on each operation that calls it. */
  readonly throttle: Throttle;
  /** The p99 of calls that raises an alarm, in milliseconds. */
  readonly latency: number;
}

export interface TelemetryOptions {
  /** The dimensions of the metrics that functions log: operation and stage, the stage alone, or no metrics. Each costs. */
  readonly metrics: 'operation' | 'stage' | 'none';
  /** The share of the successful reads that are logged, from 0 to 1. Other requests always are. */
  readonly loggedReads: number;
  /** A dashboard for each resource, beside that of the stage. */
  readonly resourceDashboards: boolean;
}

export interface AlarmOptions {
  /** The recipient; none: subscribe to the topic manually. */
  readonly email?: string;
  /** Share of responses, 0 to 1. */
  readonly serverErrors: number;
  /** Share of responses, 0 to 1. */
  readonly clientErrors: number;
  /** The gateway's p99, in milliseconds. */
  readonly latency: number;
  /** The maximum lag of a consumer, in seconds. */
  readonly streamLag: number;
  /** The number of requests in each hour of which a smaller one raises an alarm; none: it may be quiet. */
  readonly minRequestsPerHour?: number;
  /** Alarms on traffic and latency outside of the band that CloudWatch expects from the past two weeks. */
  readonly anomalies?: boolean;
  /** A composite alarm on what cannot wait, with a topic of its own for it and perhaps an address. */
  readonly paging?: { readonly email?: string };
  /** The dollars a month for everything with the stage's tag, of which 80 % spent or all expected raise an alarm. */
  readonly monthlyBudget?: number;
}

export const TIERS = ['basic', 'premium'] as const;
export type Tier = (typeof TIERS)[number];

export interface StageOptions {
  readonly data: DataOptions;
  readonly functions: FunctionOptions;
  readonly changes: ChangeOptions;
  readonly api: ApiOptions;
  /** None: the stage has no operation that calls the upstream API. */
  readonly upstream?: UpstreamOptions;
  readonly plans: Readonly<Record<Tier, Plan>>;
  readonly telemetry: TelemetryOptions;
  readonly alarms: AlarmOptions;
  readonly logRetention: RetentionDays;
}

/**
 * The predefined stages. Any other name is a stage with the options (the "shape") of `dev`, for a developer or a pull
 * request. `staging` has the options of `prod` with smaller numbers, so that none is used in production first; it only does
 * not keep its data. Origins are placeholders until cdk/stages.json has others.
 */
export const STAGES = {
  dev: {
    data: { keep: false, protect: false, customerKey: false, recordKilobytes: 1 },
    functions: { memory: 256, timeout: 10, canary: false },
    changes: { historyDays: 30, failedDays: 30 },
    api: {
      authorization: { default: 'key' },
      applicationRoles: ['admin'],
      serviceRoles: [],
      corsOrigins: ['*'],
      throttle: { rate: 100, burst: 200 },
      firewall: false,
    },
    plans: {
      basic: { rate: 5, burst: 10, requestsPerMonth: 10_000 },
      premium: { rate: 50, burst: 100, requestsPerMonth: 1_000_000 },
    },
    telemetry: { metrics: 'stage', loggedReads: 1, resourceDashboards: false },
    alarms: { serverErrors: 0.05, clientErrors: 0.5, latency: 3_000, streamLag: 300 },
    logRetention: RetentionDays.ONE_WEEK,
  },
  staging: {
    data: { keep: false, protect: false, customerKey: true, recordKilobytes: 1 },
    functions: { memory: 512, timeout: 10, canary: true },
    changes: { historyDays: 90, failedDays: 30, archiveDays: 14 },
    api: {
      authorization: { default: 'key' },
      applicationRoles: ['admin'],
      serviceRoles: [],
      corsOrigins: ['https://staging.example.com', 'https://admin.staging.example.com'],
      throttle: { rate: 500, burst: 1_000 },
      firewall: true,
    },
    plans: {
      basic: { rate: 10, burst: 20, requestsPerMonth: 100_000 },
      premium: { rate: 100, burst: 200, requestsPerMonth: 5_000_000 },
    },
    telemetry: { metrics: 'operation', loggedReads: 1, resourceDashboards: true },
    alarms: { serverErrors: 0.02, clientErrors: 0.3, latency: 1_500, streamLag: 120, paging: {} },
    logRetention: RetentionDays.ONE_MONTH,
  },
  prod: {
    data: { keep: true, protect: true, customerKey: true, recordKilobytes: 1 },
    functions: { memory: 512, timeout: 10, canary: true },
    changes: { historyDays: 365, failedDays: 30, archiveDays: 90 },
    api: {
      authorization: { default: 'key' },
      applicationRoles: ['admin'],
      serviceRoles: [],
      corsOrigins: ['https://www.example.com', 'https://admin.example.com'],
      throttle: { rate: 2_000, burst: 4_000 },
      firewall: true,
    },
    plans: {
      basic: { rate: 10, burst: 20, requestsPerMonth: 100_000 },
      premium: { rate: 200, burst: 400, requestsPerMonth: 10_000_000 },
    },
    telemetry: { metrics: 'operation', loggedReads: 1, resourceDashboards: true },
    alarms: { serverErrors: 0.01, clientErrors: 0.2, latency: 1_000, streamLag: 60, paging: {} },
    logRetention: RetentionDays.ONE_YEAR,
  },
} as const satisfies Record<string, StageOptions>;

export type StageName = keyof typeof STAGES;

/**
 * The longest name keeps all derived names within AWS's limits: Lambda's 64 characters, of which `serverless-crud-` and
 * the stage leave 27 for a function, and the 48 of an event archive.
 */
const NAME = /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,19}$/;

/** The name of the account's stack. */
const RESERVED = 'account';
/** The words after the stage in names of stacks: a stage with one could have the name of another's stack. */
const RESERVED_WORDS = ['resource', 'consumer'];

/** Returns the name. Throws if it is not a valid name of a stage. */
export function stageNamed(name: unknown): string {
  const isReserved = (text: string) =>
    text === RESERVED || RESERVED_WORDS.some((word) => text.split('-').includes(word));
  if (typeof name !== 'string' || !NAME.test(name) || isReserved(name)) {
    throw new Error(
      `${JSON.stringify(name)} cannot be a stage: it is a word of up to 20 lower-case letters, digits and single ` +
        `hyphens that starts with a letter, is not "${RESERVED}", and has no part ${RESERVED_WORDS.join(' or ')}`,
    );
  }
  return name;
}

/** Returns the predefined stage whose options a stage has: itself or `dev`. */
export function shapeOf(stage: string): StageName {
  return Object.hasOwn(STAGES, stage) ? (stage as StageName) : 'dev';
}
