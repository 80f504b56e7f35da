"""What is done with a deployed stack without the CDK, which would want a build: reads a tier's API key, or deletes it."""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

# boto3 alone does not look there, though the CDK does.
SESSION = boto3.Session(region_name=os.environ.get("AWS_REGION"))


def api_key(stack: str, tier: str) -> None:
    """Prints the key's value, which AWS made, and which no template or output has."""
    [found] = SESSION.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    tiers = {name.removeprefix("ApiKeyId").lower(): value for name, value in outputs.items() if "ApiKeyId" in name}
    if tier not in tiers:
        raise SystemExit(f"stack: there is no tier {tier}: it is one of {', '.join(sorted(tiers))}")
    print(SESSION.client("apigateway").get_api_key(apiKey=tiers[tier], includeValue=True)["value"])


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
        {"api-key": api_key, "delete": delete}[sys.argv[1]](*sys.argv[2:])
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise SystemExit(f"stack: {error}") from None
