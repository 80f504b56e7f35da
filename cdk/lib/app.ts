// The app: a stage's stacks, the account's stack, their tags and their checks.

import { type App, CrossStackReferences, ReferenceStrength, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Account } from './account.ts';
import { PROJECT } from './project.ts';
import { addStage } from './service.ts';
import type { ServiceProps, StageStack } from './stacks/stage-stack.ts';

export interface AppProps extends ServiceProps {
  /** True if the region has no logging role for API Gateway yet, or has it from the account's stack. */
  readonly hasAccountStack: boolean;
}

/** Adds a stage to the app, and the account's stack if required. Returns the stage's stacks in the order of deployment. */
export function addService(app: App, { hasAccountStack, ...props }: AppProps): readonly StageStack[] {
  // An export could not be changed or removed while another stack imports it.
  CrossStackReferences.of(app).consume(ReferenceStrength.WEAK);
  const stacks = addStage(app, props);
  if (hasAccountStack) {
    const account = new Account(app, `${PROJECT}-account`, { env: props.env });
    for (const stack of stacks) {
      stack.addStackDependency(account);
    }
  }
  Tags.of(app).add('project', PROJECT);
  for (const stack of stacks) {
    Tags.of(stack).add('stage', props.stage);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return stacks;
}
