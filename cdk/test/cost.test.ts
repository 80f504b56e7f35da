// Tests that docs/cost.md is up to date.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { optionsOf } from '../lib/settings.ts';
import { costDocument, costOf } from '../scripts/cost.ts';
import { OPERATIONS } from '../scripts/cost-inputs.ts';
import { templateOf } from './synthesized.ts';
import { at, list, ofType } from './template.ts';

const DOCUMENT = new URL('../../docs/cost.md', import.meta.url);

test('docs/cost.md is up to date (UPDATE=1 npm test writes it)', () => {
  if (process.env.UPDATE) {
    writeFileSync(DOCUMENT, costDocument());
  }
  assert.equal(readFileSync(DOCUMENT, 'utf8'), costDocument());
});

test('the shares of the operations sum to 1', () => {
  const shares = Object.values(OPERATIONS).map(({ share }) => share);
  assert.equal(Math.round(shares.reduce((sum, share) => sum + share, 0) * 1e6), 1e6);
});

test('the cost of alarms counts their metrics', () => {
  const watched = ofType(templateOf({ options: optionsOf('dev') }), 'AWS::CloudWatch::Alarm').map(({ properties }) => {
    const metrics = list(properties.Metrics ?? null);
    return metrics.length > 0 ? metrics.filter((metric) => at(metric, 'MetricStat') !== null).length : 1;
  });
  const sum = watched.reduce((total, count) => total + count, 0);
  assert.equal(costOf('dev')['Alarms, dashboard, one metric']?.toFixed(2), (0.1 * sum + 3.3).toFixed(2));
});
