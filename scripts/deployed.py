"""What is done with a deployed stack without the CDK, which would want a build: reads a tier's API key, migrates, deletes."""

import json
import os
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

# boto3 alone does not look there, though the CDK does.
SESSION = boto3.Session(region_name=os.environ.get("AWS_REGION"))


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
    try:
        {"api-key": api_key, "delete": delete, "migrate": migrate}[sys.argv[1]](*sys.argv[2:])
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise SystemExit(f"stack: {error}") from None
