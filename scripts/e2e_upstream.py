"""End-to-end tests of the operations that call the upstream API, for which a server here stands in."""

import json
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from e2e_changes import expect, wait_until
from emulator import HOST, STAGE, Emulator, Failure

ROOT = Path(__file__).resolve().parent.parent
FIRST_KEY, SECOND_KEY = "sk-e2e-first", "sk-e2e-second"


class StandIn:
    """The upstream API: it returns texts in upper case to requests with its key."""

    def __init__(self) -> None:
        self.key = FIRST_KEY
        self.calls = 0
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                text = json.loads(self.rfile.read(int(self.headers["content-length"])))["text"]
                is_allowed = self.headers["authorization"] == f"Bearer {stand_in.key}"
                stand_in.calls += is_allowed
                body = json.dumps({"text": text.upper()} if is_allowed else {}).encode()
                self.send_response(200 if is_allowed else 401)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)

    @classmethod
    @contextmanager
    def running(cls):
        """Runs the server on a free port until the block ends."""
        stand_in = cls()
        threading.Thread(target=stand_in.server.serve_forever, daemon=True).start()
        try:
            yield stand_in
        finally:
            stand_in.server.shutdown()
            stand_in.server.server_close()

    def settings(self) -> dict:
        """Returns the settings of a stage that calls it, without limits that the Postman collection would exceed."""
        variables = {
            "UPSTREAM_URL": f"http://{HOST}:{self.server.server_address[1]}/text",
            "UPSTREAM_ALLOW_HTTP": "true",
            "UPSTREAM_ALLOWED_ADDRESSES": f"{HOST}/32",
            "UPSTREAM_CACHE_SECONDS": "300",
        }
        return {"variables": variables, "throttle": {"rate": 100, "burst": 200}}


class UpstreamCalls:
    """The tests, on a deployed stage."""

    def __init__(self, stand_in: StandIn, emulator: Emulator, api_id: str, key: str, environment) -> None:
        self.stand_in, self.emulator, self.api_id, self.key = stand_in, emulator, api_id, key
        self.environment = environment

    def has_its_key(self) -> None:
        """Tests that the functions use the key of the secret, from the moment it is set."""
        expect("status without the key", self.paraphrase("A cup")[0], 502)
        self.set_key(FIRST_KEY)
        expect("answer", self.paraphrase("A cup"), (200, {"newText": "A CUP"}))

    def is_called_once(self) -> None:
        """Tests that repeats are answered from the cache, and by their idempotency key."""
        calls = self.stand_in.calls
        expect("cached answer", self.paraphrase("A cup"), (200, {"newText": "A CUP"}))
        expect("calls for a cached answer", self.stand_in.calls - calls, 0)
        repeated = str(uuid.uuid4())
        for _ in range(2):
            expect("repeated answer", self.paraphrase("A mug", repeated), (200, {"newText": "A MUG"}))
        expect("calls for two requests with one key", self.stand_in.calls - calls, 1)
        expect("another text with the key", self.paraphrase("A jug", repeated)[0], 422)

    def describes(self) -> None:
        """Tests that an item gets the text as its description."""
        body = {"name": "Cup", "priceCents": 1, "currency": "EUR", "description": "of stoneware"}
        status, item = self.send("POST", "/v1/items", body)
        expect("status of the create", status, 201)
        status, described = self.send("POST", f"/v1/items/{item['id']}/describe")
        expect("described", (status, described["description"], described["version"]), (200, "OF STONEWARE", 2))
        expect("status of the delete", self.send("DELETE", f"/v1/items/{item['id']}")[0], 204)

    def follows_rotation(self) -> None:
        """Tests that the functions use a new key once the API refuses the previous one."""
        self.stand_in.key = SECOND_KEY
        self.set_key(SECOND_KEY)
        # A function fetches the key at most twice in ten seconds.
        wait_until(
            lambda: self.paraphrase("A bowl") == (200, {"newText": "A BOWL"}),
            lambda: "the new key of the upstream API is not used",
            pause=4,
        )

    def set_key(self, key: str) -> None:
        program = [sys.executable, str(ROOT / "scripts" / "deployed.py"), "upstream-key", STAGE]
        result = subprocess.run(program, cwd=ROOT, env=self.environment, input=key, capture_output=True, text=True)
        if result.returncode or key in result.stdout:
            raise Failure(f"the key of the upstream API cannot be set: {result.stdout}{result.stderr}")

    def paraphrase(self, text: str, key: str | None = None) -> tuple[int, dict]:
        headers = {"idempotency-key": key} if key else {}
        return self.send("POST", "/v1/paraphrase", {"sourceText": text}, headers)

    def send(self, method: str, path: str, body: dict | None = None, headers: dict | None = None) -> tuple[int, dict]:
        return self.emulator.request(method, self.api_id, path, self.key, body, headers=headers)
