// The credentials that each operation requires in a stage.

import type { Contract, Operation } from './contract.ts';
import type { ApiOptions, Credentials } from './stages.ts';

/** Returns the credentials that an operation requires: `none` of a public one. */
export function credentialsOf({ name, isPublic }: Operation, { authorization }: ApiOptions): Credentials | 'none' {
  return authorization.operations?.[name] ?? (isPublic ? 'none' : authorization.default);
}

/** Returns true if an operation requires these credentials. */
export function isRequired(credentials: Credentials, { operations }: Contract, options: ApiOptions): boolean {
  return operations.some((operation) => credentialsOf(operation, options) === credentials);
}

/** Throws if the options name an operation that does not exist, or need tokens without an issuer. */
export function checkAuthorization(contract: Contract, options: ApiOptions): void {
  const known = new Set(contract.operations.map(({ name }) => name));
  const unknown = Object.keys(options.authorization.operations ?? {}).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new Error(`authorization names ${unknown.join(', ')}: openapi.json has no such operation`);
  }
  if (isRequired('token', contract, options) && !options.tokens) {
    throw new Error('authorization requires tokens: set tokens, with a userPool or an issuer, in cdk/stages.json');
  }
}
