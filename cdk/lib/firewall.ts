// A web application firewall in front of the stage: AWS's managed rules, and a limit for each address.

import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnLoggingConfiguration, CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

/** AWS's rule groups, and the rules in them that only count. */
const MANAGED_RULES: Readonly<Record<string, readonly string[]>> = {
  AWSManagedRulesAmazonIpReputationList: [],
  AWSManagedRulesKnownBadInputsRuleSet: [],
  // The models limit bodies; this rule would refuse those over 8 KB.
  AWSManagedRulesCommonRuleSet: ['SizeRestrictions_BODY'],
};

export interface FirewallProps {
  readonly rest: RestApi;
  readonly name: string;
  readonly requestsPer5Minutes: number;
  readonly options: StageOptions;
}

export class Firewall extends Construct {
  constructor(scope: Construct, id: string, { rest, name, requestsPer5Minutes, options }: FirewallProps) {
    super(scope, id);
    const managed = Object.entries(MANAGED_RULES).map(([group, counted], index) => managedRule(group, counted, index));
    const limit: CfnWebACL.RuleProperty = {
      name: 'RequestsPerAddress',
      priority: managed.length,
      action: { block: {} },
      statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: requestsPer5Minutes } },
      visibilityConfig: seenAs('RequestsPerAddress'),
    };
    const acl = new CfnWebACL(this, 'Acl', {
      name,
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      rules: [...managed, limit],
      visibilityConfig: seenAs(name),
    });
    new CfnWebACLAssociation(this, 'Association', {
      resourceArn: rest.deploymentStage.stageArn,
      webAclArn: acl.attrArn,
    });
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `aws-waf-logs-${name}`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(logs, 'The lines hold addresses and paths of refused requests, the key redacted.', 'CKV_AWS_158');
    new CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [logs.logGroupArn],
      redactedFields: [{ singleHeader: { Name: 'x-api-key' } }],
    });
  }
}

function managedRule(name: string, counted: readonly string[], priority: number): CfnWebACL.RuleProperty {
  const ruleActionOverrides = counted.map((rule) => ({ name: rule, actionToUse: { count: {} } }));
  return {
    name,
    priority,
    overrideAction: { none: {} },
    statement: { managedRuleGroupStatement: { vendorName: 'AWS', name, ruleActionOverrides } },
    visibilityConfig: seenAs(name),
  };
}

function seenAs(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: true };
}
