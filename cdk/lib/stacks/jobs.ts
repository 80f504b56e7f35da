// The stack of the functions that operators start: migrations.

import type { Construct } from 'constructs';
import { Functions } from '../functions.ts';
import { Migrations } from '../migrations.ts';
import type { DataStack } from './data.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

export interface JobsStackProps extends ServiceProps {
  readonly data: DataStack;
}

export class JobsStack extends StageStack {
  constructor(scope: Construct, props: JobsStackProps) {
    super(scope, 'jobs', 'The functions that operators start.', props);
    const { serviceName, prefix } = this;
    const functions = new Functions(this, 'Functions', { ...props, prefix });
    for (const definition of props.contract.jobs) {
      new Migrations(this, 'Migrations', { name: serviceName, prefix, definition, functions, options: props.options });
    }
  }
}
