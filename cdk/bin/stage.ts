// `node --import tsx bin/stage.ts ada`: checks a stage before anything is built, and prints its shape and whether
// it is protected from deletion.

import { readContract } from '../lib/contract.ts';
import { checkConcurrency } from '../lib/quotas.ts';
import { checkReady, optionsOf, readSettings } from '../lib/settings.ts';
import { shapeOf, stageNamed } from '../lib/stages.ts';
import { contractOf } from '../lib/upstream.ts';

try {
  const stage = stageNamed(process.argv[2]);
  const options = optionsOf(stage, readSettings().get(stage));
  checkReady(stage, options);
  checkConcurrency(contractOf(readContract(), options), options.functions, options.api.tokens !== undefined);
  console.log(shapeOf(stage), options.data.protect);
} catch (error) {
  console.error(`stack: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
