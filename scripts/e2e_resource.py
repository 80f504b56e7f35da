"""End-to-end tests of a resource that is added to a deployed stage, and removed from it.

The resource is `items`: the stage is first deployed with a contract without it, by the same executable.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from emulator import Failure

if TYPE_CHECKING:
    from e2e import Run

ADDED, OTHER = "items", "users"


class AddedResource:
    def __init__(self, run: Run, folder: Path, contract: Path) -> None:
        """Writes the contract without the resource to a folder."""
        self.run, self.folder, self.contract = run, folder, contract
        self.outputs: dict[str, str] = {}
        self.record = ""
        contract_without(ADDED, contract, folder)

    def deploy_without(self) -> None:
        """Deploys the stage without the resource, and creates a record of the other one."""
        self.run.deploy(self.folder)
        self.outputs = self.run.outputs()
        self.run.people.sign_in(self.outputs)
        key, body = self.run.key(self.outputs, "Premium"), {"name": "Grace", "email": "grace@example.com"}
        status, answer = self.run.emulator.request("POST", self.outputs["ApiId"], f"/v1/{OTHER}", key, body)
        if status != 201:
            raise Failure(f"creating a record fails: {status} {answer}")
        self.record = answer["id"]
        self.expect(f"/v1/{ADDED}", 404)

    def add(self) -> None:
        """Deploys the resource, and checks that it is served and that the other one did not change."""
        before = self.versions(OTHER)
        self.run.deploy()
        self.expect(f"/v1/{ADDED}", 200)
        self.check_other(before)

    def remove(self) -> None:
        """Deploys without the resource, and checks that only it is gone."""
        before = self.versions(OTHER)
        self.run.deploy(self.folder)
        self.expect(f"/v1/{ADDED}", 404)
        self.check_other(before)
        stacks = [stack["StackName"] for stack in self.run.deployed_stacks()]
        tables = self.run.client("dynamodb").list_tables()["TableNames"]
        left = [name for name in [*stacks, *tables] if name.endswith((f"-{ADDED}", "-users-cascade"))]
        left += self.versions(ADDED)
        if left:
            raise Failure(f"the deployment did not delete {', '.join(left)}")

    def check_other(self, versions: dict[str, str]) -> None:
        """Checks that the API, its keys, the other resource's functions and its records are those of before."""
        kept = {name: value for name, value in self.outputs.items() if name.startswith("Api")}
        if not kept.items() <= self.run.outputs().items() or self.versions(OTHER) != versions:
            raise Failure(f"the deployment changed the functions of {OTHER}, the API or its keys")
        self.expect(f"/v1/{OTHER}/{self.record}", 200)

    def expect(self, path: str, expected: int) -> None:
        if (status := self.run.status(self.outputs, "GET", path)) != expected:
            raise Failure(f"GET {path} responds with {status}, not {expected}")

    def versions(self, resource: str) -> dict[str, str]:
        """Returns the live version of each deployed function of a resource's operations."""
        found = {function["FunctionName"] for function in self.run.client("lambda").list_functions()["Functions"]}
        own = [name for name in functions_of(resource, self.contract) if any(function.endswith(f"-{name}") for function in found)]
        return {name: self.run.live_version(name) for name in own}


def contract_without(resource: str, source: Path, target: Path) -> None:
    """Writes the contract to a folder as it would be without a resource, its table, and the consumers that write to it."""
    document = json.loads((source / "openapi.json").read_text())
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source / "schemas", target / "schemas", dirs_exist_ok=True)
    paths = document["paths"].items()
    document["paths"] = {name: item for name, item in paths if not f"{name}/".startswith(f"/v1/{resource}/")}
    document["x-tables"] = [table for table in document["x-tables"] if table["name"] != resource]
    consumers = document["x-consumers"]
    document["x-consumers"] = [consumer for consumer in consumers if resource not in tables_granted(consumer)]
    for consumer in document["x-consumers"]:
        consumer["tables"] = [table for table in consumer.get("tables", []) if table != resource]
    for job in document["x-jobs"]:
        job["grants"] = [grant for grant in job["grants"] if grant["table"] != resource]
    (target / "openapi.json").write_text(json.dumps(document))


def functions_of(resource: str, source: Path) -> set[str]:
    """Returns the names of the functions of a resource's operations."""
    paths = json.loads((source / "openapi.json").read_text())["paths"]
    own = [item for name, item in paths.items() if f"{name}/".startswith(f"/v1/{resource}/")]
    return {operation["x-function"]["name"] for item in own for operation in item.values()}


def tables_granted(function: dict) -> set[str]:
    return {grant["table"] for grant in function["grants"]}
