// The stack of the authorizer, which verifies the tokens of users.

import { Aws, Duration } from 'aws-cdk-lib';
import { AuthorizationType, CfnAuthorizer, type IAuthorizer } from 'aws-cdk-lib/aws-apigateway';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { FunctionAlarms } from '../function-alarms.ts';
import { Functions } from '../functions.ts';
import type { TokenOptions } from '../stages.ts';
import type { ApiStack } from './api.ts';
import type { DataStack } from './data.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

/** The name of the function in the executable. */
const FUNCTION = 'authorizer';
/** The time for which API Gateway keeps the policy of a token, and a revoked token still has access. */
const CACHE_SECONDS = 300;
/** The first request after a cold start waits for the issuer's keys. */
const TIMEOUT = Duration.seconds(10);

export interface AuthorizerStackProps extends ServiceProps {
  readonly data: DataStack;
  readonly api: ApiStack;
  readonly tokens: TokenOptions;
}

export class AuthorizerStack extends StageStack {
  /** The authorizer as methods refer to it. */
  readonly authorizer: IAuthorizer;

  constructor(scope: Construct, props: AuthorizerStackProps) {
    super(scope, FUNCTION, 'The authorizer of tokens.', props);
    const { serviceName, prefix } = this;
    const { api, options, tokens } = props;
    const functions = new Functions(this, 'Functions', { ...props, prefix });
    const live = functions.create({ name: FUNCTION, grants: [] }, variablesOf(tokens, props.data), {
      timeout: TIMEOUT,
    });
    const uri = `arn:${Aws.PARTITION}:apigateway:${this.region}:lambda:path/2015-03-31/functions`;
    const authorizer = new CfnAuthorizer(this, 'Authorizer', {
      restApiId: api.rest.restApiId,
      name: `${serviceName}-tokens`,
      type: 'REQUEST',
      // A request without the header is answered with 401, and the function is not called (Amazon API Gateway developer
      // guide, "Use API Gateway Lambda authorizers").
      identitySource: 'method.request.header.Authorization',
      authorizerUri: `${uri}/${live.alias.functionArn}/invocations`,
      authorizerResultTtlInSeconds: CACHE_SECONDS,
    });
    live.alias.addPermission('Permission', {
      scope: this,
      principal: new ServicePrincipal('apigateway.amazonaws.com'),
      sourceArn: this.formatArn({
        service: 'execute-api',
        resource: api.rest.restApiId,
        resourceName: `authorizers/${authorizer.attrAuthorizerId}`,
      }),
    });
    this.authorizer = { authorizerId: authorizer.attrAuthorizerId, authorizationType: AuthorizationType.CUSTOM };
    // A refused token is an error of the function, and none of the service. The API's alarm on 5xx has an unreachable issuer.
    new FunctionAlarms(this, 'Alarms', {
      name: serviceName,
      functions: [live],
      kind: 'authorizer',
      options: options.alarms,
    });
  }
}

/** Returns the variables of the function. A pool of the stage has its groups in `cognito:groups`, the default. */
function variablesOf(tokens: TokenOptions, { userPool }: DataStack): Record<string, string> {
  if (userPool) {
    return { ISSUER: userPool.issuer, AUDIENCE: userPool.clientId };
  }
  if ('userPool' in tokens) {
    throw new Error('the data stack has no user pool');
  }
  const { issuer, audiences, rolesClaim, tenantClaim } = tokens;
  return {
    ISSUER: issuer,
    AUDIENCE: audiences.join(' '),
    ...(rolesClaim && { ROLES_CLAIM: rolesClaim }),
    ...(tenantClaim && { TENANT_CLAIM: tenantClaim }),
  };
}
