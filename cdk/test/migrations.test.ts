// Tests of the state machine that applies migrations.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EVERYTHING, templateOf } from './synthesized.ts';
import { at, list, ofType, rendered, resources } from './template.ts';

const template = templateOf({ stage: 'prod' });
const [machine] = ofType(template, 'AWS::StepFunctions::StateMachine');

interface State {
  readonly Resource?: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Variable: string; readonly Next: string }[];
  readonly Retry?: readonly { readonly ErrorEquals: readonly string[] }[];
}

describe('the state machine', () => {
  const { States: states } = JSON.parse(String(machine?.properties.DefinitionString)) as {
    readonly States: Readonly<Record<string, State>>;
  };

  test('invokes the function until it reports success or a permanent failure', () => {
    assert.equal(states.Migrate?.Next, 'Is it done?');
    const choice = states['Is it done?'];
    assert.equal(choice?.Default, 'Migrate');
    assert.deepEqual(
      choice?.Choices?.map(({ Variable, Next }) => [Variable, Next]),
      [
        ['$.answer.done', 'Done'],
        ['$.answer.failed', 'Failed'],
      ],
    );
    assert.deepEqual(states.Migrate?.Retry?.[0]?.ErrorEquals, ['States.ALL']);
  });

  test('is traced and logged without execution data', () => {
    assert.equal(at(machine?.properties.TracingConfiguration, 'Enabled'), true);
    assert.equal(at(machine?.properties.LoggingConfiguration, 'Level'), 'ALL');
    assert.equal(at(machine?.properties.LoggingConfiguration, 'IncludeExecutionData'), false);
  });

  test('may only invoke the live version of its function', () => {
    const role = at(machine?.properties.RoleArn, 'Fn::GetAtt');
    const policies = ofType(template, 'AWS::IAM::Policy').filter((policy) =>
      list(policy.properties.Roles ?? null).some((reference) => at(reference, 'Ref') === list(role)[0]),
    );
    const statements = policies.flatMap((policy) => list(at(policy.properties.PolicyDocument, 'Statement')));
    const calls = statements.filter((statement) => list(at(statement, 'Action')).includes('lambda:InvokeFunction'));
    assert.equal(calls.length, 1);
    assert.match(rendered(at(calls[0], 'Resource'), resources(template)), /migrationsrunFunctionAliaslive/);
    const others = statements.flatMap((statement) => list(at(statement, 'Action'))).map(String);
    assert.ok(
      others.every((action) => /^(lambda:InvokeFunction|logs:|xray:)/.test(action)),
      others.join(),
    );
  });

  test('has no provisioned concurrency', () => {
    const aliases = ofType(templateOf({ stage: 'prod', options: EVERYTHING }), 'AWS::Lambda::Alias');
    const own = aliases.filter(({ id }) => id.includes('migrationsrun'));
    assert.deepEqual(
      own.map(({ properties }) => properties.ProvisionedConcurrencyConfig),
      [undefined],
    );
  });
});
