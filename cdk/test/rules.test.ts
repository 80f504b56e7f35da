// Tests of AWS's rules on the templates of every stage, of every option, and of an added resource.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { readContract } from '../lib/contract.ts';
import { PROJECT } from '../lib/project.ts';
import { optionsOf } from '../lib/settings.ts';
import { STAGES, type StageOptions } from '../lib/stages.ts';
import { withResource, withResources } from './added.ts';
import { type AccessRequest, isAllowed } from './policy.ts';
import { ENVIRONMENT, EVERYTHING, MIXED, type Options, stackTemplates, templateOf } from './synthesized.ts';
import { at, type Json, list, ofType, rendered, resources } from './template.ts';
import type { StackTemplate } from './union.ts';

interface Case {
  readonly options: StageOptions;
  readonly template: Template;
  readonly stacks: readonly StackTemplate[];
}

const CASES: ReadonlyMap<string, Case> = new Map([
  ...[...Object.keys(STAGES), 'ada'].map((stage) => [stage, caseOf({ stage, options: optionsOf(stage) })] as const),
  ['every option', caseOf({ stage: 'prod', options: EVERYTHING })],
  ['a user pool and several kinds of callers', caseOf({ stage: 'prod', options: MIXED })],
  [
    'an added resource',
    caseOf({ stage: 'prod', options: STAGES.prod, contract: withResource(readContract(), 'specimens') }),
  ],
  ['twenty resources', caseOf({ stage: 'prod', options: STAGES.prod, contract: withResources(readContract(), 20) })],
]);

function caseOf(input: Options & { readonly options: StageOptions }): Case {
  return { options: input.options, template: templateOf(input), stacks: stackTemplates(input) };
}

/** The maximum used share of a limit: a template near a limit must be split before a deployment reaches it. */
const SHARE = 0.9;

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const CLOUDFORMATION = { resources: 500, outputs: 200, templateBytes: 1_000_000 };

/** All inline policies of a role, without white space (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html). */
const ROLE_POLICY_CHARACTERS = 10_240;

/** Names and values (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const ENVIRONMENT_BYTES = 4_096;

/** A sample ARN, which is longer than the reference to it. */
const ARN = 'arn:aws:dynamodb:ap-southeast-2:123456789012:table/';

/** The resource types that hold data of the service. */
const STORED = ['AWS::Cognito::UserPool', 'AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key', 'AWS::S3::Bucket'];

/** The prefix of alarm names. */
const STACK = `${PROJECT}-`;

/** The concurrent readers of a stream shard (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html). */
const STREAM_READERS = 2;

for (const [name, { template, options, stacks }] of CASES) {
  describe(`the templates of ${name}`, () => {
    const alarms = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'].flatMap((type) =>
      ofType(template, type),
    );

    test('have no null, which CloudFormation refuses', () => {
      // github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1378
      assert.deepEqual(nulls(stacks as unknown as Json), []);
    });

    test('are well below the limits of CloudFormation', () => {
      for (const { name: stack, template } of stacks) {
        const { Resources, Outputs = {} } = template;
        const count = Object.keys(Resources).length;
        assert.ok(count <= SHARE * CLOUDFORMATION.resources, `${stack}: ${count}`);
        assert.ok(Object.keys(Outputs).length <= SHARE * CLOUDFORMATION.outputs, stack);
        const bytes = Buffer.byteLength(JSON.stringify(template, null, 1));
        assert.ok(bytes <= SHARE * CLOUDFORMATION.templateBytes, `${stack}: ${bytes}`);
      }
    });

    test("have roles whose policies are well below IAM's limit", () => {
      const sizes = new Map<string, number>();
      for (const { properties } of ofType(template, 'AWS::IAM::Policy')) {
        for (const role of list(properties.Roles ?? null)) {
          const id = String(at(role, 'Ref'));
          sizes.set(id, (sizes.get(id) ?? 0) + length(properties.PolicyDocument ?? null, template));
        }
      }
      assert.ok(sizes.size > 0);
      for (const [role, size] of sizes) {
        assert.ok(size <= SHARE * ROLE_POLICY_CHARACTERS, `${role}: ${size}`);
      }
    });

    test("have functions whose environment is well below Lambda's limit", () => {
      for (const { properties } of ofType(template, 'AWS::Lambda::Function')) {
        const size = length(at(properties.Environment, 'Variables'), template);
        assert.ok(size <= SHARE * ENVIRONMENT_BYTES, `${properties.FunctionName}: ${size}`);
      }
    });

    test('retain nothing of a failed creation, so that it can be repeated', () => {
      const retained = [...resources(template).values()].filter(({ deletionPolicy }) => deletionPolicy === 'Retain');
      assert.deepEqual(
        retained.map(({ id }) => id),
        [],
      );
    });

    test('retain stored data on deletion if the stage keeps its data', () => {
      const policies = STORED.flatMap((type) => ofType(template, type)).map(({ id, deletionPolicy }) => [
        id,
        deletionPolicy,
      ]);
      assert.ok(policies.length > 0);
      for (const [id, policy] of policies) {
        assert.equal(policy, options.data.keep ? 'RetainExceptOnCreate' : 'Delete', String(id));
      }
    });

    test('have alarms with a name, a description with a first step, and an OK action', () => {
      for (const { id, properties } of alarms) {
        assert.match(rendered(properties.AlarmName ?? null, resources(template)), new RegExp(`^${STACK}.+`), id);
        assert.match(String(properties.AlarmDescription), /[.:] (look|search|read|check|run) /i, id);
        assert.deepEqual(properties.OKActions, properties.AlarmActions, id);
        assert.equal(list(properties.AlarmActions ?? null).length, 1, id);
      }
    });

    test('have no value of a secret and no dynamic reference to one', () => {
      const references = JSON.stringify(template.toJSON()).match(/\{\{resolve:(secretsmanager|ssm-secure)/g) ?? [];
      assert.deepEqual(references, []);
      for (const { properties } of ofType(template, 'AWS::SecretsManager::Secret')) {
        assert.equal(properties.SecretString, undefined);
      }
      for (const { properties } of ofType(template, 'AWS::ApiGateway::ApiKey')) {
        assert.equal(properties.Value, undefined);
      }
    });

    test('let each alarm publish to its topic', () => {
      const all = resources(template);
      for (const alarm of alarms) {
        for (const action of [
          ...list(alarm.properties.AlarmActions ?? null),
          ...list(alarm.properties.OKActions ?? null),
        ]) {
          const topic = rendered(action, all).split(':').at(-1) ?? '';
          const policy = topicPolicy(topic, template);
          assert.ok(isAllowed(policy, publishing(topic, ENVIRONMENT.account)), alarm.id);
          assert.ok(!isAllowed(policy, publishing(topic, '210987654321')), 'an alarm of another account');
        }
      }
    });

    test('have at most two readers per stream', () => {
      const streams = ofType(template, 'AWS::Lambda::EventSourceMapping').map(({ properties }) =>
        JSON.stringify(properties.EventSourceArn),
      );
      for (const stream of new Set(streams)) {
        assert.ok(streams.filter((other) => other === stream).length <= STREAM_READERS, stream);
      }
    });
  });
}

/** Returns the policy of a topic by its name, with references replaced by the names of the resources. */
function topicPolicy(topic: string, template: Template): Json {
  const all = resources(template);
  const [policy] = ofType(template, 'AWS::SNS::TopicPolicy').filter(({ properties }) =>
    list(properties.Topics ?? null).some((reference) => rendered(reference, all) === topic),
  );
  return JSON.parse(
    JSON.stringify(policy?.properties.PolicyDocument ?? null, (_, member: Json) =>
      isReference(member) ? rendered(member, resources(template)) : member,
    ),
  );
}

/** Returns CloudWatch's request, over TLS, when an alarm of that account publishes to the topic. */
function publishing(topic: string, account: string): AccessRequest {
  return {
    principal: { service: 'cloudwatch.amazonaws.com' },
    action: 'sns:Publish',
    resource: topic,
    context: {
      'aws:SourceAccount': account,
      'aws:SourceArn': `arn:aws:cloudwatch:${ENVIRONMENT.region}:${account}:alarm:crashes`,
      'aws:SecureTransport': 'true',
    },
  };
}

function isReference(value: Json): boolean {
  return typeof value === 'object' && value !== null && ['Ref', 'Fn::GetAtt', 'Fn::Join'].some((name) => name in value);
}

/** Returns the paths of the nulls in a value. */
function nulls(value: Json, path = ''): string[] {
  if (value === null) {
    return [path];
  }
  return typeof value === 'object'
    ? Object.entries(value).flatMap(([name, member]) => nulls(member, `${path}/${name}`))
    : [];
}

/** Returns the length of a value after CloudFormation resolves its references, each as long as a table's ARN. */
function length(value: Json, template: Template): number {
  const all = resources(template);
  const text = JSON.stringify(value, (_, member: Json) =>
    isReference(member) ? `${ARN}${rendered(member, all)}` : member,
  );
  return text.length;
}
