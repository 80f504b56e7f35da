// The function of a consumer, with the variables and the permission to publish that its definition asks for.

import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ConsumerDefinition } from './contract.ts';
import type { Functions, Live } from './functions.ts';
import type { DataStack } from './stacks/data.ts';
import type { ChangeOptions } from './stages.ts';

/** A batch may take long. Records handled within the timeout stay handled, and no caller waits. */
export const TIMEOUT = Duration.minutes(1);
const HISTORY = 'history';

export interface ConsumerProps<Definition extends ConsumerDefinition> {
  readonly definition: Definition;
  readonly functions: Functions;
  /** The stack with the tables, the bus and the bucket of failed changes. */
  readonly data: DataStack;
  /** The `source` of events. */
  readonly source: string;
  /** The prefix of the names of queues. */
  readonly prefix: string;
  readonly options: ChangeOptions;
}

export function consumerFunction(props: ConsumerProps<ConsumerDefinition>): Live {
  const { definition, functions, data, options } = props;
  const { bus } = data.bus;
  const writesHistory = definition.grants.some(({ table }) => table === HISTORY);
  const variables = {
    ...(definition.publishes && { EVENT_BUS: bus.eventBusName }),
    ...(writesHistory && { HISTORY_DAYS: String(options.historyDays) }),
  };
  const live = functions.create(definition, variables, { timeout: TIMEOUT, isInBackground: true });
  if (definition.publishes) {
    allow(live, ['events:PutEvents'], bus.eventBusArn);
  }
  return live;
}

export function allow({ function: lambda }: Live, actions: string[], resource: string): void {
  lambda.addToRolePolicy(new PolicyStatement({ actions, resources: [resource] }));
}
