// `cdk deploy -c stage=dev`: reads the context, the contract and the binaries.

import { resolve } from 'node:path';
import { App } from 'aws-cdk-lib';
import { addService } from '../lib/app.ts';
import { architectureNamed } from '../lib/binaries.ts';
import { readContract } from '../lib/contract.ts';
import { checkReady, optionsOf, readSettings } from '../lib/settings.ts';
import { stageNamed } from '../lib/stages.ts';

/** Returns true if the context has the flag, which is text where it comes from the command line. */
function isOn(app: App, flag: string): boolean {
  return [true, 'true'].includes(app.node.tryGetContext(flag));
}

try {
  // cfn-lint checks the templates in the tests; CDK's own check of them takes a quarter of a minute.
  const app = new App({ autoSynth: false, builtinCloudFormationValidation: false });
  const stage = stageNamed(app.node.tryGetContext('stage'));
  const options = optionsOf(stage, readSettings(app.node.tryGetContext('settings')).get(stage));
  checkReady(stage, options);
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  addService(app, {
    env: { ...(account && { account }), ...(region && { region }) },
    stage,
    // A first deployment that fails must be able to take everything away: protection comes with the second.
    options: isOn(app, 'protect') ? options : { ...options, data: { ...options.data, protect: false } },
    hasAccountStack: isOn(app, 'account'),
    contract: readContract(resolve(app.node.tryGetContext('contract'))),
    binaries: {
      directory: resolve(app.node.tryGetContext('functions')),
      architecture: architectureNamed(app.node.tryGetContext('architecture')),
    },
  });
  app.synth();
} catch (error) {
  // One line with the remedy, without a stack trace.
  console.error(`cdk: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
