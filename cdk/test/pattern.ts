// Event patterns, as EventBridge and Lambda's filters read them, as far as the stack uses them.

import type { Json } from './template.ts';

/**
 * Returns true if the event matches the pattern: each field of the pattern is in the event, with one of the pattern's
 * values (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html). What else a pattern can have is
 * refused, so that nothing is taken for granted.
 */
export function isMatch(pattern: Json, event: Json): boolean {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern) || Object.keys(pattern).length === 0) {
    throw new Error(`${JSON.stringify(pattern)} is no event pattern: it is an object with a field at least`);
  }
  return Object.entries(pattern).every(([name, expected]) => {
    const value = isObject(event) ? event[name] : undefined;
    return Array.isArray(expected) ? isOneOf(expected, value) : isObject(value) && isMatch(expected, value);
  });
}

function isOneOf(expected: readonly Json[], value: Json | undefined): boolean {
  if (expected.length === 0 || expected.some((one) => typeof one === 'object' && one !== null)) {
    throw new Error(`${JSON.stringify(expected)} is not a list of values, and no other match is known here`);
  }
  const values: readonly Json[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return values.some((one) => expected.includes(one));
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
