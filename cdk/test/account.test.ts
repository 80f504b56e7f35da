// Tests of the account's stack with the gateway's logging role, and of the optional trail.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { readContract } from '../lib/contract.ts';
import { appOf, EVERYTHING, templateOf } from './synthesized.ts';
import { at, list, ofType, resources } from './template.ts';

describe("the account's stack", () => {
  const account = appOf().app.node.findChild('serverless-crud-account');
  const template = Template.fromStack(account as Parameters<typeof Template.fromStack>[0]);

  test('retains its resources when it is deleted, since others may use them', () => {
    for (const { id, deletionPolicy } of resources(template).values()) {
      assert.equal(deletionPolicy, 'RetainExceptOnCreate', id);
    }
  });

  test('exists only if the region has no such role', () => {
    const names = (hasAccountStack: boolean) => appOf({ hasAccountStack }).app.node.children.map(({ node }) => node.id);
    assert.ok(names(true).includes('serverless-crud-account'));
    assert.ok(!names(false).includes('serverless-crud-account'));
  });
});

describe('a trail', () => {
  test('covers requests to all tables of its stage', () => {
    const template = templateOf({ stage: 'prod', options: EVERYTHING });
    const [trail] = ofType(template, 'AWS::CloudTrail::Trail');
    const [selector] = list(trail?.properties.AdvancedEventSelectors ?? null);
    const fields = list(at(selector, 'FieldSelectors')).map(
      (field) => [at(field, 'Field'), at(field, 'Equals')] as const,
    );
    const [category, type, tables] = fields;
    assert.deepEqual(category, ['eventCategory', ['Data']]);
    assert.deepEqual(type, ['resources.type', ['AWS::DynamoDB::Table']]);
    assert.equal(list(tables?.[1] ?? null).length, readContract().tables.length);
    assert.equal(trail?.properties.EventSelectors, undefined);
    assert.equal(trail?.properties.IsLogging, true);
    assert.equal(trail?.properties.EnableLogFileValidation, true);
  });

  test('is off by default', () => {
    for (const stage of ['dev', 'prod']) {
      assert.equal(ofType(templateOf({ stage }), 'AWS::CloudTrail::Trail').length, 0);
    }
  });
});
