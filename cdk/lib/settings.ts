// The settings of stages in cdk/stages.json: origins, addresses and quotas of the deploying team.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type AuthorizationOptions,
  CREDENTIALS,
  type DomainOptions,
  MFA,
  STAGES,
  type StageOptions,
  shapeOf,
  stageNamed,
  type TokenOptions,
  type UpstreamOptions,
} from './stages.ts';

const FILE = fileURLToPath(new URL('../stages.json', import.meta.url));

/** The settings of one stage. An absent setting has the default of the stage's shape. */
export interface StageSettings {
  readonly corsOrigins?: readonly string[];
  readonly alarmEmail?: string;
  readonly domain?: DomainOptions;
  readonly tokens?: TokenOptions;
  readonly authorization?: AuthorizationOptions;
  readonly applicationRoles?: readonly string[];
  readonly serviceRoles?: readonly string[];
  /** The `variables` are required; the rest has defaults. */
  readonly upstream?: Pick<UpstreamOptions, 'variables'> & Partial<UpstreamOptions>;
  readonly accountConcurrency?: number;
}

/** The check of each setting, and the message for an invalid value. */
const RULES: Readonly<Record<keyof StageSettings, readonly [(value: unknown) => boolean, string]>> = {
  corsOrigins: [
    (value) => Array.isArray(value) && value.length > 0 && value.every(isOrigin),
    'a list of origins, as in "https://www.shop.net"',
  ],
  alarmEmail: [(value) => isText(value) && /^[^\s@]+@[^\s@]+$/.test(value), 'an e-mail address'],
  domain: [isDomain, 'an object with a name and the certificateArn for it'],
  tokens: [
    isTokens,
    'an object with an https issuer, its audiences, and perhaps rolesClaim and tenantClaim, or with a userPool: its mfa ' +
      '(off, optional or required) and selfSignUp, and perhaps signInPages and passwordAuth',
  ],
  authorization: [
    isAuthorization,
    `an object with a default, and perhaps operations by name: ${CREDENTIALS.join(', ')}`,
  ],
  applicationRoles: [isRoles, 'a list of roles without spaces'],
  serviceRoles: [isRoles, 'a list of roles without spaces'],
  upstream: [isUpstream, 'an object with variables, texts by name, and perhaps timeout, throttle and latency'],
  accountConcurrency: [(value) => Number.isInteger(value) && Number(value) > 0, 'a whole number above 0'],
};

/** A call may take most of the time that API Gateway waits. Calls cost money, so a key may make few. */
const UPSTREAM_DEFAULTS = { timeout: 29, throttle: { rate: 1, burst: 5 }, latency: 10_000 };

/** Reserved domain names (RFC 2606), used as placeholders. */
const RESERVED = /(^|\.)(example\.(com|net|org)|example|test|invalid|localhost)$/i;

/** Returns the settings by stage. */
export function readSettings(file = FILE): ReadonlyMap<string, StageSettings> {
  const settings: unknown = existsSync(file) ? parsed(file) : {};
  if (!isObject(settings)) {
    throw new Error('cdk/stages.json is not an object with a member for each stage');
  }
  return new Map(Object.entries(settings).map(([stage, members]) => [stageNamed(stage), checked(stage, members)]));
}

/** Returns the options of a stage: those of its shape, with its settings applied. */
export function optionsOf(stage: string, settings: StageSettings = {}): StageOptions {
  const shape: StageOptions = STAGES[shapeOf(stage)];
  const { corsOrigins = shape.api.corsOrigins, domain, tokens, upstream, alarmEmail, accountConcurrency } = settings;
  const authorization = settings.authorization ?? (tokens ? { default: 'token' } : shape.api.authorization);
  const hasOtherCallers = [authorization.default, ...Object.values(authorization.operations ?? {})].some(
    (credentials) => credentials !== 'key',
  );
  const {
    // Once users or services have credentials of their own, keys only meter applications.
    applicationRoles = hasOtherCallers ? [] : shape.api.applicationRoles,
    serviceRoles = shape.api.serviceRoles,
  } = settings;
  const callers = { authorization, applicationRoles, serviceRoles, ...(tokens && { tokens }) };
  return {
    ...shape,
    functions: { ...shape.functions, ...(accountConcurrency && { accountConcurrency }) },
    api: { ...shape.api, ...callers, corsOrigins, ...(domain && { domain }) },
    ...(upstream && { upstream: { ...UPSTREAM_DEFAULTS, ...upstream } }),
    alarms: { ...shape.alarms, ...(alarmEmail && { email: alarmEmail }) },
  };
}

/** Throws if a stage that keeps its data, such as production, has placeholders or no recipient of alarms. */
export function checkReady(stage: string, { data, api, alarms }: StageOptions): void {
  if (!data.keep) {
    return;
  }
  const placeholders = api.corsOrigins.filter((origin) => origin !== '*' && RESERVED.test(new URL(origin).hostname));
  const hasEmail = alarms.email !== undefined && !RESERVED.test(alarms.email.replace(/^.*@/, ''));
  const missing = [
    ...(placeholders.length > 0 ? [`corsOrigins of yours instead of ${placeholders.join(', ')}`] : []),
    ...(hasEmail ? [] : ['an alarmEmail of yours']),
  ];
  if (missing.length > 0) {
    throw new Error(`${stage} is not ready: cdk/stages.json needs ${missing.join(', and ')}`);
  }
}

function checked(stage: string, members: unknown): StageSettings {
  if (!isObject(members)) {
    throw new Error(`cdk/stages.json: ${stage} is not an object`);
  }
  for (const [name, value] of Object.entries(members)) {
    if (!Object.hasOwn(RULES, name)) {
      throw new Error(`cdk/stages.json: ${stage} has ${name}: the settings are ${Object.keys(RULES).join(', ')}`);
    }
    const [isValid, expected] = RULES[name as keyof StageSettings];
    if (!isValid(value)) {
      throw new Error(`cdk/stages.json: ${stage}: ${name} must be ${expected}`);
    }
  }
  return members;
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`cdk/stages.json is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

function isOrigin(value: unknown): boolean {
  return value === '*' || (isText(value) && URL.canParse(value) && new URL(value).origin === value);
}

function isDomain(value: unknown): boolean {
  return (
    isObject(value) && Object.keys(value).sort().join() === 'certificateArn,name' && Object.values(value).every(isText)
  );
}

function isTokens(value: unknown): boolean {
  return (
    hasMembers(value, { userPool: isUserPool }) || hasMembers(value, ISSUER_MEMBERS, ['rolesClaim', 'tenantClaim'])
  );
}

type Members = Readonly<Record<string, (value: unknown) => boolean>>;

const ISSUER_MEMBERS: Members = {
  issuer: (value) => isUrl(value) && new URL(String(value)).protocol === 'https:',
  audiences: (value) => isListOf(value, isWord),
  rolesClaim: isText,
  tenantClaim: isText,
};

const SIGN_IN_MEMBERS: Members = {
  // Amazon Cognito API reference, "CreateUserPoolDomain".
  domainPrefix: (value) => isText(value) && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value),
  callbackUrls: (value) => isListOf(value, isUrl),
  logoutUrls: (value) => isListOf(value, isUrl),
};

const USER_POOL_MEMBERS: Members = {
  mfa: (value) => MFA.some((option) => option === value),
  selfSignUp: isBoolean,
  signInPages: (value) => hasMembers(value, SIGN_IN_MEMBERS, ['logoutUrls']),
  passwordAuth: isBoolean,
};

function isUserPool(value: unknown): boolean {
  return hasMembers(value, USER_POOL_MEMBERS, ['signInPages', 'passwordAuth']);
}

function isAuthorization(value: unknown): boolean {
  const isCredentials = (name: unknown) => CREDENTIALS.some((known) => known === name);
  const areOperations = (operations: unknown) => isObject(operations) && Object.values(operations).every(isCredentials);
  return hasMembers(value, { default: isCredentials, operations: areOperations }, ['operations']);
}

function isRoles(value: unknown): boolean {
  return Array.isArray(value) && value.every(isWord);
}

/** Returns true if the value is an object with valid members, all but the optional ones, and no others. */
function hasMembers(value: unknown, members: Members, optional: readonly string[] = []): boolean {
  return (
    isObject(value) &&
    Object.keys(members).every((name) => Object.hasOwn(value, name) || optional.includes(name)) &&
    Object.entries(value).every(([name, member]) => Object.hasOwn(members, name) && members[name]?.(member))
  );
}

function isListOf(value: unknown, isValid: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isValid);
}

function isUrl(value: unknown): boolean {
  return isText(value) && URL.canParse(value);
}

function isWord(value: unknown): boolean {
  return isText(value) && !/\s/.test(value);
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isUpstream(value: unknown): boolean {
  if (!isObject(value)) {
    return false;
  }
  const { variables, timeout, throttle, latency, ...others } = value as Record<string, unknown>;
  const isPositive = (number: unknown) => typeof number === 'number' && number > 0;
  return (
    isObject(variables) &&
    Object.values(variables).every(isText) &&
    (timeout === undefined || (Number.isInteger(timeout) && isPositive(timeout))) &&
    (throttle === undefined ||
      (isObject(throttle) &&
        Object.keys(throttle).sort().join() === 'burst,rate' &&
        Object.values(throttle).every(isPositive))) &&
    (latency === undefined || isPositive(latency)) &&
    Object.keys(others).length === 0
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
