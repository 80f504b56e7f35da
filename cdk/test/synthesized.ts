// Templates for the tests. They need no build: the executable is only an ELF header.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { addService } from '../lib/app.ts';
import { EXECUTABLE } from '../lib/binaries.ts';
import { type Contract, readContract } from '../lib/contract.ts';
import { optionsOf } from '../lib/settings.ts';
import type { StageStack } from '../lib/stacks/stage-stack.ts';
import { STAGES, type StageOptions, type UpstreamOptions } from '../lib/stages.ts';
import { callsUpstream } from '../lib/upstream.ts';
import { type StackTemplate, union } from './union.ts';

export const ENVIRONMENT = { account: '123456789012', region: 'eu-central-1' };

/** The settings of the upstream API, without which a stage lacks the operations that call it. */
export const UPSTREAM: UpstreamOptions = {
  variables: { UPSTREAM_URL: 'https://api.example.com/v1/text', UPSTREAM_CACHE_SECONDS: '3600' },
  timeout: 29,
  throttle: { rate: 1, burst: 5 },
  latency: 10_000,
};

/** Production with all options on, including those that no stage uses. */
export const EVERYTHING: StageOptions = {
  ...STAGES.prod,
  data: { ...STAGES.prod.data, trail: true },
  functions: { ...STAGES.prod.functions, reservedConcurrency: 40, provisionedConcurrency: 2 },
  api: {
    ...STAGES.prod.api,
    authorization: { default: 'token' },
    applicationRoles: [],
    tokens: { issuer: 'https://login.example.com/', audiences: ['web', 'mobile'], tenantClaim: 'org' },
    cache: { gigabytes: '0.5', seconds: 60 },
    domain: {
      name: 'api.example.com',
      certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000',
    },
  },
  ...(readContract().functions.some(callsUpstream) && { upstream: UPSTREAM }),
  alarms: {
    ...STAGES.prod.alarms,
    email: 'operations@example.com',
    minRequestsPerHour: 60,
    anomalies: true,
    paging: { email: 'on-call@example.com' },
    monthlyBudget: 100,
  },
  logRetention: RetentionDays.TEN_YEARS,
};

/** Production with a user pool, and with operations for other callers than users. */
export const MIXED: StageOptions = {
  ...STAGES.prod,
  api: {
    ...STAGES.prod.api,
    authorization: { default: 'token', operations: { items_list: 'key', items_history: 'iam', users_history: 'iam' } },
    applicationRoles: [],
    serviceRoles: ['auditor'],
    tokens: {
      userPool: {
        mfa: 'optional',
        selfSignUp: true,
        signInPages: {
          domainPrefix: 'shop-net',
          callbackUrls: ['https://www.shop.net/signed-in'],
          logoutUrls: ['https://www.shop.net/'],
        },
      },
    },
  },
};

export interface Options {
  readonly stage?: string;
  readonly options?: StageOptions;
  readonly contract?: Contract;
  readonly outdir?: string;
  readonly hasAccountStack?: boolean;
  /** The folder of the executable's folder. */
  readonly functions?: string;
}

/** Returns the app of a stage, not yet synthesized. */
export function appOf({
  stage = 'dev',
  contract = readContract(),
  options = optionsFor(stage, contract),
  outdir,
  hasAccountStack = true,
  functions = placeholder(),
}: Options = {}): {
  readonly app: App;
  /** The stage's stacks in the order of deployment. */
  readonly stacks: readonly StageStack[];
} {
  const app = new App({ outdir: outdir ?? temporary('templates-'), builtinCloudFormationValidation: false });
  const binaries = { directory: functions, architecture: Architecture.ARM_64 };
  return {
    app,
    stacks: addService(app, { env: ENVIRONMENT, stage, options, contract, binaries, hasAccountStack }),
  };
}

/** Returns the options of a stage, with settings of the upstream API if an operation calls it. */
export function optionsFor(stage: string, contract = readContract()): StageOptions {
  return { ...optionsOf(stage), ...(contract.functions.some(callsUpstream) && { upstream: UPSTREAM }) };
}

const unions = new Map<string, Template>();
const templates = new Map<string, readonly StackTemplate[]>();

/** Returns the union of the templates of a stage's stacks. */
export function templateOf(options: Options = {}): Template {
  return cached(unions, options, () => Template.fromJSON({ ...union(stackTemplates(options)) }));
}

/** Returns the templates of a stage's stacks. */
export function stackTemplates(options: Options = {}): readonly StackTemplate[] {
  return cached(templates, options, () =>
    appOf(options).stacks.map((stack) => ({
      name: stack.stackName,
      template: Template.fromStack(stack).toJSON() as StackTemplate['template'],
    })),
  );
}

function cached<T>(values: Map<string, T>, options: Options, create: () => T): T {
  const key = JSON.stringify(options);
  const value = values.get(key) ?? create();
  values.set(key, value);
  return value;
}

/** Creates a folder with an executable that consists of an ELF header. */
export function placeholder(machine = 0xb7): string {
  const folder = temporary('functions-');
  const header = Buffer.alloc(20);
  header.write('\x7fELF', 'latin1');
  header.writeUInt16LE(machine, 18);
  mkdirSync(join(folder, EXECUTABLE));
  writeFileSync(join(folder, EXECUTABLE, 'bootstrap'), header, { mode: 0o755 });
  return folder;
}

const folders: string[] = [];

function temporary(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.push(folder);
  return folder;
}

process.on('exit', () => {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
  }
});
