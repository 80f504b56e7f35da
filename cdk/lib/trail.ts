// A CloudTrail trail of every request to the stage's tables: the caller and the key of each record read or written.

import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import { type CfnTrail, Trail as CloudTrail } from 'aws-cdk-lib/aws-cloudtrail';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { StageOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

export interface TrailProps {
  readonly name: string;
  readonly tables: readonly TableV2[];
  readonly options: StageOptions;
}

export class Trail extends Construct {
  constructor(scope: Construct, id: string, { name, tables, options }: TrailProps) {
    super(scope, id);
    const bucket = logs(this, options.logRetention, removalPolicy(options.data));
    const trail = new CloudTrail(this, 'Trail', {
      trailName: name,
      bucket,
      isMultiRegionTrail: false,
      includeGlobalServiceEvents: false,
      enableFileValidation: true,
    });
    // CDK's own selectors support only functions and objects (CloudTrail user guide, "Logging data events").
    const selector: CfnTrail.AdvancedEventSelectorProperty = {
      name: 'Requests to the tables',
      fieldSelectors: [
        { field: 'eventCategory', equalTo: ['Data'] },
        { field: 'resources.type', equalTo: ['AWS::DynamoDB::Table'] },
        { field: 'resources.ARN', equalTo: tables.map(({ tableArn }) => tableArn) },
      ],
    };
    const resource = trail.node.defaultChild as CfnTrail;
    resource.eventSelectors = undefined;
    resource.advancedEventSelectors = [selector];
    const reason = 'It covers the tables of one stage in one region, and its files are read only on demand.';
    accept(trail, reason, 'CKV_AWS_35', 'CKV_AWS_67', 'CKV2_AWS_10', 'CKV_AWS_252');
  }
}

function logs(scope: Construct, days: number, removal: RemovalPolicy): Bucket {
  const bucket = new Bucket(scope, 'Bucket', {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    versioned: true,
    lifecycleRules: [{ expiration: Duration.days(days), noncurrentVersionExpiration: Duration.days(1) }],
    removalPolicy: removal,
  });
  const reason = 'It holds CloudTrail events, which contain keys of records and no values.';
  accept(bucket, reason, 'AwsSolutions-S1', 'CKV_AWS_18', 'CKV_AWS_145', 'CKV_AWS_144');
  return bucket;
}
