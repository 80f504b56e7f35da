"""Brings through what a consumer of streams gave up: `redrive.py STACK CONSUMER [--dry-run]`.

A dead letter has no records, only their place: they are fetched back from the stream, which keeps them for 24 hours,
and the consumer is called with them as Lambda would call it. A letter is deleted when all of its records are done.
The order of each key is kept: after a change that fails, the later ones of its key stay, and the others go on.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

from dead_letters import Failure, Letter, Source, as_event, batches, key_of, read, wire

CONTRACT = Path(__file__).resolve().parent.parent / "openapi.json"
HISTORY = "history"
# As the service writes them into the history (src/store/history.rs).
SEQUENCE_DIGITS = 40
# How long letters are hidden from others while this works; what is left is shown again at the end.
HIDDEN_SECONDS = 3_600
# Asks all of a queue's servers: an empty answer then means an empty queue.
WAIT_SECONDS = 2


class CallFailed(Failure):
    """The call failed as a whole, and not over one record."""


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
        # The places of the records that are done: letters of one shard overlap.
        self.done: set[tuple[str, str, str]] = set()
        self.done_records = 0
        # The tables' keys that have a change which is not done.
        self.held: set[tuple[str, str]] = set()

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
            hidden = self.hidden()
            letters, strange = self.receive(waiting)
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
            # SQS counts late: what it counted before and still counts is not an earlier run's.
            hidden = min(hidden, self.hidden() - len(waiting)) if hidden else 0
            if hidden > 0:
                say(f"{hidden} are hidden for an hour at most: another redrive has them, or one that was killed")
            elif not letters and not strange:
                say(f"{self.consumer} has no dead letters")
            return left == 0 and hidden <= 0
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

    def hidden(self) -> int:
        """How many messages are hidden, about."""
        name = "ApproximateNumberOfMessagesNotVisible"
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def each(self, letters: list[Letter], waiting: dict[str, str]) -> Iterator[bool]:
        """Of each letter whether it is through."""
        for letter in letters:
            try:
                self.bring(letter)
            except Failure as failure:
                say(f"{letter}: {failure}")
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
            self.tell_what_expired(letter, letter.last)
            raise Failure("the stream is not, or no longer, one the consumer reads")
        # Other batches of the shard were at work beside this one: their records lie between its own, and are repeated.
        found, is_trimmed = read(self.streams, letter)
        open_ones = (record for record in found if self.place(letter, record) not in self.done)
        records = [as_event(record, letter) for record in open_ones if source.takes(record)]
        if self.dry_run:
            say(f"{letter}: {len(records)} records would be sent to {self.consumer}")
            self.done_records += len(records)
        left = 0 if self.dry_run else sum(self.send(letter, batch) for batch in batches(records, source.batch_size))
        if is_trimmed:
            # What the stream still has does not wait for what will never come.
            last = int(found[0]["dynamodb"]["SequenceNumber"]) - 1 if found else int(letter.last)
            if last >= int(letter.first):
                self.tell_what_expired(letter, str(last))
        reasons = []
        if left:
            reasons.append(f"{left} records are left, each failed or after one of its key that did")
        if is_trimmed:
            reasons.append(f"the stream no longer has {'all of ' if found else ''}its records")
        elif len(found) < letter.count:
            reasons.append(f"the stream has {len(found)} of its {letter.count} records")
        elif found[-1]["dynamodb"]["SequenceNumber"] != letter.last:
            reasons.append("the stream did not give its last record")
        if reasons:
            raise Failure("; ".join(reasons))

    def send(self, letter: Letter, records: list[dict]) -> int:
        """Calls the consumer with a batch, and again with what is left after a failure; how many are not done."""
        rest, left = [records], 0
        while rest:
            batch = rest.pop()
            ready = [record for record in batch if (letter.table, key_of(record)) not in self.held]
            left += len(batch) - len(ready)
            if not ready:
                continue
            try:
                done, why = self.invoke(ready)
            except CallFailed as failure:
                if len(ready) > 1:
                    # As Lambda does: which one it was shows when it is alone.
                    middle = len(ready) // 2
                    rest += [ready[middle:], ready[:middle]]
                    continue
                done, why = 0, str(failure)
            self.done_records += done
            self.done.update(self.place(letter, record) for record in ready[:done])
            if done < len(ready):
                say(f"{letter}: {why}")
                self.held.add((letter.table, key_of(ready[done])))
                rest.append(ready[done:])
        return left

    @staticmethod
    def place(letter: Letter, record: dict) -> tuple[str, str, str]:
        return letter.stream, letter.shard, record["dynamodb"]["SequenceNumber"]

    def invoke(self, records: list[dict]) -> tuple[int, str]:
        """How many records are done before the first that failed, and what is known of that."""
        payload = json.dumps({"Records": records}, default=wire).encode()
        answer = self.functions.invoke(FunctionName=self.function, Payload=payload)
        text = answer["Payload"].read()
        if "FunctionError" in answer:
            raise CallFailed(f"{self.consumer} fails as a whole: {error_of(text)}")
        try:
            failed = {failure["itemIdentifier"] for failure in json.loads(text)["batchItemFailures"]}
        except (KeyError, TypeError, ValueError):
            raise CallFailed(f"{self.consumer} does not answer as a consumer does") from None
        for done, record in enumerate(records):
            if (sequence := record["dynamodb"]["SequenceNumber"]) in failed:
                return done, f"{self.consumer} fails at {sequence}: its log says why"
        if failed:
            raise CallFailed(f"{self.consumer} fails at the whole batch: its log says why")
        return len(records), ""

    def tell_what_expired(self, letter: Letter, last: str) -> None:
        """Says what is known of records the stream has forgotten, up to the last, and where they may still be found."""
        say(f"{letter}: what cannot be sent again is")
        say(f"  of table {letter.table}, shard {letter.shard}, written {letter.window}, in a batch of {letter.count}")
        say(f"  from {letter.first} to {last}: the history has what happened to them; looking there")
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
                ":last": {"S": last.zfill(SEQUENCE_DIGITS)},
            },
        ):
            found.update(item["record"]["S"].split("#", 1)[1] for item in page["Items"])
        for record in sorted(found):
            say(f"  /v1/{collection}/{record}/history")
        if not found:
            why = ": it is the consumer that would have written it" if self.consumer == "audit_append" else ""
            say(f"  the history has nothing of that time{why}; a restored copy of the table may (docs/stack.md)")

    def show(self, waiting: dict[str, str]) -> None:
        """Makes what is left visible again at once."""
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for place, receipt in enumerate(waiting.values())
        ]
        for start in range(0, len(entries), 10):
            self.sqs.change_message_visibility_batch(QueueUrl=self.queue, Entries=entries[start : start + 10])


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
