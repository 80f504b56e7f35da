"""Changes of the templates that `make e2e` deploys, for emulators that lack something."""

import json
from collections.abc import Callable
from pathlib import Path

from emulator import Capabilities


def adapt(assembly: Path, has: Capabilities, url: str, service: str) -> None:
    """Changes the templates of an assembly to what the emulator at a URL supports."""
    for path in assembly.glob("*.template.json"):
        template = json.loads(path.read_text())
        if not has.metric_math_alarms:
            remove(template, lambda resource: "Metrics" in resource.get("Properties", {}))
        if not has.saved_queries:
            remove(template, lambda resource: resource["Type"] == "AWS::Logs::QueryDefinition")
        discover_keys(template, url, f"{service}-data")
        if not has.stack_outputs:
            stack = path.name.removesuffix(".template.json")
            template = with_exports(template, stack)
        path.write_text(json.dumps(template))


def remove(template: dict, is_removed: Callable[[dict], bool]) -> None:
    """Removes resources from a template."""
    resources = template["Resources"]
    template["Resources"] = {name: resource for name, resource in resources.items() if not is_removed(resource)}


def discover_keys(template: dict, url: str, stack: str) -> None:
    """Lets the authorizer fetch the keys of the user pool from the emulator, which has no TLS."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Function" and properties["Handler"] == "authorizer":
            pool = {"Fn::GetStackOutput": {"StackName": stack, "OutputName": "UserPoolId"}}
            parts = [f"{url}/", pool, "/.well-known/openid-configuration"]
            properties["Environment"]["Variables"] |= {
                "DISCOVERY_URL": {"Fn::Join": ["", parts]},
                "ALLOW_HTTP_LOOPBACK": "true",
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
