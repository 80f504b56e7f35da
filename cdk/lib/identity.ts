// The identities of the API's callers: an API key per tier of customers.

import { CfnOutput } from 'aws-cdk-lib';
import { ApiKey, type IApiKey } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import { TIERS, type Tier } from './stages.ts';

export interface IdentityProps {
  readonly name: string;
}

/** The keys. AWS generates their values, which `make api-key` reads; template and outputs have only ids. */
export class Identity extends Construct {
  readonly keys: ReadonlyMap<Tier, IApiKey>;

  constructor(scope: Construct, id: string, { name }: IdentityProps) {
    super(scope, id);
    this.keys = new Map(TIERS.map((tier) => [tier, new ApiKey(this, tier, { apiKeyName: `${name}-${tier}` })]));
    for (const [tier, { keyId }] of this.keys) {
      const key = `ApiKeyId${tier.charAt(0).toUpperCase()}${tier.slice(1)}`;
      new CfnOutput(this, `${tier}Id`, { key, value: keyId });
    }
  }
}
