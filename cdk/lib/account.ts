// Resources that an account has once per region, independent of stages: API Gateway's logging role.

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnAccount } from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { accept } from './accepted.ts';

/**
 * The stack with API Gateway's logging role. It is separate, so that deleting a stage does not disable the logs of the
 * others. It is only for a region without such a role, since it would replace an existing one for every API there
 * (CloudFormation template reference, "AWS::ApiGateway::Account"). Deleting the stack retains the role, which may be in use.
 */
export class Account extends Stack {
  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, props);
    const policy = 'service-role/AmazonAPIGatewayPushToCloudWatchLogs';
    const role = new Role(this, 'GatewayLogs', {
      assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(policy)],
    });
    role.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    const reason = 'The policy API Gateway requires for this (docs.aws.amazon.com, "Set up CloudWatch logging").';
    accept(role, reason, `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`);
    const account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn });
    account.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
  }
}
