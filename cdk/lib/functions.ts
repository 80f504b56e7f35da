// One function for each the contract names, each with a role of its own that has its grants and no more.

import { Duration } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type Alias, Code, Function as LambdaFunction, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { type CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { type Binaries, executableFolder } from './binaries.ts';
import type { Contract, FunctionDefinition, Grant, SecretName } from './contract.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy, type Tables } from './tables.ts';

const SECRET_LENGTH = 64;

export interface FunctionsProps {
  readonly contract: Contract;
  readonly tables: Tables;
  readonly binaries: Binaries;
  /** What the names of the functions and tables start with. */
  readonly prefix: string;
  readonly options: StageOptions;
}

/** A function as it is called: its alias `live`. */
export interface Live {
  readonly name: string;
  readonly function: LambdaFunction;
  readonly alias: Alias;
  readonly logs: LogGroup;
}

/** How a function differs from those of the API. */
export interface Differences {
  /** Instead of the stage's. */
  readonly timeout?: Duration;
  /** Whether nobody waits for its answer: it is then started when it is needed, whatever the stage provisions. */
  readonly isInBackground?: boolean;
}

export class Functions extends Construct {
  private readonly created = new Map<string, Live>();
  private readonly environment: Readonly<Record<string, string>>;
  /** The one executable, which holds every function. */
  private readonly code: Code;
  /** Each secret, and the variable that names it in the functions that read it. */
  private readonly secrets: Readonly<Record<SecretName, { secret: Secret; variable: string }>>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: FunctionsProps,
  ) {
    super(scope, id);
    this.code = Code.fromAsset(executableFolder(props.binaries));
    this.secrets = { cursor: { secret: cursorSecret(this, props.tables), variable: 'CURSOR_SECRET_ARN' } };
    this.environment = {
      TABLE_PREFIX: props.prefix,
      CORS_ORIGINS: props.options.api.corsOrigins.join(','),
    };
    for (const definition of props.contract.functions) {
      this.create(definition);
    }
  }

  /** Each function created so far, by its name in the contract. */
  get byName(): ReadonlyMap<string, Live> {
    return this.created;
  }

  /** Creates a function with the grants of its definition, and variables beside the common ones. */
  create(
    definition: FunctionDefinition,
    variables: Readonly<Record<string, string>> = {},
    { timeout, isInBackground = false }: Differences = {},
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
    const secrets = (definition.secrets ?? []).map((name) => this.secrets[name]);
    const arns = Object.fromEntries(secrets.map(({ secret, variable }) => [variable, arnOf(secret)]));
    const lambda = new LambdaFunction(scope, 'Function', {
      functionName,
      code: this.code,
      // The executable finds the function by this name.
      handler: definition.name,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: binaries.architecture,
      role: this.role(scope, definition, logs),
      environment: { ...this.environment, ...arns, ...variables },
      memorySize: options.functions.memory,
      timeout: timeout ?? Duration.seconds(options.functions.timeout),
      tracing: Tracing.ACTIVE,
      logGroup: logs,
      loggingFormat: LoggingFormat.JSON,
      ...(reservedConcurrency && { reservedConcurrentExecutions: reservedConcurrency }),
    });
    acceptForFunction(lambda, options);
    const alias = lambda.addAlias('live', {
      ...(provisionedConcurrency && !isInBackground && { provisionedConcurrentExecutions: provisionedConcurrency }),
    });
    const live = { name: definition.name, function: lambda, alias, logs };
    this.created.set(definition.name, live);
    return live;
  }

  private role(scope: Construct, { grants, secrets = [] }: FunctionDefinition, logs: LogGroup): Role {
    const role = new Role(scope, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logs.grantWrite(role);
    for (const grant of grants) {
      role.addToPolicy(this.statement(grant));
    }
    for (const name of secrets) {
      this.grantSecret(role, this.secrets[name].secret);
    }
    accept(role, 'X-Ray takes traces under no name: they have no resource.', 'AwsSolutions-IAM5[Resource::*]');
    const { key } = this.props.tables;
    if (key) {
      // What DynamoDB needs to use the table's key for the caller, and only through DynamoDB.
      role.addToPolicy(
        new PolicyStatement({
          actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
          resources: [key.keyArn],
          conditions: { StringLike: { 'kms:ViaService': 'dynamodb.*.amazonaws.com' } },
        }),
      );
      const forms = ['GenerateDataKey', 'ReEncrypt'].map((action) => `AwsSolutions-IAM5[Action::kms:${action}*]`);
      accept(role, 'The forms of one action, which DynamoDB chooses among.', ...forms);
    }
    return role;
  }

  /** Its value alone, by the one action the function calls; CDK's own grant would add `DescribeSecret`. */
  private grantSecret(role: Role, secret: Secret): void {
    role.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arnOf(secret)] }));
    const { encryptionKey } = secret;
    if (encryptionKey) {
      role.addToPolicy(
        new PolicyStatement({
          actions: ['kms:Decrypt'],
          resources: [encryptionKey.keyArn],
          conditions: { StringLike: { 'kms:ViaService': 'secretsmanager.*.amazonaws.com' } },
        }),
      );
    }
  }

  private statement({ table: name, actions, indexes }: Grant): PolicyStatement {
    const table = this.props.tables.byName.get(name);
    if (!table) {
      throw new Error(`openapi.json grants actions on the table ${name}, which x-tables does not have`);
    }
    return new PolicyStatement({
      actions: actions.map((action) => `dynamodb:${action}`),
      resources: indexes.length ? indexes.map((index) => `${table.tableArn}/index/${index}`) : [table.tableArn],
    });
  }
}

/** The attribute `Id`, which is the ARN as the reference is; but an emulator may take the reference for the name. */
function arnOf(secret: Secret): string {
  return (secret.node.defaultChild as CfnSecret).attrId;
}

/** The secret that signs cursors, whose value CloudFormation makes: no template, output or variable has it. */
function cursorSecret(scope: Construct, { key }: Tables): Secret {
  const secret = new Secret(scope, 'CursorSecret', {
    description: 'Signs the cursors of lists.',
    ...(key && { encryptionKey: key }),
    generateSecretString: { passwordLength: SECRET_LENGTH, excludePunctuation: true },
  });
  const reason = '`make rotate-cursor-secret` rotates it; a schedule would need a function with the right to write it.';
  accept(secret, reason, 'AwsSolutions-SMG4');
  if (!key) {
    accept(secret, 'The stage option customerKey is off: it is encrypted with the key AWS manages.', 'CKV_AWS_149');
  }
  return secret;
}

function acceptForFunction(lambda: LambdaFunction, { functions }: StageOptions): void {
  const callers = 'Nothing calls it without waiting: what a consumer gives up is kept by its stream or queue.';
  accept(lambda, callers, 'CKV_AWS_116');
  accept(lambda, 'It talks to services of AWS alone, by IAM: a VPC would cost and slow the start.', 'CKV_AWS_117');
  accept(lambda, 'Its variables hold no secret.', 'CKV_AWS_173');
  accept(lambda, 'Binaries come from this repository through the deployer alone.', 'CKV_AWS_272');
  if (!functions.reservedConcurrency) {
    accept(lambda, 'The stage option reservedConcurrency is off: the API is throttled instead.', 'CKV_AWS_115');
  }
}
