"""Dead letters of a consumer of streams: what they say, their records in the stream, and the calls those make."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

# What a function may be called with is 6 MB.
MAX_EVENT_BYTES = 5_500_000
# A shard may answer with empty pages on the way to its records, so many in a row.
MAX_EMPTY_PAGES = 200
EMPTY_PAGE_SECONDS = 0.2
GONE = ("TrimmedDataAccessException", "ResourceNotFoundException")


class Failure(Exception):
    """What went wrong, in one line for people."""


@dataclass(frozen=True)
class Letter:
    """A dead letter: the place of a batch in a shard (Lambda developer guide, "Retain discarded batches")."""

    id: str
    receipt: str
    stream: str
    shard: str
    first: str
    last: str
    count: int
    window: str

    @classmethod
    def read(cls, message: dict) -> "Letter":
        try:
            batch = json.loads(message["Body"])["DDBStreamBatchInfo"]
            window = f"{batch['approximateArrivalOfFirstRecord']} to {batch['approximateArrivalOfLastRecord']}"
            first, last = batch["startSequenceNumber"], batch["endSequenceNumber"]
            int(first), int(last)
            place = batch["streamArn"], batch["shardId"], first, last
            return cls(message["MessageId"], message["ReceiptHandle"], *place, int(batch["batchSize"]), window)
        except (KeyError, TypeError, ValueError):
            raise Failure(f"the message {message['MessageId']} is not a dead letter of a stream: it stays") from None

    @property
    def table(self) -> str:
        return self.stream.split("/")[1]

    def __str__(self) -> str:
        return f"{self.table}, {self.shard}, {self.first} to {self.last}"


@dataclass(frozen=True)
class Source:
    """A stream as the consumer's event source mapping reads it."""

    batch_size: int
    # The kinds of changes it lets through; all when there are none.
    kinds: frozenset[str]

    @classmethod
    def of(cls, mapping: dict) -> "Source":
        kinds: set[str] = set()
        for rule in mapping.get("FilterCriteria", {}).get("Filters", []):
            pattern = json.loads(rule["Pattern"])
            if set(pattern) != {"eventName"}:
                raise Failure(f"the filter {rule['Pattern']} is not one on eventName alone: it cannot be repeated here")
            kinds.update(pattern["eventName"])
        return cls(mapping["BatchSize"], frozenset(kinds))

    def takes(self, record: dict) -> bool:
        return not self.kinds or record["eventName"] in self.kinds


def read(streams, letter: Letter) -> tuple[list[dict], bool]:
    """The records from the letter's first to its last, and whether the stream has forgotten some of them."""
    found: list[dict] = []
    at_first = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": letter.first}
    try:
        try:
            found.extend(records_of(streams, letter, at_first))
            return found, False
        except ClientError as error:
            if code_of(error) != "TrimmedDataAccessException":
                raise
            # The last that was read may have been forgotten since: its place is no longer one to go on from.
            seen = max((int(record["dynamodb"]["SequenceNumber"]) for record in found), default=-1)
            rest = records_of(streams, letter, {"ShardIteratorType": "TRIM_HORIZON"})
            found.extend(record for record in rest if int(record["dynamodb"]["SequenceNumber"]) > seen)
            return found, True
    except ClientError as error:
        if code_of(error) not in GONE:
            raise
        return found, True


def records_of(streams, letter: Letter, start: dict) -> Iterator[dict]:
    """The letter's records from a place in its shard on."""
    place, empty = {"StreamArn": letter.stream, "ShardId": letter.shard}, 0
    iterator = streams.get_shard_iterator(**place, **start)["ShardIterator"]
    while iterator and empty < MAX_EMPTY_PAGES:
        try:
            page = streams.get_records(ShardIterator=iterator)
        except streams.exceptions.ExpiredIteratorException:
            # After 15 minutes: another one for the same place.
            iterator = streams.get_shard_iterator(**place, **start)["ShardIterator"]
            empty += 1
            continue
        for record in page["Records"]:
            sequence = record["dynamodb"]["SequenceNumber"]
            if int(letter.first) <= int(sequence) <= int(letter.last):
                yield record
            if int(sequence) >= int(letter.last):
                return
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": sequence}
        if page["Records"]:
            empty = 0
        else:
            empty += 1
            time.sleep(EMPTY_PAGE_SECONDS)
        iterator = page.get("NextShardIterator")


def code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def key_of(record: dict) -> str:
    """The key of the row that changed."""
    return json.dumps(record["dynamodb"]["Keys"], default=wire, sort_keys=True)


def as_event(record: dict, letter: Letter) -> dict:
    """A record as Lambda sends it, where that differs from what the stream's API answers."""
    event = record | {"eventSourceARN": letter.stream}
    if who := record.get("userIdentity"):
        event["userIdentity"] = {"type": who.get("Type"), "principalId": who.get("PrincipalId")}
    return event


def batches(records: list[dict], size: int) -> Iterator[list[dict]]:
    """The records in order, as many at once as Lambda would send, and no more than it can."""
    batch: list[dict] = []
    total = 0
    for record in records:
        length = len(json.dumps(record, default=wire))
        if batch and (len(batch) == size or total + length > MAX_EVENT_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(record)
        total += length
    if batch:
        yield batch


def wire(value: object) -> str | float:
    """What JSON has no form for, as Lambda writes it: times in seconds, binary values in base64."""
    if isinstance(value, datetime):
        seconds = value.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a stream record holds a {type(value).__name__}")
