"""Checks that AWS will take a deployment, and prints the CDK context it needs: `deploy_checks.py STAGE PROTECTS`, the last two as cdk/bin/stage.ts prints them.

A new stage wants NEW=1 beside it, as a name typed wrong is one.
"""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PROJECT = "serverless-crud"
# The parameter with the version of a bootstrap (CDK developer guide, "AWS CDK bootstrapping").
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
# The statuses of a stack whose creation failed: the CDK deletes it and creates it again.
NEVER_UP = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"}
# boto3 alone does not look there, though the CDK does.
SESSION = boto3.Session(region_name=os.environ.get("AWS_REGION"))


def main(stage: str, shape: str, protects: str) -> None:
    """Prints a flag a line for scripts/stack, and what will happen, for people, on standard error."""
    place = account_and_region()
    check_bootstrap(*place)
    is_first = status(f"{PROJECT}-{stage}") in {None, *NEVER_UP}
    if is_first:
        check_new(stage, shape, *place)
    # CloudFormation cannot delete protected tables when a creation fails: it could then not be repeated.
    is_unprotected = is_first and protects == "true"
    for name, value in {"account": has_account_stack(), "protect": not is_unprotected}.items():
        print(f"{name}={str(value).lower()}")


def account_and_region() -> tuple[str, str]:
    """The account the credentials are of, and the region."""
    if not SESSION.region_name:
        raise SystemExit("stack: no region is set: set AWS_REGION")
    try:
        return SESSION.client("sts").get_caller_identity()["Account"], SESSION.region_name
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"stack: AWS takes no credentials from here (AWS_PROFILE, `aws sso login`): {error}") from None


def check_bootstrap(account: str, region: str) -> None:
    """Refuses a region the CDK cannot deploy to."""
    client = SESSION.client("ssm")
    try:
        client.get_parameter(Name=BOOTSTRAP)
    except client.exceptions.ParameterNotFound:
        target = f"aws://{account}/{region}"
        raise SystemExit(f"stack: {target} is not prepared for the CDK: run `npx aws-cdk bootstrap {target}`") from None


def status(stack: str) -> str | None:
    """The stack's status; none where there is no such stack."""
    try:
        return SESSION.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def check_new(stage: str, shape: str, account: str, region: str) -> None:
    """Says that the stage is new, and refuses one that has no shape of its own unless it was meant."""
    if stage != shape and not os.environ.get("NEW"):
        where = f"account {account}, {region}"
        raise SystemExit(f"stack: there is no stage {stage} in {where}: NEW=1 makes it, a new stage of the shape {shape}")
    print(f"stack: {stage} is new, of the shape {shape}", file=sys.stderr)


def has_account_stack() -> bool:
    """Returns true if API Gateway has no role for its logs in this region, or has it from the account's stack."""
    if status(f"{PROJECT}-account") not in {None, *NEVER_UP}:
        return True
    return not SESSION.client("apigateway").get_account().get("cloudwatchRoleArn")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"stack: {error}") from None
