"""What redrive.py does where no emulator leads it: shards that close and split, iterators that expire, what is gone."""

import contextlib
import io
import json
import unittest
from datetime import datetime, timezone
from unittest.mock import MagicMock, patch

from botocore.exceptions import ClientError

import redrive

ITEMS = "arn:aws:dynamodb:eu-central-1:123456789012:table/crud-items/stream/2026-01-01T00:00:00.000"
OLD, YOUNG = "shardId-00000000000000000001-a", "shardId-00000000000000000002-b"


class Aws:
    """One stream, one queue, one function, as much of them as redrive uses."""

    def __init__(self) -> None:
        self.shards: dict[str, list[dict]] = {OLD: [], YOUNG: []}
        self.closed = {OLD}
        self.parents = {YOUNG: OLD}
        self.trimmed_below = 0
        self.expire_next = False
        self.messages: dict[str, dict] = {}
        self.hidden: set[str] = set()
        self.calls: list[list[str]] = []
        self.failing: set[str] = set()
        self.filters: list[dict] = []
        self.batch_size = 2

    def write(self, shard: str, *sequences: int, kind: str = "MODIFY", **image) -> None:
        for sequence in sequences:
            change = {"SequenceNumber": str(sequence), "NewImage": image}
            change["ApproximateCreationDateTime"] = datetime(2026, 1, 1, tzinfo=timezone.utc)
            self.shards[shard].append({"eventID": f"e{sequence}", "eventName": kind, "dynamodb": change})

    def letter(self, shard: str, first: int, last: int, count: int | None = None) -> str:
        batch = {"shardId": shard, "startSequenceNumber": str(first), "endSequenceNumber": str(last)}
        batch |= {"approximateArrivalOfFirstRecord": "then", "approximateArrivalOfLastRecord": "later"}
        batch |= {"batchSize": last - first + 1 if count is None else count, "streamArn": ITEMS}
        return self.message(json.dumps({"DDBStreamBatchInfo": batch}))

    def message(self, body: str) -> str:
        name = f"m{len(self.messages)}"
        self.messages[name] = {"MessageId": name, "ReceiptHandle": name, "Body": body}
        return name

    def client(self, service: str, config) -> MagicMock:
        return {"sqs": self.sqs, "dynamodbstreams": self.streams, "lambda": self.functions}.get(service, MagicMock)()

    def sqs(self) -> MagicMock:
        sqs = MagicMock()

        def receive(**_):
            # The last first: a queue keeps no order.
            found = [message for name, message in self.messages.items() if name not in self.hidden][::-1][:2]
            self.hidden.update(message["MessageId"] for message in found)
            return {"Messages": found} if found else {}

        sqs.receive_message = receive
        sqs.delete_message = lambda ReceiptHandle, **_: self.messages.pop(ReceiptHandle)
        sqs.change_message_visibility_batch = lambda Entries, **_: self.hidden.difference_update(
            entry["ReceiptHandle"] for entry in Entries
        )
        return sqs

    def streams(self) -> MagicMock:
        streams = MagicMock()
        streams.exceptions.ExpiredIteratorException = type("Expired", (Exception,), {})
        streams.exceptions.ResourceNotFoundException = type("Missing", (Exception,), {})
        described = [{"ShardId": shard, "ParentShardId": self.parents.get(shard, "")} for shard in self.shards]
        streams.describe_stream.return_value = {"StreamDescription": {"Shards": described}}

        def iterator(ShardId, ShardIteratorType, SequenceNumber, **_):
            if int(SequenceNumber) < self.trimmed_below:
                raise refusal("TrimmedDataAccessException")
            after = int(SequenceNumber) + (ShardIteratorType == "AFTER_SEQUENCE_NUMBER")
            return {"ShardIterator": (ShardId, after)}

        def records(ShardIterator):
            if self.expire_next:
                self.expire_next = False
                raise streams.exceptions.ExpiredIteratorException
            shard, start = ShardIterator
            rest = [one for one in self.shards[shard] if int(one["dynamodb"]["SequenceNumber"]) >= start]
            if not rest:
                return {"Records": []} if shard in self.closed else {"Records": [], "NextShardIterator": (shard, start)}
            # A page a record, the next to expire.
            self.expire_next = len(rest) % 3 == 2
            return {"Records": rest[:1], "NextShardIterator": (shard, int(rest[0]["dynamodb"]["SequenceNumber"]) + 1)}

        streams.get_shard_iterator, streams.get_records = iterator, records
        return streams

    def functions(self) -> MagicMock:
        functions = MagicMock()
        mapping = {"EventSourceArn": ITEMS, "BatchSize": self.batch_size, "FilterCriteria": {"Filters": self.filters}}
        mapping["DestinationConfig"] = {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:letters"}}
        functions.get_paginator.return_value.paginate.return_value = [{"EventSourceMappings": [mapping]}]

        def invoke(Payload, **_):
            self.last_event = json.loads(Payload)
            sequences = [record["dynamodb"]["SequenceNumber"] for record in self.last_event["Records"]]
            self.calls.append(sequences)
            failures = [{"itemIdentifier": one} for one in sequences if one in self.failing][:1]
            return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode())}

        functions.invoke = invoke
        return functions


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetShardIterator")


class Redrives(unittest.TestCase):
    def setUp(self) -> None:
        self.aws = Aws()

    def redrive(self, dry_run: bool = False) -> tuple[bool, str]:
        """Whether nothing is left, and what was said."""
        said = io.StringIO()
        session = patch("boto3.Session", return_value=MagicMock(client=self.aws.client))
        pause = patch.object(redrive, "EMPTY_PAGE_SECONDS", 0)
        with session, pause, contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            return redrive.Redrive("crud", "audit_append", dry_run).run(), said.getvalue()

    def test_letters_go_in_the_order_of_the_stream_in_batches_of_its_size(self) -> None:
        self.aws.write(OLD, 9, 10, 11)
        self.aws.write(YOUNG, 101, 102)
        self.aws.letter(YOUNG, 101, 102)
        self.aws.letter(OLD, 11, 11)
        self.aws.letter(OLD, 9, 10)
        is_done, _ = self.redrive()
        self.assertEqual(self.aws.calls, [["9", "10"], ["11"], ["101", "102"]])
        self.assertTrue(is_done)
        self.assertEqual(self.aws.messages, {})

    def test_after_a_failure_the_shard_and_its_children_stay_and_are_visible(self) -> None:
        self.aws.write(OLD, 1, 2, 3)
        self.aws.write(YOUNG, 101)
        names = [self.aws.letter(OLD, 1, 1), self.aws.letter(OLD, 2, 2), self.aws.letter(OLD, 3, 3)]
        names.append(self.aws.letter(YOUNG, 101, 101))
        self.aws.failing = {"2"}
        is_done, said = self.redrive()
        self.assertEqual(self.aws.calls, [["1"], ["2"]])
        self.assertFalse(is_done)
        self.assertIn("fails at 2", said)
        self.assertEqual(list(self.aws.messages), names[1:])
        self.assertEqual(self.aws.hidden - {names[0]}, set())

    def test_a_shard_that_no_letter_of_failed_goes_on(self) -> None:
        self.aws.parents = {}
        self.aws.write(OLD, 1)
        self.aws.write(YOUNG, 101)
        self.aws.letter(OLD, 1, 1)
        self.aws.letter(YOUNG, 101, 101)
        self.aws.failing = {"1"}
        self.redrive()
        self.assertEqual(self.aws.calls, [["1"], ["101"]])

    def test_an_iterator_that_expires_on_the_way_loses_and_repeats_nothing(self) -> None:
        self.aws.batch_size = 100
        self.aws.write(OLD, *range(1, 12))
        self.aws.letter(OLD, 1, 11)
        self.redrive()
        self.assertEqual(self.aws.calls, [[str(sequence) for sequence in range(1, 12)]])

    def test_a_closed_shard_without_all_records_is_not_taken_for_done(self) -> None:
        self.aws.write(OLD, 1, 2)
        self.aws.letter(OLD, 1, 3)
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        self.assertIn("the stream has 2 of its 3 records", said)
        self.assertEqual(self.aws.calls, [])

    def test_an_open_shard_that_gives_nothing_is_not_asked_for_ever(self) -> None:
        self.aws.letter(YOUNG, 1, 1)
        self.assertFalse(self.redrive()[0])

    def test_expired_records_are_named_and_hold_up_nothing(self) -> None:
        self.aws.trimmed_below = 5
        self.aws.write(OLD, 5)
        gone = self.aws.letter(OLD, 3, 4)
        self.aws.letter(OLD, 5, 5)
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        for text in ("no longer has its records", "crud-items", OLD, "3 to 4", "then to later"):
            self.assertIn(text, said)
        self.assertIn("it is the consumer that would have written it", said)
        self.assertEqual(self.aws.calls, [["5"]])
        self.assertEqual(list(self.aws.messages), [gone])

    def test_only_what_the_mapping_lets_through_is_sent(self) -> None:
        self.aws.filters = [{"Pattern": '{"eventName":["REMOVE"]}'}]
        self.aws.write(OLD, 1)
        self.aws.write(OLD, 2, kind="REMOVE")
        self.aws.letter(OLD, 1, 2, count=1)
        self.assertTrue(self.redrive()[0])
        self.assertEqual(self.aws.calls, [["2"]])

    def test_records_have_the_form_lambda_gives_them(self) -> None:
        self.aws.write(OLD, 1, photo={"B": b"\x00\xff"}, more={"L": [{"BS": [b"a"]}]})
        self.aws.shards[OLD][0]["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
        self.aws.letter(OLD, 1, 1)
        self.redrive()
        [record] = self.aws.last_event["Records"]
        self.assertEqual(record["eventSourceARN"], ITEMS)
        self.assertEqual(record["userIdentity"], {"type": "Service", "principalId": "dynamodb.amazonaws.com"})
        self.assertEqual(record["dynamodb"]["ApproximateCreationDateTime"], 1767225600)
        self.assertEqual(record["dynamodb"]["NewImage"], {"photo": {"B": "AP8="}, "more": {"L": [{"BS": ["YQ=="]}]}})

    def test_a_dry_run_changes_nothing(self) -> None:
        self.aws.write(OLD, 1)
        name = self.aws.letter(OLD, 1, 1)
        is_done, said = self.redrive(dry_run=True)
        self.assertTrue(is_done)
        self.assertIn("1 records would be sent", said)
        self.assertEqual((self.aws.calls, list(self.aws.messages), self.aws.hidden), ([], [name], set()))

    def test_a_message_that_is_no_letter_stays(self) -> None:
        self.aws.message("hello")
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        self.assertIn("m0 is not a dead letter", said)

    def test_an_event_has_no_more_bytes_than_lambda_takes(self) -> None:
        records = [{"text": "x" * 2_000_000} for _ in range(4)]
        self.assertEqual([len(batch) for batch in redrive.batches(records, 100)], [2, 2])


if __name__ == "__main__":
    unittest.main()
