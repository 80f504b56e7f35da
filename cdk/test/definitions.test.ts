// Definitions in languages of AWS: the state machine, and the patterns that choose events.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import validate from 'asl-validator';
import { readContract } from '../lib/contract.ts';
import { PROJECT } from '../lib/stack.ts';
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

describe('the filter of each stream', () => {
  const consumers = readContract().consumers;
  const mappings = ofType(template, 'AWS::Lambda::EventSourceMapping');

  test('lets exactly the changes pass that its consumer reads', () => {
    assert.ok(mappings.length > 0);
    for (const { id, properties } of mappings) {
      const consumer = consumers.find(({ name }) => id.toLowerCase().includes(name.replaceAll('_', '')));
      assert.ok(consumer, id);
      const patterns = list(at(properties.FilterCriteria, 'Filters')).map((filter) => parsed(at(filter, 'Pattern')));
      for (const eventName of ['INSERT', 'MODIFY', 'REMOVE']) {
        const passes = patterns.length === 0 || patterns.some((pattern) => isMatch(pattern, change(eventName)));
        assert.equal(passes, consumer.events.includes(eventName), `${id}: ${eventName}`);
      }
    }
  });
});

test("the archive keeps the service's events, and no others", () => {
  const archives = ofType(template, 'AWS::Events::Archive');
  assert.ok(archives.length > 0);
  for (const { properties } of archives) {
    const pattern = properties.EventPattern ?? null;
    const event = { version: '0', source: PROJECT, 'detail-type': 'item.created', detail: { version: 1 } };
    assert.ok(isMatch(pattern, event));
    assert.ok(!isMatch(pattern, { ...event, source: `${PROJECT}-of-another` }));
  }
});

function change(eventName: string): Json {
  return { eventID: 'a1', eventName, eventSource: 'aws:dynamodb', dynamodb: { Keys: { id: { S: '1' } } } };
}

function parsed(text: Json): Json {
  return JSON.parse(String(text)) as Json;
}
