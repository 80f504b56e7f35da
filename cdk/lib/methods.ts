// The methods of one resource: those of the contract with their models, and a preflight and a 405 on every path.

import { Duration } from 'aws-cdk-lib';
import {
  AuthorizationType,
  AwsIntegration,
  CfnModel,
  type IAuthorizer,
  type IModel,
  type IResource,
  type Method,
  type MethodOptions,
  MockIntegration,
  Model,
  PassthroughBehavior,
  Resource,
} from 'aws-cdk-lib/aws-apigateway';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { credentialsOf } from './authorization.ts';
import { type Contract, gatewayResponseOf, type Operation } from './contract.ts';
import type { Live } from './functions.ts';
import { byPath, type ResourceDefinition, ROOT } from './grouping.ts';
import { problem, problemHeaders } from './problems.ts';
import type { ApiStack } from './stacks/api.ts';
import type { StageOptions } from './stages.ts';

export interface MethodsProps {
  readonly contract: Contract;
  readonly resource: ResourceDefinition;
  readonly api: ApiStack;
  readonly functions: readonly Live[];
  /** The name of the stage, from which alone the functions may be invoked. */
  readonly stage: string;
  readonly options: StageOptions;
  /** The authorizer of tokens, if an operation requires them. */
  readonly authorizer?: IAuthorizer;
}

export class Methods extends Construct {
  private readonly models: ReadonlyMap<string, IModel>;
  private readonly paths = new Map<string, IResource>();

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MethodsProps,
  ) {
    super(scope, id);
    const models = Object.entries(props.resource.models);
    this.models = new Map(models.map(([name, schema]) => [name, this.model(name, schema)]));
    this.paths.set(`/${ROOT}`, props.api.root);
    for (const [path, operations] of byPath(props.resource.operations)) {
      this.path(path, operations);
    }
    const reason =
      'A method without authorization needs an API key, is public by its rule, or has no data (preflights, 405).';
    accept(this, reason, 'AwsSolutions-APIG4', 'AwsSolutions-COG4', 'CKV_AWS_59');
  }

  /** A model as the contract has it: `Model` would rename members called like keywords of JSON Schema. */
  private model(name: string, schema: object): IModel {
    const { restApiId } = this.props.api.rest;
    const model = new CfnModel(this, name, { restApiId, name, contentType: 'application/json', schema });
    return Model.fromModelName(this, `${name}Model`, model.ref);
  }

  /** Returns API Gateway's resource for a path, and creates it and those above it if they do not exist. */
  private at(path: string): IResource {
    const existing = this.paths.get(path);
    if (existing) {
      return existing;
    }
    const slash = path.lastIndexOf('/');
    const created = new Resource(this, path, {
      parent: this.at(path.slice(0, slash)),
      pathPart: path.slice(slash + 1),
    });
    this.paths.set(path, created);
    return created;
  }

  private path(path: string, operations: readonly Operation[]): void {
    const resource = this.at(path);
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
    this.anyOtherMethod(resource, operations, allowed);
  }

  private method(resource: IResource, operation: Operation): void {
    const { functions, api, options } = this.props;
    const live = functions.find(({ name }) => name === operation.function);
    if (!live) {
      throw new Error(`openapi.json: the operation ${operation.name} has no function ${operation.function}`);
    }
    // A cached response names the requesting origin, and shows what this caller may read: both are part of the cache key.
    const cacheKeys = ['Origin', 'Authorization', 'x-api-key'].map((header) => ({
      name: `method.request.header.${header}`,
      required: false,
    }));
    const isCached = options.api.cache !== undefined && operation.method === 'GET';
    const parameters = isCached ? [...operation.parameters, ...cacheKeys] : operation.parameters;
    const models = Object.entries(operation.models).map(([type, name]) => [type, this.models.get(name)] as const);
    const integration = new AwsIntegration({
      proxy: true,
      service: 'lambda',
      path: `2015-03-31/functions/${live.alias.functionArn}/invocations`,
      ...(isCached && { options: { cacheKeyParameters: parameters.map(({ name }) => name) } }),
    });
    const method = resource.addMethod(operation.method, integration, {
      operationName: operation.name,
      ...this.authorization(operation),
      requestValidator: api.validator,
      requestParameters: Object.fromEntries(parameters.map(({ name, required }) => [name, required])),
      requestModels: Object.fromEntries(models.flatMap(([type, model]) => (model ? [[type, model]] : []))),
    });
    this.allow(method, operation, live);
  }

  /**
   * Returns the authorization of an operation. An API key names the application and counts for its usage plan; it is
   * not required of AWS roles, which name themselves, nor for public operations, whose callers have none.
   */
  private authorization(operation: Operation): MethodOptions {
    const { options, authorizer } = this.props;
    switch (credentialsOf(operation, options.api)) {
      case 'none':
        return {};
      case 'key':
        return { apiKeyRequired: true };
      case 'iam':
        return { authorizationType: AuthorizationType.IAM };
      case 'token':
        if (!authorizer) {
          throw new Error(`${operation.name} requires a token, but the stage has no authorizer`);
        }
        return { apiKeyRequired: true, authorizer };
    }
  }

  /** Lets API Gateway invoke the function for this method of the stage. */
  private allow(method: Method, { name, path }: Operation, { alias }: Live): void {
    const { api, stage } = this.props;
    alias.addPermission(`${name}Permission`, {
      scope: this,
      principal: new ServicePrincipal('apigateway.amazonaws.com'),
      sourceArn: api.rest.arnForExecuteApi(method.httpMethod, path.replaceAll(/\{[^}]*\}/g, '*'), stage),
    });
  }

  /** Responds with 405 to the methods a path does not support. It needs a key where all of the path's operations do. */
  private anyOtherMethod(resource: IResource, operations: readonly Operation[], allowed: readonly string[]): void {
    const { contract, api, options } = this.props;
    const needKeys = operations.every((operation) => ['key', 'token'].includes(credentialsOf(operation, options.api)));
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
      apiKeyRequired: needKeys,
      requestValidator: api.validator,
      methodResponses: [
        {
          statusCode: '405',
          responseParameters: Object.fromEntries(Object.keys(headers).map((name) => [inResponse(name), true])),
        },
      ],
    });
  }
}

/** Returns Velocity that sets the requesting origin, if there are several: the static header has the first. */
function originOverride(origins: readonly string[]): string {
  const conditions = origins.map((origin) => `$origin == "${origin}"`).join(' || ');
  const set = '#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)';
  return origins.length === 1 ? '' : `#set($origin = $input.params("Origin"))#if(${conditions})${set}#end`;
}
