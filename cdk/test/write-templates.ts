// Writes the templates of each stage, and those with all options, for checkers that read files.

import { STAGES, type StageName } from '../lib/stages.ts';
import { appOf, EVERYTHING, MIXED } from './synthesized.ts';

const folder = process.argv[2] ?? 'cdk.out/checked';
for (const stage of Object.keys(STAGES) as StageName[]) {
  appOf({ stage, outdir: `${folder}/${stage}` }).app.synth();
}
appOf({ stage: 'prod', options: EVERYTHING, outdir: `${folder}/everything` }).app.synth();
appOf({ stage: 'prod', options: MIXED, outdir: `${folder}/mixed` }).app.synth();
