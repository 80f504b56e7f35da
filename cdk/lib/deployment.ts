// The deployed API: a snapshot of its methods, and the stage that serves it.

import { CfnOutput, CfnResource, Duration, Lazy, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import {
  DomainName,
  EndpointType,
  LogGroupLogDestination,
  MethodLoggingLevel,
  type RestApi,
  SecurityPolicy,
  Deployment as Snapshot,
  Stage,
} from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { accessLogFormat } from './access-log.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

/** The resources of which a deployment is a snapshot (AWS CDK API reference, "class Deployment"). */
const PARTS = /^AWS::ApiGateway::(Authorizer|GatewayResponse|Method|Model|RequestValidator|Resource)$/;

export interface DeploymentProps {
  readonly rest: RestApi;
  /** The stacks with the API and its methods. */
  readonly released: readonly Stack[];
  readonly name: string;
  readonly stage: string;
  readonly options: StageOptions;
}

export class Deployment extends Construct {
  readonly stage: Stage;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: DeploymentProps,
  ) {
    super(scope, id);
    const { rest, released } = props;
    const snapshot = new Snapshot(this, 'Snapshot', { api: rest });
    // CloudFormation makes a snapshot when it creates this resource, so each change of a part gives it a new name.
    snapshot.addToLogicalId(Lazy.any({ produce: () => released.flatMap(partsOf) }));
    this.stage = this.deployedStage(snapshot);
    this.executionLogs();
    this.address();
    this.acceptFindings();
  }

  private deployedStage(deployment: Snapshot): Stage {
    const { name, stage, options } = this.props;
    const { throttle, cache } = options.api;
    const logs = new LogGroup(this, 'AccessLogs', {
      logGroupName: `/aws/apigateway/${name}`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(logs, 'The lines hold no body, key or personal data.', 'CKV_AWS_158');
    return new Stage(this, 'Stage', {
      deployment,
      stageName: stage,
      tracingEnabled: true,
      metricsEnabled: false,
      loggingLevel: MethodLoggingLevel.ERROR,
      dataTraceEnabled: false,
      throttlingRateLimit: throttle.rate,
      throttlingBurstLimit: throttle.burst,
      accessLogDestination: new LogGroupLogDestination(logs),
      accessLogFormat: accessLogFormat(),
      ...(cache && {
        cacheClusterEnabled: true,
        cacheClusterSize: cache.gigabytes,
        cachingEnabled: true,
        cacheDataEncrypted: true,
        cacheTtl: Duration.seconds(cache.seconds),
      }),
    });
  }

  /** Creates the log group of the gateway's own errors. The gateway would create it without a retention. */
  private executionLogs(): void {
    const { rest, stage, options } = this.props;
    const logs = new LogGroup(this, 'ExecutionLogs', {
      logGroupName: `API-Gateway-Execution-Logs_${rest.restApiId}/${stage}`,
      retention: options.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(logs, 'The lines hold no body, key or personal data.', 'CKV_AWS_158');
    this.stage.node.addDependency(logs);
  }

  /** Outputs the API's URL: the custom domain's, or the default one. */
  private address(): void {
    const { rest, options } = this.props;
    const { domain } = options.api;
    new CfnOutput(this, 'Url', {
      key: 'ApiUrl',
      value: domain ? `https://${domain.name}/` : this.stage.urlForPath('/'),
    });
    if (domain) {
      const name = new DomainName(this, 'Domain', {
        domainName: domain.name,
        certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
        endpointType: EndpointType.REGIONAL,
        securityPolicy: SecurityPolicy.TLS_1_2,
      });
      name.addBasePathMapping(rest, { stage: this.stage });
      new CfnOutput(this, 'Target', { key: 'DomainTarget', value: name.domainNameAliasDomainName });
    }
  }

  private acceptFindings(): void {
    const { cache, firewall } = this.props.options.api;
    if (!cache) {
      accept(this.stage, 'The stage option cache is off: responses are always current.', 'CKV_AWS_120');
    }
    if (!firewall) {
      accept(this.stage, 'The stage option firewall is off.', 'AwsSolutions-APIG3', 'CKV2_AWS_29');
    }
  }
}

/** Returns the parts of the API in a stack, as they are in its template. */
function partsOf(stack: Stack): unknown[] {
  const parts = stack.node
    .findAll()
    .filter(CfnResource.isCfnResource)
    .filter(({ cfnResourceType }) => PARTS.test(cfnResourceType));
  return parts.map((part) => stack.resolve((part as unknown as Rendered)._toCloudFormation()));
}

/** The CDK's method for a resource's part of the template, which its own deployments use and its types omit. */
interface Rendered {
  _toCloudFormation(): object;
}
