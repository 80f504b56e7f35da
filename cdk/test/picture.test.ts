// Tests that the picture of the dashboard in the docs is up to date.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { dashboardPicture } from '../scripts/dashboard-picture.ts';
import { templateOf } from './synthesized.ts';

const PICTURE = new URL('../../docs/dashboard.svg', import.meta.url);

test('docs/dashboard.svg shows the dashboard (UPDATE=1 npm test writes it)', () => {
  const picture = dashboardPicture(templateOf({ stage: 'prod' }), 'serverless-crud-prod');
  if (process.env.UPDATE) {
    writeFileSync(PICTURE, picture);
  }
  assert.equal(readFileSync(PICTURE, 'utf8'), picture);
});
