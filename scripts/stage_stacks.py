"""The deployed stacks of a stage, found by their tags."""

import os

import boto3

PROJECT = "serverless-crud"
# The statuses of a stack whose creation failed: the CDK deletes it and creates it again.
FAILED_CREATION = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"}
# boto3 does not read AWS_REGION by itself; the CDK does.
SESSION = boto3.Session(region_name=os.environ.get("AWS_REGION"))


def prefix_of(stage: str) -> str:
    """Returns the prefix of the names of the stage's stacks, tables, functions and queues."""
    return f"{PROJECT}-{stage}-"


def stacks_of(stage: str) -> dict[str, dict]:
    """Returns the stage's stacks by the part of their names after the stage. The name alone does not tell the stage."""
    wanted = {("project", PROJECT), ("stage", stage)}
    pages = SESSION.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = [stack for page in pages for stack in page["Stacks"]]
    return {
        stack["StackName"].removeprefix(prefix_of(stage)): stack
        for stack in found
        if wanted <= {(tag["Key"], tag["Value"]) for tag in stack.get("Tags", [])}
    }


def outputs_of(stage: str) -> dict[str, str]:
    """Returns the outputs of all stacks of the stage."""
    stacks = stacks_of(stage)
    if not stacks:
        raise SystemExit(f"stack: there is no stage {stage} in {SESSION.region_name}")
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks.values()
        for output in stack.get("Outputs", [])
    }


def unprotect(stack: str) -> None:
    """Lets a stack be deleted."""
    formation = SESSION.client("cloudformation")
    formation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)


def delete_stacks(stacks: list[str]) -> None:
    """Deletes stacks at the same time, and waits for it. Retained resources remain, and remain protected."""
    formation = SESSION.client("cloudformation")
    for stack in stacks:
        unprotect(stack)
        formation.delete_stack(StackName=stack)
        print(f"{stack} is being deleted", flush=True)
    for stack in stacks:
        formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 5, "MaxAttempts": 360})
        print(f"{stack} is deleted", flush=True)
