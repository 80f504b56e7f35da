"""Replays the failures of a consumer: `replay.py CONSUMER --stage STAGE`, or `--data FOLDER` for a running local server.

A stream consumer is invoked with the changes that Lambda stored in the stage's bucket, as Lambda would invoke it, with the
changes of each record in order. Events of an event consumer are moved from its dead-letter queue back to its queue. Handled
changes are deleted. The command can be repeated at any time, since consumers are idempotent.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

from failed_changes import PREFIX, Batch, Bucket, Change, Failure, Folder, changes_of, chunks, function_of
from failed_events import FolderQueue, SqsQueue
from stage_stacks import SESSION, prefix_of

CONTRACT = Path(__file__).resolve().parent.parent / "openapi.json"
ADDRESS = "lambda-url"


class CallFailed(Failure):
    """The invocation failed as a whole, not at one record."""


class Replay:
    """The replay of the failed changes of one stream consumer."""

    def __init__(self, store: Bucket | Folder, functions, function: str, name: str, dry_run: bool) -> None:
        self.store, self.functions, self.function, self.name, self.dry_run = store, functions, function, name, dry_run
        # The positions of the handled changes.
        self.done: set[tuple[str, int]] = set()
        # The keys with a failed change.
        self.blocked: set[tuple[str, str]] = set()

    def run(self) -> bool:
        """Replays the changes. Returns true if nothing is left."""
        batches, unreadable = self.batches()
        changes = {change.position: change for batch in batches for change in batch.changes}
        ordered = [changes[position] for position in sorted(changes)]
        if self.dry_run:
            report(f"{len(ordered)} changes of {len(batches)} batches would be sent to {self.name}")
            return not batches and not unreadable
        with tqdm(total=len(ordered), unit=" changes", disable=None) as progress:
            for chunk in chunks(ordered):
                self.send(chunk)
                progress.update(len(chunk))
        finished = [batch for batch in batches if all(change.position in self.done for change in batch.changes)]
        for batch in finished:
            self.store.remove(batch.name)
        left = len(batches) - len(finished) + unreadable
        if batches:
            report(f"{len(self.done)} of {len(ordered)} changes replayed, {len(finished)} of {len(batches)} batches are done")
        if left:
            report(f"{left} batches left")
        elif not batches:
            report(f"{self.name} has no failed changes")
        return left == 0

    def batches(self) -> tuple[list[Batch], int]:
        """Returns the batches of this consumer, and the number of unreadable objects."""
        batches, unreadable, other_mappings = [], 0, set()
        for name in self.store.names():
            # A mapping has one function, so one object shows that a mapping belongs to another consumer.
            mapping = name.removeprefix(PREFIX).split("/")[0]
            if mapping in other_mappings:
                continue
            try:
                text = self.store.read(name)
                if function_of(name, text) == self.name:
                    batches.append(changes_of(name, text))
                else:
                    other_mappings.add(mapping)
            except Failure as failure:
                unreadable += 1
                report(str(failure))
        return batches, unreadable

    def send(self, changes: list[Change]) -> None:
        """Invokes the consumer with the changes, and again with the rest after a failure."""
        rest = [changes]
        while rest:
            ready = [change for change in rest.pop() if change.key not in self.blocked]
            if not ready:
                continue
            try:
                done, cause = self.invoke(ready)
            except CallFailed as failure:
                if len(ready) > 1:
                    # Halves the batch, as Lambda does, until the failing change is alone.
                    middle = len(ready) // 2
                    rest += [ready[middle:], ready[:middle]]
                    continue
                done, cause = 0, str(failure)
            self.done.update(change.position for change in ready[:done])
            if done < len(ready):
                report(f"{ready[done].key[0]}: {cause}")
                self.blocked.add(ready[done].key)
                rest.append(ready[done:])

    def invoke(self, changes: list[Change]) -> tuple[int, str]:
        """Returns the number of changes handled before the first failure, and its cause."""
        payload = json.dumps({"Records": [change.record for change in changes]}).encode()
        answer = self.functions.invoke(FunctionName=self.function, Payload=payload)
        text = answer["Payload"].read()
        if "FunctionError" in answer:
            raise CallFailed(f"{self.name} fails as a whole: {error_of(text)}")
        try:
            failed = {failure["itemIdentifier"] for failure in json.loads(text)["batchItemFailures"]}
        except (KeyError, TypeError, ValueError):
            raise CallFailed(f"{self.name} does not respond as a consumer does") from None
        for done, change in enumerate(changes):
            if (sequence := change.record["dynamodb"]["SequenceNumber"]) in failed:
                return done, f"{self.name} fails at {sequence}: see its log"
        if failed:
            raise CallFailed(f"{self.name} fails at the whole batch: see its log")
        return len(changes), ""


def error_of(text: bytes) -> str:
    try:
        error = json.loads(text)
        return f"{error['errorType']}: {error['errorMessage']}".splitlines()[0]
    except (KeyError, TypeError, ValueError):
        return "see its log"


def report(line: str) -> None:
    """Prints a line without breaking the progress bar."""
    tqdm.write(f"replay: {line}")
    sys.stdout.flush()


# An invocation without a response may still be running, so it is not retried.
NO_RETRY = Config(read_timeout=900, retries={"mode": "standard", "total_max_attempts": 1})
RETRY = Config(retries={"mode": "standard", "max_attempts": 8})


def deployed(stage: str, consumer: str, dry_run: bool) -> Replay:
    """Returns the replay of a stream consumer in a deployed stage."""
    functions, name = SESSION.client("lambda", config=NO_RETRY), f"{prefix_of(stage)}{consumer}"
    alias = functions.get_alias(FunctionName=name, Name="live")["AliasArn"]
    pages = functions.get_paginator("list_event_source_mappings").paginate(FunctionName=alias)
    mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    buckets = {mapping["DestinationConfig"]["OnFailure"]["Destination"] for mapping in mappings}
    if len(buckets) != 1:
        raise Failure(f"{name} has {len(buckets)} failure destinations, not one: deploy the stage")
    bucket = Bucket(SESSION.client("s3", config=RETRY), buckets.pop().split(":")[-1])
    return Replay(bucket, functions, alias, name, dry_run)


def local(data: Path, consumer: str, dry_run: bool) -> Replay:
    """Returns the replay of a stream consumer in a running local server."""
    try:
        endpoint = (data / ADDRESS).read_text()
    except OSError:
        raise Failure(f"no local server uses the data folder {data}: start one with `make run`") from None
    credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    functions = boto3.client("lambda", endpoint_url=endpoint, config=NO_RETRY, **credentials)
    name = f"local-{consumer}"
    return Replay(Folder(data / "failed-changes"), functions, name, name, dry_run)


def send_back(queue: SqsQueue | FolderQueue, consumer: str, dry_run: bool) -> bool:
    """Moves the dead-lettered events of an event consumer back to its queue. Returns true if none is left."""
    moved, unreadable = queue.send_back(dry_run)
    verb = "would be moved" if dry_run else "moved"
    report(f"{moved} events {verb} back to the queue of {consumer}" if moved else f"{consumer} has no failed events")
    if unreadable:
        report(f"{unreadable} messages that are not events stay")
    return unreadable == 0 and not (dry_run and moved)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("consumer")
    target = arguments.add_mutually_exclusive_group(required=True)
    target.add_argument("--stage", help="a deployed stage")
    target.add_argument("--data", type=Path, help="the data folder of a running local server")
    arguments.add_argument("--dry-run", action="store_true", help="show what would be done, and change nothing")
    options = arguments.parse_args()
    sources = {consumer["name"]: consumer["source"] for consumer in json.loads(CONTRACT.read_text())["x-consumers"]}
    if options.consumer not in sources:
        raise Failure(f"there is no consumer {options.consumer!r}: the consumers are {', '.join(sources)}")
    # SIGTERM also runs the code that reports the rest.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("replay: stopped"))
    if sources[options.consumer] == "streams":
        stage = deployed(options.stage, options.consumer, options.dry_run) if options.stage else local(
            options.data, options.consumer, options.dry_run
        )
        return 0 if stage.run() else 1
    if options.stage:
        queue = SqsQueue(SESSION.client("sqs", config=RETRY), f"{prefix_of(options.stage)}{options.consumer}")
    else:
        queue = FolderQueue(options.data, options.consumer)
    return 0 if send_back(queue, options.consumer, options.dry_run) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, BotoCoreError, ClientError) as error:
        sys.exit(f"replay: {error}")
    except KeyboardInterrupt:
        sys.exit("replay: stopped")
