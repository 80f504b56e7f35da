// The stack of everything that is stored, and of the topic of the alarms. New code does not change it.

import type { Construct } from 'constructs';
import { AlarmTopic } from '../alarm-topic.ts';
import { Bus } from '../bus.ts';
import { FailedChanges } from '../failed-changes.ts';
import { PROJECT } from '../project.ts';
import { Secrets } from '../secrets.ts';
import { TableAlarms } from '../table-alarms.ts';
import { Tables } from '../tables.ts';
import { Trail } from '../trail.ts';
import { UserPool } from '../user-pool.ts';
import { type ServiceProps, StageStack } from './stage-stack.ts';

export class DataStack extends StageStack {
  readonly tables: Tables;
  readonly secrets: Secrets;
  readonly failedChanges: FailedChanges;
  readonly bus: Bus;
  /** The users, if they are in a pool of the stage. */
  readonly userPool: UserPool | undefined;

  constructor(scope: Construct, props: ServiceProps) {
    super(scope, 'data', 'Tables, their key, secrets, failed changes and the event bus.', props);
    const { serviceName, prefix } = this;
    const { contract, options } = props;
    this.tables = new Tables(this, 'Tables', { definitions: contract.tables, prefix, options: options.data });
    this.secrets = new Secrets(this, 'Secrets', { key: this.tables.key, hasUpstream: options.upstream !== undefined });
    this.failedChanges = new FailedChanges(this, 'FailedChanges', { options, key: this.tables.key });
    this.bus = new Bus(this, 'Bus', { name: serviceName, source: PROJECT, options: options.changes });
    const { tokens } = options.api;
    this.userPool =
      tokens && 'userPool' in tokens
        ? new UserPool(this, 'UserPool', { name: serviceName, options: tokens.userPool, data: options.data })
        : undefined;
    if (options.data.trail) {
      new Trail(this, 'Trail', { name: serviceName, tables: [...this.tables.byName.values()], options });
    }
    new AlarmTopic(this, 'AlarmTopic', { name: serviceName, email: options.alarms.email });
    new TableAlarms(this, 'Alarms', { name: serviceName, prefix, tables: contract.tables });
  }
}
