// The topic that a stage's alarms notify.

import { CfnOutput, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';

export interface AlarmTopicProps {
  /** The name of the service in this stage. */
  readonly name: string;
  /** The recipient, if any. */
  readonly email: string | undefined;
}

export class AlarmTopic extends Construct {
  constructor(scope: Construct, id: string, { name, email }: AlarmTopicProps) {
    super(scope, id);
    const topic = new Topic(this, 'Topic', {
      topicName: topicName(name),
      displayName: `Alarms of ${name}`,
      enforceSSL: true,
    });
    // A topic's policy replaces SNS's default one, which lets the topic's account publish (SNS developer guide,
    // "Example cases for Amazon SNS access control").
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    accept(topic, 'Alarms contain names of resources and metrics, no data.', 'CKV_AWS_26');
    if (email) {
      topic.addSubscription(new EmailSubscription(email));
    }
    new CfnOutput(this, 'Arn', { key: 'AlarmTopic', value: topic.topicArn });
  }
}

/** Returns the stage's topic for the alarms of any of its stacks, by its name. */
export function alarmTopic(scope: Construct, name: string): ITopic {
  const arn = Stack.of(scope).formatArn({ service: 'sns', resource: topicName(name) });
  return Topic.fromTopicArn(scope, 'Topic', arn);
}

function topicName(name: string): string {
  return `${name}-alarms`;
}
