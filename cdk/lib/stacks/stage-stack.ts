// A stack of a stage.

import { type Environment, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Binaries } from '../binaries.ts';
import type { Contract } from '../contract.ts';
import { PROJECT } from '../project.ts';
import type { StageOptions } from '../stages.ts';

export interface ServiceProps {
  readonly env: Environment;
  readonly stage: string;
  readonly options: StageOptions;
  readonly contract: Contract;
  readonly binaries: Binaries;
}

export abstract class StageStack extends Stack {
  /** The name of the service in this stage, with which all names of its resources begin. */
  readonly serviceName: string;
  /** The prefix of the names of tables, functions and queues. */
  readonly prefix: string;

  /** Creates the stack with the last part of its name. */
  constructor(scope: Construct, part: string, description: string, { env, stage, options }: ServiceProps) {
    const serviceName = `${PROJECT}-${stage}`;
    // Names of stacks have no underscore.
    super(scope, `${serviceName}-${part.replaceAll(/[^A-Za-z0-9]+/g, '-')}`, {
      env,
      description,
      terminationProtection: options.data.protect,
    });
    this.serviceName = serviceName;
    this.prefix = `${serviceName}-`;
  }
}
