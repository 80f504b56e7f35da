// Tests of the division into stacks: their limits with twenty resources, and what a new executable or resource changes.

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Contract, readContract } from '../lib/contract.ts';
import { STAGES } from '../lib/stages.ts';
import { withResource, withResources } from './added.ts';
import { appOf, type Options, placeholder } from './synthesized.ts';

const PREFIX = 'serverless-crud-prod-';
const STORED = [
  'AWS::Cognito::UserPool',
  'AWS::DynamoDB::GlobalTable',
  'AWS::KMS::Key',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::Events::Archive',
];

interface Synthesized {
  readonly template: { readonly Resources: Readonly<Record<string, { readonly Type: string }>> };
  readonly text: string;
  readonly dependencies: readonly string[];
}

/** Returns the stacks of production by the last part of their names. */
function stacksOf(options: Options = {}): ReadonlyMap<string, Synthesized> {
  const { app } = appOf({ stage: 'prod', options: STAGES.prod, hasAccountStack: false, ...options });
  return new Map(
    app.synth().stacks.map(({ stackName, template, dependencies }) => {
      assert.ok(stackName.startsWith(PREFIX), stackName);
      return [
        stackName.slice(PREFIX.length),
        {
          template,
          text: JSON.stringify(template, null, 1),
          dependencies: dependencies
            .map(({ id }) => id.slice(PREFIX.length))
            .filter((name) => !name.endsWith('.assets')),
        },
      ];
    }),
  );
}

/** Returns the names of the stacks whose templates differ, or exist on one side only. */
function changes(before: ReadonlyMap<string, Synthesized>, after: ReadonlyMap<string, Synthesized>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name)?.text !== after.get(name)?.text).sort();
}

function deploymentOf(stacks: ReadonlyMap<string, Synthesized>): string | undefined {
  const resources = Object.entries(stacks.get('release')?.template.Resources ?? {});
  return resources.find(([, { Type }]) => Type === 'AWS::ApiGateway::Deployment')?.[0];
}

const contract = readContract();
const twenty = stacksOf({ contract: withResources(contract, 20) });
const base = stacksOf();

describe('with twenty resources in the shape of production', () => {
  test('no stack has more than 450 resources or 900 KB', () => {
    assert.ok(twenty.size >= 20);
    for (const [name, { template, text }] of twenty) {
      assert.ok(Object.keys(template.Resources).length <= 450, `${name}: ${Object.keys(template.Resources).length}`);
      assert.ok(Buffer.byteLength(text) <= 900_000, `${name}: ${Buffer.byteLength(text)}`);
    }
  });

  test('a stack deploys after those it reads, and the release after all', () => {
    const [last] = [...twenty.keys()].slice(-1);
    assert.equal(last, 'release');
    const others = [...twenty.keys()].filter((name) => name !== 'release');
    assert.deepEqual([...(twenty.get('release')?.dependencies ?? [])].sort(), others.sort());
    for (const [name, { dependencies }] of twenty) {
      const read = /^(resource|consumer|jobs)/.test(name) ? ['api', 'data'] : [];
      assert.ok(name === 'release' || dependencies.every((dependency) => read.includes(dependency)), name);
    }
  });
});

describe('references between stacks', () => {
  test('never block a removal: nothing is exported or imported', () => {
    for (const [name, { text }] of twenty) {
      assert.doesNotMatch(text, /"Export"|Fn::ImportValue/, name);
    }
  });
});

describe('the data stack', () => {
  test('holds everything that is stored', () => {
    for (const [name, { template }] of twenty) {
      const types = Object.values(template.Resources).map(({ Type }) => Type);
      assert.equal(
        STORED.some((type) => types.includes(type)),
        name === 'data',
        name,
      );
    }
  });

  test('holds nothing else that a new executable changes', () => {
    const functions = placeholder();
    appendFileSync(`${functions}/functions/bootstrap`, 'a new version');
    const changed = changes(base, stacksOf({ functions }));
    const code = [...base.keys()].filter((name) => /^(resource|consumer|jobs)/.test(name));
    assert.deepEqual(changed, code.sort());
  });
});

describe('an added resource', () => {
  const added = stacksOf({ contract: withResource(contract, 'specimens') });

  test('has a stack of its own, and changes no stack of another resource', () => {
    const changed = changes(base, added);
    assert.ok(changed.includes('resource-specimens'));
    assert.deepEqual(
      changed.filter((name) => name.startsWith('resource-')),
      ['resource-specimens'],
    );
    assert.ok(!changed.includes('api'));
  });

  test('is deployed to the stage', () => {
    assert.ok(deploymentOf(base));
    assert.notEqual(deploymentOf(added), deploymentOf(base));
  });
});

describe('the stage is deployed again', () => {
  const [response, ...responses] = contract.gatewayResponses;
  const [model = ''] = Object.keys(contract.models);
  const [operation, ...operations] = contract.operations;
  assert.ok(response && operation);
  const cases: Readonly<Record<string, Partial<Contract>>> = {
    model: { models: { ...contract.models, [model]: { type: 'object', title: 'changed' } } },
    'gateway response': { gatewayResponses: [{ ...response, detail: 'Changed.' }, ...responses] },
    method: { operations: [{ ...operation, parameters: [] }, ...operations] },
    'removed method': { operations },
    'header of preflights': { cors: { ...contract.cors, maxAgeSeconds: 1 } },
  };

  for (const [name, changed] of Object.entries(cases)) {
    test(`after a change: ${name}`, () => {
      assert.notEqual(deploymentOf(stacksOf({ contract: { ...contract, ...changed } })), deploymentOf(base));
    });
  }

  test('but not without a change, nor for new code', () => {
    const functions = placeholder();
    appendFileSync(`${functions}/functions/bootstrap`, 'a new version');
    assert.equal(deploymentOf(stacksOf({ functions })), deploymentOf(base));
  });
});
