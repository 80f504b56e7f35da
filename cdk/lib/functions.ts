// Functions of the contract, each with a role that has only its own grants.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type Alias, Code, Function as LambdaFunction, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { type Binaries, executableFolder } from './binaries.ts';
import type { Contract, FunctionDefinition, Grant } from './contract.ts';
import type { ReadableSecret } from './secrets.ts';
import type { DataStack } from './stacks/data.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy, tableArn } from './tables.ts';
import { callsUpstream, upstreamVariables } from './upstream.ts';

export interface FunctionsProps {
  readonly contract: Contract;
  /** The stack with the tables and secrets. */
  readonly data: DataStack;
  readonly binaries: Binaries;
  /** The prefix of the names of functions and tables. */
  readonly prefix: string;
  readonly options: StageOptions;
}

/** A function and the alias `live` through which it is invoked. */
export interface Live {
  readonly name: string;
  readonly function: LambdaFunction;
  readonly alias: Alias;
  readonly logs: LogGroup;
}

/** Overrides of the API functions' settings. */
export interface FunctionOverrides {
  /** Replaces the stage's timeout. */
  readonly timeout?: Duration;
  /** True if no caller waits for its response: it then has no provisioned concurrency. */
  readonly isInBackground?: boolean;
}

export class Functions extends Construct {
  private readonly environment: Readonly<Record<string, string>>;
  /** The executable of all functions. */
  private readonly code: Code;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: FunctionsProps,
  ) {
    super(scope, id);
    this.code = Code.fromAsset(executableFolder(props.binaries));
    this.environment = {
      TABLE_PREFIX: props.prefix,
      CORS_ORIGINS: props.options.api.corsOrigins.join(','),
      APPLICATION_ROLES: props.options.api.applicationRoles.join(' '),
      METRICS: props.options.telemetry.metrics,
      LOG_SAMPLE_READS: String(props.options.telemetry.loggedReads),
      SERVICE_ROLES: props.options.api.serviceRoles.join(' '),
    };
  }

  /** Creates a function with the grants of its definition, and with `variables` in addition to the common ones. */
  create(
    definition: FunctionDefinition,
    variables: Readonly<Record<string, string>> = {},
    { timeout, isInBackground = false }: FunctionOverrides = {},
  ): Live {
    const { prefix, binaries, options } = this.props;
    const scope = new Construct(this, definition.name);
    const functionName = `${prefix}${definition.name}`;
    const logs = new LogGroup(scope, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(logs, 'The lines hold no body, key or personal data.', 'CKV_AWS_158');
    const { reservedConcurrency, provisionedConcurrency } = options.functions;
    const secrets = (definition.secrets ?? []).map((name) => this.props.data.secrets.named(name));
    const arns = Object.fromEntries(secrets.map(({ arn, variable }) => [variable, arn]));
    const lambda = new LambdaFunction(scope, 'Function', {
      functionName,
      code: this.code,
      // The executable selects the function by this name.
      handler: definition.name,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: binaries.architecture,
      role: this.role(scope, definition, logs),
      environment: { ...this.environment, ...upstreamVariables(definition, options), ...arns, ...variables },
      memorySize: options.functions.memory,
      timeout: timeout ?? Duration.seconds(timeoutOf(definition, options)),
      // A rollback needs the previous version.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE },
      tracing: Tracing.ACTIVE,
      logGroup: logs,
      loggingFormat: LoggingFormat.JSON,
      ...(reservedConcurrency && { reservedConcurrentExecutions: reservedConcurrency }),
    });
    acceptForFunction(lambda, options);
    const alias = lambda.addAlias('live', {
      ...(provisionedConcurrency && !isInBackground && { provisionedConcurrentExecutions: provisionedConcurrency }),
    });
    return { name: definition.name, function: lambda, alias, logs };
  }

  private role(scope: Construct, { grants, secrets = [] }: FunctionDefinition, logs: LogGroup): Role {
    const role = new Role(scope, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logs.grantWrite(role);
    for (const grant of grants) {
      role.addToPolicy(this.statement(grant));
    }
    for (const name of secrets) {
      this.grantSecret(role, this.props.data.secrets.named(name));
    }
    accept(role, 'X-Ray actions on traces support no resource.', 'AwsSolutions-IAM5[Resource::*]');
    const { key } = this.props.data.tables;
    if (key && grants.length > 0) {
      // The actions DynamoDB needs to use the table's key for the caller, only through DynamoDB.
      role.addToPolicy(
        new PolicyStatement({
          actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
          resources: [key.keyArn],
          conditions: { StringLike: { 'kms:ViaService': 'dynamodb.*.amazonaws.com' } },
        }),
      );
      const forms = ['GenerateDataKey', 'ReEncrypt'].map((action) => `AwsSolutions-IAM5[Action::kms:${action}*]`);
      accept(role, 'Variants of one action, of which DynamoDB selects one.', ...forms);
    }
    return role;
  }

  /** Grants reading the value only; CDK's own grant would add `DescribeSecret`. */
  private grantSecret(role: Role, { arn }: ReadableSecret): void {
    role.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] }));
    const { key } = this.props.data.tables;
    if (key) {
      role.addToPolicy(
        new PolicyStatement({
          actions: ['kms:Decrypt'],
          resources: [key.keyArn],
          conditions: { StringLike: { 'kms:ViaService': 'secretsmanager.*.amazonaws.com' } },
        }),
      );
    }
  }

  private statement({ table: name, actions, indexes }: Grant): PolicyStatement {
    const { contract, prefix } = this.props;
    if (!contract.tables.some((table) => table.name === name)) {
      throw new Error(`openapi.json grants actions on the table ${name}, which is not in x-tables`);
    }
    const table = tableArn(this, `${prefix}${name}`);
    return new PolicyStatement({
      actions: actions.map((action) => `dynamodb:${action}`),
      resources: indexes.length ? indexes.map((index) => `${table}/index/${index}`) : [table],
    });
  }
}

function timeoutOf(definition: FunctionDefinition, { functions, upstream }: StageOptions): number {
  return upstream && callsUpstream(definition) ? upstream.timeout : functions.timeout;
}

function acceptForFunction(lambda: LambdaFunction, { functions }: StageOptions): void {
  const callers = 'Nothing invokes it asynchronously; failures of consumers go to the bucket or dead-letter queue.';
  accept(lambda, callers, 'CKV_AWS_116');
  accept(
    lambda,
    'It calls AWS services, with IAM, and a public API at most: a VPC would add cost and cold start time.',
    'CKV_AWS_117',
  );
  accept(lambda, 'Its variables hold no secret.', 'CKV_AWS_173');
  accept(lambda, 'Only the deployer uploads code, from this repository.', 'CKV_AWS_272');
  if (!functions.reservedConcurrency) {
    accept(lambda, 'The stage option reservedConcurrency is off: the API is throttled instead.', 'CKV_AWS_115');
  }
}
