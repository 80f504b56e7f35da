// The service in one stage: its stacks, in the order of their deployment.

import type { App } from 'aws-cdk-lib';
import { checkAuthorization, isRequired } from './authorization.ts';
import { byResource } from './grouping.ts';
import { checkQuotas } from './quotas.ts';
import { checkShards } from './shards.ts';
import { ApiStack } from './stacks/api.ts';
import { AuthorizerStack } from './stacks/authorizer.ts';
import { ConsumerStack } from './stacks/consumer.ts';
import { DataStack } from './stacks/data.ts';
import { JobsStack } from './stacks/jobs.ts';
import { ReleaseStack } from './stacks/release.ts';
import { ResourceStack } from './stacks/resource.ts';
import type { ServiceProps, StageStack } from './stacks/stage-stack.ts';
import { contractOf } from './upstream.ts';

/** Adds the stacks of a stage. Each may refer to those before it. */
export function addStage(app: App, service: ServiceProps): readonly StageStack[] {
  const { stage, options } = service;
  const contract = contractOf(service.contract, options);
  const props = { ...service, contract };
  checkAuthorization(contract, options.api);
  checkQuotas(contract, options);
  checkShards(contract, stage, options);

  const data = new DataStack(app, props);
  const api = new ApiStack(app, props);
  const { tokens } = options.api;
  const hasAuthorizer = tokens !== undefined && isRequired('token', contract, options.api);
  const authorizers = hasAuthorizer ? [new AuthorizerStack(app, { ...props, data, api, tokens })] : [];
  const authorizer = authorizers[0]?.authorizer;
  const resources = byResource(contract).map(
    (resource) => new ResourceStack(app, { ...props, resource, data, api, ...(authorizer && { authorizer }) }),
  );
  const consumers = contract.consumers.map((consumer) => new ConsumerStack(app, { ...props, consumer, data }));
  const jobs = new JobsStack(app, { ...props, data });
  const code = [...authorizers, ...resources, ...consumers, jobs];
  for (const stack of code) {
    // Names of tables and of the topic are no references.
    stack.addStackDependency(data);
  }
  const released = [data, api, ...code];
  return [...released, new ReleaseStack(app, { ...props, api, consumers, released })];
}
