// Tests of canary deployments: evaluates the alarms of a deployment over the invocations of both versions.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { STAGES } from '../lib/stages.ts';
import { OPERATIONS } from '../scripts/cost-inputs.ts';
import { Alarms, type Call, type Line, minutes, NEW, OLD } from './alarms.ts';
import { templateOf } from './synthesized.ts';
import { at, list, ofType, resources } from './template.ts';

type Lines = Readonly<Record<string, Line>>;
/** Log lines as the functions write them; `cargo test --test service log_lines` checks that. */
const LINES = JSON.parse(readFileSync(new URL('log-lines.json', import.meta.url), 'utf8')) as Lines;

const prod = templateOf({ stage: 'prod' });
const { functions, consumers } = readContract();
const BAKE_MINUTES = 5;
/** The new version receives every tenth invocation. */
const CANARY_INTERVAL = 10;

/** The result of a version's invocation, given the number of earlier ones. */
type Behaviour = (count: number) => Pick<Call, 'line' | 'isError'>;

const behaves =
  (name: string, isError = false): Behaviour =>
  () => ({ line: LINES[name] ?? assert.fail(`${name} is not in log-lines.json`), isError });
const healthy = behaves('answered');
const done = behaves('batchDone');
const crashes: Behaviour = () => ({ isError: true });
/** Fails one in this many invocations. */
const fails = (name: string, oneIn: number): Behaviour => {
  return (count) => (count % oneIn === oneIn - 1 ? behaves(name) : healthy)(count);
};

interface Traffic {
  readonly name: string;
  /** Invocations of both versions. */
  readonly perMinute: number;
  readonly old: Behaviour;
  readonly new: Behaviour;
}

/** Returns the minute in which the deployment is rolled back, or null if it succeeds. */
function rollbackMinute({ name, perMinute, old, new: renewed }: Traffic): number | null {
  const alarms = new Alarms(prod);
  const watched = alarms.watchedBy(name);
  assert.ok(watched.length > 0, `the deployment of ${name} watches an alarm`);
  const called = `serverless-crud-prod-${name}`;
  // The old version's earlier failures are in the window when the deployment starts.
  const before = BAKE_MINUTES * perMinute;
  for (let call = -before; call < BAKE_MINUTES * perMinute; call += 1) {
    const second = (call * 60) / perMinute;
    const isNew = call >= 0 && call % CANARY_INTERVAL === 0;
    const count = isNew ? call / CANARY_INTERVAL : call + before;
    alarms.record({ second, function: called, version: isNew ? NEW : OLD, ...(isNew ? renewed : old)(count) });
  }
  const stopped = minutes(BAKE_MINUTES).find((second) => watched.some((alarm) => alarms.isInAlarm(alarm, second)));
  return stopped === undefined ? null : stopped / 60;
}

/** Returns the name of a function of this kind. */
function functionFor(operation: keyof typeof OPERATIONS): string {
  const found = functions.find(({ name }) => name.endsWith(`_${operation}`));
  return found?.name ?? assert.fail(`no function is named _${operation}`);
}

/** Returns the invocations per minute of each function, at this many requests per second. */
function shares(requestsPerSecond: number): Map<string, number> {
  const resourceCount = new Set(functions.map(({ name }) => name.split('_')[0])).size;
  return new Map(
    functions.map(({ name }) => {
      const operation = OPERATIONS[name.split('_')[1] as keyof typeof OPERATIONS];
      return [name, (requestsPerSecond * 60 * (operation?.share ?? OPERATIONS.list.share)) / resourceCount];
    }),
  );
}

describe('a new version of a function of the API', () => {
  for (const [name, perMinute] of shares(20)) {
    test(`${name} is rolled back when it returns errors, times out or crashes`, () => {
      for (const broken of [behaves('failed'), behaves('panicked'), behaves('timedOut'), crashes]) {
        assert.notEqual(rollbackMinute({ name, perMinute, old: healthy, new: broken }), null);
      }
    });

    test(`${name} succeeds when it is healthy, regardless of client errors`, () => {
      assert.equal(rollbackMinute({ name, perMinute, old: healthy, new: healthy }), null);
      assert.equal(rollbackMinute({ name, perMinute, old: healthy, new: behaves('refused') }), null);
    });

    test(`${name} succeeds when it fixes a failing old version`, () => {
      for (const broken of [behaves('failed'), crashes]) {
        assert.equal(rollbackMinute({ name, perMinute, old: broken, new: healthy }), null);
      }
    });
  }

  test('is rolled back when one request in twenty fails, but not with one in five hundred', () => {
    const traffic = { name: functionFor('get'), perMinute: 3_000, old: healthy };
    assert.notEqual(rollbackMinute({ ...traffic, new: fails('failed', 20) }), null);
    assert.equal(rollbackMinute({ ...traffic, new: fails('failed', 500) }), null);
  });

  test('is rolled back from a dozen requests a minute on, since fewer do not suffice', () => {
    const traffic = { name: functionFor('create'), old: healthy, new: behaves('failed') };
    assert.notEqual(rollbackMinute({ ...traffic, perMinute: 12 }), null);
    assert.equal(rollbackMinute({ ...traffic, perMinute: 4 }), null);
  });
});

describe('a new version of a consumer', () => {
  const [{ name } = { name: '' }] = consumers;

  test('is rolled back when it panics, times out or crashes', () => {
    for (const perMinute of [10, 60, 600]) {
      for (const broken of [behaves('batchCrashed'), crashes]) {
        assert.notEqual(rollbackMinute({ name, perMinute, old: done, new: broken }), null, `${perMinute} a minute`);
      }
    }
  });

  test('succeeds while a record fails in both versions', () => {
    // Lambda first halves the batch until the record is alone, then retries it.
    for (const perMinute of [4, 60, 600]) {
      for (const failing of [behaves('recordFailedFirst', true), behaves('recordFailedAlone')]) {
        assert.equal(rollbackMinute({ name, perMinute, old: failing, new: failing }), null, `${perMinute} a minute`);
      }
    }
  });

  test('succeeds when only one record makes it panic', () => {
    const poison: Behaviour = (count) => (count % 4 === 0 ? behaves('batchCrashed') : done)(count);
    assert.equal(rollbackMinute({ name, perMinute: 600, old: poison, new: poison }), null);
  });

  test('succeeds when it fixes a crashing old version', () => {
    assert.equal(rollbackMinute({ name, perMinute: 60, old: behaves('batchCrashed'), new: done }), null);
  });
});

describe('the order of a deployment', () => {
  const all = resources(prod);
  const groups = ofType(prod, 'AWS::CodeDeploy::DeploymentGroup');

  test('every function has a deployment group that watches its newest version', () => {
    const names = [...functions, ...consumers].map(({ name }) => name);
    assert.deepEqual(groups.map(({ properties }) => properties.DeploymentGroupName).sort(), [...names].sort());
    for (const name of names) {
      const [alarm, ...others] = new Alarms(prod).watchedBy(name);
      assert.deepEqual(others, []);
      assert.match(JSON.stringify(alarm?.properties.AlarmName), new RegExp(`-${name}-failures-version-`));
    }
  });

  test('each version has its own alarm, without the state of the previous one', () => {
    for (const { properties } of groups) {
      const id = at(list(at(properties.AlarmConfiguration, 'Alarms'))[0], 'Name', 'Ref');
      const name = JSON.stringify(all.get(String(id))?.properties.AlarmName);
      const [, version] = /"Fn::GetAtt":\["(\w+)","Version"\]/.exec(name) ?? [];
      assert.equal(all.get(String(version))?.type, 'AWS::Lambda::Version', name);
    }
  });

  test('the alias depends on its deployment group', () => {
    const raw = prod.toJSON().Resources as Record<string, { readonly DependsOn?: readonly string[] }>;
    for (const alias of ofType(prod, 'AWS::Lambda::Alias')) {
      const group = at(alias.updatePolicy, 'CodeDeployLambdaAliasUpdate', 'DeploymentGroupName', 'Ref');
      if (group !== null) {
        assert.ok(raw[alias.id]?.DependsOn?.includes(String(group)), alias.id);
      }
    }
  });

  test('has no circular dependency', () => {
    const raw = prod.toJSON().Resources as Record<string, object>;
    const seen = new Map<string, 'open' | 'closed'>();
    const visit = (id: string, path: readonly string[]) => {
      assert.notEqual(seen.get(id), 'open', [...path, id].join(' > '));
      if (seen.get(id) === 'closed') {
        return;
      }
      seen.set(id, 'open');
      for (const next of references(raw[id] ?? {}).filter((name) => name in raw)) {
        visit(next, [...path, id]);
      }
      seen.set(id, 'closed');
    };
    for (const id of Object.keys(raw)) {
      visit(id, []);
    }
  });
});

test('the canary in production has the duration and share that these tests assume', () => {
  assert.equal(STAGES.prod.functions.canary, true);
  for (const { properties } of ofType(prod, 'AWS::CodeDeploy::DeploymentGroup')) {
    assert.equal(properties.DeploymentConfigName, `CodeDeployDefault.LambdaCanary10Percent${BAKE_MINUTES}Minutes`);
  }
});

/** Returns the resources a resource refers to, in its properties, its policies and `DependsOn`. */
function references(resource: object): string[] {
  const text = JSON.stringify(resource);
  const { DependsOn = [] } = resource as { readonly DependsOn?: readonly string[] | string };
  const found = [...text.matchAll(/"(?:Ref":"|Fn::GetAtt":\[")(\w+)"/g)].map(([, id = '']) => id);
  return [...found, ...(typeof DependsOn === 'string' ? [DependsOn] : DependsOn)];
}
