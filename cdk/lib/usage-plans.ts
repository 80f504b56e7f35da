// A usage plan per tier of customers, for the tier's API key.

import { type CfnUsagePlan, type IApiKey, Period, type Stage, UsagePlan } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import { type StageOptions, TIERS, type Tier } from './stages.ts';

export interface UsagePlansProps {
  readonly stage: Stage;
  readonly keys: ReadonlyMap<Tier, IApiKey>;
  readonly name: string;
  readonly plans: StageOptions['plans'];
  /** The limits on single methods, by path and method. */
  readonly methods: Readonly<Record<string, object>>;
}

export class UsagePlans extends Construct {
  constructor(scope: Construct, id: string, { stage, keys, name, plans, methods }: UsagePlansProps) {
    super(scope, id);
    for (const tier of TIERS) {
      const { rate, burst, requestsPerMonth } = plans[tier];
      const plan = new UsagePlan(this, tier, {
        name: `${name}-${tier}`,
        apiStages: [{ api: stage.restApi, stage }],
        throttle: { rateLimit: rate, burstLimit: burst },
        quota: { limit: requestsPerMonth, period: Period.MONTH },
      });
      if (Object.keys(methods).length > 0) {
        // The methods are in other stacks: the construct would need references to them.
        (plan.node.defaultChild as CfnUsagePlan).addPropertyOverride('ApiStages.0.Throttle', methods);
      }
      const key = keys.get(tier);
      if (key) {
        plan.addApiKey(key);
      }
    }
  }
}
