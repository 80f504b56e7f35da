"""What happens to a change after its answer, end to end: history, events, cascade, dead letters and their way back."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from emulator import Emulator, Failure

ROOT = Path(__file__).resolve().parent.parent
# How long a change may take to where it is to arrive.
DEADLINE_SECONDS = 60
PAUSE_SECONDS = 0.5
SEQUENCE_DIGITS = 21
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"


class Changes:
    """The tests, on a deployed stage that is not in use."""

    def __init__(self, stack: str, emulator: Emulator, outputs: dict[str, str], key: str, client, environment) -> None:
        self.stack, self.emulator, self.outputs, self.key = stack, emulator, outputs, key
        self.client, self.environment = client, environment
        self.sqs = client("sqs")

    def arrive(self) -> None:
        """Every change is in the history, and on the bus with the same id."""
        with self.listening() as events:
            records = [self.written(collection) for collection in ("items", "users")]
            for collection, record in records:
                entries = self.history_of(collection, record, ["deleted", "updated", "created"])
                expect("versions", [entry["version"] for entry in entries], [2, 2, 1])
                expect("names changed", entries[1]["changed"], ["name"])
                expect("name before", entries[1]["old"]["name"], "First")
                expect("name after", entries[1]["new"]["name"], "Second")
                # MiniStack does not tell functions whose key it was.
                if not self.emulator.is_ministack:
                    expect("who", [bool(entry.get("changedBy")) for entry in entries], [True] * 3)
                self.published(events, collection, record, entries)

    def written(self, collection: str) -> tuple[str, str]:
        """A record that is created, patched and deleted."""
        item, user = {"priceCents": 1, "currency": "EUR"}, {"email": f"{uuid.uuid4()}@example.com"}
        record = self.created(collection, {"name": "First"} | (item if collection == "items" else user))
        self.patched(collection, record, "Second")
        self.deleted(collection, record)
        return collection, record

    def published(self, events: str, collection: str, record: str, entries: list[dict]) -> None:
        """Each entry's event has come, with the same id and content."""
        wanted = {entry["eventId"]: entry for entry in entries}
        found: dict[str, dict] = {}

        def all_come() -> bool:
            # Those of other records go back to where they came from.
            answer = self.sqs.receive_message(QueueUrl=events, MaxNumberOfMessages=10, VisibilityTimeout=2)
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                if event["detail"]["subject"] == record:
                    found[event["detail"]["id"]] = event
                    self.sqs.delete_message(QueueUrl=events, ReceiptHandle=message["ReceiptHandle"])
            return wanted.keys() <= found.keys()

        wait_until(all_come, lambda: f"{len(found)} of {len(wanted)} events of {collection}/{record} came")
        expect("events", found.keys() - wanted.keys(), set())
        for event_id, entry in wanted.items():
            event, detail = found[event_id], found[event_id]["detail"]
            kind = f"{collection.removesuffix('s')}.{entry['action']}"
            expect("source on the bus", event["source"], "serverless-crud")
            expect("type on the bus", event["detail-type"], kind)
            expect("type", detail["type"], kind)
            expect("version of CloudEvents", detail["specversion"], "1.0")
            expect("source", detail["source"], f"urn:serverless-crud:{self.stack}-{collection}")
            expect("schema", detail["dataschema"], f"urn:serverless-crud:schema:{kind}:v1")
            expect("content type", detail["datacontenttype"], "application/json")
            expect("time", detail["time"], entry["time"])
            for name in ("id", "version", "cause", "changedBy", "changed", "old", "new"):
                expect(f"{kind}: {name}", detail["data"].get(name), entry.get(name))

    def cascade(self) -> None:
        """What belongs to a user who is deleted is archived, by the consumer and under its name."""
        user = self.created("users", {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"})
        item = {"name": "Lamp", "priceCents": 1, "currency": "EUR", "ownerId": user}
        items = [self.created("items", item) for _ in range(3)]
        other = self.created("items", {name: value for name, value in item.items() if name != "ownerId"})
        self.deleted("users", user)

        wait_until(lambda: all(map(self.is_archived, items)), lambda: "items of a user who is gone are not archived")
        if self.is_archived(other):
            raise Failure("an item that was nobody's is archived")
        self.history_of("users", user, ["deleted", "created"])
        for record in items:
            entries = self.history_of("items", record, ["updated", "created"])
            expect("who archived", entries[0]["changedBy"], "users_cascade")

    def come_back(self, consumer: str = "audit_append") -> None:
        """What a broken consumer gave up is in its queue, and comes through once the consumer works again."""
        queue = self.dead_letters(consumer)
        expect("dead letters before", self.waiting(queue), 0)
        with self.giving_up_soon(consumer), self.broken(consumer):
            first = [self.written(collection) for collection in ("items", "users")]
            self.wait_for_given_up(queue, 6)
            # A further letter of the same shard.
            second = [self.written("items")]
            self.wait_for_given_up(queue, 9)
            letters = self.waiting(queue)
            self.redrive(consumer, 1, "fails as a whole", "records are left", f"{letters} left")
            expect("dead letters after a vain redrive", self.waiting(queue), letters)
        self.redrive(consumer, 0, f"{letters} of {letters} dead letters could be brought through", dry_run=True)
        expect("dead letters after a dry run", self.waiting(queue), letters)
        for collection, record in first + second:
            expect("history after a dry run", self.actions(collection, record), [])
        if self.emulator.enforces_iam:
            with self.without_grants(consumer):
                self.redrive(consumer, 1, f"{consumer} fails at ", f"{letters} left")
            expect("dead letters after a vain redrive", self.waiting(queue), letters)
        self.redrive(consumer, 0, f"{letters} of {letters} dead letters brought through")
        for collection, record in first + second:
            expect("history", self.actions(collection, record), ["deleted", "updated", "created"])
        expect("dead letters at the end", self.waiting(queue), 0)
        self.redrive(consumer, 0, f"{consumer} has no dead letters")

    def come_back_elsewhere(self) -> None:
        """The same of the other consumers: one has a filter, the other sends what it was not able to."""
        cascade, publish = "users_cascade", "events_publish"
        with self.listening() as events:
            with (
                self.giving_up_soon(cascade), self.broken(cascade), self.giving_up_soon(publish), self.broken(publish)
            ):
                user = self.created("users", {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"})
                item = {"name": "Lamp", "priceCents": 1, "currency": "EUR", "ownerId": user}
                record = self.created("items", item)
                self.deleted("users", user)
                self.wait_for_given_up(self.dead_letters(cascade), 1)
                self.wait_for_given_up(self.dead_letters(publish), 3)
            entries = self.history_of("users", user, ["deleted", "created"])
            if self.is_archived(record):
                raise Failure("an item is archived by a consumer that is broken")
            self.redrive(cascade, 0, "1 of 1 dead letters brought through, with 1 records")
            self.redrive(publish, 0, "brought through, with 3 records")
            self.published(events, "users", user, entries)
            wait_until(lambda: self.is_archived(record), lambda: "redrive did not archive the item")
            for consumer in (cascade, publish):
                expect(f"dead letters of {consumer}", self.waiting(self.dead_letters(consumer)), 0)

    def expire(self, consumer: str = "events_publish") -> None:
        """Of records that the stream has forgotten it is said which they were, and nothing is done."""
        queue = self.dead_letters(consumer)
        collection, record = self.written("items")
        self.history_of(collection, record, ["deleted", "updated", "created"])
        # A place before all that the stream has, and all that the history has, in the form Lambda gives it.
        stream = self.client("dynamodb").describe_table(TableName=f"{self.stack}-items")["Table"]["LatestStreamArn"]
        [shard] = self.client("dynamodbstreams").describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
        batch = {
            "shardId": shard["ShardId"],
            "startSequenceNumber": "1".zfill(SEQUENCE_DIGITS),
            "endSequenceNumber": "2".zfill(SEQUENCE_DIGITS),
            "approximateArrivalOfFirstRecord": "2026-01-01T00:00:00Z",
            "approximateArrivalOfLastRecord": "2026-01-01T00:00:01Z",
            "batchSize": 3,
            "streamArn": stream,
        }
        self.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"version": "1.0", "DDBStreamBatchInfo": batch}))
        window = "2026-01-01T00:00:00Z to 2026-01-01T00:00:01Z"
        told = ("no longer has its records", window, shard["ShardId"], "the history has nothing of that time", "1 left")
        self.redrive(consumer, 1, *told)
        expect("dead letters that have expired", self.waiting(queue), 1)
        self.sqs.purge_queue(QueueUrl=queue)

    def history_of(self, collection: str, record: str, actions: list[str]) -> list[dict]:
        """The entries, newest first, once they are what they should be."""
        found = lambda: self.actions(collection, record)
        wait_until(lambda: found() == actions, lambda: f"the history of {collection}/{record} is {found()}")
        return self.send("GET", f"/v1/{collection}/{record}/history", 200)["data"]

    def actions(self, collection: str, record: str) -> list[str]:
        """What the history has now, asked past the API, which answers 404 for a record without any trace."""
        found = self.client("dynamodb").query(
            TableName=f"{self.stack}-history",
            KeyConditionExpression="#record = :record",
            ExpressionAttributeNames={"#record": "record"},
            ExpressionAttributeValues={":record": {"S": f"{collection}#{record}"}},
            ScanIndexForward=False,
        )
        return [item["action"]["S"] for item in found["Items"]]

    def is_archived(self, item: str) -> bool:
        found = self.send("GET", f"/v1/items/{item}", 200)
        return found["status"] == "archived" and "ownerId" not in found

    def created(self, collection: str, body: dict) -> str:
        return self.send("POST", f"/v1/{collection}", 201, body)["id"]

    def patched(self, collection: str, record: str, name: str) -> None:
        self.send("PATCH", f"/v1/{collection}/{record}", 200, {"name": name}, MERGE_PATCH)

    def deleted(self, collection: str, record: str) -> None:
        self.send("DELETE", f"/v1/{collection}/{record}", 204)

    def send(self, method: str, path: str, status: int, body: dict | None = None, kind: str = JSON) -> dict:
        found, answer = self.emulator.request(method, self.outputs["ApiId"], path, self.key, body, kind)
        if found != status:
            raise Failure(f"{method} {path} answers {found}, not {status}: {answer}")
        return answer

    @contextmanager
    def listening(self):
        """A queue that gets every event of the bus."""
        name, bus, events = "e2e-events", self.outputs["EventBus"], self.client("events")
        queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        principal = {"Service": "events.amazonaws.com"}
        allow = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        pattern = json.dumps({"source": ["serverless-crud"]})
        events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": name, "Arn": arn}])
        try:
            yield queue
        finally:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=[name])
            events.delete_rule(Name=name, EventBusName=bus)
            self.sqs.delete_queue(QueueUrl=queue)

    @contextmanager
    def broken(self, consumer: str):
        """A version that cannot start is live."""
        functions, name = self.client("lambda"), f"{self.stack}-{consumer}"
        before = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        configure(functions, name, variables | {"HISTORY_DAYS": "none"})
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        try:
            yield
        finally:
            functions.update_alias(FunctionName=name, Name="live", FunctionVersion=before)
            configure(functions, name, variables)

    @contextmanager
    def giving_up_soon(self, consumer: str):
        """The stream is not tried for hours. MiniStack counts no retries, but knows the age, below AWS's least too."""
        functions = self.client("lambda")
        alias = functions.get_alias(FunctionName=f"{self.stack}-{consumer}", Name="live")["AliasArn"]
        mappings = functions.list_event_source_mappings(FunctionName=alias)["EventSourceMappings"]
        soon = {"MaximumRetryAttempts": 0, "MaximumRecordAgeInSeconds": 1 if self.emulator.is_ministack else 60}
        for mapping in mappings:
            functions.update_event_source_mapping(UUID=mapping["UUID"], **soon)
        try:
            yield
        finally:
            for mapping in mappings:
                before = {name: mapping[name] for name in soon}
                functions.update_event_source_mapping(UUID=mapping["UUID"], **before)

    @contextmanager
    def without_grants(self, consumer: str):
        """The consumer's role may do nothing."""
        iam = self.client("iam")
        configuration = self.client("lambda").get_function_configuration(FunctionName=f"{self.stack}-{consumer}")
        role = configuration["Role"].rsplit("/", 1)[-1]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
        for name in names:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
        try:
            yield
        finally:
            for name, document in documents.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def dead_letters(self, consumer: str) -> str:
        return self.sqs.get_queue_url(QueueName=f"{self.stack}-{consumer}-dead-letters")["QueueUrl"]

    def waiting(self, queue: str) -> int:
        """How many messages can be received; none may be hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        expect("hidden messages", int(found[names[1]]), 0)
        return int(found[names[0]])

    def wait_for_given_up(self, queue: str, changes: int) -> None:
        """Until the letters speak of that many changes."""
        sizes: dict[str, int] = {}

        def are_there() -> bool:
            found = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
            for message in found.get("Messages", []):
                sizes[message["MessageId"]] = json.loads(message["Body"])["DDBStreamBatchInfo"]["batchSize"]
            return sum(sizes.values()) >= changes

        wait_until(are_there, lambda: f"dead letters speak of {sum(sizes.values())} changes, not {changes}")

    def redrive(self, consumer: str, code: int, *said: str, dry_run: bool = False) -> None:
        """The command itself, which ends with that code and says these things."""
        command = [sys.executable, "scripts/redrive.py", self.stack, consumer, *(["--dry-run"] if dry_run else [])]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        for text in said:
            if text not in done.stdout:
                raise Failure(f"redrive does not say {text!r}, but:\n{done.stdout}{done.stderr}")
        if done.returncode != code:
            raise Failure(f"redrive ends with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")


def configure(functions, name: str, variables: dict[str, str]) -> None:
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Failure(f"{what}: {found!r}, not {wanted!r}")


def wait_until(is_so: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise Failure(f"{otherwise()} after {DEADLINE_SECONDS} s")
        time.sleep(PAUSE_SECONDS)
