// The canary's verdict on a new version, by running the alarms of its deployment over the calls of both versions.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readContract } from '../lib/contract.ts';
import { STAGES } from '../lib/stages.ts';
import { VERBS } from '../scripts/cost-inputs.ts';
import { Alarms, type Call, type Line, minutes, NEW, OLD } from './alarms.ts';
import { templateOf } from './synthesized.ts';
import { at, list, ofType, resources } from './template.ts';

type Lines = Readonly<Record<string, Line>>;
/** The lines as the functions write them: `cargo test --test service log_lines` holds them to it. */
const LINES = JSON.parse(readFileSync(new URL('log-lines.json', import.meta.url), 'utf8')) as Lines;

const prod = templateOf({ stage: 'prod' });
const { functions, consumers } = readContract();
const BAKE_MINUTES = 5;
/** The new version gets each tenth call. */
const ONE_IN = 10;

/** A version's way with a call, given the number it had before. */
type Behaviour = (count: number) => Pick<Call, 'line' | 'isError'>;

const behaves =
  (name: string, isError = false): Behaviour =>
  () => ({ line: LINES[name] ?? assert.fail(`${name} is not in log-lines.json`), isError });
const healthy = behaves('answered');
const done = behaves('batchDone');
const dies: Behaviour = () => ({ isError: true });
/** Healthy, but for one call in so many. */
const fails = (name: string, oneIn: number): Behaviour => {
  return (count) => (count % oneIn === oneIn - 1 ? behaves(name) : healthy)(count);
};

interface Traffic {
  readonly name: string;
  /** Calls of both versions. */
  readonly perMinute: number;
  readonly old: Behaviour;
  readonly new: Behaviour;
}

/** The minute of the bake in which the deployment of the function is stopped, or null where it passes. */
function stoppedIn({ name, perMinute, old, new: renewed }: Traffic): number | null {
  const alarms = new Alarms(prod);
  const watched = alarms.watchedBy(name);
  assert.ok(watched.length > 0, `the deployment of ${name} watches an alarm`);
  const called = `serverless-crud-prod-${name}`;
  // The old version was there before: its failures are in the window when the deployment starts.
  const before = BAKE_MINUTES * perMinute;
  for (let call = -before; call < BAKE_MINUTES * perMinute; call += 1) {
    const second = (call * 60) / perMinute;
    const isNew = call >= 0 && call % ONE_IN === 0;
    const count = isNew ? call / ONE_IN : call + before;
    alarms.record({ second, function: called, version: isNew ? NEW : OLD, ...(isNew ? renewed : old)(count) });
  }
  const stopped = minutes(BAKE_MINUTES).find((second) => watched.some((alarm) => alarms.rings(alarm, second)));
  return stopped === undefined ? null : stopped / 60;
}

/** Calls a minute of each function, where the service has this many requests a second. */
function shares(requestsPerSecond: number): Map<string, number> {
  const resourceCount = new Set(functions.map(({ name }) => name.split('_')[0])).size;
  return new Map(
    functions.map(({ name }) => {
      const verb = VERBS[name.split('_')[1] as keyof typeof VERBS];
      return [name, (requestsPerSecond * 60 * (verb?.share ?? VERBS.list.share)) / resourceCount];
    }),
  );
}

describe('a new version of a function of the API', () => {
  for (const [name, perMinute] of shares(20)) {
    test(`${name} is stopped within the bake when it answers errors, hangs or dies`, () => {
      for (const broken of [behaves('failed'), behaves('panicked'), behaves('timedOut'), dies]) {
        assert.notEqual(stoppedIn({ name, perMinute, old: healthy, new: broken }), null);
      }
    });

    test(`${name} passes when it is healthy, whatever clients do wrong`, () => {
      assert.equal(stoppedIn({ name, perMinute, old: healthy, new: healthy }), null);
      assert.equal(stoppedIn({ name, perMinute, old: healthy, new: behaves('refused') }), null);
    });

    test(`${name} passes when it mends an old version that fails`, () => {
      for (const broken of [behaves('failed'), dies]) {
        assert.equal(stoppedIn({ name, perMinute, old: broken, new: healthy }), null);
      }
    });
  }

  test('is stopped when it fails one request in twenty, and passes with one in five hundred', () => {
    const traffic = { name: 'items_get', perMinute: 3_000, old: healthy };
    assert.notEqual(stoppedIn({ ...traffic, new: fails('failed', 20) }), null);
    assert.equal(stoppedIn({ ...traffic, new: fails('failed', 500) }), null);
  });

  test('is judged from a dozen requests a minute on: of fewer, too few reach it', () => {
    const traffic = { name: 'items_create', old: healthy, new: behaves('failed') };
    assert.notEqual(stoppedIn({ ...traffic, perMinute: 12 }), null);
    assert.equal(stoppedIn({ ...traffic, perMinute: 4 }), null);
  });
});

describe('a new version of a consumer', () => {
  const [{ name } = { name: '' }] = consumers;

  test('is stopped when it panics, runs out of time or dies', () => {
    for (const perMinute of [10, 60, 600]) {
      for (const broken of [behaves('batchCrashed'), dies]) {
        assert.notEqual(stoppedIn({ name, perMinute, old: done, new: broken }), null, `${perMinute} a minute`);
      }
    }
  });

  test('passes when a record fails in both versions, for as long as it does', () => {
    // First the batch is halved, call after call; then the record is alone, and comes again.
    for (const perMinute of [4, 60, 600]) {
      for (const failing of [behaves('recordFailedFirst', true), behaves('recordFailedAlone')]) {
        assert.equal(stoppedIn({ name, perMinute, old: failing, new: failing }), null, `${perMinute} a minute`);
      }
    }
  });

  test('passes when one record makes it panic and the others are done', () => {
    const poison: Behaviour = (count) => (count % 4 === 0 ? behaves('batchCrashed') : done)(count);
    assert.equal(stoppedIn({ name, perMinute: 600, old: poison, new: poison }), null);
  });

  test('passes when it mends an old version that crashes', () => {
    assert.equal(stoppedIn({ name, perMinute: 60, old: behaves('batchCrashed'), new: done }), null);
  });
});

describe('the order of a deployment', () => {
  const all = resources(prod);
  const groups = ofType(prod, 'AWS::CodeDeploy::DeploymentGroup');

  test('every function that is called or reads a stream has a group, which watches its own newest version', () => {
    const names = [...functions, ...consumers].map(({ name }) => name);
    assert.deepEqual(groups.map(({ properties }) => properties.DeploymentGroupName).sort(), [...names].sort());
    for (const name of names) {
      const [alarm, ...others] = new Alarms(prod).watchedBy(name);
      assert.deepEqual(others, []);
      assert.match(JSON.stringify(alarm?.properties.AlarmName), new RegExp(`-${name}-failures-version-`));
    }
  });

  test('each version has an alarm of its own, which starts without the state of the one before', () => {
    for (const { properties } of groups) {
      const id = at(list(at(properties.AlarmConfiguration, 'Alarms'))[0], 'Name', 'Ref');
      const name = JSON.stringify(all.get(String(id))?.properties.AlarmName);
      const [, version] = /"Fn::GetAtt":\["(\w+)","Version"\]/.exec(name) ?? [];
      assert.equal(all.get(String(version))?.type, 'AWS::Lambda::Version', name);
    }
  });

  test('the alias moves after its group watches the alarm', () => {
    const raw = prod.toJSON().Resources as Record<string, { readonly DependsOn?: readonly string[] }>;
    for (const alias of ofType(prod, 'AWS::Lambda::Alias')) {
      const group = at(alias.updatePolicy, 'CodeDeployLambdaAliasUpdate', 'DeploymentGroupName', 'Ref');
      if (group !== null) {
        assert.ok(raw[alias.id]?.DependsOn?.includes(String(group)), alias.id);
      }
    }
  });

  test('nothing waits for itself', () => {
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

test('the canary in production is as long and as wide as these tests take it', () => {
  assert.equal(STAGES.prod.functions.canary, true);
  for (const { properties } of ofType(prod, 'AWS::CodeDeploy::DeploymentGroup')) {
    assert.equal(properties.DeploymentConfigName, `CodeDeployDefault.LambdaCanary10Percent${BAKE_MINUTES}Minutes`);
  }
});

/** The resources a resource refers to, in its properties, its policies and by name. */
function references(resource: object): string[] {
  const text = JSON.stringify(resource);
  const { DependsOn = [] } = resource as { readonly DependsOn?: readonly string[] | string };
  const found = [...text.matchAll(/"(?:Ref":"|Fn::GetAtt":\[")(\w+)"/g)].map(([, id = '']) => id);
  return [...found, ...(typeof DependsOn === 'string' ? [DependsOn] : DependsOn)];
}
