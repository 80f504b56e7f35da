// The service in one stage.

import { CfnOutput, type Environment, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Api } from './api.ts';
import type { Binaries } from './binaries.ts';
import { Bus } from './bus.ts';
import { Canary } from './canary.ts';
import { Consumers } from './consumers.ts';
import type { Contract } from './contract.ts';
import { Firewall } from './firewall.ts';
import { Functions } from './functions.ts';
import { Migrations } from './migrations.ts';
import { Monitoring } from './monitoring.ts';
import { checkConcurrency } from './quotas.ts';
import { checkShards } from './shards.ts';
import type { StageOptions } from './stages.ts';
import { Tables } from './tables.ts';
import { Trail } from './trail.ts';
import { UsagePlans } from './usage-plans.ts';

export const PROJECT = 'serverless-crud';

export interface ServiceProps {
  readonly env: Environment;
  readonly stage: string;
  readonly options: StageOptions;
  readonly contract: Contract;
  readonly binaries: Binaries;
}

export class Service extends Stack {
  constructor(scope: Construct, { env, stage, options, contract, binaries }: ServiceProps) {
    const name = `${PROJECT}-${stage}`;
    super(scope, name, { env, terminationProtection: options.data.protect });
    checkConcurrency(contract, options.functions);
    const prefix = `${name}-`;
    checkShards(contract, stage, options);

    const tables = new Tables(this, 'Tables', { definitions: contract.tables, prefix, options: options.data });
    if (options.data.trail) {
      new Trail(this, 'Trail', { name, tables: [...tables.byName.values()], options });
    }
    const functions = new Functions(this, 'Functions', { contract, tables, binaries, prefix, options });
    const bus = new Bus(this, 'Bus', { name, source: PROJECT, options: options.changes });
    const consumers = new Consumers(this, 'Consumers', {
      contract,
      tables,
      functions,
      bus,
      source: PROJECT,
      prefix,
      options,
    });
    const { rest } = new Api(this, 'Api', { contract, functions, name, stage, options });
    new UsagePlans(this, 'UsagePlans', { rest, name, plans: options.plans });
    const monitoring = new Monitoring(this, 'Monitoring', {
      name,
      rest,
      functions: [...functions.byName.values()],
      tables: [...tables.byName.values()],
      consumers: consumers.all,
      options: options.alarms,
    });
    if (options.functions.canary) {
      new Canary(this, 'Canary', { name, functions: [...functions.byName.values()], monitoring });
    }
    if (options.api.firewall) {
      new Firewall(this, 'Firewall', { contract, rest, name, options });
    }
    for (const definition of contract.jobs) {
      new Migrations(this, 'Migrations', { prefix, definition, functions, topic: monitoring.topic, options });
    }
    new CfnOutput(this, 'AlarmTopic', { value: monitoring.topic.topicArn });
  }
}
