// docs/cost.md says what the stages cost as they are.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { costDocument, costOf } from '../scripts/cost.ts';
import { VERBS } from '../scripts/cost-inputs.ts';
import { templateOf } from './synthesized.ts';
import { ofType } from './template.ts';

const DOCUMENT = new URL('../../docs/cost.md', import.meta.url);

test('docs/cost.md says what the stages cost (UPDATE=1 npm test writes it)', () => {
  if (process.env.UPDATE) {
    writeFileSync(DOCUMENT, costDocument());
  }
  assert.equal(readFileSync(DOCUMENT, 'utf8'), costDocument());
});

test('the verbs are all requests', () => {
  const shares = Object.values(VERBS).map(({ share }) => share);
  assert.equal(Math.round(shares.reduce((sum, share) => sum + share, 0) * 1e6), 1e6);
});

test('it counts the alarms there are', () => {
  const alarms = ofType(templateOf(), 'AWS::CloudWatch::Alarm').length;
  assert.equal(costOf('dev')['Alarms, dashboard, one metric']?.toFixed(2), (0.1 * alarms + 3.3).toFixed(2));
});
