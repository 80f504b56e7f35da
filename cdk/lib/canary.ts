// New versions first get a tenth of the requests; an alarm in those minutes brings the old version back.

import { CfnResource } from 'aws-cdk-lib';
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
      const failures = monitoring.failures.get(live.name);
      const group = new LambdaDeploymentGroup(this, live.name, {
        application,
        role,
        alias: live.alias,
        deploymentGroupName: live.name,
        deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
        // The newest version's alarm alone: one over all versions or functions would stop the deployment that mends them.
        alarms: failures ? [failures] : [],
      });
      shiftLast(live, group);
    }
  }
}

/** Moves the alias once its group watches the new version's alarm, which is made once the version is there. */
function shiftLast({ alias }: Live, group: LambdaDeploymentGroup): void {
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
  const reason = "AWS's own policy for this service, kept up to date by AWS, in the narrower of its two forms.";
  accept(role, reason, `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`);
  return role;
}
