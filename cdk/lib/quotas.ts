// The quotas of an account, checked before a deployment meets them.

import type { Contract } from './contract.ts';
import type { FunctionOptions } from './stages.ts';

/** AWS's usual number of instances at once, of all functions of an account in a region. */
const USUAL_CONCURRENCY = 1_000;

/** The instances Lambda keeps for functions that reserve none (Lambda developer guide, "Configuring reserved concurrency"). */
const UNRESERVED = 100;

/** Refuses a stage that reserves or provisions more instances of functions than its account can have. */
export function checkConcurrency({ functions, consumers, jobs }: Contract, options: FunctionOptions): void {
  const { reservedConcurrency, provisionedConcurrency = 0, accountConcurrency = USUAL_CONCURRENCY } = options;
  if (reservedConcurrency !== undefined && provisionedConcurrency > reservedConcurrency) {
    throw new Error(
      `provisionedConcurrency is ${provisionedConcurrency}, of which reservedConcurrency allows ${reservedConcurrency}`,
    );
  }
  // Only the functions of the API are provisioned, and what a function provisions is part of what it reserves.
  const all = functions.length + consumers.length + jobs.length;
  const taken = reservedConcurrency ? all * reservedConcurrency : functions.length * provisionedConcurrency;
  if (taken > 0 && taken > accountConcurrency - UNRESERVED) {
    throw new Error(
      `${taken} instances of functions would be reserved or provisioned: of the account's ${accountConcurrency} Lambda ` +
        `keeps ${UNRESERVED} for functions that reserve none. Reserve less, or ask AWS for more and say so in ` +
        'accountConcurrency in cdk/stages.json',
    );
  }
}
