// Tests of the stages: names, settings, and checks before synthesis.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { checkConcurrency } from '../lib/quotas.ts';
import { checkReady, optionsOf, readSettings } from '../lib/settings.ts';
import { STAGES, type StageOptions, shapeOf, stageNamed } from '../lib/stages.ts';
import { templateOf } from './synthesized.ts';
import { type Json, ofType } from './template.ts';

const LONGEST = 'a23456789-123456789b';

/** The maximum lengths of names in characters, from each service's API reference. */
const LENGTHS: Readonly<Record<string, readonly [property: string, characters: number]>> = {
  'AWS::Lambda::Function': ['FunctionName', 64],
  'AWS::DynamoDB::GlobalTable': ['TableName', 255],
  'AWS::SQS::Queue': ['QueueName', 80],
  'AWS::Events::Archive': ['ArchiveName', 48],
  'AWS::Events::EventBus': ['Name', 256],
  'AWS::StepFunctions::StateMachine': ['StateMachineName', 80],
  'AWS::ApiGateway::Stage': ['StageName', 128],
  'AWS::WAFv2::WebACL': ['Name', 128],
  'AWS::CodeDeploy::Application': ['ApplicationName', 100],
  'AWS::CodeDeploy::DeploymentGroup': ['DeploymentGroupName', 100],
};

describe('a name of a stage', () => {
  for (const name of ['dev', 'ada', 'pr-123', 'a', LONGEST]) {
    test(`is valid: ${name}`, () => {
      assert.equal(stageNamed(name), name);
    });
  }

  for (const name of [
    '',
    'Ada',
    '1st',
    '-a',
    'a-',
    'a--b',
    'a_b',
    'a.b',
    `${LONGEST}c`,
    'account',
    'dev-resource',
    undefined,
  ]) {
    test(`is invalid: ${JSON.stringify(name)}`, () => {
      assert.throws(() => stageNamed(name), /cannot be a stage: it is a word of up to 20 lower-case letters, digits/);
    });
  }

  test('keeps every derived name within its limit, with all options of production', () => {
    const template = templateOf({ stage: LONGEST, options: STAGES.prod });
    for (const [type, [property, characters]] of Object.entries(LENGTHS)) {
      const names: readonly Json[] = ofType(template, type).map(({ properties }) => properties[property] ?? null);
      // A service without event consumers has no queues.
      assert.ok(names.length > 0 || type === 'AWS::SQS::Queue', type);
      for (const name of names) {
        assert.ok(typeof name !== 'string' || name.length <= characters, `${type}: ${name}`);
      }
    }
  });
});

describe('a stage', () => {
  test('has its own options if it is predefined, otherwise those of dev', () => {
    assert.deepEqual(['prod', 'staging', 'dev', 'ada', 'constructor'].map(shapeOf), [
      'prod',
      'staging',
      'dev',
      'dev',
      'dev',
    ]);
    assert.deepEqual(optionsOf('ada'), STAGES.dev);
    const [bus] = ofType(templateOf({ stage: 'ada' }), 'AWS::Events::EventBus');
    assert.equal(bus?.properties.Name, 'serverless-crud-ada');
  });

  test('called staging has the options of production, except retention of data, with no larger numbers', () => {
    const members = (options: StageOptions) => Object.keys(flat(options)).filter((name) => !name.startsWith('alarms.'));
    const { staging, prod } = STAGES;
    assert.deepEqual(members(staging).sort(), members(prod).sort());
    const on = (options: StageOptions) => Object.entries(flat(options)).filter(([, value]) => value === true);
    const kept = [
      ['data.keep', true],
      ['data.protect', true],
    ];
    assert.deepEqual([...on(staging), ...kept].sort(), on(prod).sort());
    assert.equal(staging.api.corsOrigins.length, prod.api.corsOrigins.length);
    for (const [name, value] of Object.entries(flat(prod)).filter(([name]) => !name.startsWith('alarms.'))) {
      assert.ok(typeof value !== 'number' || Number(flat(staging)[name]) <= value, name);
    }
  });
});

describe('settings', () => {
  const read = (text: string) => {
    const file = join(mkdtempSync(join(tmpdir(), 'settings-')), 'stages.json');
    writeFileSync(file, text);
    try {
      return readSettings(file);
    } finally {
      rmSync(join(file, '..'), { recursive: true });
    }
  };
  const corsOrigins = ['https://www.shop.net', 'http://localhost:8080'];
  const domain = { name: 'api.shop.net', certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0' };

  test('of a stage override its defaults', () => {
    const settings = read(
      JSON.stringify({ ada: { corsOrigins, alarmEmail: 'a@shop.net', domain, accountConcurrency: 50 } }),
    );
    const options = optionsOf('ada', settings.get('ada'));
    assert.deepEqual(options.api, { ...STAGES.dev.api, corsOrigins, domain });
    assert.deepEqual(options.alarms, { ...STAGES.dev.alarms, email: 'a@shop.net' });
    assert.equal(options.functions.accountConcurrency, 50);
  });

  test('in cdk/stages.json are valid', () => {
    assert.ok(readSettings().size > 0);
  });

  test('are empty without a file', () => {
    assert.equal(readSettings('/nowhere/stages.json').size, 0);
  });

  for (const [text, message] of [
    ['{', /^cdk\/stages\.json is not JSON: /],
    ['[]', /^cdk\/stages\.json is not an object with a member for each stage$/],
    ['{"Ada": {}}', /^"Ada" cannot be a stage: /],
    ['{"ada": 1}', /^cdk\/stages\.json: ada is not an object$/],
    ['{"ada": {"cors": []}}', /^cdk\/stages\.json: ada has cors: the settings are corsOrigins, alarmEmail, domain, /],
    ['{"ada": {"corsOrigins": []}}', /^cdk\/stages\.json: ada: corsOrigins must be a list of origins/],
    ['{"ada": {"corsOrigins": ["https://a.net/"]}}', /corsOrigins must be a list of origins/],
    ['{"ada": {"corsOrigins": ["a.net"]}}', /corsOrigins must be a list of origins/],
    ['{"ada": {"alarmEmail": "ada"}}', /alarmEmail must be an e-mail address/],
    ['{"ada": {"domain": {"name": "a.net"}}}', /domain must be an object with a name and the certificateArn for it/],
    [
      '{"ada": {"tokens": {"issuer": "http://a.net", "audiences": ["a"]}}}',
      /tokens must be an object with an https issuer/,
    ],
    ['{"ada": {"tokens": {"issuer": "https://a.net", "audiences": ["a b"]}}}', /tokens must be an object/],
    ['{"ada": {"tokens": {"issuer": "https://a.net"}}}', /tokens must be an object/],
    [
      '{"ada": {"tokens": {"userPool": {"mfa": "sms", "selfSignUp": true}}}}',
      /tokens must be .* with a userPool: its mfa/,
    ],
    ['{"ada": {"tokens": {"userPool": {"mfa": "off"}}}}', /tokens must be an object/],
    ['{"ada": {"tokens": {"userPool": {"mfa": "off", "selfSignUp": true, "mail": true}}}}', /tokens must be an object/],
    ['{"ada": {"authorization": {"default": "none"}}}', /authorization must be .*: key, token, iam/],
    [
      '{"ada": {"authorization": {"operations": {"items_list": "key"}}}}',
      /authorization must be an object with a default/,
    ],
    ['{"ada": {"authorization": {"default": "key", "operations": {"items_list": "open"}}}}', /authorization must be/],
    ['{"ada": {"applicationRoles": ["a b"]}}', /applicationRoles must be a list of roles without spaces/],
    ['{"ada": {"serviceRoles": "admin"}}', /serviceRoles must be a list of roles without spaces/],
    ['{"ada": {"accountConcurrency": 0}}', /accountConcurrency must be a whole number above 0/],
  ] as const) {
    test(`are refused in one line: ${text}`, () => {
      assert.throws(() => read(text), { message });
    });
  }
});

describe('production', () => {
  const ready = { corsOrigins: ['https://www.shop.net'], alarmEmail: 'operations@shop.net' };
  const check = (settings: object) => () => checkReady('prod', optionsOf('prod', { ...ready, ...settings }));

  test('is accepted with real origins and an address', () => {
    assert.doesNotThrow(check({}));
  });

  test('is refused with placeholders or without an alarm address', () => {
    const origins = 'prod is not ready: cdk/stages.json needs corsOrigins of yours instead of';
    const email = 'prod is not ready: cdk/stages.json needs an alarmEmail of yours';
    for (const origin of [
      'https://example.com',
      'https://www.example.com',
      'http://localhost:3000',
      'https://a.test',
    ]) {
      assert.throws(check({ corsOrigins: ['https://www.shop.net', origin] }), { message: `${origins} ${origin}` });
    }
    assert.throws(check({ alarmEmail: 'operations@example.com' }), { message: email });
    assert.throws(check({ alarmEmail: undefined }), { message: email });
    assert.doesNotThrow(check({ corsOrigins: ['https://notexample.com', 'https://example.com.shop.net'] }));
  });

  test('reports everything missing in one line before synthesis', () => {
    const folder = mkdtempSync(join(tmpdir(), 'refused-'));
    const context = { stage: 'prod', settings: '/nowhere/stages.json', functions: folder, architecture: 'arm64' };
    const environment = { ...process.env, CDK_OUTDIR: join(folder, 'out'), CDK_CONTEXT_JSON: JSON.stringify(context) };
    const program = ['--import', 'tsx', 'bin/app.ts'];
    const { status, stderr } = spawnSync(process.execPath, program, {
      cwd: join(import.meta.dirname, '..'),
      env: environment,
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /^cdk: prod is not ready: .* https:\/\/www\.example\.com, .*, and an alarmEmail of yours\n$/);
    assert.deepEqual(readdirSync(join(folder, 'out')), []);
    rmSync(folder, { recursive: true });
  });
});

describe('concurrency', () => {
  const contract = readContract();
  const { functions, consumers, jobs } = contract;
  const all = functions.length + consumers.length + jobs.length;
  const base = STAGES.prod.functions;
  const check = (options: object) => () => checkConcurrency(contract, { ...base, ...options });

  test('is not checked without a reservation', () => {
    assert.doesNotThrow(check({ accountConcurrency: 10 }));
  });

  test('can be reserved except what Lambda keeps', () => {
    assert.doesNotThrow(check({ reservedConcurrency: 10, accountConcurrency: 10 * all + 100 }));
    assert.throws(check({ reservedConcurrency: 10, accountConcurrency: 10 * all + 99 }), {
      message: new RegExp(
        `^${10 * all} concurrent executions .*: of the account's ${10 * all + 99}, Lambda keeps 100 for functions`,
      ),
    });
    assert.throws(check({ reservedConcurrency: 1_000 }), /of the account's 1000, Lambda keeps 100/);
    const options = { ...base, reservedConcurrency: 10, accountConcurrency: 10 * all + 100 };
    assert.throws(
      () => checkConcurrency(contract, options, true),
      new RegExp(`${10 * all + 10} concurrent executions`),
    );
  });

  test('can be provisioned up to the same limit and up to the reservation', () => {
    assert.throws(check({ provisionedConcurrency: 1, accountConcurrency: 100 }), /would be reserved or provisioned/);
    assert.doesNotThrow(check({ provisionedConcurrency: 1, accountConcurrency: 100 + functions.length }));
    assert.throws(
      check({ provisionedConcurrency: 2, reservedConcurrency: 1 }),
      /is 2, but reservedConcurrency allows 1/,
    );
  });

  test('is checked at synthesis', () => {
    const options = { ...STAGES.prod, functions: { ...base, reservedConcurrency: 500 } };
    assert.throws(() => templateOf({ stage: 'prod', options }), /would be reserved or provisioned/);
  });
});

/** Returns the options by path, as in `data.keep`. */
function flat(options: object, path = ''): Record<string, unknown> {
  return Object.assign(
    {},
    ...Object.entries(options).map(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? flat(value, `${path}${name}.`)
        : { [`${path}${name}`]: value },
    ),
  );
}
