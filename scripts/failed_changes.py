"""The changes a consumer of streams gave up: where they are kept, what they say, and the calls that repeat them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A function may be called with 6 MB (Lambda developer guide, "Lambda quotas").
MAX_EVENT_BYTES = 5_500_000
# As the mappings of cdk/lib/consumers.ts.
BATCH_SIZE = 100
# Lambda names objects aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID> (Lambda developer
# guide, "Retain discarded records for a DynamoDB event source").
PREFIX = "aws/lambda/"


class Failure(Exception):
    """What went wrong, in one line for people."""


class Bucket:
    """The bucket of a stage."""

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
    """The folder in which a local server keeps the same."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> Iterator[str]:
        found = (path for path in sorted((self.path / PREFIX).rglob("*")) if path.is_file())
        # What begins with a dot is not yet whole.
        return (str(path.relative_to(self.path)) for path in found if not path.name.startswith("."))

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def remove(self, name: str) -> None:
        (self.path / name).unlink()


@dataclass(frozen=True)
class Change:
    """A record of a stream, as Lambda hands it on."""

    record: dict

    @property
    def stream(self) -> str:
        return self.record["eventSourceARN"]

    @property
    def sequence(self) -> int:
        return int(self.record["dynamodb"]["SequenceNumber"])

    @property
    def place(self) -> tuple[str, int]:
        """The same for the same change, and ordered as the changes of a key are."""
        return self.stream, self.sequence

    @property
    def key(self) -> tuple[str, str]:
        """The row that changed."""
        return self.stream.split("/")[1], json.dumps(self.record["dynamodb"]["Keys"], sort_keys=True)


@dataclass(frozen=True)
class Batch:
    """What one object holds."""

    name: str
    changes: tuple[Change, ...]


def function_of(name: str, text: bytes) -> str:
    """The name of the function whose call the object keeps."""
    try:
        return json.loads(text)["requestContext"]["functionArn"].split(":")[6]
    except (IndexError, KeyError, TypeError, ValueError):
        raise Failure(f"{name} is not the record of a call: it stays") from None


def changes_of(name: str, text: bytes) -> Batch:
    """Reads an object: the whole event is in `payload`, as text or as it is."""
    try:
        payload = json.loads(text)["payload"]
        records = (json.loads(payload) if isinstance(payload, str) else payload)["Records"]
        changes = tuple(Change(record) for record in records)
        for change in changes:
            change.place, change.key
        return Batch(name, changes)
    except (IndexError, KeyError, TypeError, ValueError):
        raise Failure(f"{name} does not hold the changes of a call: it stays") from None


def chunks(changes: list[Change]) -> Iterator[list[Change]]:
    """The changes in order, as many at once as Lambda would send, and no more than it can."""
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
