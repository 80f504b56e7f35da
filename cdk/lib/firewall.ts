// A web application firewall (AWS WAF) on the stage: AWS's managed rules, and a rate limit per API key and address.

import type { Stage } from 'aws-cdk-lib/aws-apigateway';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnLoggingConfiguration, CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { type Contract, gatewayResponseOf } from './contract.ts';
import type { Plan, StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

/**
 * AWS's rule groups, and the rules in them that only count
 * (https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html).
 */
const MANAGED_RULES: Readonly<Record<string, readonly string[]>> = {
  AWSManagedRulesAmazonIpReputationList: [],
  AWSManagedRulesKnownBadInputsRuleSet: [],
  AWSManagedRulesCommonRuleSet: [
    // HTTP does not require a User-Agent (RFC 9110 §10.1.5).
    'NoUserAgent_HEADER',
    // The models limit bodies; this rule would refuse those over 8 KB.
    'SizeRestrictions_BODY',
    // A field may contain markup, paths and URLs: it is stored and returned as JSON, never executed.
    'CrossSiteScripting_BODY',
    'EC2MetaDataSSRF_BODY',
    'GenericLFI_BODY',
    'GenericRFI_BODY',
  ],
};

const KEY_HEADER = 'x-api-key';
/** Headers that carry the caller's secrets. */
const SECRET_HEADERS = [KEY_HEADER, 'authorization', 'cookie'];

const WINDOW_SECONDS = 300;
/** WAF limits are approximate. With this headroom a plan's own limit applies first. */
const HEADROOM_PERCENT = 10;

/** Returns the most requests the largest plan admits within WAF's window, plus headroom. */
export function requestsInWindow(plans: Readonly<Record<string, Plan>>): number {
  const most = Object.values(plans).map(({ rate, burst }) => rate * WINDOW_SECONDS + burst);
  return Math.ceil((Math.max(...most) * (100 + HEADROOM_PERCENT)) / 100);
}

export interface FirewallProps {
  readonly contract: Contract;
  readonly stage: Stage;
  readonly name: string;
  readonly options: StageOptions;
}

export class Firewall extends Construct {
  constructor(scope: Construct, id: string, { contract, stage, name, options }: FirewallProps) {
    super(scope, id);
    const managed = Object.entries(MANAGED_RULES).map(([group, counted], index) => managedRule(group, counted, index));
    const acl = new CfnWebACL(this, 'Acl', {
      name,
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      rules: [...managed, ...limits(requestsInWindow(options.plans), managed.length, block(contract))],
      customResponseBodies: { [TOO_MANY]: { contentType: 'APPLICATION_JSON', content: tooManyProblem(contract) } },
      dataProtectionConfig: { dataProtections: PROTECTED },
      visibilityConfig: visibility(name),
    });
    new CfnWebACLAssociation(this, 'Association', {
      resourceArn: stage.stageArn,
      webAclArn: acl.attrArn,
    });
    this.log(acl, name, options);
  }

  /** Logs the requests that a rule refused or counted. Allowed requests are in the access log, without address. */
  private log(acl: CfnWebACL, name: string, options: StageOptions): void {
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `aws-waf-logs-${name}`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(
      logs,
      'The lines hold addresses and paths of refused requests, but no query, body or secret.',
      'CKV_AWS_158',
    );
    // A rule overridden to count is EXCLUDED_AS_COUNT here (AWS WAF API reference, ActionCondition).
    const kept = ['BLOCK', 'COUNT', 'EXCLUDED_AS_COUNT'].map((Action) => ({ ActionCondition: { Action } }));
    new CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [logs.logGroupArn],
      loggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [{ Behavior: 'KEEP', Requirement: 'MEETS_ANY', Conditions: kept }],
      },
      redactedFields: [{ queryString: {} }, ...SECRET_HEADERS.map((Name) => ({ singleHeader: { Name } }))],
    });
  }
}

/**
 * The parts of a request that are hidden from logs, samples and rule match details. `RedactedFields` does not hide the
 * keys of a rate limit and the text a rule matched; this does (AWS WAF developer guide, "Data protection exceptions").
 */
const PROTECTED: CfnWebACL.DataProtectProperty[] = [
  { field: { fieldType: 'QUERY_STRING' }, action: 'SUBSTITUTION' },
  { field: { fieldType: 'BODY' }, action: 'SUBSTITUTION' },
  { field: { fieldType: 'SINGLE_HEADER', fieldKeys: SECRET_HEADERS }, action: 'SUBSTITUTION' },
];

const TOO_MANY = 'TooManyRequests';
/** The problem of a throttled request. WAF supports neither `application/problem+json` nor a request id. */
function tooManyProblem(contract: Contract): string {
  const { title, status, detail } = gatewayResponseOf(contract, ({ types }) => types.includes('THROTTLED'));
  return JSON.stringify({ type: 'about:blank', title, status, detail });
}
/** WAF re-evaluates the count about every ten seconds; it falls as the window moves. */
const RETRY_AFTER_SECONDS = 30;

/**
 * The response to too many requests. It takes precedence over the gateway response WAF_FILTERED, which
 * still applies to the managed rules (AWS WAF developer guide, "Sending custom responses for Block actions").
 */
function block({ cors }: Contract): CfnWebACL.RuleActionProperty {
  return {
    block: {
      customResponse: {
        responseCode: 429,
        customResponseBodyKey: TOO_MANY,
        responseHeaders: [
          { name: 'Retry-After', value: String(RETRY_AFTER_SECONDS) },
          { name: 'Cache-Control', value: 'no-store' },
          // WAF headers are static and cannot name the requesting origin. The response holds nothing private.
          { name: 'Access-Control-Allow-Origin', value: '*' },
          { name: 'Access-Control-Expose-Headers', value: cors.exposedHeaders.join(',') },
        ],
      },
    },
  };
}

/** Returns a limit per API key, and one per address for requests without a key, such as preflights. */
function limits(limit: number, priority: number, action: CfnWebACL.RuleActionProperty): CfnWebACL.RuleProperty[] {
  const rule = (name: string, offset: number, statement: Partial<CfnWebACL.RateBasedStatementProperty>) => ({
    name,
    priority: priority + offset,
    action,
    statement: {
      rateBasedStatement: { aggregateKeyType: 'IP', limit, evaluationWindowSec: WINDOW_SECONDS, ...statement },
    },
    visibilityConfig: visibility(name),
  });
  return [
    rule('RequestsPerKey', 0, {
      aggregateKeyType: 'CUSTOM_KEYS',
      customKeys: [{ header: { name: KEY_HEADER, textTransformations: [{ priority: 0, type: 'NONE' }] } }],
      scopeDownStatement: HAS_KEY,
    }),
    rule('RequestsPerAddress', 1, { scopeDownStatement: { notStatement: { statement: HAS_KEY } } }),
  ];
}

const HAS_KEY: CfnWebACL.StatementProperty = {
  sizeConstraintStatement: {
    fieldToMatch: { singleHeader: { Name: KEY_HEADER } },
    comparisonOperator: 'GT',
    size: 0,
    textTransformations: [{ priority: 0, type: 'NONE' }],
  },
};

function managedRule(name: string, counted: readonly string[], priority: number): CfnWebACL.RuleProperty {
  const ruleActionOverrides = counted.map((rule) => ({ name: rule, actionToUse: { count: {} } }));
  return {
    name,
    priority,
    overrideAction: { none: {} },
    statement: { managedRuleGroupStatement: { vendorName: 'AWS', name, ruleActionOverrides } },
    visibilityConfig: visibility(name),
  };
}

/** Returns the metrics settings. Samples are off, since they show complete requests to every console user. */
function visibility(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false };
}
