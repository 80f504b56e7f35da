"""What is done with a deployed stack without the CDK, which would want a build: reads a tier's API key, migrates, rotates
the cursor secret, deletes."""

import json
import os
import sys
import time
from datetime import datetime, timedelta, timezone

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

# boto3 alone does not look there, though the CDK does.
SESSION = boto3.Session(region_name=os.environ.get("AWS_REGION"))
SECRET_LENGTH = 64
# A cursor is good for a day, and a function signs with the key before for up to an hour where Secrets Manager is out of
# reach: docs/stack.md.
BETWEEN_ROTATIONS = timedelta(hours=25)


def api_key(stack: str, tier: str) -> None:
    """Prints the key's value, which AWS made, and which no template or output has."""
    outputs = outputs_of(stack)
    tiers = {name.removeprefix("ApiKeyId").lower(): value for name, value in outputs.items() if "ApiKeyId" in name}
    if tier not in tiers:
        raise SystemExit(f"stack: there is no tier {tier}: it is one of {', '.join(sorted(tiers))}")
    print(SESSION.client("apigateway").get_api_key(apiKey=tiers[tier], includeValue=True)["value"])


def migrate(stack: str, options: str = "{}") -> None:
    """Has the state machine apply pending migrations, follows it to its end, and prints its answer as the last line.

    The options are the function's event: `{"to": 2, "maxWcu": 500}`.
    """
    machine = outputs_of(stack)["MigrationMachine"]
    functions = SESSION.client("stepfunctions")
    execution = functions.start_execution(stateMachineArn=machine, input=options)["executionArn"]
    print(f"started {execution}", flush=True)
    begun = time.monotonic()
    while (state := functions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(1)
        print(f"\rrunning for {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if state["status"] != "SUCCEEDED":
        raise SystemExit(f"stack: the migration {state['status'].lower()}: {state.get('cause', 'see its log')}")
    answer = json.loads(state["output"])
    for migration in answer["migrations"]:
        print("{number:04}_{name}: {written} of {scanned} records written".format(**migration))
    print(json.dumps(answer))


def rotate_cursor_secret(stack: str, force: str = "") -> None:
    """Makes a new random value the current version of the cursor secret; the one before goes on opening cursors.

    A second rotation takes the first key from the cursors it signed: one that comes too soon is refused, unless forced.
    """
    resources = SESSION.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [resource for page in resources for resource in page["StackResourceSummaries"]]
    [secret] = [one["PhysicalResourceId"] for one in found if one["ResourceType"] == "AWS::SecretsManager::Secret"]
    secrets = SESSION.client("secretsmanager")
    labels = {
        label: version["CreatedDate"]
        for version in secrets.list_secret_version_ids(SecretId=secret)["Versions"]
        for label in version.get("VersionStages", [])
    }
    earliest = labels["AWSCURRENT"] + BETWEEN_ROTATIONS
    if "AWSPREVIOUS" in labels and datetime.now(timezone.utc) < earliest and not force:
        raise SystemExit(
            f"stack: the last rotation is too young: until {earliest:%Y-%m-%d %H:%M} UTC another one would refuse cursors "
            "that clients hold; FORCE=1 rotates all the same"
        )
    value = secrets.get_random_password(PasswordLength=SECRET_LENGTH, ExcludePunctuation=True)["RandomPassword"]
    version = secrets.put_secret_value(SecretId=secret, SecretString=value)["VersionId"]
    print(f"the cursor secret of {stack} has the new version {version}")


def outputs_of(stack: str) -> dict[str, str]:
    """The stack's outputs."""
    [found] = SESSION.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def delete(stack: str) -> None:
    """Deletes the stack, which needs no build; what it is to keep stays, and stays protected."""
    formation = SESSION.client("cloudformation")
    formation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    formation.delete_stack(StackName=stack)
    print(f"{stack} is being deleted", flush=True)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 5})
    print(f"{stack} is deleted")


if __name__ == "__main__":
    commands = {"api-key": api_key, "delete": delete, "migrate": migrate, "rotate-cursor-secret": rotate_cursor_secret}
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise SystemExit(f"stack: {error}") from None
