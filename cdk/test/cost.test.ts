// docs/cost.md says what the stages cost as they are.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { costDocument, costOf } from '../scripts/cost.ts';
import { VERBS } from '../scripts/cost-inputs.ts';
import { templateOf } from './synthesized.ts';
import { at, list, ofType } from './template.ts';

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

test('it counts the metrics its alarms watch', () => {
  const watched = ofType(templateOf(), 'AWS::CloudWatch::Alarm').map(({ properties }) => {
    const metrics = list(properties.Metrics ?? null);
    return metrics.length > 0 ? metrics.filter((metric) => at(metric, 'MetricStat') !== null).length : 1;
  });
  const sum = watched.reduce((all, one) => all + one, 0);
  assert.equal(costOf('dev')['Alarms, dashboard, one metric']?.toFixed(2), (0.1 * sum + 3.3).toFixed(2));
});
