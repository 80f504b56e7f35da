// The bucket in which Lambda keeps, whole, the changes that a consumer of streams gave up.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { StageOptions } from './stages.ts';

/** Who deleted a record is known for 100 days (`src/store/guards.rs`): a replay after that would not know. */
const MOST_DAYS = 90;

export interface FailedChangesProps {
  readonly options: StageOptions;
  /** The key of this account the tables are encrypted with, if any. */
  readonly key: IKey | undefined;
}

export class FailedChanges extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { options, key }: FailedChangesProps) {
    super(scope, id);
    const { failedDays } = options.changes;
    if (failedDays < 1 || failedDays > MOST_DAYS) {
      throw new Error(`changes.failedDays is ${failedDays}: it is 1 to ${MOST_DAYS}`);
    }
    const encryption = key ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true } : {};
    this.bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      ...encryption,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      lifecycleRules: [
        { expiration: Duration.days(failedDays), abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      // CloudFormation deletes no bucket that holds objects: a change that waits for its replay is not lost so.
      removalPolicy: options.data.keep ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    accept(this.bucket, 'Lambda writes, and an operator reads: CloudTrail has who.', 'AwsSolutions-S1', 'CKV_AWS_18');
    accept(this.bucket, 'Each name is used once, and what was replayed is to be gone.', 'CKV_AWS_21');
    if (!key) {
      accept(this.bucket, 'The stage option customerKey is off: S3 encrypts with a key of its own.', 'CKV_AWS_145');
    }
  }
}
