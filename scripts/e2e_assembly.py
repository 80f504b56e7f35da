"""The contract and the templates that `make e2e` deploys: without a resource, and without what an emulator lacks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from emulator import Capabilities


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


def adapt(assembly: Path, has: Capabilities) -> None:
    """Changes the templates of an assembly to what the emulator supports."""
    for path in assembly.glob("*.template.json"):
        template = json.loads(path.read_text())
        if not has.metric_math_alarms:
            remove_metric_math_alarms(template)
        if not has.stack_outputs:
            stack = path.name.removesuffix(".template.json")
            template = with_exports(template, stack)
        path.write_text(json.dumps(template))


def remove_metric_math_alarms(template: dict) -> None:
    resources = template["Resources"]
    template["Resources"] = {
        name: resource for name, resource in resources.items() if not resource.get("Properties", {}).get("Metrics")
    }


def with_exports(template: dict, stack: str) -> dict:
    """Exports every output, and imports those of other stacks. Their names are those of the stack and of the output."""
    for name, output in template.get("Outputs", {}).items():
        output["Export"] = {"Name": f"{stack}:{name}"}

    def imported(value: dict) -> dict:
        reference = value.get("Fn::GetStackOutput")
        if reference is None:
            return value
        return {"Fn::ImportValue": f"{reference['StackName']}:{reference['OutputName']}"}

    return mapped(template, imported)


def mapped(value: object, change: Callable[[dict], dict]) -> object:
    """Applies a change to every object in a value."""
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    if isinstance(value, dict):
        return change({name: mapped(member, change) for name, member in value.items()})
    return value
