// What is refused before anything is deployed, and what a new resource needs of the stack: nothing.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Annotations, Template } from 'aws-cdk-lib/assertions';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { EXECUTABLE, executableFolder } from '../lib/binaries.ts';
import { byPath, readContract } from '../lib/contract.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { withResource } from './added.ts';
import { appOf, EVERYTHING, placeholder, templateOf } from './synthesized.ts';
import { ofType } from './template.ts';

const contract = readContract();

describe('the executable', () => {
  const directory = placeholder();
  const arm = { directory, architecture: Architecture.ARM_64 };

  test('one for the functions’ architecture is taken', () => {
    assert.equal(executableFolder(arm), `${directory}/${EXECUTABLE}`);
  });

  test('one for another architecture is refused', () => {
    const other = { directory, architecture: Architecture.X86_64 };
    assert.throws(() => executableFolder(other), /bootstrap is for arm64, not x86_64: build it again/);
  });

  test('a file that is no binary is refused', () => {
    writeFileSync(`${directory}/${EXECUTABLE}/bootstrap`, '#!/bin/sh\n');
    assert.throws(() => executableFolder(arm), /is for no architecture Lambda supports, not arm64/);
  });

  test('a missing one names the command that makes it', () => {
    rmSync(`${directory}/${EXECUTABLE}`, { recursive: true });
    assert.throws(() => executableFolder(arm), /bootstrap is missing: run `make build`/);
  });
});

test('a missing contract names the command that makes it', () => {
  assert.throws(() => readContract('/nowhere'), /openapi\.json is missing: run `make contract`/);
});

describe('cdk-nag', () => {
  for (const stage of Object.keys(STAGES) as StageName[]) {
    test(`finds nothing in ${stage} that is not accepted with a reason`, () => {
      assert.doesNotThrow(() => appOf({ stage }).app.synth());
    });
  }

  test('finds nothing with every option on', () => {
    assert.doesNotThrow(() => appOf({ stage: 'prod', options: EVERYTHING }).app.synth());
  });
});

test('a new resource in the contract has its functions, table, methods and models, by no line of the stack', () => {
  const extended = withResource(contract, 'specimens');
  const template = templateOf({ contract: extended });
  const added = (type: string) => ofType(template, type).length - ofType(templateOf(), type).length;
  const copied = extended.operations.filter(({ name }) => name.startsWith('specimens_'));
  assert.equal(added('AWS::Lambda::Function'), new Set(copied.map((operation) => operation.function)).size);
  assert.equal(added('AWS::DynamoDB::GlobalTable'), 1);
  // Beside its operations, each path answers preflights, and any method it does not have.
  assert.equal(added('AWS::ApiGateway::Method'), copied.length + 2 * byPath(copied).size);
  assert.equal(added('AWS::ApiGateway::Model'), 3);
  Annotations.fromStack(appOf({ contract: extended }).service).hasNoError('*', '.*');
  assert.ok(Template.fromStack(appOf({ contract: extended }).service));
});
