// Canary deployments: a new version receives a tenth of the requests first, and an alarm in that time rolls it back.

import { CfnResource } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { Live } from './functions.ts';

export interface CanaryProps {
  /** The name of the CodeDeploy application. */
  readonly name: string;
  readonly functions: readonly Live[];
  /** The alarm of each function that rolls its newest version back. */
  readonly failures: ReadonlyMap<string, Alarm>;
}

export class Canary extends Construct {
  constructor(scope: Construct, id: string, { name, functions, failures }: CanaryProps) {
    super(scope, id);
    const application = new LambdaApplication(this, 'Application', { applicationName: name });
    const role = deploymentRole(this);
    // Consumers too: a version that crashes then fails a tenth of the batches, not all of them.
    for (const live of functions) {
      const alarm = failures.get(live.name);
      const group = new LambdaDeploymentGroup(this, live.name, {
        application,
        role,
        alias: live.alias,
        deploymentGroupName: live.name,
        deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
        // Only the newest version's alarm: one over all versions or functions would block the deployment that fixes them.
        alarms: alarm ? [alarm] : [],
      });
      deferShift(live, group);
    }
  }
}

/** Makes the alias depend on its deployment group, which depends on the new version's alarm and thereby on the version. */
function deferShift({ alias }: Live, group: LambdaDeploymentGroup): void {
  const resource = (construct: Construct) => construct.node.findAll().filter(CfnResource.isCfnResource);
  const [last] = resource(alias);
  for (const first of resource(group)) {
    last?.addResourceDependency(first);
  }
}

function deploymentRole(scope: Construct): Role {
  const policy = 'service-role/AWSCodeDeployRoleForLambdaLimited';
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('codedeploy.amazonaws.com'),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(policy)],
  });
  const reason = "AWS's managed policy for this service, the narrower of the two.";
  accept(role, reason, `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`);
  return role;
}
