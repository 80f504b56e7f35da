"""The AWS emulator of the tests: MiniStack, started here, or an emulator that is already running."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

HOST = "127.0.0.1"
START_SECONDS = 60
STAGE = "dev"


class Failure(Exception):
    """An error reported to the user in one line."""


@dataclass(frozen=True)
class Capabilities:
    """The behaviour of AWS that an emulator has, as observed with `make e2e`. What it lacks is skipped there."""

    # Usage plans answer 429.
    throttling: bool
    # Roles are enforced.
    iam: bool
    # The gateway's own answers are those of the API: problems with CORS headers.
    gateway_responses: bool
    # Amazon Cognito and Lambda authorizers: requests need a user's token besides the API key.
    tokens: bool
    # CloudFormation creates alarms on metric math.
    metric_math_alarms: bool
    # CloudFormation creates saved queries of CloudWatch Logs Insights.
    saved_queries: bool
    # CloudFormation reads outputs of other stacks with Fn::GetStackOutput.
    stack_outputs: bool
    # Invoke answers with a function error for a function that exits while it starts.
    start_errors: bool
    # CloudFormation moves an alias to a new version of its function. LocalStack's takes a reference to a changed function
    # for a changed name and creates the alias once more, which fails: localstack/localstack#13351. The stack then loses
    # most of its resources, so that it cannot be deleted either.
    alias_updates: bool
    # CloudFormation updates a stage of an API. LocalStack's has no handler for it, so that a stage keeps its first deployment.
    stage_updates: bool


MINISTACK = Capabilities(
    throttling=True,
    iam=True,
    gateway_responses=True,
    tokens=True,
    metric_math_alarms=False,
    saved_queries=False,
    stack_outputs=True,
    start_errors=True,
    alias_updates=True,
    stage_updates=True,
)
LOCALSTACK = Capabilities(
    throttling=False,
    iam=False,
    gateway_responses=False,
    tokens=False,
    metric_math_alarms=True,
    saved_queries=False,
    stack_outputs=False,
    start_errors=False,
    alias_updates=False,
    stage_updates=False,
)


@dataclass
class Emulator:
    """The endpoint of an emulator, its capabilities, and the token that requests to the API have."""

    url: str
    # Started here, and stopped at the end.
    is_ours: bool
    has: Capabilities
    host_suffix: str
    token: str | None = None

    @classmethod
    @contextmanager
    def running_at(cls, endpoint: str):
        """Provides the emulator at an endpoint: LocalStack, or MiniStack as ministack_with_keys.py runs it."""
        parts = urlsplit(endpoint)
        # S3 clients prepend the bucket's name to a host name, which does not resolve, but not to an address.
        host = HOST if parts.hostname == "localhost" else parts.hostname
        url = f"{parts.scheme}://{host}:{parts.port or 4566}"
        if _health(f"{url}/_localstack/health") is None:
            raise Failure(f"no emulator responds at {endpoint}: start one (`docker compose up -d`), or omit ENDPOINT")
        ministack = _health(f"{url}/_ministack/health")
        if ministack is None:
            yield cls(url, False, LOCALSTACK, host_suffix="localhost.localstack.cloud")
        else:
            has = replace(MINISTACK, iam=ministack.get("auth") == "enabled")
            yield cls(url, False, has, host_suffix="localhost")

    @classmethod
    @contextmanager
    def started(cls, folder: Path):
        """Runs MiniStack on the port E2E_PORT, or a free one, until the block ends."""
        port = _port()
        url = f"http://{HOST}:{port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            # MiniStack passes its own environment to the functions.
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AUTH": "true",
        }
        program = [sys.executable, str(Path(__file__).with_name("ministack_with_keys.py"))]
        log = folder / "ministack.log"
        with log.open("w") as output:
            process = subprocess.Popen(program, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(process, f"{url}/_ministack/health", log)
            yield cls(url, True, MINISTACK, host_suffix="localhost")
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def api(self, api_id: str) -> str:
        """Returns the path-style URL of a REST API's stage."""
        return f"{self.url}/restapis/{api_id}/{STAGE}/_user_request_"

    def api_by_host(self, api_id: str) -> str:
        """Returns its host-style URL, as on AWS, against which absolute paths in links resolve correctly."""
        return f"http://{api_id}.execute-api.{self.host_suffix}:{urlsplit(self.url).port}/{STAGE}"

    def request(
        self,
        method: str,
        api_id: str,
        path: str,
        key: str,
        body: dict | None = None,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict]:
        """Sends a request. Returns the status and the body of the response."""
        token = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        headers = {"x-api-key": key, "content-type": kind} | token | (headers or {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api(api_id)}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or "{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "{}")


def _port() -> int:
    wanted = int(os.environ.get("E2E_PORT", "0"))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            raise Failure(f"the port {wanted} is in use: choose another with E2E_PORT, or omit it") from None
        return probe.getsockname()[1]


def _wait(process: subprocess.Popen, health: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while _health(health) is None:
        if process.poll() is not None or time.monotonic() > end:
            raise Failure(f"MiniStack did not start: see {log}")
        time.sleep(0.2)


def _health(url: str) -> dict | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except (OSError, ValueError):
        return None
