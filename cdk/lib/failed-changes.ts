// The bucket in which Lambda stores, complete, the changes that a stream consumer failed.

import { CfnOutput, Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { StageOptions } from './stages.ts';

/** The author of a deletion is stored for 100 days (`src/store/guards.rs`): a later replay would not find it. */
const MAX_DAYS = 90;
const OUTPUT = 'FailedChanges';

export interface FailedChangesProps {
  readonly options: StageOptions;
  /** The customer key of the tables, if any. */
  readonly key: IKey | undefined;
}

export class FailedChanges extends Construct {
  /** The bucket's ARN in other stacks. */
  readonly arn: string;
  /** The finding of cdk-nag about a permission on the objects that Lambda writes. */
  readonly finding: string;

  constructor(scope: Construct, id: string, { options, key }: FailedChangesProps) {
    super(scope, id);
    const { failedDays } = options.changes;
    if (failedDays < 1 || failedDays > MAX_DAYS) {
      throw new Error(`changes.failedDays is ${failedDays}: it is 1 to ${MAX_DAYS}`);
    }
    const encryption = key ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true } : {};
    const bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      ...encryption,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      lifecycleRules: [
        { expiration: Duration.days(failedDays), abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      // CloudFormation does not delete a bucket with objects, so a change that waits for its replay is not lost.
      removalPolicy: options.data.keep ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    accept(
      bucket,
      'Only Lambda writes and operators read; CloudTrail can record both.',
      'AwsSolutions-S1',
      'CKV_AWS_18',
    );
    accept(bucket, 'Each name is used once, and replayed objects must be gone.', 'CKV_AWS_21');
    if (!key) {
      accept(bucket, 'The stage option customerKey is off: S3 encrypts with its own key.', 'CKV_AWS_145');
    }
    new CfnOutput(this, 'Arn', { key: OUTPUT, value: bucket.bucketArn });
    // By a name of our own: the CDK's would be part of the finding.
    const { stackName } = Stack.of(this);
    this.arn = Fn.getStackOutput(stackName, OUTPUT);
    const reference = { 'Fn::GetStackOutput': { StackName: stackName, OutputName: OUTPUT } };
    this.finding = `AwsSolutions-IAM5[Resource::${JSON.stringify(reference)}/aws/lambda/*]`;
  }
}
