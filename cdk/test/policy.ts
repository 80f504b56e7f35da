// A small evaluator of IAM policies: Deny before Allow, principals, actions and resources with wildcards, conditions.

import { at, type Json, list } from './template.ts';

/** A request as IAM evaluates it. `context` omits absent context keys. */
export interface AccessRequest {
  readonly principal: { readonly service: string } | { readonly account: string };
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
}

type Operator = (value: string, expected: string) => boolean;

/** The supported condition operators; others throw an error. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: (value, expected) => value === expected,
  StringLike: (value, expected) => isLike(value, expected),
  ArnLike: (value, expected) => isLike(value, expected),
  ArnEquals: (value, expected) => isLike(value, expected),
  Bool: (value, expected) => value === expected,
};

/**
 * Returns true if the resource's policy allows the request of another service or account, or if the policy of a role or
 * user, which names no principal, allows its request
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
 */
export function isAllowed(policy: Json, request: AccessRequest): boolean {
  const matching = list(at(policy, 'Statement')).filter((statement) => matches(statement, request));
  const effects = matching.map((statement) => at(statement, 'Effect'));
  return effects.includes('Allow') && !effects.includes('Deny');
}

function matches(statement: Json, request: AccessRequest): boolean {
  const isAction = texts(at(statement, 'Action')).some((pattern) =>
    isLike(request.action.toLowerCase(), pattern.toLowerCase()),
  );
  const isResource = texts(at(statement, 'Resource')).some((pattern) => isLike(request.resource, pattern));
  return isAction && isResource && isPrincipal(at(statement, 'Principal'), request) && holds(statement, request);
}

function isPrincipal(principal: Json, request: AccessRequest): boolean {
  if (principal === null || principal === '*' || texts(at(principal, 'AWS')).includes('*')) {
    return true;
  }
  const caller = request.principal;
  return 'service' in caller
    ? texts(at(principal, 'Service')).includes(caller.service)
    : texts(at(principal, 'AWS')).some((arn) => arn === caller.account || arn.includes(`::${caller.account}:`));
}

/** Returns true if every operator matches one value of every key. An absent context key fails, unless `IfExists`. */
function holds(statement: Json, { context }: AccessRequest): boolean {
  const conditions = Object.entries((at(statement, 'Condition') ?? {}) as Record<string, Record<string, Json>>);
  return conditions.every(([name, keys]) => {
    const operator = OPERATORS[name.replace(/IfExists$/, '')];
    if (!operator) {
      throw new Error(`unsupported condition operator ${name}`);
    }
    return Object.entries(keys).every(([key, expected]) => {
      const value = context[key];
      return value === undefined ? name.endsWith('IfExists') : texts(expected).some((text) => operator(value, text));
    });
  });
}

function texts(value: Json): string[] {
  return list(value).map(String);
}

function isLike(value: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(value);
}
