"""Replays what a consumer gave up: `replay.py CONSUMER --stack STACK`, or `--data FOLDER` for a running local server.

A consumer of streams is called with the changes that Lambda kept in the stage's bucket, as Lambda would call it, in the
order of each record. Events of a consumer of the bus go from its dead-letter queue back into its queue. What succeeds is
removed; it can be run again at any time, since consumers do nothing twice.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

from failed_changes import PREFIX, Batch, Bucket, Change, Failure, Folder, changes_of, chunks, function_of
from failed_events import FolderQueue, SqsQueue

CONTRACT = Path(__file__).resolve().parent.parent / "openapi.json"
ADDRESS = "lambda-url"


class CallFailed(Failure):
    """The call failed as a whole, and not over one record."""


class Replay:
    """The failed changes of one consumer of streams."""

    def __init__(self, store: Bucket | Folder, functions, function: str, name: str, dry_run: bool) -> None:
        self.store, self.functions, self.function, self.name, self.dry_run = store, functions, function, name, dry_run
        # The places of the changes that are done.
        self.done: set[tuple[str, int]] = set()
        # The rows that have a change which is not done.
        self.held: set[tuple[str, str]] = set()

    def run(self) -> bool:
        """Returns true if nothing is left."""
        batches, strange = self.batches()
        changes = {change.place: change for batch in batches for change in batch.changes}
        ordered = [changes[place] for place in sorted(changes)]
        if self.dry_run:
            say(f"{len(ordered)} changes of {len(batches)} batches would be given to {self.name}")
            return not batches and not strange
        with tqdm(total=len(ordered), unit=" changes", disable=None) as progress:
            for chunk in chunks(ordered):
                self.send(chunk)
                progress.update(len(chunk))
        through = [batch for batch in batches if all(change.place in self.done for change in batch.changes)]
        for batch in through:
            self.store.remove(batch.name)
        left = len(batches) - len(through) + strange
        if batches:
            say(f"{len(self.done)} of {len(ordered)} changes replayed, {len(through)} of {len(batches)} batches are done")
        if left:
            say(f"{left} batches left")
        elif not batches:
            say(f"{self.name} has no failed changes")
        return left == 0

    def batches(self) -> tuple[list[Batch], int]:
        """The batches of this consumer, and how many objects cannot be read."""
        batches, strange, of_others = [], 0, set()
        for name in self.store.names():
            # An event source mapping has one function: of another's, one object is enough to tell.
            mapping = name.removeprefix(PREFIX).split("/")[0]
            if mapping in of_others:
                continue
            try:
                text = self.store.read(name)
                if function_of(name, text) == self.name:
                    batches.append(changes_of(name, text))
                else:
                    of_others.add(mapping)
            except Failure as failure:
                strange += 1
                say(str(failure))
        return batches, strange

    def send(self, changes: list[Change]) -> None:
        """Calls the consumer with changes, and again with what is left after a failure."""
        rest = [changes]
        while rest:
            ready = [change for change in rest.pop() if change.key not in self.held]
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
            self.done.update(change.place for change in ready[:done])
            if done < len(ready):
                say(f"{ready[done].key[0]}: {why}")
                self.held.add(ready[done].key)
                rest.append(ready[done:])

    def invoke(self, changes: list[Change]) -> tuple[int, str]:
        """Returns how many changes are done before the first that failed, and what is known of that."""
        payload = json.dumps({"Records": [change.record for change in changes]}).encode()
        answer = self.functions.invoke(FunctionName=self.function, Payload=payload)
        text = answer["Payload"].read()
        if "FunctionError" in answer:
            raise CallFailed(f"{self.name} fails as a whole: {error_of(text)}")
        try:
            failed = {failure["itemIdentifier"] for failure in json.loads(text)["batchItemFailures"]}
        except (KeyError, TypeError, ValueError):
            raise CallFailed(f"{self.name} does not answer as a consumer does") from None
        for done, change in enumerate(changes):
            if (sequence := change.record["dynamodb"]["SequenceNumber"]) in failed:
                return done, f"{self.name} fails at {sequence}: its log says why"
        if failed:
            raise CallFailed(f"{self.name} fails at the whole batch: its log says why")
        return len(changes), ""


def error_of(text: bytes) -> str:
    try:
        error = json.loads(text)
        return f"{error['errorType']}: {error['errorMessage']}".splitlines()[0]
    except (KeyError, TypeError, ValueError):
        return "its log says why"


def say(line: str) -> None:
    """A line that leaves the progress bar whole."""
    tqdm.write(f"replay: {line}")
    sys.stdout.flush()


# A call that is not answered may still be at work: it is not made a second time beside the first.
ONCE = Config(read_timeout=900, retries={"mode": "standard", "total_max_attempts": 1})
PATIENT = Config(retries={"mode": "standard", "max_attempts": 8})


def deployed(stack: str, consumer: str, dry_run: bool) -> Replay:
    """The replay of a consumer of streams in a deployed stage."""
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    functions, name = session.client("lambda", config=ONCE), f"{stack}-{consumer}"
    alias = functions.get_alias(FunctionName=name, Name="live")["AliasArn"]
    pages = functions.get_paginator("list_event_source_mappings").paginate(FunctionName=alias)
    mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    buckets = {mapping["DestinationConfig"]["OnFailure"]["Destination"] for mapping in mappings}
    if len(buckets) != 1:
        raise Failure(f"{name} keeps failed changes in {len(buckets)} places, not one: deploy the stack")
    bucket = Bucket(session.client("s3", config=PATIENT), buckets.pop().split(":")[-1])
    return Replay(bucket, functions, alias, name, dry_run)


def local(data: Path, consumer: str, dry_run: bool) -> Replay:
    """The replay of a consumer of streams in a running local server."""
    try:
        endpoint = (data / ADDRESS).read_text()
    except OSError:
        raise Failure(f"no local server has its data in {data}: start one with `make run`") from None
    credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    functions = boto3.client("lambda", endpoint_url=endpoint, config=ONCE, **credentials)
    name = f"local-{consumer}"
    return Replay(Folder(data / "failed-changes"), functions, name, name, dry_run)


def send_back(queue: SqsQueue | FolderQueue, consumer: str, dry_run: bool) -> bool:
    """Puts the dead letters of a consumer of events back into its queue; returns true if none is left."""
    moved, strange = queue.send_back(dry_run)
    verb = "would go" if dry_run else "went"
    say(f"{moved} events {verb} back into the queue of {consumer}" if moved else f"{consumer} has no failed events")
    if strange:
        say(f"{strange} messages that are no events stay")
    return strange == 0 and not (dry_run and moved)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("consumer")
    place = arguments.add_mutually_exclusive_group(required=True)
    place.add_argument("--stack", help="a deployed stage")
    place.add_argument("--data", type=Path, help="the data folder of a running local server")
    arguments.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    options = arguments.parse_args()
    sources = {one["name"]: one["source"] for one in json.loads(CONTRACT.read_text())["x-consumers"]}
    if options.consumer not in sources:
        raise Failure(f"there is no consumer {options.consumer!r}: it is one of {', '.join(sources)}")
    # A termination, too, passes through the code that shows what is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("replay: stopped"))
    if sources[options.consumer] == "streams":
        place = deployed(options.stack, options.consumer, options.dry_run) if options.stack else local(
            options.data, options.consumer, options.dry_run
        )
        return 0 if place.run() else 1
    if options.stack:
        sqs = boto3.Session(region_name=os.environ.get("AWS_REGION")).client("sqs", config=PATIENT)
        queue = SqsQueue(sqs, f"{options.stack}-{options.consumer}")
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
