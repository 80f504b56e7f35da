// What is refused before anything is deployed, and what a new resource needs of the stack: nothing.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Annotations, Template } from 'aws-cdk-lib/assertions';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { folderOf } from '../lib/binaries.ts';
import { readContract } from '../lib/contract.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { withResource } from './added.ts';
import { appOf, EVERYTHING, placeholders, templateOf } from './synthesized.ts';
import { ofType } from './template.ts';

const contract = readContract();

describe('binaries', () => {
  const directory = placeholders(contract);
  const name = contract.functions[0]?.name ?? '';
  const arm = { directory, architecture: Architecture.ARM_64 };

  test('a binary for the function’s architecture is taken', () => {
    assert.equal(folderOf(name, arm), `${directory}/${name}`);
  });

  test('a binary for another is refused, by name', () => {
    const other = { directory, architecture: Architecture.X86_64 };
    assert.throws(() => folderOf(name, other), /bootstrap is for arm64, not x86_64: build it anew/);
  });

  test('a file that is no binary is refused', () => {
    writeFileSync(`${directory}/${name}/bootstrap`, '#!/bin/sh\n');
    assert.throws(() => folderOf(name, arm), /is for no machine Lambda has, not arm64/);
  });

  test('a missing one names the command that makes it', () => {
    rmSync(`${directory}/${name}`, { recursive: true });
    assert.throws(() => folderOf(name, arm), /bootstrap is missing: run `make build`/);
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
  assert.equal(added('AWS::Lambda::Function'), 6);
  assert.equal(added('AWS::DynamoDB::GlobalTable'), 1);
  assert.equal(added('AWS::ApiGateway::Method'), 6 + 4 + 3);
  assert.equal(added('AWS::ApiGateway::Model'), 3);
  Annotations.fromStack(appOf({ contract: extended }).service).hasNoError('*', '.*');
  assert.ok(Template.fromStack(appOf({ contract: extended }).service));
});
