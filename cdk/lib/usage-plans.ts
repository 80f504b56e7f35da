// A usage plan and an API key per tier of customers.

import { CfnOutput } from 'aws-cdk-lib';
import { ApiKey, Period, type RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import { type StageOptions, TIERS } from './stages.ts';

export interface UsagePlansProps {
  readonly rest: RestApi;
  readonly name: string;
  readonly plans: StageOptions['plans'];
}

/** The plans and keys. AWS generates the keys' values, which `make api-key` reads; template and outputs have only ids. */
export class UsagePlans extends Construct {
  constructor(scope: Construct, id: string, { rest, name, plans }: UsagePlansProps) {
    super(scope, id);
    for (const tier of TIERS) {
      const { rate, burst, requestsPerMonth } = plans[tier];
      const plan = rest.addUsagePlan(tier, {
        name: `${name}-${tier}`,
        apiStages: [{ api: rest, stage: rest.deploymentStage }],
        throttle: { rateLimit: rate, burstLimit: burst },
        quota: { limit: requestsPerMonth, period: Period.MONTH },
      });
      const key = new ApiKey(this, tier, { apiKeyName: `${name}-${tier}` });
      plan.addApiKey(key);
      new CfnOutput(this, `${tier}Output`, { key: `ApiKeyId${capitalized(tier)}`, value: key.keyId });
    }
  }
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
