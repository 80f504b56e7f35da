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
  /** True if there is an upstream API. */
  readonly hasUpstream: boolean;
}

/** A secret as functions read it. */
export interface ReadableSecret {
  readonly arn: string;
  /** The environment variable with its ARN. */
  readonly variable: string;
}

export class Secrets extends Construct {
  private readonly byName = new Map<SecretName, ReadableSecret>();

  constructor(
    scope: Construct,
    id: string,
    private readonly props: SecretsProps,
  ) {
    super(scope, id);
    const rotated =
      '`make rotate-cursor-secret` rotates it; a schedule would need a function with permission to write it.';
    this.add('cursor', 'Signs the cursors of lists.', rotated);
    if (props.hasUpstream) {
      this.add(
        'upstream',
        'The key of the upstream API.',
        'The operator of the upstream API issues it: `make upstream-key`.',
      );
    }
  }

  /** Returns the secret of this name. */
  named(name: SecretName): ReadableSecret {
    const secret = this.byName.get(name);
    if (!secret) {
      throw new Error(`the stage has no secret ${name}, which a function reads`);
    }
    return secret;
  }

  /**
   * Adds a secret with a random value that CloudFormation generates. No template, output or variable has it. That of the
   * upstream API is a placeholder.
   */
  private add(name: SecretName, description: string, notRotated: string): void {
    const { key } = this.props;
    const id = name.charAt(0).toUpperCase() + name.slice(1);
    const secret = new Secret(this, id, {
      description,
      ...(key && { encryptionKey: key }),
      generateSecretString: { passwordLength: LENGTH, excludePunctuation: true },
    });
    accept(secret, notRotated, 'AwsSolutions-SMG4');
    if (!key) {
      accept(
        secret,
        'The stage option customerKey is off: it is encrypted with the key that AWS manages.',
        'CKV_AWS_149',
      );
    }
    this.byName.set(name, { arn: arnOf(secret), variable: `${name.toUpperCase()}_SECRET_ARN` });
  }
}

/** Returns the attribute `Id`, which is the ARN. `Ref` is too, but an emulator may return the name for it. */
function arnOf(secret: Secret): string {
  return (secret.node.defaultChild as CfnSecret).attrId;
}
