// What an account and region has once, whatever its stages: the role API Gateway writes its logs with.

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnAccount } from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { accept } from './accepted.ts';

/**
 * A stack of its own, so that deleting a stage does not take the logs of the others away. It is for a region that has no
 * such role yet: it would take the place of another one, for every API there (CloudFormation template reference,
 * "AWS::ApiGateway::Account"). Deleted, it leaves the role, which may be in use by then.
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
    const reason = 'The one policy API Gateway takes for this (docs.aws.amazon.com, "Set up CloudWatch logging").';
    accept(role, reason, `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`);
    const account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn });
    account.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
  }
}
