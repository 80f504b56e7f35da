// The topic that a stage's alarms notify.

import { CfnOutput, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';

export interface NotificationsProps {
  /** The name of the topic. */
  readonly name: string;
  /** The recipient, if any. */
  readonly email: string | undefined;
}

/** A topic that alarms and budgets of this account may notify. */
export class Notifications extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { name, email }: NotificationsProps) {
    super(scope, id);
    const topic = new Topic(this, 'Topic', { topicName: name, displayName: name, enforceSSL: true });
    // A topic's policy replaces SNS's default one, which lets the topic's account publish (SNS developer guide,
    // "Example cases for Amazon SNS access control"; AWS Cost Management user guide, "Creating an Amazon SNS topic for budget
    // notifications").
    for (const service of ['cloudwatch', 'budgets']) {
      topic.addToResourcePolicy(
        new PolicyStatement({
          sid: `Allow${service.charAt(0).toUpperCase()}${service.slice(1)}`,
          principals: [new ServicePrincipal(`${service}.amazonaws.com`)],
          actions: ['sns:Publish'],
          resources: [topic.topicArn],
          conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
        }),
      );
    }
    accept(topic, 'Alarms contain names of resources and metrics, no data.', 'CKV_AWS_26');
    if (email) {
      topic.addSubscription(new EmailSubscription(email));
    }
    this.topic = topic;
  }
}

export interface AlarmTopicProps {
  /** The name of the service in this stage. */
  readonly name: string;
  /** The recipient, if any. */
  readonly email: string | undefined;
}

export class AlarmTopic extends Construct {
  constructor(scope: Construct, id: string, { name, email }: AlarmTopicProps) {
    super(scope, id);
    const { topic } = new Notifications(this, 'Notifications', { name: topicName(name), email });
    new CfnOutput(this, 'Arn', { key: 'AlarmTopic', value: topic.topicArn });
  }
}

/** Returns the stage's topic for the alarms of any of its stacks, by its name. */
export function alarmTopic(scope: Construct, name: string): ITopic {
  return Topic.fromTopicArn(scope, 'Topic', alarmTopicArn(Stack.of(scope), name));
}

/** Returns the ARN of that topic. */
export function alarmTopicArn(stack: Stack, name: string): string {
  return stack.formatArn({ service: 'sns', resource: topicName(name) });
}

function topicName(name: string): string {
  return `${name}-alarms`;
}
