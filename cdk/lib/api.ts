// The REST API: the contract's methods and models, and preflights and a 405 on every path.

import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  CfnModel,
  type StageOptions as DeployOptions,
  EndpointType,
  type IModel,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  MockIntegration,
  Model,
  PassthroughBehavior,
  type RequestValidator,
  type Resource,
  RestApi,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { byPath, type Contract, gatewayResponseOf, type Operation } from './contract.ts';
import type { Functions } from './functions.ts';
import { Problems, problem, problemHeaders } from './problems.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

export interface ApiProps {
  readonly contract: Contract;
  readonly functions: Functions;
  readonly name: string;
  readonly stage: string;
  readonly options: StageOptions;
}

export class Api extends Construct {
  readonly rest: RestApi;
  private readonly models: ReadonlyMap<string, IModel>;
  private readonly validator: RequestValidator;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: ApiProps,
  ) {
    super(scope, id);
    const { contract, options, name } = props;
    this.rest = new RestApi(this, 'Rest', {
      restApiName: name,
      description: 'The service that openapi.json describes.',
      endpointTypes: [EndpointType.REGIONAL],
      disableExecuteApiEndpoint: options.api.domain !== undefined,
      deployOptions: this.deployOptions(),
      cloudWatchRole: false,
    });
    new Problems(this, 'Problems', this.rest, contract, options.api.corsOrigins);
    this.validator = this.rest.addRequestValidator('Validator', {
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    this.models = new Map(Object.entries(contract.models).map(([name, schema]) => [name, this.model(name, schema)]));
    for (const [path, operations] of byPath(contract.operations)) {
      this.path(path, operations);
    }
    this.address();
    this.executionLogs();
    this.acceptFindings();
  }

  private deployOptions(): DeployOptions {
    const { stage, options } = this.props;
    const { throttle, cache } = options.api;
    const logs = new LogGroup(this, 'AccessLogs', {
      logGroupName: `/aws/apigateway/${this.props.name}`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(logs, 'The lines hold no body, key or personal data.', 'CKV_AWS_158');
    return {
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
    };
  }

  /** A model as the contract has it: `Model` would rename members called like keywords of JSON Schema. */
  private model(name: string, schema: object): IModel {
    const model = new CfnModel(this, name, {
      restApiId: this.rest.restApiId,
      name,
      contentType: 'application/json',
      schema,
    });
    this.rest.latestDeployment?.addToLogicalId({ name, schema });
    this.rest.latestDeployment?.node.addDependency(model);
    return Model.fromModelName(this, `${name}Model`, model.ref);
  }

  private path(path: string, operations: readonly Operation[]): void {
    const resource = this.rest.root.resourceForPath(path);
    const { allowedHeaders, exposedHeaders, maxAgeSeconds } = this.props.contract.cors;
    const allowed = [...operations.map(({ method }) => method), 'OPTIONS'];
    for (const operation of operations) {
      this.method(resource, operation);
    }
    resource.addCorsPreflight({
      allowOrigins: [...this.props.options.api.corsOrigins],
      allowMethods: allowed,
      allowHeaders: [...allowedHeaders],
      exposeHeaders: [...exposedHeaders],
      maxAge: Duration.seconds(maxAgeSeconds),
    });
    this.anyOtherMethod(resource, allowed);
  }

  private method(resource: Resource, operation: Operation): void {
    const live = this.props.functions.byName.get(operation.function);
    if (!live) {
      throw new Error(`openapi.json: the operation ${operation.name} has no function ${operation.function}`);
    }
    // A cached response names the requesting origin, and shows what this caller may read: both are part of the cache key.
    const cacheKeys = ['Origin', 'Authorization', 'x-api-key'].map((header) => ({
      name: `method.request.header.${header}`,
      required: false,
    }));
    const isCached = this.props.options.api.cache !== undefined && operation.method === 'GET';
    const parameters = isCached ? [...operation.parameters, ...cacheKeys] : operation.parameters;
    const models = Object.entries(operation.models).map(([type, name]) => [type, this.models.get(name)] as const);
    resource.addMethod(
      operation.method,
      new LambdaIntegration(live.alias, {
        allowTestInvoke: false,
        ...(isCached && { cacheKeyParameters: parameters.map(({ name }) => name) }),
      }),
      {
        operationName: operation.name,
        apiKeyRequired: true,
        requestValidator: this.validator,
        requestParameters: Object.fromEntries(parameters.map(({ name, required }) => [name, required])),
        requestModels: Object.fromEntries(models.flatMap(([type, model]) => (model ? [[type, model]] : []))),
      },
    );
  }

  /** Responds with 405 to the methods a path does not support. */
  private anyOtherMethod(resource: Resource, allowed: readonly string[]): void {
    const { contract, options } = this.props;
    const origins = options.api.corsOrigins;
    const notAllowed = gatewayResponseOf(contract, ({ status }) => status === 405);
    const headers = {
      ...problemHeaders(notAllowed, contract, origins),
      'Access-Control-Allow-Origin': `'${origins[0]}'`,
      Allow: `'${allowed.join(', ')}'`,
    };
    // A mock needs a template for the body's media type: it responds with 415 to others.
    const request = JSON.stringify({ statusCode: 405 });
    const inResponse = (name: string) => `method.response.header.${name}`;
    const integration = new MockIntegration({
      passthroughBehavior: PassthroughBehavior.NEVER,
      requestTemplates: { 'application/json': request, 'application/merge-patch+json': request },
      integrationResponses: [
        {
          statusCode: '405',
          responseParameters: Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [inResponse(name), value]),
          ),
          responseTemplates: { 'application/json': originOverride(origins) + problem(notAllowed) },
        },
      ],
    });
    resource.addMethod('ANY', integration, {
      apiKeyRequired: true,
      requestValidator: this.validator,
      methodResponses: [
        {
          statusCode: '405',
          responseParameters: Object.fromEntries(Object.keys(headers).map((name) => [inResponse(name), true])),
        },
      ],
    });
  }

  /** Outputs the API's URL: the custom domain's, or the default one. */
  private address(): void {
    const { domain } = this.props.options.api;
    // CDK's own output of the URL.
    this.rest.node.tryRemoveChild('Endpoint');
    new CfnOutput(this, 'Id', { key: 'ApiId', value: this.rest.restApiId });
    new CfnOutput(this, 'Url', { key: 'ApiUrl', value: domain ? `https://${domain.name}/` : this.rest.url });
    if (domain) {
      const name = this.rest.addDomainName('Domain', {
        domainName: domain.name,
        certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
        endpointType: EndpointType.REGIONAL,
        securityPolicy: SecurityPolicy.TLS_1_2,
      });
      new CfnOutput(this, 'Target', { key: 'DomainTarget', value: name.domainNameAliasDomainName });
    }
  }

  /** Creates the log group of the gateway's own errors. The gateway would create it without a retention. */
  private executionLogs(): void {
    const logs = new LogGroup(this, 'ExecutionLogs', {
      logGroupName: `API-Gateway-Execution-Logs_${this.rest.restApiId}/${this.props.stage}`,
      retention: this.props.options.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(logs, 'The lines hold no body, key or personal data.', 'CKV_AWS_158');
    this.rest.deploymentStage.node.addDependency(logs);
  }

  private acceptFindings(): void {
    const { cache, firewall } = this.props.options.api;
    const keys = 'Callers are identified by API keys and usage plans; users sign in at a service in front of this one.';
    accept(this.rest, keys, 'AwsSolutions-APIG4', 'AwsSolutions-COG4', 'CKV_AWS_59');
    if (!cache) {
      accept(this.rest, 'The stage option cache is off: responses are always current.', 'CKV_AWS_120');
    }
    if (!firewall) {
      accept(this.rest, 'The stage option firewall is off.', 'AwsSolutions-APIG3', 'CKV2_AWS_29');
    }
  }
}

/** Returns Velocity that sets the requesting origin, if there are several: the static header has the first. */
function originOverride(origins: readonly string[]): string {
  const conditions = origins.map((origin) => `$origin == "${origin}"`).join(' || ');
  const set = '#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)';
  return origins.length === 1 ? '' : `#set($origin = $input.params("Origin"))#if(${conditions})${set}#end`;
}

/** Returns the format of a log line per request, without personal data: no address, no user agent, only the key's id. */
function accessLogFormat(): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: AccessLogField.contextRequestId(),
      // The caller can choose `requestId`, but not this one.
      extendedRequestId: AccessLogField.contextExtendedRequestId(),
      traceId: AccessLogField.contextXrayTraceId(),
      time: AccessLogField.contextRequestTimeEpoch(),
      apiKeyId: AccessLogField.contextIdentityApiKeyId(),
      method: AccessLogField.contextHttpMethod(),
      resource: AccessLogField.contextResourcePath(),
      status: AccessLogField.contextStatus(),
      bytes: AccessLogField.contextResponseLength(),
      latency: AccessLogField.contextResponseLatency(),
      integrationLatency: AccessLogField.contextIntegrationLatency(),
      integrationStatus: AccessLogField.contextIntegrationStatus(),
      error: AccessLogField.contextErrorResponseType(),
    }),
  );
}
