"""Checks the account before a deployment, and prints the CDK context it needs: `deploy_checks.py STAGE SHAPE PROTECTS`.

cdk/bin/stage.ts prints the last two arguments. A new stage requires NEW=1, since its name may be mistyped.
"""

import os
import sys

from botocore.exceptions import BotoCoreError, ClientError

from stage_stacks import FAILED_CREATION, PROJECT, SESSION, prefix_of

# The parameter with the version of a bootstrap (CDK developer guide, "AWS CDK bootstrapping").
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"


def main(stage: str, shape: str, protects: str) -> None:
    """Prints one flag per line for scripts/stack, and messages for the user on standard error."""
    target = account_and_region()
    check_bootstrap(*target)
    is_first = status(f"{prefix_of(stage)}data") in {None, *FAILED_CREATION}
    if is_first:
        check_new(stage, shape, *target)
    # CloudFormation cannot delete protected tables after a failed creation, which could then not be repeated.
    is_unprotected = is_first and protects == "true"
    for name, value in {"account": has_account_stack(), "protect": not is_unprotected}.items():
        print(f"{name}={str(value).lower()}")


def account_and_region() -> tuple[str, str]:
    """Returns the account of the credentials, and the region."""
    if not SESSION.region_name:
        raise SystemExit("stack: no region is set: set AWS_REGION")
    try:
        return SESSION.client("sts").get_caller_identity()["Account"], SESSION.region_name
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"stack: AWS accepts no credentials from here (AWS_PROFILE, `aws sso login`): {error}") from None


def check_bootstrap(account: str, region: str) -> None:
    """Fails if the region is not bootstrapped for the CDK."""
    client = SESSION.client("ssm")
    try:
        client.get_parameter(Name=BOOTSTRAP)
    except client.exceptions.ParameterNotFound:
        target = f"aws://{account}/{region}"
        raise SystemExit(f"stack: {target} is not bootstrapped for the CDK: run `npx aws-cdk bootstrap {target}`") from None


def status(stack: str) -> str | None:
    """Returns the stack's status, or none if it does not exist."""
    try:
        return SESSION.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def check_new(stage: str, shape: str, account: str, region: str) -> None:
    """Reports that the stage is new, and refuses an unknown name without NEW=1."""
    if stage != shape and not os.environ.get("NEW"):
        where = f"account {account}, {region}"
        raise SystemExit(f"stack: there is no stage {stage} in {where}: NEW=1 creates it, with the options of {shape}")
    print(f"stack: {stage} is new, with the options of {shape}", file=sys.stderr)


def has_account_stack() -> bool:
    """Returns true if the region has no logging role for API Gateway, or has it from the account's stack."""
    if status(f"{PROJECT}-account") not in {None, *FAILED_CREATION}:
        return True
    return not SESSION.client("apigateway").get_account().get("cloudwatchRoleArn")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"stack: {error}") from None
