// The subset of event patterns of EventBridge and Lambda's filters that the stack uses.

import type { Json } from './template.ts';

/**
 * Returns true if the event matches the pattern: each field of the pattern is in the event, with one of the pattern's
 * values (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html). Throws for other kinds of
 * patterns.
 */
export function isMatch(pattern: Json, event: Json): boolean {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern) || Object.keys(pattern).length === 0) {
    throw new Error(`${JSON.stringify(pattern)} is not an event pattern: an object with at least one field`);
  }
  return Object.entries(pattern).every(([name, expected]) => {
    const value = isObject(event) ? event[name] : undefined;
    return Array.isArray(expected) ? isOneOf(expected, value) : isObject(value) && isMatch(expected, value);
  });
}

function isOneOf(expected: readonly Json[], value: Json | undefined): boolean {
  if (expected.length === 0 || expected.some((item) => typeof item === 'object' && item !== null)) {
    throw new Error(`${JSON.stringify(expected)} is not a list of values; other matches are not supported`);
  }
  const values: readonly Json[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return values.some((item) => expected.includes(item));
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
