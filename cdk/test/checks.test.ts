// Tests of checks before a deployment, and of a new resource without changes of the stack.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Annotations } from 'aws-cdk-lib/assertions';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { EXECUTABLE, executableFolder } from '../lib/binaries.ts';
import { readContract } from '../lib/contract.ts';
import { byPath } from '../lib/grouping.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { withResource } from './added.ts';
import { appOf, EVERYTHING, MIXED, placeholder, templateOf } from './synthesized.ts';
import { ofType } from './template.ts';

const contract = readContract();

describe('the executable', () => {
  const directory = placeholder();
  const arm = { directory, architecture: Architecture.ARM_64 };

  test('is accepted for the functions’ architecture', () => {
    assert.equal(executableFolder(arm), `${directory}/${EXECUTABLE}`);
  });

  test('is refused for another architecture', () => {
    const other = { directory, architecture: Architecture.X86_64 };
    assert.throws(() => executableFolder(other), /bootstrap is for arm64, not x86_64: build it again/);
  });

  test('is refused if it is not a binary', () => {
    writeFileSync(`${directory}/${EXECUTABLE}/bootstrap`, '#!/bin/sh\n');
    assert.throws(() => executableFolder(arm), /is for no architecture Lambda supports, not arm64/);
  });

  test('names the build command if it is missing', () => {
    rmSync(`${directory}/${EXECUTABLE}`, { recursive: true });
    assert.throws(() => executableFolder(arm), /bootstrap is missing: run `make build`/);
  });
});

test('a missing contract names the command that generates it', () => {
  assert.throws(() => readContract('/nowhere'), /openapi\.json is missing: run `make contract`/);
});

describe('cdk-nag', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    test(`has no unaccepted finding in ${stage}`, () => {
      assert.doesNotThrow(() => appOf({ stage }).app.synth());
    });
  }

  test('has no unaccepted finding with all options', () => {
    assert.doesNotThrow(() => appOf({ stage: 'prod', options: EVERYTHING }).app.synth());
  });

  test('has no unaccepted finding with a user pool and several kinds of callers', () => {
    assert.doesNotThrow(() => appOf({ stage: 'prod', options: MIXED }).app.synth());
  });
});

test('a new resource in the contract gets its functions, table, methods and models', () => {
  const extended = withResource(contract, 'specimens');
  const template = templateOf({ contract: extended });
  const added = (type: string) => ofType(template, type).length - ofType(templateOf(), type).length;
  const copied = extended.operations.filter(({ name }) => name.startsWith('specimens_'));
  assert.equal(added('AWS::Lambda::Function'), new Set(copied.map((operation) => operation.function)).size);
  assert.equal(added('AWS::DynamoDB::GlobalTable'), 1);
  // Each path also has a preflight and the method ANY.
  assert.equal(added('AWS::ApiGateway::Method'), copied.length + 2 * byPath(copied).size);
  assert.equal(added('AWS::ApiGateway::Model'), 3);
  for (const stack of appOf({ contract: extended }).stacks) {
    Annotations.fromStack(stack).hasNoError('*', '.*');
  }
});
