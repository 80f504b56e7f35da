// The secrets that functions read.

import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { SecretName } from './contract.ts';

const LENGTH = 64;

export interface SecretsProps {
  /** The customer key that encrypts them, if any. */
  readonly key: IKey | undefined;
}

/** A secret as functions read it. */
export interface ReadableSecret {
  readonly arn: string;
  /** The environment variable with its ARN. */
  readonly variable: string;
}

export class Secrets extends Construct {
  readonly byName: Readonly<Record<SecretName, ReadableSecret>>;

  constructor(scope: Construct, id: string, { key }: SecretsProps) {
    super(scope, id);
    this.byName = { cursor: { arn: arnOf(cursorSecret(this, key)), variable: 'CURSOR_SECRET_ARN' } };
  }
}

/** Returns the attribute `Id`, which is the ARN. `Ref` is too, but an emulator may return the name for it. */
function arnOf(secret: Secret): string {
  return (secret.node.defaultChild as CfnSecret).attrId;
}

/** Creates the secret that signs cursors. CloudFormation generates its value; no template, output or variable has it. */
function cursorSecret(scope: Construct, key: IKey | undefined): Secret {
  const secret = new Secret(scope, 'Cursor', {
    description: 'Signs the cursors of lists.',
    ...(key && { encryptionKey: key }),
    generateSecretString: { passwordLength: LENGTH, excludePunctuation: true },
  });
  const reason =
    '`make rotate-cursor-secret` rotates it; a schedule would need a function with permission to write it.';
  accept(secret, reason, 'AwsSolutions-SMG4');
  if (!key) {
    accept(
      secret,
      'The stage option customerKey is off: it is encrypted with the key that AWS manages.',
      'CKV_AWS_149',
    );
  }
  return secret;
}
