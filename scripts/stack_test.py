"""Tests of the commands on a stage, against an emulator: the checks before a deployment, leftover stacks, deletion."""

import json
import os
import subprocess
import tempfile
import time
import unittest
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import boto3

from emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/logs-of-another-team"
TOPIC = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
BROKEN = {"Resources": {"Broken": {"Type": "AWS::ApiGateway::Model", "Properties": {"RestApiId": "none", "Name": "A"}}}}


class Checks(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        resources = ExitStack()
        cls.addClassCleanup(resources.close)
        cls.folder = resources.enter_context(tempfile.TemporaryDirectory())
        cls.emulator = resources.enter_context(Emulator.started(Path(cls.folder)))

    def setUp(self) -> None:
        reset = urllib.request.Request(f"{self.emulator.url}/_ministack/reset", method="POST")
        urllib.request.urlopen(reset, timeout=10).close()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NEW"))}
        self.environment = inherited | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": f"{self.folder}/config",
            "AWS_SHARED_CREDENTIALS_FILE": f"{self.folder}/credentials",
            "NODE_NO_WARNINGS": "1",
        }

    def run_stack(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        program = [str(ROOT / "scripts" / "stack"), *arguments]
        return subprocess.run(program, env=self.environment | environment, capture_output=True, text=True, check=False)

    def flags(self, stage: str, shape: str, protects: str) -> list[str]:
        """Returns the CDK context flags of the stage."""
        program = [str(ROOT / "cdk/.venv/bin/python"), str(ROOT / "scripts" / "deploy_checks.py"), stage, shape, protects]
        return subprocess.run(program, env=self.environment, capture_output=True, text=True, check=True).stdout.split()

    def client(self, service: str):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.emulator.url, region_name=REGION, **keys)

    def bootstrap(self) -> None:
        self.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")

    def create(self, stack: str, template: dict, status: str, stage: str = "", protected: bool = False) -> None:
        formation = self.client("cloudformation")
        tags = [{"Key": key, "Value": value} for key, value in tags_of(stage).items()]
        formation.create_stack(
            StackName=stack, TemplateBody=json.dumps(template), Tags=tags, EnableTerminationProtection=protected
        )
        for _ in range(100):
            found = formation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            if found == status:
                return
            time.sleep(0.1)
        self.fail(f"{stack} is {found}, not {status}")

    def stacks(self) -> set[str]:
        return {stack["StackName"] for stack in self.client("cloudformation").describe_stacks()["Stacks"]}

    def deploy(self, stage: str, parts: list[str]) -> str:
        """Deploys an assembly with these stacks, and returns the output."""
        assembly = Path(self.folder, "assembly")
        assembly.mkdir(exist_ok=True)
        (assembly / "template.json").write_text(json.dumps(TOPIC))
        artifact = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{ACCOUNT}/{REGION}",
            "properties": {"templateFile": "template.json", "tags": tags_of(stage)},
        }
        artifacts = {f"serverless-crud-{stage}-{part}": artifact for part in parts}
        (assembly / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": artifacts}))
        program = [str(ROOT / "cdk/.venv/bin/python"), str(ROOT / "scripts" / "deploy.py"), str(assembly), stage]
        done = subprocess.run(program, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def assert_refused(self, result: subprocess.CompletedProcess, line: str) -> None:
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, rf"\A{line}\n\Z")

    def test_an_invalid_stage_name_is_refused_in_one_line_without_aws(self) -> None:
        result = self.run_stack("deploy", "Ada", AWS_ENDPOINT_URL="http://127.0.0.1:9", TARGET="none")
        self.assert_refused(result, 'stack: "Ada" cannot be a stage: .*')

    def test_missing_credentials_are_reported_before_the_build(self) -> None:
        del self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"]
        result = self.run_stack("deploy", "dev", TARGET="none")
        self.assert_refused(result, "stack: AWS accepts no credentials from here .*: Unable to locate credentials")

    def test_a_missing_region_is_reported(self) -> None:
        del self.environment["AWS_REGION"]
        self.assert_refused(self.run_stack("check", "dev"), "stack: no region is set: set AWS_REGION")

    def test_a_region_without_bootstrap_is_refused_with_its_command(self) -> None:
        target = f"aws://{ACCOUNT}/{REGION}"
        result = self.run_stack("deploy", "dev", TARGET="none")
        self.assert_refused(result, f"stack: {target} is not bootstrapped for the CDK: run `npx aws-cdk bootstrap {target}`")

    def test_a_new_stage_requires_confirmation_and_has_the_options_of_dev(self) -> None:
        self.bootstrap()
        result = self.run_stack("check", "ada")
        self.assert_refused(
            result, f"stack: there is no stage ada in account {ACCOUNT}, {REGION}: NEW=1 creates it, with the options of dev"
        )
        result = self.run_stack("check", "ada", NEW="1")
        self.assertEqual((result.returncode, result.stderr), (0, "stack: ada is new, with the options of dev\n"))
        self.create("serverless-crud-ada-data", TOPIC, "CREATE_COMPLETE")
        result = self.run_stack("check", "ada")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_the_gateways_logging_role_is_created_only_if_missing(self) -> None:
        self.bootstrap()
        self.assertIn("account=true", self.flags("dev", "dev", "false"))
        change = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}]
        self.client("apigateway").update_account(patchOperations=change)
        self.assertIn("account=false", self.flags("dev", "dev", "false"))
        self.create("serverless-crud-account", TOPIC, "CREATE_COMPLETE")
        self.assertIn("account=true", self.flags("dev", "dev", "false"))

    def test_a_stage_is_protected_after_its_first_deployment(self) -> None:
        self.bootstrap()
        self.assertIn("protect=false", self.flags("prod", "prod", "true"))
        self.create("serverless-crud-prod-data", BROKEN, "ROLLBACK_COMPLETE")
        self.assertIn("protect=false", self.flags("prod", "prod", "true"))
        self.client("cloudformation").delete_stack(StackName="serverless-crud-prod-data")
        self.create("serverless-crud-prod-data", TOPIC, "CREATE_COMPLETE")
        self.assertIn("protect=true", self.flags("prod", "prod", "true"))
        self.assertIn("protect=true", self.flags("dev", "dev", "false"))

    def test_a_deployment_deletes_the_stack_of_a_removed_resource_before_the_release(self) -> None:
        self.create("serverless-crud-ada-resource-orders", TOPIC, "CREATE_COMPLETE", "ada", protected=True)
        self.create("serverless-crud-ada-1-resource-orders", TOPIC, "CREATE_COMPLETE", "ada-1")
        log = self.deploy("ada", ["data", "release"])
        order = [log.index(f"serverless-crud-ada-{event}") for event in ("data: deploying", "resource-orders is deleted", "release: deploying")]
        self.assertEqual(order, sorted(order))
        self.assertEqual(self.stacks(), {"serverless-crud-ada-data", "serverless-crud-ada-release", "serverless-crud-ada-1-resource-orders"})

    def test_a_protected_stack_whose_creation_failed_is_created_again(self) -> None:
        self.create("serverless-crud-ada-data", BROKEN, "ROLLBACK_COMPLETE", "ada", protected=True)
        self.deploy("ada", ["data"])
        [stack] = self.client("cloudformation").describe_stacks()["Stacks"]
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")

    def test_a_stage_is_deleted_with_all_its_stacks_and_no_other(self) -> None:
        for part in ("data", "api", "resource-items", "release"):
            self.create(f"serverless-crud-ada-{part}", TOPIC, "CREATE_COMPLETE", "ada", protected=True)
        self.create("serverless-crud-ada-1-data", TOPIC, "CREATE_COMPLETE", "ada-1")
        result = self.run_stack("destroy", "ada")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        deleted = [line.split()[0].removeprefix("serverless-crud-ada-") for line in result.stdout.splitlines() if line.endswith("is deleted")]
        self.assertEqual(deleted, ["release", "resource-items", "api", "data"])
        self.assertEqual(self.stacks(), {"serverless-crud-ada-1-data"})

    def test_a_command_on_a_stage_that_does_not_exist_reports_it(self) -> None:
        self.assert_refused(self.run_stack("api-key", "ada"), f"stack: there is no stage ada in {REGION}")


def tags_of(stage: str) -> dict[str, str]:
    return {"project": "serverless-crud", "stage": stage} if stage else {}


if __name__ == "__main__":
    unittest.main()
