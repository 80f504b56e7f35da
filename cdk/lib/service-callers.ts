// The policy for AWS roles and users that call the API.

import { Aws, CfnOutput, Stack, Token } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';

export interface ServiceCallersProps {
  readonly rest: RestApi;
  readonly stage: string;
  readonly name: string;
}

/**
 * A policy to attach to a caller. It has all methods of the stage: those with other credentials do not look at it (Amazon
 * API Gateway developer guide, "Control access to a REST API with IAM permissions").
 */
export class ServiceCallers extends Construct {
  constructor(scope: Construct, id: string, { rest, stage, name }: ServiceCallersProps) {
    super(scope, id);
    const { region, account } = Stack.of(this);
    const arn = ['arn', Aws.PARTITION, 'execute-api', region, account, rest.restApiId];
    const methods = (parts: readonly string[]) => `${parts.join(':')}/${stage}/*`;
    const policy = new ManagedPolicy(this, 'Policy', {
      managedPolicyName: `${name}-call`,
      description: `Calls the API of ${name}.`,
      statements: [new PolicyStatement({ actions: ['execute-api:Invoke'], resources: [methods(arn)] })],
    });
    // The checker writes references as `<name>`.
    const named = (part: string) => (Token.isUnresolved(part) ? `<${Stack.of(this).resolve(part).Ref}>` : part);
    const reason = 'A caller may call all methods of one stage of this API; the function has rules about records.';
    accept(policy, reason, `AwsSolutions-IAM5[Resource::${methods(arn.map(named))}]`);
    new CfnOutput(this, 'PolicyArn', { key: 'CallPolicy', value: policy.managedPolicyArn });
  }
}
