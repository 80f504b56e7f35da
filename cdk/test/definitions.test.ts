// Tests of the state machine's definition and of event patterns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import validate from 'asl-validator';
import { readContract } from '../lib/contract.ts';
import { PROJECT } from '../lib/project.ts';
import { isMatch } from './pattern.ts';
import { templateOf } from './synthesized.ts';
import { at, type Json, list, ofType } from './template.ts';

const FUNCTION = 'arn:aws:lambda:eu-central-1:123456789012:function:migrations_run:live';
const template = templateOf({ stage: 'prod' });

test('each state machine is valid in the Amazon States Language', () => {
  const machines = ofType(template, 'AWS::StepFunctions::StateMachine');
  assert.ok(machines.length > 0);
  for (const { properties } of machines) {
    const definition = JSON.parse(String(properties.DefinitionString).replaceAll(/\$\{\w+\}/g, FUNCTION));
    const { isValid, errors } = validate(definition, { checkPaths: true, checkArn: true });
    assert.ok(isValid, JSON.stringify(errors));
  }
});

test('the filter of each stream matches exactly its kinds of changes', () => {
  const mappings = ofType(template, 'AWS::Lambda::EventSourceMapping');
  const patterns = mappings.flatMap(({ properties }) =>
    list(at(properties.FilterCriteria, 'Filters')).map((filter) => parsed(at(filter, 'Pattern'))),
  );
  assert.ok(mappings.length > 0);
  for (const pattern of patterns) {
    const kinds = ['INSERT', 'MODIFY', 'REMOVE'].filter((kind) => isMatch(pattern, change(kind)));
    assert.deepEqual([...list(at(pattern, 'eventName'))].sort(), kinds);
    assert.ok(kinds.length > 0);
  }
});

test("the archive matches exactly the service's events", () => {
  const archives = ofType(template, 'AWS::Events::Archive');
  assert.ok(archives.length > 0);
  for (const { properties } of archives) {
    const pattern = properties.EventPattern ?? null;
    const event = { version: '0', source: PROJECT, 'detail-type': 'specimen.created', detail: { version: 1 } };
    assert.ok(isMatch(pattern, event));
    assert.ok(!isMatch(pattern, { ...event, source: `${PROJECT}-of-another` }));
  }
});

test('the rule of each event consumer matches exactly its types', () => {
  const rules = ofType(template, 'AWS::Events::Rule');
  const consumers = readContract().consumers.filter((consumer) => consumer.source === 'events');
  const taken = consumers.flatMap(({ types }) => types);
  assert.equal(rules.length, consumers.length);
  for (const [index, { types }] of consumers.entries()) {
    const pattern = rules[index]?.properties.EventPattern ?? null;
    for (const type of [...taken, ...['created', 'updated', 'deleted'].map((action) => `specimen.${action}`)]) {
      const event = { version: '0', source: PROJECT, 'detail-type': type, detail: { type } };
      assert.equal(isMatch(pattern, event), types.includes(type), type);
      assert.ok(!isMatch(pattern, { ...event, source: `${PROJECT}-of-another` }));
    }
  }
});

function change(eventName: string): Json {
  return { eventID: 'a1', eventName, eventSource: 'aws:dynamodb', dynamodb: { Keys: { id: { S: '1' } } } };
}

function parsed(text: Json): Json {
  return JSON.parse(String(text)) as Json;
}
