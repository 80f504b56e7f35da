// The last stack: the snapshot of the API that callers see, its stage, plans and firewall, and the dashboard.

import type { Construct } from 'constructs';
import { ApiAlarms } from '../api-alarms.ts';
import { Dashboard } from '../dashboard.ts';
import { Deployment } from '../deployment.ts';
import { Firewall } from '../firewall.ts';
import { methodThrottles, UpstreamAlarms } from '../upstream.ts';
import { UsagePlans } from '../usage-plans.ts';
import type { ApiStack } from './api.ts';
import type { ConsumerStack } from './consumer.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

export interface ReleaseStackProps extends ServiceProps {
  readonly api: ApiStack;
  readonly consumers: readonly ConsumerStack[];
  /** All other stacks of the stage: the snapshot must follow their changes. */
  readonly released: readonly StageStack[];
}

export class ReleaseStack extends StageStack {
  constructor(scope: Construct, props: ReleaseStackProps) {
    super(scope, 'release', 'The stage of the REST API with its plans, and the dashboard.', props);
    const { serviceName, prefix } = this;
    const { api, released, contract, options } = props;
    const { stage } = new Deployment(this, 'Deployment', { ...props, name: serviceName, rest: api.rest, released });
    const methods = options.upstream ? methodThrottles(contract, options.upstream.throttle) : {};
    const { keys } = api.identity;
    new UsagePlans(this, 'UsagePlans', { stage, keys, name: serviceName, plans: options.plans, methods });
    if (options.api.firewall) {
      new Firewall(this, 'Firewall', { contract, stage, name: serviceName, options });
    }
    new ApiAlarms(this, 'Alarms', { name: serviceName, options: options.alarms });
    const { upstream } = options;
    if (upstream) {
      new UpstreamAlarms(this, 'UpstreamAlarms', { name: serviceName, options: options.alarms, upstream });
    }
    const consumers = props.consumers.map(({ consumer }) => consumer);
    new Dashboard(this, 'Dashboard', {
      name: serviceName,
      prefix,
      contract,
      consumers,
      hasUpstream: upstream !== undefined,
    });
    for (const stack of released) {
      this.addStackDependency(stack);
    }
  }
}
