"""End-to-end tests of change delivery: history, events, cascade, failed changes and their replay."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from emulator import STAGE, Emulator, Failure

ROOT = Path(__file__).resolve().parent.parent
# The time in which a change must be delivered.
DEADLINE_SECONDS = 60
PAUSE_SECONDS = 0.5
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"


class Changes:
    """The tests, on a deployed stage without other traffic."""

    def __init__(self, service: str, emulator: Emulator, outputs: dict[str, str], key: str, client, environment) -> None:
        self.service, self.emulator, self.outputs, self.key = service, emulator, outputs, key
        self.client, self.environment = client, environment
        self.sqs = client("sqs")

    def arrive(self) -> None:
        """Tests that every change is in the history, and on the bus with the same id."""
        with self.listening() as events:
            records = [self.written(collection) for collection in ("items", "users")]
            for collection, record in records:
                entries = self.history_of(collection, record, ["deleted", "updated", "created"])
                expect("versions", [entry["version"] for entry in entries], [2, 2, 1])
                expect("names changed", entries[1]["changed"], ["name"])
                expect("name before", entries[1]["old"]["name"], "First")
                expect("name after", entries[1]["new"]["name"], "Second")
                expect("changedBy", [bool(entry.get("changedBy")) for entry in entries], [True] * 3)
                self.published(events, collection, record, entries)

    def written(self, collection: str) -> tuple[str, str]:
        """Creates, patches and deletes a record."""
        item, user = {"priceCents": 1, "currency": "EUR"}, {"email": f"{uuid.uuid4()}@example.com"}
        record = self.created(collection, {"name": "First"} | (item if collection == "items" else user))
        self.patched(collection, record, "Second")
        self.deleted(collection, record)
        return collection, record

    def published(self, events: str, collection: str, record: str, entries: list[dict]) -> None:
        """Tests that each entry's event arrives, with the same id and content."""
        wanted = {entry["eventId"]: entry for entry in entries}
        found: dict[str, dict] = {}

        def have_arrived() -> bool:
            # Events of other records become visible again.
            answer = self.sqs.receive_message(QueueUrl=events, MaxNumberOfMessages=10, VisibilityTimeout=2)
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                if event["detail"]["subject"] == record:
                    found[event["detail"]["id"]] = event
                    self.sqs.delete_message(QueueUrl=events, ReceiptHandle=message["ReceiptHandle"])
            return wanted.keys() <= found.keys()

        wait_until(have_arrived, lambda: f"{len(found)} of {len(wanted)} events of {collection}/{record} arrived")
        expect("events", found.keys() - wanted.keys(), set())
        for event_id, entry in wanted.items():
            event, detail = found[event_id], found[event_id]["detail"]
            kind = f"{collection.removesuffix('s')}.{entry['action']}"
            expect("source on the bus", event["source"], "serverless-crud")
            expect("type on the bus", event["detail-type"], kind)
            expect("type", detail["type"], kind)
            expect("version of CloudEvents", detail["specversion"], "1.0")
            expect("source", detail["source"], f"urn:serverless-crud:{self.service}-{collection}")
            expect("schema", detail["dataschema"], f"urn:serverless-crud:schema:{kind}:v1")
            expect("content type", detail["datacontenttype"], "application/json")
            expect("time", detail["time"], entry["time"])
            expect("sequence", detail["sequence"], entry["sequence"])
            for name in ("id", "version", "cause", "changedBy", "changed", "old", "new"):
                expect(f"{kind}: {name}", detail["data"].get(name), entry.get(name))

    def cascade(self) -> None:
        """Tests that the items of a deleted user are archived, by the consumer and under its name."""
        user = self.created("users", {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"})
        item = {"name": "Lamp", "priceCents": 1, "currency": "EUR", "ownerId": user}
        items = [self.created("items", item) for _ in range(3)]
        other = self.created("items", {name: value for name, value in item.items() if name != "ownerId"})
        self.deleted("users", user)

        wait_until(lambda: all(map(self.is_archived, items)), lambda: "items of a deleted user are not archived")
        if self.is_archived(other):
            raise Failure("an item without an owner is archived")
        self.history_of("users", user, ["deleted", "created"])
        for record in items:
            entries = self.history_of("items", record, ["updated", "created"])
            expect("changedBy of the archiving", entries[0]["changedBy"], "users_cascade")

    def hidden(self) -> None:
        """Tests that a later pass archives an item that the owner index hid from the first one."""
        user = self.created("users", {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"})
        item = self.created("items", {"name": "Lamp", "priceCents": 1, "currency": "EUR", "ownerId": user})
        other = self.created("items", {"name": "Lamp", "priceCents": 1, "currency": "EUR", "ownerId": user})
        later = self.sqs.get_queue_url(QueueName=f"{self.service}-users_cascade-later")["QueueUrl"]
        before = {"DelaySeconds": "900", "VisibilityTimeout": "900"}
        # The shortest that the function's timeout allows.
        self.sqs.set_queue_attributes(QueueUrl=later, Attributes={"DelaySeconds": "15", "VisibilityTimeout": "60"})
        try:
            self.index(item, "REMOVE ownerIdKey")
            self.deleted("users", user)
            wait_until(lambda: self.is_archived(other), lambda: "the first pass archives nothing")
            if self.is_archived(item):
                raise Failure("an item that no index shows is archived")
            self.index(item, "SET ownerIdKey = :owner", {":owner": {"S": user}})
            wait_until(lambda: self.is_archived(item), lambda: "no later pass archives the item")
            if not self.waiting(later):
                raise Failure("the event does not wait for its next pass")
        finally:
            self.sqs.set_queue_attributes(QueueUrl=later, Attributes=before)

    def index(self, item: str, update: str, values: dict | None = None) -> None:
        """Removes the item from the owner index, or adds it again."""
        options = {"ExpressionAttributeValues": values} if values else {}
        self.client("dynamodb").update_item(
            TableName=f"{self.service}-items", Key={"id": {"S": item}}, UpdateExpression=update, **options
        )

    def replayed(self, consumer: str = "audit_append") -> None:
        """Tests that replay delivers failed changes, and that they stay while the consumer fails."""
        with self.paused(consumer):
            records = [self.written(collection) for collection in ("items", "users")]
            # MiniStack has no S3 destination: this writes the objects from the stream, as Lambda would.
            kept = self.keep(consumer, records)
            if self.emulator.has.start_errors:
                with self.broken(consumer):
                    self.replay(consumer, 1, "fails as a whole", f"{len(kept)} batches left")
            if self.emulator.has.iam:
                with self.without_grants(consumer):
                    self.replay(consumer, 1, f"{consumer} fails at ", f"{len(kept)} batches left")
            self.replay(consumer, 1, f"6 changes of {len(kept)} batches would be sent", dry_run=True)
            expect("failed changes after failed replays", self.kept(), kept)
            for collection, record in records:
                expect("history before the replay", self.actions(collection, record), [])
            self.replay(consumer, 0, f"6 of 6 changes replayed, {len(kept)} of {len(kept)} batches are done")
            for collection, record in records:
                expect("history", self.actions(collection, record), ["deleted", "updated", "created"])
            expect("failed changes at the end", self.kept(), [])
            self.replay(consumer, 0, f"{self.service}-{consumer} has no failed changes")

    def sent_back(self, consumer: str = "users_cascade") -> None:
        """Tests that a dead-lettered event moves back to its queue and is handled."""
        name = f"{self.service}-{consumer}"
        url = lambda suffix="": self.sqs.get_queue_url(QueueName=f"{name}{suffix}")["QueueUrl"]
        queue, dead_letters = url(), url("-dead-letters")
        # The events of earlier tests would be dead-lettered too.
        wait_until(lambda: self.waiting(queue) == 0, lambda: "the consumer does not empty its queue")
        with self.broken(consumer):
            user = self.created("users", {"name": "Ada", "email": f"{uuid.uuid4()}@example.com"})
            item = self.created("items", {"name": "Lamp", "priceCents": 1, "currency": "EUR", "ownerId": user})
            before = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy", "VisibilityTimeout"])
            policy = json.loads(before["Attributes"]["RedrivePolicy"]) | {"maxReceiveCount": 1}
            soon = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "1"}
            self.sqs.set_queue_attributes(QueueUrl=queue, Attributes=soon)
            try:
                self.deleted("users", user)
                wait_until(lambda: self.waiting(dead_letters) == 1, lambda: "no event reached the dead-letter queue")
            finally:
                self.sqs.set_queue_attributes(QueueUrl=queue, Attributes=before["Attributes"])
        if self.is_archived(item):
            raise Failure("a broken consumer archived an item")
        self.replay(consumer, 1, "1 events would be moved back", dry_run=True)
        expect("dead-letter queue after a dry run", self.waiting(dead_letters), 1)
        self.replay(consumer, 0, "1 events moved back")
        wait_until(lambda: self.is_archived(item), lambda: "replay did not archive the item")
        expect("dead-letter queue at the end", self.waiting(dead_letters), 0)

    def keep(self, consumer: str, records: list[tuple[str, str]]) -> list[str]:
        """Writes the changes of records to the stage's bucket as Lambda would. Returns the names of the objects."""
        functions, s3 = self.client("lambda"), self.client("s3")
        alias = functions.get_alias(FunctionName=f"{self.service}-{consumer}", Name="live")["AliasArn"]
        for mapping in functions.list_event_source_mappings(FunctionName=alias)["EventSourceMappings"]:
            stream = mapping["EventSourceArn"]
            wanted = {record for collection, record in records if stream.split("/")[1] == f"{self.service}-{collection}"}
            for record in self.stream(stream):
                if record["dynamodb"]["Keys"]["id"]["S"] not in wanted:
                    continue
                event = json.dumps({"Records": [record | {"eventSourceARN": stream}]}, default=seconds)
                call = {"requestContext": {"functionArn": alias, "condition": "RetryAttemptsExhausted"}, "payload": event}
                folder = f"aws/lambda/{mapping['UUID']}/shardId-0/2026/01/01"
                key = f"{folder}/2026-01-01T00.00.00-{uuid.uuid4()}"
                s3.put_object(Bucket=self.bucket(consumer), Key=key, Body=json.dumps(call).encode())
        return self.kept()

    def stream(self, arn: str) -> Iterator[dict]:
        """Returns all records of a stream."""
        streams = self.client("dynamodbstreams")
        [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**place)["ShardIterator"]
        while page := streams.get_records(ShardIterator=iterator):
            if not page["Records"]:
                return
            yield from page["Records"]
            iterator = page["NextShardIterator"]

    def bucket(self, consumer: str = "audit_append") -> str:
        """Returns the failure destination of the consumer's mappings."""
        functions = self.client("lambda")
        alias = functions.get_alias(FunctionName=f"{self.service}-{consumer}", Name="live")["AliasArn"]
        mappings = functions.list_event_source_mappings(FunctionName=alias)["EventSourceMappings"]
        [bucket] = {mapping["DestinationConfig"]["OnFailure"]["Destination"].split(":")[-1] for mapping in mappings}
        return bucket

    def kept(self) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket=self.bucket())
        return [item["Key"] for item in found.get("Contents", [])]

    def history_of(self, collection: str, record: str, actions: list[str]) -> list[dict]:
        """Waits for the entries with these actions, and returns them, newest first."""
        found = lambda: self.actions(collection, record)
        wait_until(lambda: found() == actions, lambda: f"the history of {collection}/{record} is {found()}")
        return self.send("GET", f"/v1/{collection}/{record}/history", 200)["data"]

    def actions(self, collection: str, record: str) -> list[str]:
        """Returns the actions in the history, from the table: the API responds with 404 to an empty history."""
        found = self.client("dynamodb").query(
            TableName=f"{self.service}-history",
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
            raise Failure(f"{method} {path} responds with {found}, not {status}: {answer}")
        return answer

    @contextmanager
    def listening(self):
        """Provides a queue that receives every event of the bus."""
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
        """Makes a version live that cannot start, or that finds no tables if the emulator reports no failed starts."""
        functions, name = self.client("lambda"), f"{self.service}-{consumer}"
        before = functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        fault = {"HISTORY_DAYS": "none"} if self.emulator.has.start_errors else {"TABLE_PREFIX": "missing-"}
        configure(functions, name, variables | fault)
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        try:
            yield
        finally:
            functions.update_alias(FunctionName=name, Name="live", FunctionVersion=before)
            configure(functions, name, variables)

    @contextmanager
    def paused(self, consumer: str):
        """Disables the consumer's event source mappings."""
        functions = self.client("lambda")
        alias = functions.get_alias(FunctionName=f"{self.service}-{consumer}", Name="live")["AliasArn"]
        mappings = functions.list_event_source_mappings(FunctionName=alias)["EventSourceMappings"]
        for mapping in mappings:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            for mapping in mappings:
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    @contextmanager
    def without_grants(self, consumer: str):
        """Removes all permissions of the consumer's role."""
        iam = self.client("iam")
        configuration = self.client("lambda").get_function_configuration(FunctionName=f"{self.service}-{consumer}")
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

    def waiting(self, queue: str) -> int:
        """Returns the number of messages in a queue, hidden and delayed ones included."""
        names = ["", "NotVisible", "Delayed"]
        names = [f"ApproximateNumberOfMessages{name}" for name in names]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def replay(self, consumer: str, code: int, *expected: str, dry_run: bool = False) -> None:
        """Runs the replay command and checks its exit code and output."""
        command = [sys.executable, "scripts/replay.py", consumer, "--stage", STAGE]
        command += ["--dry-run"] if dry_run else []
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        for text in expected:
            if text not in done.stdout:
                raise Failure(f"replay does not print {text!r}, but:\n{done.stdout}{done.stderr}")
        if done.returncode != code:
            raise Failure(f"replay exits with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")


def configure(functions, name: str, variables: dict[str, str]) -> None:
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def seconds(time: datetime) -> float:
    """Formats a time as Lambda does."""
    return time.timestamp()


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Failure(f"{what}: {found!r}, not {wanted!r}")


def wait_until(is_so: Callable[[], bool], otherwise: Callable[[], str], pause: float = PAUSE_SECONDS) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise Failure(f"{otherwise()} after {DEADLINE_SECONDS} s")
        time.sleep(pause)
