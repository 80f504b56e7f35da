"""End-to-end tests of the operator's command `crud keys`, interrupted at each of its requests too."""

import http.client
import json
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from emulator import HOST, STAGE, Emulator, Failure

CUSTOMER, TIER = "acme", "basic"
SUCCESS, FAILED, NOT_FOUND, CONFLICT, DENIED = 0, 1, 3, 4, 5
# The requests of a creation and of a rotation.
CREATION, ROTATION = 5, 6


class Keys:
    def __init__(self, emulator: Emulator, outputs: dict[str, str], program: Path, environment: dict[str, str]) -> None:
        self.emulator, self.outputs, self.program, self.environment = emulator, outputs, program, environment

    def all(self) -> None:
        self.lives()
        if self.emulator.has.throttling:
            self.metered()
        self.refused()
        for lost in (False, True):
            for number in range(1, CREATION + 1):
                self.interrupted_creation(number, lost)
            for number in range(1, ROTATION + 1):
                self.interrupted_rotation(number, lost)

    def lives(self) -> None:
        """Tests the life of a key, from its creation to its revocation."""
        first = self.issued("create", "--customer", CUSTOMER, "--tier", TIER)
        self.expect_status(first, 200)
        self.run("create", "--customer", CUSTOMER, "--tier", TIER, code=CONFLICT)
        listed = self.run("list")
        if first in listed or [key["customer"] for key in json.loads(listed)["keys"]] != [CUSTOMER]:
            raise Failure(f"the list shows {listed}")
        second = self.issued("rotate", "--customer", CUSTOMER)
        self.run("revoke", "--expired", "--yes")
        for value in (first, second):
            self.expect_status(value, 200)
        third = self.issued("rotate", "--customer", CUSTOMER, "--overlap-hours", "0")
        self.run("revoke", "--expired")
        self.expect_status(second, 200)
        self.run("revoke", "--expired", "--yes")
        for value, status in ((first, 200), (second, 403), (third, 200)):
            self.expect_status(value, status)
        self.run("revoke", "--id", self.outputs["ApiKeyIdBasic"], "--yes", code=NOT_FOUND)
        self.run("revoke", "--customer", CUSTOMER)
        self.expect_status(third, 200)
        self.run("revoke", "--customer", CUSTOMER, "--yes")
        for value in (first, third):
            self.expect_status(value, 403)
        self.run("revoke", "--customer", CUSTOMER, "--yes", code=NOT_FOUND)
        self.run("rotate", "--customer", CUSTOMER, code=NOT_FOUND)

    def metered(self) -> None:
        """Tests that a customer has the limits of the tier, whoever the token names."""
        value = self.issued("create", "--customer", CUSTOMER, "--tier", TIER)
        statuses: list[int] = []
        threads = [threading.Thread(target=lambda: statuses.append(self.status(value))) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if set(statuses) != {200, 429}:
            raise Failure(f"40 requests at once with a key of the tier {TIER} get {sorted(set(statuses))}")
        self.run("revoke", "--customer", CUSTOMER, "--yes")

    def refused(self) -> None:
        """Tests the errors that need AWS to be found."""
        self.run("create", "--customer", CUSTOMER, "--tier", "gold", code=NOT_FOUND, reason="dev has no tier gold")
        reason = "there is no stage nowhere with usage plans"
        self.run("create", "--customer", CUSTOMER, "--tier", TIER, "--stage", "nowhere", code=NOT_FOUND, reason=reason)
        if self.emulator.has.iam:
            unknown = {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWNUNKNOWN00", "AWS_SECRET_ACCESS_KEY": "unknown"}
            self.run("list", code=DENIED, reason="crud: ", variables=unknown)

    def interrupted_creation(self, number: int, lost: bool) -> None:
        """Tests that a creation which lost the connection at a request can be repeated."""
        with self.failing(number, lost) as variables:
            shown = self.run("create", "--customer", CUSTOMER, "--tier", TIER, code=FAILED, variables=variables)
        is_complete = lost and number == CREATION
        again = self.run("create", "--customer", CUSTOMER, "--tier", TIER, code=CONFLICT if is_complete else SUCCESS)
        value = shown.splitlines()[0] if is_complete else again
        self.expect_status(json.loads(value)["value"], 200)
        self.expect_states(f"an interrupted creation ({number}, {lost})", ["active"])
        self.run("revoke", "--customer", CUSTOMER, "--yes")

    def interrupted_rotation(self, number: int, lost: bool) -> None:
        """Tests that a rotation which lost the connection at a request can be repeated."""
        first = self.issued("create", "--customer", CUSTOMER, "--tier", TIER)
        with self.failing(number, lost) as variables:
            self.run("rotate", "--customer", CUSTOMER, code=FAILED, variables=variables)
        if not (lost and number == ROTATION):
            self.run("rotate", "--customer", CUSTOMER)
        self.expect_status(first, 200)
        self.expect_states(f"an interrupted rotation ({number}, {lost})", ["active", "expires"])
        self.run("revoke", "--customer", CUSTOMER, "--yes")

    def expect_states(self, what: str, expected: list[str]) -> None:
        states = sorted(key["state"].split()[0] for key in json.loads(self.run("list"))["keys"])
        if states != expected:
            raise Failure(f"after {what} there are keys {states}, not {expected}")

    def issued(self, *arguments: str) -> str:
        """Runs a command that creates a key. Returns the value."""
        return json.loads(self.run(*arguments))["value"]

    def expect_status(self, key: str, expected: int) -> None:
        if (status := self.status(key)) != expected:
            raise Failure(f"a request with a customer's key gets {status}, not {expected}")

    def status(self, key: str) -> int:
        return self.emulator.request("GET", self.outputs["ApiId"], "/v1/items", key)[0]

    def run(self, *arguments: str, code: int = SUCCESS, reason: str = "", variables: dict[str, str] | None = None) -> str:
        """Runs the command, and checks its exit code and the beginning of its last line of errors. Returns its output."""
        stage = [] if "--stage" in arguments else ["--stage", STAGE]
        command = [str(self.program), "keys", *arguments, *stage, "--json"]
        done = subprocess.run(command, env=self.environment | (variables or {}), capture_output=True, text=True)
        if done.returncode != code or reason not in done.stderr:
            raise Failure(f"{' '.join(arguments)} exits with {done.returncode}, not {code}: {done.stderr}")
        return done.stdout

    @contextmanager
    def failing(self, number: int, lost: bool):
        """Provides an endpoint that fails from a request on: the request has no effect, or its response is lost."""
        target = urlsplit(self.emulator.url)
        lock, seen = threading.Lock(), [0]

        class Forward(BaseHTTPRequestHandler):
            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with lock:
                    seen[0] += 1
                    order = seen[0]
                if order < number or (order == number and lost):
                    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
                    connection.request(self.command, self.path, body, dict(self.headers))
                    answer = connection.getresponse()
                    content = answer.read()
                    connection.close()
                if order >= number:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer((HOST, 0), Forward)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {"AWS_ENDPOINT_URL": f"http://{HOST}:{server.server_address[1]}", "AWS_MAX_ATTEMPTS": "1"}
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
