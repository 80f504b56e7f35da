// The budget of a stage, by the tag that all its resources have.

import { Stack } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';
import { alarmTopicArn } from './alarm-topic.ts';

export interface BudgetProps {
  /** The name of the service in this stage. */
  readonly name: string;
  readonly stage: string;
  /** The dollars a month. */
  readonly dollars: number;
}

/**
 * Notifies the stage's topic when 80 % is spent, and when more than all is expected. The tag `stage` must be activated as a
 * cost allocation tag in the account's billing (AWS Billing user guide, "Activating user-defined cost allocation tags").
 */
export class Budget extends Construct {
  constructor(scope: Construct, id: string, { name, stage, dollars }: BudgetProps) {
    super(scope, id);
    const subscribers = [{ subscriptionType: 'SNS', address: alarmTopicArn(Stack.of(this), name) }];
    const above = (notificationType: string, threshold: number) => ({
      notification: { comparisonOperator: 'GREATER_THAN', notificationType, threshold, thresholdType: 'PERCENTAGE' },
      subscribers,
    });
    new CfnBudget(this, 'Monthly', {
      budget: {
        budgetName: name,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: dollars, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:stage$${stage}`] },
      },
      notificationsWithSubscribers: [above('ACTUAL', 80), above('FORECASTED', 100)],
    });
  }
}
