"""Deploys the stacks of a synthesized stage, and deletes those of resources and consumers that the code no longer has:
`deploy.py ASSEMBLY STAGE`. CONCURRENCY stacks are deployed at the same time.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from stage_stacks import FAILED_CREATION, delete_stacks, prefix_of, stacks_of, unprotect

CDK = Path(__file__).resolve().parent.parent / "cdk"
CONCURRENCY = os.environ.get("CONCURRENCY", "10")


def main(assembly: str, stage: str) -> None:
    wanted = stacks_in(Path(assembly))
    deployed = {stack["StackName"]: stack for stack in stacks_of(stage).values()}
    for name, stack in deployed.items():
        # The CDK creates it again, which protection would prevent.
        if stack["StackStatus"] in FAILED_CREATION and stack.get("EnableTerminationProtection"):
            unprotect(name)
    leftovers = sorted(deployed.keys() - wanted)
    if leftovers:
        # The release is the last: it takes a snapshot of the API's methods, and may not have those of deleted functions.
        deploy(assembly, *sorted(wanted - {f"{prefix_of(stage)}release"}))
        delete_stacks(leftovers)
    deploy(assembly, "--all")


def stacks_in(assembly: Path) -> set[str]:
    """Returns the names of the stacks in an assembly."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    return {name for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"}


def deploy(assembly: str, *stacks: str) -> None:
    """Deploys stacks without asking: test/access.json has shown a change of permissions, and `make diff` shows all others."""
    options = ["--app", assembly, "--require-approval", "never", "--concurrency", CONCURRENCY]
    program = [str(CDK / "node_modules" / ".bin" / "cdk"), "deploy", *stacks, *options]
    code = subprocess.run(program, cwd=CDK, check=False).returncode
    if code != 0:
        sys.exit(code)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise SystemExit(f"stack: {error}") from None
