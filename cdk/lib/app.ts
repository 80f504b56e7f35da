// What the app consists of: a stage's stack, the account's, their tags and their checks.

import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Account } from './account.ts';
import { PROJECT, Service, type ServiceProps } from './stack.ts';

/** Adds a stage to the app, and what the account needs for it. */
export function addService(app: App, props: ServiceProps): Service {
  const once = new Account(app, `${PROJECT}-account`, { env: props.env });
  const service = new Service(app, props);
  service.addStackDependency(once);
  Tags.of(app).add('project', PROJECT);
  Tags.of(service).add('stage', props.stage);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return service;
}
