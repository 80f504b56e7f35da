// New versions first get a tenth of the requests; an alarm in those minutes brings the old version back.

import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { Live } from './functions.ts';
import type { Monitoring } from './monitoring.ts';

export interface CanaryProps {
  readonly name: string;
  readonly functions: readonly Live[];
  readonly monitoring: Monitoring;
}

export class Canary extends Construct {
  constructor(scope: Construct, id: string, { name, functions, monitoring }: CanaryProps) {
    super(scope, id);
    const application = new LambdaApplication(this, 'Application', { applicationName: name });
    const role = deploymentRole(this);
    // Consumers too: a version that crashes then fails a tenth of the batches, not all until they are given up.
    for (const live of functions) {
      const crashes: Alarm | undefined = monitoring.crashes.get(live.name);
      new LambdaDeploymentGroup(this, live.name, {
        application,
        role,
        alias: live.alias,
        deploymentGroupName: live.name,
        deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
        alarms: [monitoring.serverErrors, ...(crashes ? [crashes] : [])],
      });
    }
  }
}

function deploymentRole(scope: Construct): Role {
  const policy = 'service-role/AWSCodeDeployRoleForLambdaLimited';
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('codedeploy.amazonaws.com'),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(policy)],
  });
  const reason = "AWS's own policy for this service, kept up to date by AWS, in the narrower of its two forms.";
  accept(role, reason, `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`);
  return role;
}
