// The state machine that has migrations applied.

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

  test('calls the function again until it answers that it is done, or that this is no use', () => {
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

  test('is traced and logged, without the data that passes through it', () => {
    assert.equal(at(machine?.properties.TracingConfiguration, 'Enabled'), true);
    assert.equal(at(machine?.properties.LoggingConfiguration, 'Level'), 'ALL');
    assert.equal(at(machine?.properties.LoggingConfiguration, 'IncludeExecutionData'), false);
  });

  test('may call the live version of its function, and nothing else', () => {
    const role = at(machine?.properties.RoleArn, 'Fn::GetAtt');
    const policies = ofType(template, 'AWS::IAM::Policy').filter((policy) =>
      list(policy.properties.Roles ?? null).some((of) => at(of, 'Ref') === list(role)[0]),
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

  test('is never kept warm', () => {
    const aliases = ofType(templateOf({ stage: 'prod', options: EVERYTHING }), 'AWS::Lambda::Alias');
    const ours = aliases.filter(({ id }) => id.includes('migrationsrun'));
    assert.deepEqual(
      ours.map(({ properties }) => properties.ProvisionedConcurrencyConfig),
      [undefined],
    );
  });
});
