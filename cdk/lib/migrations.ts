// Migrations of live tables: a function that works until its timeout, and a state machine that invokes it until it is done.

import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import { Alarms, IMMEDIATE, perMinute } from './alarms.ts';
import type { FunctionDefinition } from './contract.ts';
import type { Functions, Live } from './functions.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

/** Lambda's maximum. */
const TIMEOUT = Duration.minutes(15);

export interface MigrationsProps {
  /** The name of the service in this stage. */
  readonly name: string;
  /** The prefix of the names of the stage's resources. */
  readonly prefix: string;
  readonly definition: FunctionDefinition;
  readonly functions: Functions;
  readonly options: StageOptions;
}

export class Migrations extends Construct {
  constructor(scope: Construct, id: string, props: MigrationsProps) {
    super(scope, id);
    const live = props.functions.create(props.definition, {}, { timeout: TIMEOUT, isInBackground: true });
    const machine = this.machine(props, live);
    new MigrationAlarms(this, 'Alarms', props.name, machine);
    new CfnOutput(this, 'Arn', { key: 'MigrationMachine', value: machine.stateMachineArn });
  }

  private machine({ prefix, options }: MigrationsProps, live: Live): StateMachine {
    const logs = new LogGroup(this, 'Logs', {
      // With this prefix, the log group's resource policy does not grow with each state machine.
      logGroupName: `/aws/vendedlogs/states/${prefix}migrations`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(logs, 'The lines hold ids and counts, no body, key or personal data.', 'CKV_AWS_158');
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [live.alias.functionArn] }));
    const reason = 'Log delivery and X-Ray actions support no resource.';
    accept(role, reason, 'AwsSolutions-IAM5[Resource::*]', 'CKV_AWS_111');
    return new StateMachine(this, 'Machine', {
      stateMachineName: `${prefix}migrations`,
      role,
      definitionBody: DefinitionBody.fromString(JSON.stringify(definition())),
      definitionSubstitutions: { function: live.alias.functionArn },
      logs: { destination: logs, level: LogLevel.ALL, includeExecutionData: false },
      tracingEnabled: true,
    });
  }
}

class MigrationAlarms extends Alarms {
  constructor(scope: Construct, id: string, name: string, machine: StateMachine) {
    super(scope, id, name);
    this.alarm({
      id: 'Failures',
      name: 'migrations-failures',
      over: perMinute(machine.metricFailed(), Stats.SUM),
      threshold: 0,
      evaluation: IMMEDIATE,
      description:
        'A migration failed. Look at the execution in Step Functions for the reason and the next step. Completed work is kept.',
      runbook: 'migration-failures',
    });
  }
}

/** Returns a state machine that invokes the function with the execution's input until it reports success or a permanent failure. */
function definition(): object {
  const choice = (name: string, rule: object, next: string) => ({
    Variable: `$.answer.${name}`,
    ...rule,
    Next: next,
  });
  return {
    Comment: 'Applies pending migrations until none is left.',
    StartAt: 'Migrate',
    States: {
      Migrate: {
        Type: 'Task',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation substitutes the function.
        Resource: '${function}',
        // Keeps the input for the next invocation.
        ResultPath: '$.answer',
        Retry: [
          // The function resumes from its checkpoints after any failure.
          { ErrorEquals: ['States.ALL'], IntervalSeconds: 2, MaxAttempts: 8, BackoffRate: 2, MaxDelaySeconds: 60 },
        ],
        Next: 'Is it done?',
      },
      'Is it done?': {
        Type: 'Choice',
        Choices: [choice('done', { BooleanEquals: true }, 'Done'), choice('failed', { IsPresent: true }, 'Failed')],
        Default: 'Migrate',
      },
      Done: { Type: 'Pass', OutputPath: '$.answer', End: true },
      Failed: { Type: 'Fail', Error: 'MigrationFailed', CausePath: '$.answer.failed' },
    },
  };
}
