"""Fills tables of the embedded database with records of an older shape, migrates them, and prints throughput and memory."""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The programs of the service of the tests.
PROGRAMS = str(ROOT / "target" / "measure" / "fixtures")
PORT = 8790
URL = f"http://127.0.0.1:{PORT}"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
)
# The two kinds: an expression, and a transform, which reads whole records and requires their versions.
KINDS = {"expression": 1, "transform": 3}
BUDGETS = (100, 200)


def call(operation: str, body: dict) -> dict:
    headers = {
        "x-amz-target": f"DynamoDB_20120810.{operation}",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-date": "20260101T000000Z",
        "authorization": AUTHORIZATION,
    }
    with urllib.request.urlopen(urllib.request.Request(URL, json.dumps(body).encode(), headers)) as answer:
        return json.load(answer)


def old_item(number: int) -> dict:
    return {
        "id": {"S": f"01890000-0000-7000-8000-{number:012x}"},
        "version": {"N": "1"},
        "createdAt": {"S": "2024-01-01T00:00:00.000Z"},
        "updatedAt": {"S": "2024-01-01T00:00:00.000Z"},
        "name": {"S": f"Item {number}"},
        "description": {"S": "A record of the size that records have. " * 4},
        "priceCents": {"N": "100"},
        "status": {"S": "active"},
        "statusKey": {"S": f"active#{number % 4}"},
        "tags": {"S": "kitchen, coffee"},
        "listShard": {"S": str(number % 4)},
    }


def fill(first: int, last: int) -> None:
    def chunk(start: int) -> None:
        puts = [{"PutRequest": {"Item": old_item(number)}} for number in range(start, min(start + 25, last))]
        call("BatchWriteItem", {"RequestItems": {"local-items": puts}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(chunk, range(first, last, 25)))


def migrate(*arguments: str) -> tuple[dict, float]:
    """Runs the command. Returns its output, and its peak memory in MB."""
    program = [PROGRAMS, "migrate", "--endpoint-url", URL, "--json", *arguments]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(found.group(1)) / 1024) if found else peak
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.05)
    answer = json.loads(process.stdout.read())
    process.wait()
    return answer, peak


def again(number: int, *arguments: str) -> tuple[dict, float]:
    return migrate("up", "--again", str(number), "--concurrency", "64", *arguments)


@contextmanager
def local_server() -> Iterator[None]:
    """Runs an embedded database on disk without consumers."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", "0", "--dynamodb-port", str(PORT), "--data", folder, "--quiet", "--no-consumers"]
        server = subprocess.Popen([PROGRAMS, "local", *options], stdout=subprocess.PIPE, text=True)
        try:
            while "The API listens" not in (server.stdout.readline() or "The API listens"):
                pass
            yield
        finally:
            server.terminate()
            server.wait()


def measure(count: int) -> None:
    with local_server():
        begun = time.monotonic()
        fill(0, count)
        print(f"{count:>9} records filled in {time.monotonic() - begun:.0f} s", flush=True)
        for kind, number in KINDS.items():
            answer, peak = again(number)
            written, seconds = answer["migrations"][0]["written"], answer["seconds"]
            print(f"{count:>9} {kind:<10} {written / seconds:>8.0f} records/s, peak {peak:.1f} MB", flush=True)
            answer, peak = again(number)
            rate = answer["migrations"][0]["scanned"] / answer["seconds"]
            print(f"{count:>9} nothing to do {rate:>5.0f} records/s, peak {peak:.1f} MB", flush=True)


def measure_budget() -> None:
    """Prints the deviation of the used rate from the budget."""
    with local_server():
        for budget in BUDGETS:
            fill(0, budget * 3)
            answer, _ = again(1, "--max-wcu", str(budget))
            rate = answer["writeUnits"] / answer["seconds"]
            print(f"--max-wcu {budget}: {rate:.1f} a second, {100 * (rate / budget - 1):+.1f} %", flush=True)
        # Reads only: every record is already migrated.
        again(1)
        answer, _ = again(1, "--max-rcu", "10", "--page", "50")
        rate = answer["readUnits"] / answer["seconds"]
        print(f"--max-rcu 10: {rate:.1f} a second, {100 * (rate / 10 - 1):+.1f} %", flush=True)


if __name__ == "__main__":
    measure_budget()
    for size in sys.argv[1:]:
        measure(int(size))
