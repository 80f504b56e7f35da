"""The failed changes of a stream consumer: their storage, their format, and the batches that replay them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The payload limit of an invocation is 6 MB (Lambda developer guide, "Lambda quotas").
MAX_EVENT_BYTES = 5_500_000
# The batch size of cdk/lib/stream-consumer.ts.
BATCH_SIZE = 100
# Lambda names objects aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID> (Lambda developer
# guide, "Retain discarded records for a DynamoDB event source").
PREFIX = "aws/lambda/"


class Failure(Exception):
    """An error reported to the user in one line."""


class Bucket:
    """The bucket of failed changes of a stage."""

    def __init__(self, s3, name: str) -> None:
        self.s3, self.name = s3, name

    def names(self) -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=PREFIX):
            yield from (found["Key"] for found in page.get("Contents", []))

    def read(self, name: str) -> bytes:
        return self.s3.get_object(Bucket=self.name, Key=name)["Body"].read()

    def remove(self, name: str) -> None:
        self.s3.delete_object(Bucket=self.name, Key=name)


class Folder:
    """The folder of failed changes of a local server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> Iterator[str]:
        found = (path for path in sorted((self.path / PREFIX).rglob("*")) if path.is_file())
        # Files that begin with a dot are incomplete.
        return (str(path.relative_to(self.path)) for path in found if not path.name.startswith("."))

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def remove(self, name: str) -> None:
        (self.path / name).unlink()


@dataclass(frozen=True)
class Change:
    """A stream record, as Lambda passes it to a function."""

    record: dict

    @property
    def stream(self) -> str:
        return self.record["eventSourceARN"]

    @property
    def sequence(self) -> int:
        return int(self.record["dynamodb"]["SequenceNumber"])

    @property
    def position(self) -> tuple[str, int]:
        """The position in the stream: identifies the change, and orders the changes of a key."""
        return self.stream, self.sequence

    @property
    def key(self) -> tuple[str, str]:
        """The key of the changed row."""
        return self.stream.split("/")[1], json.dumps(self.record["dynamodb"]["Keys"], sort_keys=True)


@dataclass(frozen=True)
class Batch:
    """The content of one object."""

    name: str
    changes: tuple[Change, ...]


def function_of(name: str, text: bytes) -> str:
    """Returns the name of the function whose invocation the object records."""
    try:
        return json.loads(text)["requestContext"]["functionArn"].split(":")[6]
    except (IndexError, KeyError, TypeError, ValueError):
        raise Failure(f"{name} is not an invocation record: it stays") from None


def changes_of(name: str, text: bytes) -> Batch:
    """Parses an object: the complete event is in `payload`, as text or as JSON."""
    try:
        payload = json.loads(text)["payload"]
        records = (json.loads(payload) if isinstance(payload, str) else payload)["Records"]
        changes = tuple(Change(record) for record in records)
        for change in changes:
            change.position, change.key
        return Batch(name, changes)
    except (IndexError, KeyError, TypeError, ValueError):
        raise Failure(f"{name} does not hold the changes of an invocation: it stays") from None


def chunks(changes: list[Change]) -> Iterator[list[Change]]:
    """Splits the changes, in order, into chunks within Lambda's batch size and payload limit."""
    chunk: list[Change] = []
    total = 0
    for change in changes:
        length = len(json.dumps(change.record))
        if chunk and (len(chunk) == BATCH_SIZE or total + length > MAX_EVENT_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(change)
        total += length
    if chunk:
        yield chunk
