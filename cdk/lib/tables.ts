// The tables of the contract.

import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, Billing, StreamViewType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { TableDefinition } from './contract.ts';
import type { DataOptions } from './stages.ts';

/** The window of point-in-time recovery: DynamoDB's maximum. */
const RECOVERY_DAYS = 35;

export interface TablesProps {
  readonly definitions: readonly TableDefinition[];
  /** The prefix of the tables' names. */
  readonly prefix: string;
  readonly options: DataOptions;
}

export class Tables extends Construct {
  /** The customer key of the tables and of the functions' secrets, if any. */
  readonly key: Key | undefined;
  readonly byName: ReadonlyMap<string, TableV2>;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: TablesProps,
  ) {
    super(scope, id);
    this.key = props.options.customerKey ? customerKey(this, props) : undefined;
    this.byName = new Map(props.definitions.map((definition) => [definition.name, this.table(definition)]));
  }

  /** Returns the ARN of a table's stream, if the contract gives it one. */
  streamOf(name: string): string | undefined {
    const hasStream = this.props.definitions.some((definition) => definition.name === name && definition.stream);
    return hasStream ? this.byName.get(name)?.tableStreamArn : undefined;
  }

  private table(definition: TableDefinition): TableV2 {
    const { prefix, options } = this.props;
    const key = (name: string) => ({ name, type: AttributeType.STRING });
    const table = new TableV2(this, definition.name, {
      tableName: `${prefix}${definition.name}`,
      partitionKey: key(definition.partitionKey),
      ...(definition.sortKey && { sortKey: key(definition.sortKey) }),
      globalSecondaryIndexes: definition.indexes.map((index) => ({
        indexName: index.name,
        partitionKey: key(index.partitionKey),
        sortKey: key(index.sortKey),
      })),
      billing: Billing.onDemand(),
      ...(definition.ttlAttribute && { timeToLiveAttribute: definition.ttlAttribute }),
      ...(definition.stream && { dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES }),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: RECOVERY_DAYS },
      encryption: this.key ? TableEncryptionV2.customerManagedKey(this.key) : TableEncryptionV2.dynamoOwnedKey(),
      deletionProtection: options.protect,
      removalPolicy: removalPolicy(options),
    });
    if (!this.key) {
      accept(table, 'The stage option customerKey is off: tables are encrypted with a key AWS owns.', 'CKV_AWS_119');
    }
    return table;
  }
}

/** Returns the ARN of a table of this name, which stacks need not read from the one with the tables. */
export function tableArn(scope: Construct, name: string): string {
  return Stack.of(scope).formatArn({ service: 'dynamodb', resource: 'table', resourceName: name });
}

/**
 * Returns the removal policy of stored data. Resources of a failed creation are deleted in either case: retained ones would
 * occupy their names, and the deployment could not be repeated (CloudFormation template reference, "DeletionPolicy
 * attribute").
 */
export function removalPolicy(options: DataOptions): RemovalPolicy {
  return options.keep ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
}

function customerKey(scope: Construct, { prefix, options }: TablesProps): Key {
  return new Key(scope, 'Key', {
    alias: `${prefix}tables`,
    description: 'Encrypts the tables and secrets.',
    enableKeyRotation: true,
    removalPolicy: removalPolicy(options),
  });
}
