"""Brings through what a consumer of streams gave up: `redrive.py STACK CONSUMER [--dry-run]`.

A dead letter has no records, only their place: they are fetched back from the stream, which keeps them for 24 hours,
and the consumer is called with them as Lambda would call it. A letter is deleted when all of its records are done.
Within a shard the order is kept: after a failure its later letters stay, and those of the shards that came after it.
"""

import argparse
import base64
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

CONTRACT = Path(__file__).resolve().parent.parent / "openapi.json"
HISTORY = "history"
# As the service writes them into the history (src/store/history.rs).
SEQUENCE_DIGITS = 40
# How long letters are hidden from others while this works; what is left is shown again at the end.
HIDDEN_SECONDS = 3_600
# Asks all of a queue's servers: an empty answer then means an empty queue.
WAIT_SECONDS = 2
# What a function may be called with is 6 MB.
MAX_EVENT_BYTES = 5_500_000
# A shard may answer with empty pages on the way to its records.
MAX_EMPTY_PAGES = 200
EMPTY_PAGE_SECONDS = 0.2
GONE = ("TrimmedDataAccessException", "ResourceNotFoundException")


class Failure(Exception):
    """What went wrong, in one line for people."""


class Expired(Failure):
    """The stream no longer has the records."""


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


class Redrive:
    """The dead letters of one consumer, from its queue through its function."""

    def __init__(self, stack: str, consumer: str, dry_run: bool) -> None:
        # boto3 alone does not look for the region there, though the CDK does.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        patient = Config(retries={"mode": "standard", "max_attempts": 8})
        # A call that is not answered may still be at work: it is not made a second time beside the first.
        slow = Config(read_timeout=900, retries={"mode": "standard", "total_max_attempts": 1})
        self.sqs = session.client("sqs", config=patient)
        self.streams = session.client("dynamodbstreams", config=patient)
        self.dynamodb = session.client("dynamodb", config=patient)
        self.functions = session.client("lambda", config=slow)
        self.stack, self.consumer, self.dry_run = stack, consumer, dry_run
        self.function, self.sources, self.queue = self.find()
        self.done_records = 0

    def find(self) -> tuple[str, dict[str, Source], str]:
        """The function's alias, its streams, and its queue, as they are deployed."""
        name = f"{self.stack}-{self.consumer}"
        alias = self.functions.get_alias(FunctionName=name, Name="live")["AliasArn"]
        pages = self.functions.get_paginator("list_event_source_mappings").paginate(FunctionName=alias)
        mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
        queues = {mapping["DestinationConfig"]["OnFailure"]["Destination"] for mapping in mappings}
        if len(queues) != 1:
            raise Failure(f"{name} has {len(queues)} dead-letter queues, not one: deploy the stack")
        queue = self.sqs.get_queue_url(QueueName=queues.pop().split(":")[-1])["QueueUrl"]
        return alias, {mapping["EventSourceArn"]: Source.of(mapping) for mapping in mappings}, queue

    def run(self) -> bool:
        """Whether nothing is left."""
        waiting: dict[str, str] = {}
        try:
            letters, strange = self.receive(waiting)
            if not waiting:
                say(f"{self.consumer} has no dead letters")
            done = 0
            with tqdm(total=len(letters), unit=" letters", disable=None) as progress:
                for done_one in self.each(letters, waiting):
                    done += done_one
                    progress.update()
            verb = "could be brought" if self.dry_run else "brought"
            if letters:
                say(f"{done} of {len(letters)} dead letters {verb} through, with {self.done_records} records")
            left = len(letters) - done + strange
            if left:
                say(f"{left} left in {self.queue.split('/')[-1]}")
            return left == 0
        finally:
            self.show(waiting)

    def receive(self, waiting: dict[str, str]) -> tuple[list[Letter], int]:
        """Every letter, in order, and how many messages are none; `waiting` gets the receipt of each message."""
        letters: dict[str, Letter] = {}
        strange = 0
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.queue,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=WAIT_SECONDS,
                VisibilityTimeout=HIDDEN_SECONDS,
            )
            if not answer.get("Messages"):
                break
            for message in answer["Messages"]:
                is_known = message["MessageId"] in waiting
                waiting[message["MessageId"]] = message["ReceiptHandle"]
                try:
                    letters[message["MessageId"]] = Letter.read(message)
                except Failure as failure:
                    strange += not is_known
                    say(str(failure))
        # A shard's id begins with the time it was opened: parents come before their children.
        return sorted(letters.values(), key=lambda letter: (letter.stream, letter.shard, int(letter.first))), strange

    def each(self, letters: list[Letter], waiting: dict[str, str]) -> Iterator[bool]:
        """Of each letter whether it is through."""
        stopped: set[str] = set()
        for stream, of_stream in itertools.groupby(letters, key=lambda letter: letter.stream):
            parents = self.parents(stream)
            for letter in of_stream:
                lineage = ancestry(letter.shard, parents)
                if stopped.intersection((stream, shard) for shard in lineage):
                    say(f"{letter}: left, since an earlier letter of its shard is")
                    yield False
                    continue
                try:
                    self.bring(letter)
                except Expired as failure:
                    # It will never be done: what comes after it need not wait, and must not expire as well.
                    say(f"{letter}: {failure}")
                    self.tell_what_expired(letter)
                    yield False
                except Failure as failure:
                    say(f"{letter}: {failure}")
                    stopped.add((stream, letter.shard))
                    yield False
                else:
                    if not self.dry_run:
                        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=letter.receipt)
                        waiting.pop(letter.id)
                    yield True

    def bring(self, letter: Letter) -> None:
        """Calls the consumer with the letter's records; returns when all are done."""
        source = self.sources.get(letter.stream)
        if source is None:
            raise Expired("the stream is not, or no longer, one the consumer reads")
        # Others of the shard were at work beside this batch: their records lie between its own, and are repeated.
        found = list(self.records(letter))
        if len(found) < letter.count:
            raise Failure(f"the stream has {len(found)} of its {letter.count} records")
        records = [as_event(record, letter) for record in found if source.takes(record)]
        if self.dry_run:
            say(f"{letter}: {len(records)} records would be sent to {self.consumer}")
        else:
            for batch in batches(records, source.batch_size):
                self.invoke(batch)
        self.done_records += len(records)

    def records(self, letter: Letter) -> Iterator[dict]:
        """The records from the letter's first to its last."""
        place = {"StreamArn": letter.stream, "ShardId": letter.shard}
        start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": letter.first}
        try:
            iterator, empty = self.streams.get_shard_iterator(**place, **start)["ShardIterator"], 0
            while iterator and empty < MAX_EMPTY_PAGES:
                try:
                    page = self.streams.get_records(ShardIterator=iterator)
                except self.streams.exceptions.ExpiredIteratorException:
                    # After 15 minutes: another one for the same place.
                    iterator = self.streams.get_shard_iterator(**place, **start)["ShardIterator"]
                    empty += 1
                    continue
                for record in page["Records"]:
                    sequence = record["dynamodb"]["SequenceNumber"]
                    if int(sequence) <= int(letter.last):
                        yield record
                    if int(sequence) >= int(letter.last):
                        return
                    start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": sequence}
                if not page["Records"]:
                    empty += 1
                    time.sleep(EMPTY_PAGE_SECONDS)
                iterator = page.get("NextShardIterator")
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                raise Expired("the stream no longer has its records") from None
            raise

    def invoke(self, records: list[dict]) -> None:
        payload = json.dumps({"Records": records}, default=wire).encode()
        answer = self.functions.invoke(FunctionName=self.function, Payload=payload)
        text = answer["Payload"].read()
        if "FunctionError" in answer:
            raise Failure(f"{self.consumer} fails as a whole: {error_of(text)}")
        try:
            failures = json.loads(text)["batchItemFailures"]
            failed = [failure["itemIdentifier"] for failure in failures]
        except (KeyError, TypeError, ValueError):
            raise Failure(f"{self.consumer} does not answer as a consumer does") from None
        if failed:
            raise Failure(f"{self.consumer} fails at {', '.join(failed) or 'the whole batch'}: its log says why")

    def tell_what_expired(self, letter: Letter) -> None:
        """Says what is known of records the stream has forgotten, and where they may still be found."""
        say(f"  table {letter.table}, shard {letter.shard}, written {letter.window}, {letter.count} records")
        say(f"  from {letter.first} to {letter.last}: the history has what happened to them; looking there")
        collection = letter.table.removeprefix(f"{self.stack}-")
        found: set[str] = set()
        for page in self.dynamodb.get_paginator("scan").paginate(
            TableName=f"{self.stack}-{HISTORY}",
            ProjectionExpression="#record",
            FilterExpression="begins_with(#record, :collection) AND #sequence BETWEEN :first AND :last",
            ExpressionAttributeNames={"#record": "record", "#sequence": "sequence"},
            ExpressionAttributeValues={
                ":collection": {"S": f"{collection}#"},
                ":first": {"S": letter.first.zfill(SEQUENCE_DIGITS)},
                ":last": {"S": letter.last.zfill(SEQUENCE_DIGITS)},
            },
        ):
            found.update(item["record"]["S"].split("#", 1)[1] for item in page["Items"])
        for record in sorted(found):
            say(f"  /v1/{collection}/{record}/history")
        if not found:
            why = ": it is the consumer that would have written it" if self.consumer == "audit_append" else ""
            say(f"  the history has nothing of that time{why}; a restored copy of the table may (docs/stack.md)")

    def parents(self, stream: str) -> dict[str, str]:
        """The shard each shard of the stream came from; nothing of a stream that is gone."""
        parents: dict[str, str] = {}
        start: dict[str, str] = {}
        try:
            while True:
                answer = self.streams.describe_stream(StreamArn=stream, **start)["StreamDescription"]
                parents |= {shard["ShardId"]: shard.get("ParentShardId", "") for shard in answer["Shards"]}
                if "LastEvaluatedShardId" not in answer:
                    return parents
                start = {"ExclusiveStartShardId": answer["LastEvaluatedShardId"]}
        except self.streams.exceptions.ResourceNotFoundException:
            return {}

    def show(self, waiting: dict[str, str]) -> None:
        """Makes what is left visible again at once."""
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for place, receipt in enumerate(waiting.values())
        ]
        for start in range(0, len(entries), 10):
            self.sqs.change_message_visibility_batch(QueueUrl=self.queue, Entries=entries[start : start + 10])


def ancestry(shard: str, parents: dict[str, str]) -> list[str]:
    """The shard, the one it came from, and so on."""
    lineage = []
    while shard and shard not in lineage:
        lineage.append(shard)
        shard = parents.get(shard, "")
    return lineage


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


def error_of(text: bytes) -> str:
    try:
        error = json.loads(text)
        return f"{error['errorType']}: {error['errorMessage']}".splitlines()[0]
    except (KeyError, TypeError, ValueError):
        return "its log says why"


def say(line: str) -> None:
    """A line that leaves the progress bar whole."""
    tqdm.write(f"redrive: {line}")
    sys.stdout.flush()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("stack")
    arguments.add_argument("consumer")
    arguments.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    options = arguments.parse_args()
    consumers = [consumer["name"] for consumer in json.loads(CONTRACT.read_text())["x-consumers"]]
    if options.consumer not in consumers:
        raise Failure(f"there is no consumer {options.consumer!r}: it is one of {', '.join(consumers)}")
    # A termination, too, passes through the code that shows what is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("redrive: stopped"))
    return 0 if Redrive(options.stack, options.consumer, options.dry_run).run() else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, BotoCoreError, ClientError) as error:
        sys.exit(f"redrive: {error}")
    except KeyboardInterrupt:
        sys.exit("redrive: stopped")
