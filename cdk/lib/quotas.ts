// Checks of account quotas before a deployment.

import type { Contract } from './contract.ts';
import type { FunctionOptions } from './stages.ts';

/** AWS's default quota of concurrent executions, over all functions of an account in a region. */
const DEFAULT_CONCURRENCY = 1_000;

/** The concurrency Lambda keeps for functions without a reservation (Lambda developer guide, "Configuring reserved concurrency"). */
const UNRESERVED = 100;

/** Throws if a stage reserves or provisions more concurrency than its account has. */
export function checkConcurrency({ functions, consumers, jobs }: Contract, options: FunctionOptions): void {
  const { reservedConcurrency, provisionedConcurrency = 0, accountConcurrency = DEFAULT_CONCURRENCY } = options;
  if (reservedConcurrency !== undefined && provisionedConcurrency > reservedConcurrency) {
    throw new Error(
      `provisionedConcurrency is ${provisionedConcurrency}, but reservedConcurrency allows ${reservedConcurrency}`,
    );
  }
  // Only API functions are provisioned, and provisioned concurrency is part of the reserved one.
  const all = functions.length + consumers.length + jobs.length;
  const taken = reservedConcurrency ? all * reservedConcurrency : functions.length * provisionedConcurrency;
  if (taken > 0 && taken > accountConcurrency - UNRESERVED) {
    throw new Error(
      `${taken} concurrent executions would be reserved or provisioned: of the account's ${accountConcurrency}, Lambda ` +
        `keeps ${UNRESERVED} for functions without a reservation. Reserve less, or request a higher quota and set ` +
        'accountConcurrency in cdk/stages.json',
    );
  }
}
