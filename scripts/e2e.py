"""Deploys the stage `dev` to an emulator with the CDK CLI, tests it through its REST API, and deletes it.

Without an endpoint it starts MiniStack on a free port, with IAM enforced, and always stops it at the end.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from e2e_assembly import adapt
from e2e_changes import Changes
from e2e_keys import Keys
from e2e_people import People
from e2e_resource import AddedResource
from e2e_upstream import StandIn, UpstreamCalls
from emulator import STAGE, Emulator, Failure

ROOT = Path(__file__).resolve().parent.parent
CDK = ROOT / "cdk"
WORK = ROOT / "target" / "e2e-run"
FUNCTIONS = WORK / "lambda"
# The contract of the service of the tests (tests/fixtures).
CONTRACT = WORK / "contract"
BOOTSTRAP = FUNCTIONS / "functions" / "bootstrap"
ASSEMBLY = WORK / "assembly"
# The settings of the stage, in place of cdk/stages.json.
SETTINGS = WORK / "stages.json"
CRUD = ROOT / "target" / "debug" / "crud"
SERVICE = f"serverless-crud-{STAGE}"
ACCOUNT, REGION = "000000000000", "us-east-1"
# Tests have passwords, no browser.
USER_POOL = {"mfa": "off", "selfSignUp": False, "passwordAuth": True}
ARCHITECTURE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
STEP_WIDTH = 40


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", help="an emulator that is already running")
    arguments.add_argument("--no-build", action="store_true", help="reuse the functions of the last build")
    options = arguments.parse_args()
    # SIGTERM also runs the code that stops the emulator.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("e2e: stopped"))
    WORK.mkdir(parents=True, exist_ok=True)
    build(options.no_build)
    running = Emulator.running_at(options.endpoint) if options.endpoint else Emulator.started(WORK)
    with StandIn.running() as upstream, running as emulator:
        Run(emulator, upstream).all()


def build(reuse: bool) -> None:
    """Builds the functions of the test service for this machine, copies them to the folder the stack reads, and writes the
    contract of the service.
    """
    if not reuse:
        build = ["cargo", "build", "--profile", "e2e", "--no-default-features", "--features", "lambda"]
        with step("build the functions"):
            run("build", [*build, "--bin", "fixtures"], ROOT, dict(os.environ))
        contract = ["cargo", "run", "--bin", "fixtures", "--", "contract", "--root", str(CONTRACT)]
        with step("generate the contract"):
            run("contract", contract, ROOT, dict(os.environ))
        with step("build the operator's command"):
            program = ["cargo", "build", "--features", "lambda,operator", "--bin", "crud"]
            run("crud", program, ROOT, dict(os.environ))
    binary = ROOT / "target" / "e2e" / "fixtures"
    if not binary.exists():
        raise Failure(f"{binary.relative_to(ROOT)} is missing: run without --no-build")
    BOOTSTRAP.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(binary, BOOTSTRAP)
    BOOTSTRAP.chmod(0o755)


class Run:
    """The steps of the test, in order."""

    def __init__(self, emulator: Emulator, upstream: StandIn) -> None:
        self.emulator, self.upstream = emulator, upstream
        tokens = {"tokens": {"userPool": USER_POOL}} if emulator.has.tokens else {}
        SETTINGS.write_text(json.dumps({STAGE: tokens | {"upstream": upstream.settings()}}))
        # Excludes the caller's AWS settings: this must never reach a real account.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
        self.environment |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": emulator.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NODE_NO_WARNINGS": "1",
        }
        self.people = People(emulator, self.key, self.client)

    def all(self) -> None:
        with step("bootstrap"):
            # Runs outside the app, which it does not need.
            self.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", in_app=False)
            # The policy requires TLS, which the emulator does not support.
            self.client("s3").delete_bucket_policy(Bucket=f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}")
        try:
            self.steps()
        except BaseException:
            # An emulator started here is stopped with its data.
            if not self.emulator.is_ours:
                self.destroy()
            raise
        self.destroy()
        with step("no resource remains"):
            self.check_remains()

    def steps(self) -> None:
        resource = AddedResource(self, WORK / "contract-without", CONTRACT)
        if self.emulator.has.stage_updates:
            with step("deploy without a resource"):
                resource.deploy_without()
            with step("add the resource"):
                resource.add()
        else:
            with step("deploy"):
                self.deploy()
                self.people.sign_in(self.outputs())
        outputs = self.outputs()
        if self.emulator.has.iam:
            with step("queues and buckets require TLS"):
                self.remove_tls_policies()
        key = self.key(outputs, "Premium")
        upstream = UpstreamCalls(self.upstream, self.emulator, outputs["ApiId"], key, self.environment)
        with step("the upstream API is called with its key"):
            upstream.has_its_key()
        with step("Postman collection"):
            self.postman(outputs)
        with step("end-to-end tests"):
            self.suite(outputs)
        with step("repeats call the upstream API once"):
            upstream.is_called_once()
        with step("an item is described"):
            upstream.describes()
        changes = Changes(SERVICE, self.emulator, outputs, key, self.client, self.environment)
        with step("changes reach history and bus"):
            changes.arrive()
        with step("a deleted user's items are archived"):
            changes.cascade()
        with step("a rotation keeps pages in progress"):
            self.rotate(outputs)
        with step("functions follow a new key of the upstream API"):
            upstream.follows_rotation()
        with step("late index entries are archived too"):
            changes.hidden()
        with step("failed changes are replayed"):
            changes.replayed()
        with step("dead-lettered events are replayed"):
            changes.sent_back()
        with step("keys are created, rotated and revoked"):
            Keys(self.emulator, outputs, CRUD, self.environment).all()
        if self.emulator.has.tokens:
            with step("an expired token is refused"):
                self.people.refuse_expired(outputs)
        with step("deploy again: nothing changes"):
            self.second_deployment()
        if self.emulator.has.alias_updates:
            with step("deploy a new version"):
                self.update(outputs)
        # No consumer can decode its rows, so nothing may follow them in the streams.
        with step("migrate records of an older shape"):
            self.migrate()
        if self.emulator.has.iam:
            with step("a role without grants is refused"):
                self.revoke(outputs)
        if self.emulator.has.stage_updates:
            with step("remove the resource"):
                resource.remove()

    def remove_tls_policies(self) -> None:
        """Checks that queues and buckets require TLS, then removes the policies, since the emulator does not support TLS."""
        sqs = self.client("sqs")
        queues = [url for url in sqs.list_queues()["QueueUrls"] if SERVICE in url]
        for queue in queues:
            try:
                sqs.receive_message(QueueUrl=queue)
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDenied":
                    raise
            else:
                raise Failure(f"{queue} accepts requests without TLS")
        # The emulator trusts a proxy's header about TLS.
        sqs.meta.events.register(
            "request-created.sqs", lambda request, **_: request.headers.add_header("x-forwarded-proto", "https")
        )
        for queue in queues:
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
        s3 = self.client("s3")
        for bucket in self.buckets():
            statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
            if not any(statement["Effect"] == "Deny" and "Bool" in statement["Condition"] for statement in statements):
                raise Failure(f"{bucket} accepts requests without TLS")
            s3.delete_bucket_policy(Bucket=bucket)

    def destroy(self) -> None:
        with step("destroy"):
            self.script("deployed", "delete", STAGE)

    def deploy(self, contract: Path = CONTRACT) -> str:
        context = {"stage": STAGE, "functions": FUNCTIONS, "architecture": ARCHITECTURE[platform.machine().lower()]}
        context |= {"contract": contract, "settings": SETTINGS}
        settings = [part for name, value in context.items() for part in ("-c", f"{name}={value}")]
        self.cdk("synth", "--quiet", "--output", str(ASSEMBLY), *settings)
        adapt(ASSEMBLY, self.emulator.has, self.emulator.url, SERVICE)
        return self.script("deploy", str(ASSEMBLY), STAGE)

    def outputs(self) -> dict[str, str]:
        """Returns the outputs of all stacks."""
        outputs = [output for stack in self.deployed_stacks() for output in stack.get("Outputs", [])]
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def migrate(self) -> None:
        """Writes records of the oldest shape, runs the migrations with the state machine, and checks the result."""
        table, count = f"{SERVICE}-items", 60
        dynamodb = self.client("dynamodb")
        for number in range(count):
            dynamodb.put_item(TableName=table, Item=old_item(number))
        answer = json.loads(self.script("deployed", "migrate", STAGE).splitlines()[-1])
        written = [migration["written"] for migration in answer["migrations"]]
        if not answer["done"] or written != [count] * len(written) or not written:
            raise Failure(f"the migrations did not write every record: {answer}")
        for number in range(count):
            key = {"id": old_item(number)["id"]}
            row = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
            tags = [tag["S"] for tag in row["tags"].get("L", [])]
            found = (row.get("currency"), tags, row.get("listShard"), row["version"])
            expected = ({"S": "EUR"}, ["kitchen", "coffee"], {"S": str(number % 4)}, {"N": str(3 + len(written))})
            if found != expected:
                raise Failure(f"the migrations changed item {number} to {found}")
            dynamodb.delete_item(TableName=table, Key=key)
        again = json.loads(self.script("deployed", "migrate", STAGE).splitlines()[-1])
        if not again["done"] or again["migrations"]:
            raise Failure(f"the migrations were applied twice: {again}")

    def postman(self, outputs: dict[str, str]) -> None:
        newman = ROOT / "tools" / "node_modules" / ".bin" / "newman"
        if not newman.exists():
            raise Failure("newman is missing: run `npm --prefix tools ci`")
        variables = {"baseUrl": self.emulator.api(outputs["ApiId"]), "apiKey": self.key(outputs, "Premium")}
        variables |= {"token": self.emulator.token} if self.emulator.token else {}
        settings = [part for name, value in variables.items() for part in ("--env-var", f"{name}={value}")]
        postman = CONTRACT / "postman"
        files = [postman / "serverless-crud.postman_collection.json", "-e", postman / "aws.postman_environment.json"]
        report = WORK / "newman.json"
        reporters = ["--reporters", "cli,json", "--reporter-json-export", str(report), "--suppress-exit-code"]
        run("newman", [str(newman), "run", *map(str, files), *settings, *reporters], ROOT, self.environment)
        result = json.loads(report.read_text())["run"]
        failures = [failure for failure in result["failures"] if not self.is_excused(failure, result["executions"])]
        if failures or not result["executions"]:
            named = [f"{failure['source'].get('name')}: {failure['error']['message']}" for failure in failures]
            raise Failure("\n".join(["the collection fails, see target/e2e-run/newman.log:", *named]))

    def is_excused(self, failure: dict, executions: list[dict]) -> bool:
        """Returns true if the gateway answered by itself, on an emulator without the API's gateway responses.

        The status is checked all the same: the collection's first assertion is on it.
        """
        if self.emulator.has.gateway_responses or "status code" in failure["error"]["message"]:
            return False
        execution = next(one for one in executions if one["cursor"]["ref"] == failure["cursor"]["ref"])
        try:
            body = json.loads(bytes(execution["response"]["stream"]["data"]))
        except (KeyError, ValueError):
            return False
        return isinstance(body, dict) and body.keys() == {"message"}

    def rotate(self, outputs: dict[str, str]) -> None:
        """Rotates the cursor secret between the pages of a list."""
        names = {f"rotation-{number}@example.com" for number in range(4)}
        for name in sorted(names):
            user = {"name": "Rotation", "email": name}
            status, body = self.emulator.request("POST", outputs["ApiId"], "/v1/users", self.key(outputs, "Premium"), user)
            if status != 201:
                raise Failure(f"creating a user fails: {status} {body}")
        _, cursor = self.page(outputs, None)
        program = [sys.executable, str(ROOT / "scripts" / "deployed.py"), "rotate-cursor-secret", STAGE]
        run("rotate", program, ROOT, self.environment)
        emails, cursor = self.page(outputs, cursor)
        while cursor:
            page, cursor = self.page(outputs, cursor)
            emails |= page
        if len(names & emails) < len(names) - 1:
            raise Failure(f"the list lost users during a rotation: it shows {sorted(emails)}")
        again = subprocess.run(program, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if again.returncode == 0 or "too recent" not in again.stderr:
            raise Failure(f"a second rotation is not refused: {again.stdout}{again.stderr}")

    def page(self, outputs: dict[str, str], cursor: str | None) -> tuple[set[str], str | None]:
        """Returns the e-mails on a page of one user, and the cursor of the next page."""
        path = "/v1/users?limit=1" + (f"&cursor={cursor}" if cursor else "")
        status, body = self.emulator.request("GET", outputs["ApiId"], path, self.key(outputs, "Premium"))
        if status != 200:
            raise Failure(f"reading a page fails: {status} {body}")
        return {user["email"] for user in body["data"]}, body["nextCursor"]

    def suite(self, outputs: dict[str, str]) -> None:
        variables = {
            "E2E_URL": self.emulator.api_by_host(outputs["ApiId"]),
            "E2E_KEY": self.key(outputs, "Premium"),
            "E2E_BASIC_KEY": self.key(outputs, "Basic"),
        }
        variables |= {f"E2E_{name}_TOKEN": token for name, token in self.people.tokens.items()}
        missing = [name for name, has in asdict(self.emulator.has).items() if not has]
        variables["E2E_WITHOUT"] = ",".join(missing)
        run("tests", ["cargo", "test", "--test", "e2e", "--", "--ignored"], ROOT, os.environ | variables)

    def second_deployment(self) -> None:
        log = self.deploy()
        stacks = [stack["StackName"] for stack in self.deployed_stacks()]
        changed = [stack for stack in stacks if f"{stack} (no changes)" not in log]
        if changed:
            raise Failure(f"a second deployment changed {', '.join(changed)}: see target/e2e-run/deploy.log")

    def update(self, outputs: dict[str, str]) -> None:
        """Deploys a new version: bytes appended to the executable change its hash, not its behaviour."""
        name = "items_get"
        before = self.live_version(name)
        with BOOTSTRAP.open("ab") as file:
            file.write(b"\0")
        self.deploy()
        if self.live_version(name) == before:
            raise Failure(f"the new version of {name} is not live")
        if self.status(outputs, "GET", "/v1/items/01890000-0000-7000-8000-000000000000") != 404:
            raise Failure(f"the new version of {name} does not respond")

    def revoke(self, outputs: dict[str, str]) -> None:
        """Checks that the emulator enforces grants, which shows that the other tests ran with sufficient ones."""
        role = self.client("lambda").get_function(FunctionName=f"{SERVICE}-items_get")["Configuration"]["Role"]
        role, iam = role.rsplit("/", 1)[-1], self.client("iam")
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        status = self.status(outputs, "GET", "/v1/items/01890000-0000-7000-8000-000000000000")
        if status != 500:
            raise Failure(f"items_get responds with {status} without a grant: the emulator does not enforce grants")

    def check_remains(self) -> None:
        remains = [
            *self.stacks(),
            *self.client("dynamodb").list_tables()["TableNames"],
            *(function["FunctionName"] for function in self.client("lambda").list_functions()["Functions"]),
            *(group["logGroupName"] for group in self.client("logs").describe_log_groups()["logGroups"]),
            *(api["name"] for api in self.client("apigateway").get_rest_apis()["items"]),
            *(key["name"] for key in self.client("apigateway").get_api_keys()["items"]),
            *(plan["name"] for plan in self.client("apigateway").get_usage_plans()["items"]),
            *(role["RoleName"] for role in self.client("iam").list_roles()["Roles"]),
            *(alarm["AlarmName"] for alarm in self.client("cloudwatch").describe_alarms()["MetricAlarms"]),
            *(queue.rsplit("/", 1)[-1] for queue in self.client("sqs").list_queues().get("QueueUrls", [])),
            *self.buckets(),
            *self.mappings(),
            *(bus["Name"] for bus in self.client("events").list_event_buses()["EventBuses"]),
            *(archive["ArchiveName"] for archive in self.client("events").list_archives()["Archives"]),
            *(machine["name"] for machine in self.client("stepfunctions").list_state_machines()["stateMachines"]),
            *(secret["Name"] for secret in self.client("secretsmanager").list_secrets()["SecretList"]),
        ]
        if self.emulator.has.tokens:
            pools = self.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
            remains += [pool["Name"] for pool in pools]
        remaining = [name for name in remains if SERVICE in name]
        if remaining:
            raise Failure(f"destroy did not delete {', '.join(remaining)}")

    def buckets(self) -> list[str]:
        return [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"] if SERVICE in bucket["Name"]]

    def stacks(self) -> list[str]:
        """Returns the names of the stacks that exist: LocalStack lists deleted ones too."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return [stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]

    def mappings(self) -> list[str]:
        """Returns the functions of the event source mappings that are not being deleted.

        A deletion completes later (Lambda API Reference, DeleteEventSourceMapping). In LocalStack a mapping first uses up
        the retries of its current batch, which fails if it has the migrated records.
        """
        mappings = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return [mapping["FunctionArn"] for mapping in mappings if mapping["State"] != "Deleting"]

    def status(self, outputs: dict[str, str], method: str, path: str) -> int:
        return self.emulator.request(method, outputs["ApiId"], path, self.key(outputs, "Premium"))[0]

    def deployed_stacks(self) -> list[dict]:
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return [stack for stack in stacks if stack["StackName"].startswith(SERVICE)]

    def live_version(self, name: str) -> str:
        return self.client("lambda").get_alias(FunctionName=f"{SERVICE}-{name}", Name="live")["FunctionVersion"]

    def key(self, outputs: dict[str, str], tier: str) -> str:
        return self.client("apigateway").get_api_key(apiKey=outputs[f"ApiKeyId{tier}"], includeValue=True)["value"]

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.emulator.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def cdk(self, command: str, *arguments: str, in_app: bool = True) -> str:
        program = [str(CDK / "node_modules" / ".bin" / "cdk"), command, *arguments]
        return run(command, program, CDK if in_app else WORK, self.environment)

    def script(self, name: str, *arguments: str) -> str:
        """Runs one of the operators' scripts."""
        return run(name, [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *arguments], ROOT, self.environment)


def old_item(number: int) -> dict[str, dict]:
    """Returns an item in the shape before all migrations; its list shard follows from its id."""
    time = {"S": "2024-01-01T00:00:00.000Z"}
    return {
        "id": {"S": f"01890000-0000-7000-8000-{number:012x}"},
        "version": {"N": "3"},
        "createdAt": time,
        "updatedAt": time,
        "name": {"S": f"Item {number}"},
        "priceCents": {"N": "100"},
        "status": {"S": "active"},
        "tags": {"S": "kitchen, coffee,kitchen"},
    }


@contextmanager
def step(name: str):
    """Prints a step and its duration."""
    print(f"e2e: {name} ", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("FAILED", flush=True)
        raise
    print(f"{'.' * (STEP_WIDTH - len(name))} {time.monotonic() - start:5.1f} s", flush=True)


def run(name: str, command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Runs a command with its output in a file. A failure prints the end of the file."""
    log = WORK / f"{name}.log"
    if shutil.which(command[0]) is None:
        raise Failure(f"{command[0]} is missing: install it")
    with log.open("w+") as output:
        code = subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT).returncode
        output.seek(0)
        text = output.read()
    if code != 0:
        print("\n" + "\n".join(text.splitlines()[-30:]), file=sys.stderr)
        raise Failure(f"{name} failed: see {log.relative_to(ROOT)}")
    return text


if __name__ == "__main__":
    try:
        main()
    except (Failure, ClientError) as error:
        sys.exit(f"e2e: {error}")
    except KeyboardInterrupt:
        sys.exit("e2e: stopped")
