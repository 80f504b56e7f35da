// The app: a stage's stack, the account's stack, their tags and their checks.

import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Account } from './account.ts';
import { PROJECT, Service, type ServiceProps } from './stack.ts';

export interface AppProps extends ServiceProps {
  /** True if the region has no logging role for API Gateway yet, or has it from the account's stack. */
  readonly hasAccountStack: boolean;
}

/** Adds a stage to the app, and the account's stack if required. */
export function addService(app: App, { hasAccountStack, ...props }: AppProps): Service {
  const service = new Service(app, props);
  if (hasAccountStack) {
    service.addStackDependency(new Account(app, `${PROJECT}-account`, { env: props.env }));
  }
  Tags.of(app).add('project', PROJECT);
  Tags.of(service).add('stage', props.stage);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return service;
}
