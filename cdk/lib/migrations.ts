// Migrations of live tables: a function that does what its time allows, and a state machine that calls it until it is done.

import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { FunctionDefinition } from './contract.ts';
import type { Functions, Live } from './functions.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

/** Lambda's longest. */
const TIMEOUT = Duration.minutes(15);

export interface MigrationsProps {
  /** What the names of the stage's resources start with. */
  readonly prefix: string;
  readonly definition: FunctionDefinition;
  readonly functions: Functions;
  /** Who is told when an execution fails. */
  readonly topic: ITopic;
  readonly options: StageOptions;
}

export class Migrations extends Construct {
  constructor(scope: Construct, id: string, props: MigrationsProps) {
    super(scope, id);
    const live = props.functions.create(props.definition, {}, { timeout: TIMEOUT, isInBackground: true });
    const machine = this.machine(props, live);
    const failures = new Alarm(this, 'Failures', {
      alarmName: `${props.prefix}migrations-failures`,
      alarmDescription:
        'A migration failed. Look at the execution in Step Functions for the reason: it says what to do, and what is done stays done.',
      metric: machine.metricFailed({ statistic: Stats.SUM, period: Duration.minutes(1) }),
      threshold: 0,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    failures.addAlarmAction(new SnsAction(props.topic));
    failures.addOkAction(new SnsAction(props.topic));
    new CfnOutput(this, 'Arn', { key: 'MigrationMachine', value: machine.stateMachineArn });
  }

  private machine({ prefix, options }: MigrationsProps, live: Live): StateMachine {
    const logs = new LogGroup(this, 'Logs', {
      // Under this name, Step Functions' permission to write does not grow with each machine.
      logGroupName: `/aws/vendedlogs/states/${prefix}migrations`,
      retention: options.logRetention,
      removalPolicy: removalPolicy(options.data),
    });
    accept(logs, 'The lines hold ids and counts, no body, key or personal data.', 'CKV_AWS_158');
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [live.alias.functionArn] }));
    const reason = 'Log delivery and X-Ray are given under no name: they have no resource.';
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

/** Calls the function with the input of the execution until it answers that it is done, or that calling it again is no use. */
function definition(): object {
  const answered = (name: string, rule: object, next: string) => ({
    Variable: `$.answer.${name}`,
    ...rule,
    Next: next,
  });
  return {
    Comment: 'Applies pending migrations, as long as that takes.',
    StartAt: 'Migrate',
    States: {
      Migrate: {
        Type: 'Task',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation puts the function in.
        Resource: '${function}',
        // The input stays as it is for the next call.
        ResultPath: '$.answer',
        Retry: [
          // The function goes on from its checkpoints, whatever ended it.
          { ErrorEquals: ['States.ALL'], IntervalSeconds: 2, MaxAttempts: 8, BackoffRate: 2, MaxDelaySeconds: 60 },
        ],
        Next: 'Is it done?',
      },
      'Is it done?': {
        Type: 'Choice',
        Choices: [answered('done', { BooleanEquals: true }, 'Done'), answered('failed', { IsPresent: true }, 'Failed')],
        Default: 'Migrate',
      },
      Done: { Type: 'Pass', OutputPath: '$.answer', End: true },
      Failed: { Type: 'Fail', Error: 'MigrationFailed', CausePath: '$.answer.failed' },
    },
  };
}
