// Tests of the firewall's limits, its response, and the content of its log.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gatewayResponseOf, readContract } from '../lib/contract.ts';
import { requestsInWindow } from '../lib/firewall.ts';
import { STAGES, type StageName } from '../lib/stages.ts';
import { templateOf } from './synthesized.ts';
import { at, type Json, list, ofType } from './template.ts';

const prod = templateOf({ stage: 'prod' });
const [acl] = ofType(prod, 'AWS::WAFv2::WebACL');
const rules = list(acl?.properties.Rules ?? null);
const [logging] = ofType(prod, 'AWS::WAFv2::LoggingConfiguration');

function rule(name: string): Json {
  return rules.find((rule) => at(rule, 'Name') === name) ?? null;
}

describe('the firewall', () => {
  test('is attached to the stages with the option', () => {
    for (const stage of Object.keys(STAGES) as StageName[]) {
      const count = STAGES[stage].api.firewall ? 1 : 0;
      assert.equal(ofType(templateOf({ stage }), 'AWS::WAFv2::WebACL').length, count, stage);
      assert.equal(ofType(templateOf({ stage }), 'AWS::WAFv2::WebACLAssociation').length, count, stage);
    }
  });

  test('allows the sustained rate of every plan', () => {
    for (const name of ['RequestsPerKey', 'RequestsPerAddress']) {
      const limited = at(rule(name), 'Statement', 'RateBasedStatement');
      const seconds = Number(at(limited, 'EvaluationWindowSec'));
      for (const { rate, burst } of Object.values(STAGES.prod.plans)) {
        assert.ok(Number(at(limited, 'Limit')) > rate * seconds + burst, name);
      }
      assert.equal(at(limited, 'Limit'), requestsInWindow(STAGES.prod.plans));
    }
    assert.equal(requestsInWindow({ only: { rate: 10, burst: 0, requestsPerMonth: 1 } }), 3_300);
  });

  test('counts a request by its key, or by its address without one', () => {
    const hasKey = (statement: Json) => {
      assert.deepEqual(at(statement, 'SizeConstraintStatement', 'FieldToMatch'), {
        SingleHeader: { Name: 'x-api-key' },
      });
      assert.equal(at(statement, 'SizeConstraintStatement', 'ComparisonOperator'), 'GT');
      assert.equal(at(statement, 'SizeConstraintStatement', 'Size'), 0);
    };
    const byKey = at(rule('RequestsPerKey'), 'Statement', 'RateBasedStatement');
    assert.equal(at(byKey, 'AggregateKeyType'), 'CUSTOM_KEYS');
    assert.equal(at(list(at(byKey, 'CustomKeys'))[0], 'Header', 'Name'), 'x-api-key');
    hasKey(at(byKey, 'ScopeDownStatement'));
    const byAddress = at(rule('RequestsPerAddress'), 'Statement', 'RateBasedStatement');
    assert.equal(at(byAddress, 'AggregateKeyType'), 'IP');
    hasKey(at(byAddress, 'ScopeDownStatement', 'NotStatement', 'Statement'));
  });

  test('responds to too many requests with 429, a problem and Retry-After', () => {
    for (const name of ['RequestsPerKey', 'RequestsPerAddress']) {
      const response = at(rule(name), 'Action', 'Block', 'CustomResponse');
      assert.equal(at(response, 'ResponseCode'), 429);
      const headers = new Map(
        list(at(response, 'ResponseHeaders')).map((header) => [at(header, 'Name'), at(header, 'Value')]),
      );
      assert.match(String(headers.get('Retry-After')), /^[1-9]\d*$/);
      assert.equal(headers.get('Access-Control-Allow-Origin'), '*');
      assert.match(String(headers.get('Access-Control-Expose-Headers')), /Retry-After/);
      const body = at(acl?.properties.CustomResponseBodies, String(at(response, 'CustomResponseBodyKey')));
      assert.equal(at(body, 'ContentType'), 'APPLICATION_JSON');
      const { title, status, detail } = gatewayResponseOf(readContract(), ({ types }) => types.includes('THROTTLED'));
      assert.equal(status, 429);
      assert.deepEqual(JSON.parse(String(at(body, 'Content'))), { type: 'about:blank', title, status, detail });
    }
  });

  test('accepts bodies with markup, large bodies, and clients without a User-Agent', () => {
    const group = at(rule('AWSManagedRulesCommonRuleSet'), 'Statement', 'ManagedRuleGroupStatement');
    const counted = list(at(group, 'RuleActionOverrides'));
    assert.deepEqual(
      counted.map((override) => at(override, 'Name')),
      [
        'NoUserAgent_HEADER',
        'SizeRestrictions_BODY',
        'CrossSiteScripting_BODY',
        'EC2MetaDataSSRF_BODY',
        'GenericLFI_BODY',
        'GenericRFI_BODY',
      ],
    );
    assert.ok(counted.every((override) => JSON.stringify(at(override, 'ActionToUse')) === '{"Count":{}}'));
  });
});

describe("the firewall's log", () => {
  test('contains only refused and counted requests', () => {
    const filter = logging?.properties.LoggingFilter ?? null;
    assert.equal(at(filter, 'DefaultBehavior'), 'DROP');
    const [kept, ...others] = list(at(filter, 'Filters'));
    assert.deepEqual(others, []);
    assert.equal(at(kept, 'Behavior'), 'KEEP');
    assert.deepEqual(
      list(at(kept, 'Conditions')).map((condition) => at(condition, 'ActionCondition', 'Action')),
      ['BLOCK', 'COUNT', 'EXCLUDED_AS_COUNT'],
    );
  });

  test('has no query, key or token, in requests or rule match details', () => {
    assert.deepEqual(logging?.properties.RedactedFields, [
      { QueryString: {} },
      { SingleHeader: { Name: 'x-api-key' } },
      { SingleHeader: { Name: 'authorization' } },
      { SingleHeader: { Name: 'cookie' } },
    ]);
    assert.deepEqual(acl?.properties.DataProtectionConfig, {
      DataProtections: [
        { Action: 'SUBSTITUTION', Field: { FieldType: 'QUERY_STRING' } },
        { Action: 'SUBSTITUTION', Field: { FieldType: 'BODY' } },
        {
          Action: 'SUBSTITUTION',
          Field: { FieldType: 'SINGLE_HEADER', FieldKeys: ['x-api-key', 'authorization', 'cookie'] },
        },
      ],
    });
  });

  test('is not bypassed by samples', () => {
    const visible = [acl?.properties.VisibilityConfig, ...rules.map((rule) => at(rule, 'VisibilityConfig'))];
    assert.ok(visible.every((config) => at(config, 'SampledRequestsEnabled') === false));
  });
});
