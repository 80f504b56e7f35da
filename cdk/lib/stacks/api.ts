// The stack of the REST API without its methods: its own responses, and the callers' identities.

import { CfnOutput } from 'aws-cdk-lib';
import { EndpointType, type IResource, type RequestValidator, RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { isRequired } from '../authorization.ts';
import { ROOT } from '../grouping.ts';
import { Identity } from '../identity.ts';
import { Problems } from '../problems.ts';
import { ServiceCallers } from '../service-callers.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

export class ApiStack extends StageStack {
  readonly rest: RestApi;
  /** The path that all operations begin with. */
  readonly root: IResource;
  readonly validator: RequestValidator;
  readonly identity: Identity;

  constructor(scope: Construct, props: ServiceProps) {
    super(scope, 'api', 'The REST API without its methods.', props);
    const { contract, options } = props;
    this.rest = new RestApi(this, 'Rest', {
      restApiName: this.serviceName,
      description: 'The service that openapi.json describes.',
      endpointTypes: [EndpointType.REGIONAL],
      disableExecuteApiEndpoint: options.api.domain !== undefined,
      cloudWatchRole: false,
      // The release deploys it, once the other stacks have added their methods.
      deploy: false,
    });
    this.root = this.rest.root.addResource(ROOT);
    this.validator = this.rest.addRequestValidator('Validator', {
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    new Problems(this, 'Problems', this.rest, contract, options.api.corsOrigins);
    this.identity = new Identity(this, 'Identity', { name: this.serviceName });
    if (isRequired('iam', contract, options.api)) {
      const { rest, serviceName: name } = this;
      new ServiceCallers(this, 'ServiceCallers', { rest, stage: props.stage, name });
    }
    new CfnOutput(this, 'Id', { key: 'ApiId', value: this.rest.restApiId });
  }
}
