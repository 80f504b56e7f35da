// Accepts findings of checkers next to the resource they concern, by id and with the reason.

import { CfnResource, Validations } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

interface CheckovSkip {
  readonly id: string;
  readonly comment: string;
}

/** Accepts findings of cdk-nag (`AwsSolutions-…`) and checkov (`CKV…`) on a construct's resources, for one reason. */
export function accept(construct: Construct, reason: string, ...findings: readonly string[]): void {
  const checkov = findings.filter((id) => id.startsWith('CKV'));
  for (const id of findings.filter((id) => !checkov.includes(id))) {
    Validations.of(construct).acknowledge({ id, reason });
  }
  if (checkov.length > 0) {
    for (const resource of construct.node.findAll().filter(CfnResource.isCfnResource)) {
      skip(
        resource,
        checkov.map((id) => ({ id, comment: reason })),
      );
    }
  }
}

function skip(resource: CfnResource, added: readonly CheckovSkip[]): void {
  const before = (resource.getMetadata('checkov') as { skip: CheckovSkip[] } | undefined)?.skip ?? [];
  resource.addMetadata('checkov', { skip: [...before, ...added] });
}
