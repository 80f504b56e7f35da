// The stack of one resource: the functions of its operations, their methods and their alarms.

import type { IAuthorizer } from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { Canary } from '../canary.ts';
import { countColdStarts } from '../cold-starts.ts';
import { FunctionAlarms } from '../function-alarms.ts';
import { Functions } from '../functions.ts';
import type { ResourceDefinition } from '../grouping.ts';
import { Methods } from '../methods.ts';
import { callsUpstream, countUpstreamCalls } from '../upstream.ts';
import type { ApiStack } from './api.ts';
import type { DataStack } from './data.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

export interface ResourceStackProps extends ServiceProps {
  readonly resource: ResourceDefinition;
  readonly data: DataStack;
  readonly api: ApiStack;
  /** The authorizer of tokens, if requests need one. */
  readonly authorizer?: IAuthorizer;
}

export class ResourceStack extends StageStack {
  constructor(scope: Construct, props: ResourceStackProps) {
    const { resource, data, api, options } = props;
    super(scope, `resource-${resource.name}`, `The functions and methods of ${resource.name}.`, props);
    const { serviceName, prefix } = this;
    const functions = new Functions(this, 'Functions', { ...props, data, prefix });
    const live = resource.functions.map((definition) => functions.create(definition));
    new Methods(this, 'Methods', { ...props, resource, api, functions: live });
    countColdStarts(this, serviceName, live);
    const callers = new Set(resource.functions.filter(callsUpstream).map(({ name }) => name));
    countUpstreamCalls(
      this,
      serviceName,
      live.filter(({ name }) => callers.has(name)),
    );
    const alarms = new FunctionAlarms(this, 'Alarms', { name: serviceName, functions: live, options: options.alarms });
    if (options.functions.canary) {
      new Canary(this, 'Canary', { name: this.stackName, functions: live, failures: alarms.failures });
    }
  }
}
