"""Commands on a deployed stage that need no CDK and hence no build: API key, migration, secret rotation, deletion."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from stage_stacks import SESSION, delete_stacks, outputs_of, prefix_of, stacks_of

SECRET_LENGTH = 64
# A cursor is valid for a day, and a function signs with the previous key for up to an hour if Secrets Manager is
# unreachable: docs/stack.md.
ROTATION_INTERVAL = timedelta(hours=25)


def api_key(stage: str, tier: str) -> None:
    """Prints the value of a tier's API key. AWS generates it; no template or output contains it."""
    outputs = outputs_of(stage)
    tiers = {name.removeprefix("ApiKeyId").lower(): value for name, value in outputs.items() if "ApiKeyId" in name}
    if tier not in tiers:
        raise SystemExit(f"stack: there is no tier {tier}: the tiers are {', '.join(sorted(tiers))}")
    print(SESSION.client("apigateway").get_api_key(apiKey=tiers[tier], includeValue=True)["value"])


def migrate(stage: str, options: str = "{}") -> None:
    """Applies pending migrations with the state machine, waits for it, and prints its output as the last line.

    The options are the function's event: `{"to": 2, "maxWcu": 500}`.
    """
    machine = outputs_of(stage)["MigrationMachine"]
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


def rotate_cursor_secret(stage: str, force: str = "") -> None:
    """Sets a new random value as the current version of the cursor secret. The previous one still verifies cursors.

    A second rotation invalidates the cursors signed with the first key. It is refused if it is too early, unless forced.
    """
    secret = secret_of(stage, "Cursor")
    secrets = SESSION.client("secretsmanager")
    labels = {
        label: version["CreatedDate"]
        for version in secrets.list_secret_version_ids(SecretId=secret)["Versions"]
        for label in version.get("VersionStages", [])
    }
    earliest = labels["AWSCURRENT"] + ROTATION_INTERVAL
    if "AWSPREVIOUS" in labels and datetime.now(timezone.utc) < earliest and not force:
        raise SystemExit(
            f"stack: the last rotation is too recent: until {earliest:%Y-%m-%d %H:%M} UTC another one would invalidate cursors "
            "in use; FORCE=1 rotates anyway"
        )
    value = secrets.get_random_password(PasswordLength=SECRET_LENGTH, ExcludePunctuation=True)["RandomPassword"]
    version = secrets.put_secret_value(SecretId=secret, SecretString=value)["VersionId"]
    print(f"the cursor secret of {stage} has the new version {version}")


def set_upstream_key(stage: str) -> None:
    """Sets the key of the upstream API, which standard input holds. The functions use it within five minutes, or at once where
    the API refuses the previous one.
    """
    if sys.stdin.isatty():
        print("The key, and then Ctrl-D:", file=sys.stderr)
    key = sys.stdin.read().strip()
    if not key:
        raise SystemExit("stack: standard input has no key: make upstream-key STAGE=dev < key.txt")
    version = SESSION.client("secretsmanager").put_secret_value(SecretId=secret_of(stage, "Upstream"), SecretString=key)
    print(f"the key of the upstream API of {stage} has the new version {version['VersionId']}")


def secret_of(stage: str, name: str) -> str:
    """Returns the ARN of a secret of the stage."""
    stack = f"{prefix_of(stage)}data"
    pages = SESSION.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    secrets = [resource for resource in found if resource["ResourceType"] == "AWS::SecretsManager::Secret"]
    named = [one["PhysicalResourceId"] for one in secrets if one["LogicalResourceId"].startswith(f"Secrets{name}")]
    if not named:
        raise SystemExit(f"stack: the stage {stage} has no secret {name.lower()}: docs/actions.md names the setting for it")
    return named[0]


def delete(stage: str) -> None:
    """Deletes the stacks of the stage, each before those it refers to. Retained resources remain, and remain protected."""
    stacks = stacks_of(stage)
    first, last = {"release"}, {"api", "data"}
    for parts in (first, stacks.keys() - first - last, last):
        delete_stacks(sorted(stacks[part]["StackName"] for part in parts & stacks.keys()))


if __name__ == "__main__":
    commands = {
        "api-key": api_key,
        "delete": delete,
        "migrate": migrate,
        "rotate-cursor-secret": rotate_cursor_secret,
        "upstream-key": set_upstream_key,
    }
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise SystemExit(f"stack: {error}") from None
