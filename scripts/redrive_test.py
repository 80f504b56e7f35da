"""What redrive.py does where no emulator leads it: shards that close and split, iterators that expire, what is gone."""

import contextlib
import io
import json
import unittest
from datetime import datetime, timezone
from unittest.mock import MagicMock, patch

from botocore.exceptions import ClientError

import dead_letters
import redrive

ITEMS = "arn:aws:dynamodb:eu-central-1:123456789012:table/crud-items/stream/2026-01-01T00:00:00.000"
USERS = ITEMS.replace("items", "users")
OLD, YOUNG = "shardId-00000000000000000001-a", "shardId-00000000000000000002-b"


class Aws:
    """One stream, one queue, one function, as much of them as redrive uses."""

    def __init__(self) -> None:
        self.shards: dict[str, list[dict]] = {OLD: [], YOUNG: []}
        self.closed = {OLD}
        self.trimmed_below = 0
        self.expire_next = False
        self.messages: dict[str, dict] = {}
        self.hidden: set[str] = set()
        self.calls: list[list[str]] = []
        self.failing: set[str] = set()
        # Whose calls fail as a whole, as they do where the first record of several fails.
        self.crashing: set[str] = set()
        self.hidden_elsewhere = 0
        self.hidden_late = 0
        self.endless_pause = 0
        self.history: list[str] = []
        self.filters: list[dict] = []
        self.batch_size = 2
        self.sources = [ITEMS]

    def write(self, shard: str, *sequences: int, kind: str = "MODIFY", key: str = "", **image) -> None:
        for sequence in sequences:
            change = {"SequenceNumber": str(sequence), "NewImage": image}
            change["Keys"] = {"id": {"S": key or f"key of {sequence}"}}
            change["ApproximateCreationDateTime"] = datetime(2026, 1, 1, tzinfo=timezone.utc)
            self.shards[shard].append({"eventID": f"e{sequence}", "eventName": kind, "dynamodb": change})

    def letter(self, shard: str, first: int, last: int, count: int | None = None, stream: str = ITEMS) -> str:
        batch = {"shardId": shard, "startSequenceNumber": str(first), "endSequenceNumber": str(last)}
        batch |= {"approximateArrivalOfFirstRecord": "then", "approximateArrivalOfLastRecord": "later"}
        batch |= {"batchSize": last - first + 1 if count is None else count, "streamArn": stream}
        return self.message(json.dumps({"DDBStreamBatchInfo": batch}))

    def message(self, body: str) -> str:
        name = f"m{len(self.messages)}"
        self.messages[name] = {"MessageId": name, "ReceiptHandle": name, "Body": body}
        return name

    def client(self, service: str, config) -> MagicMock:
        clients = {"sqs": self.sqs, "dynamodbstreams": self.streams, "lambda": self.functions, "dynamodb": self.dynamodb}
        return clients[service]()

    def dynamodb(self) -> MagicMock:
        dynamodb = MagicMock()
        items = [{"record": {"S": record}} for record in self.history]
        dynamodb.get_paginator.return_value.paginate.side_effect = lambda **_: [{"Items": items}]
        self.scan = dynamodb.get_paginator.return_value.paginate
        return dynamodb

    def sqs(self) -> MagicMock:
        sqs = MagicMock()

        def receive(**_):
            # The last first: a queue keeps no order.
            found = [message for name, message in self.messages.items() if name not in self.hidden][::-1][:2]
            self.hidden.update(message["MessageId"] for message in found)
            return {"Messages": found} if found else {}

        sqs.receive_message = receive

        def attributes(AttributeNames, **_):
            count = len(self.hidden & set(self.messages)) + self.hidden_elsewhere + self.hidden_late
            # What was counted late is right the next time.
            self.hidden_late = 0
            return {"Attributes": {name: str(count) for name in AttributeNames}}

        sqs.get_queue_attributes = attributes
        sqs.delete_message = lambda ReceiptHandle, **_: self.messages.pop(ReceiptHandle)
        sqs.change_message_visibility_batch = lambda Entries, **_: self.hidden.difference_update(
            entry["ReceiptHandle"] for entry in Entries
        )
        return sqs

    def streams(self) -> MagicMock:
        streams = MagicMock()
        streams.exceptions.ExpiredIteratorException = type("Expired", (Exception,), {})
        streams.exceptions.ResourceNotFoundException = type("Missing", (Exception,), {})

        def iterator(ShardId, ShardIteratorType, SequenceNumber=None, **_):
            if ShardIteratorType == "TRIM_HORIZON":
                return {"ShardIterator": (ShardId, self.trimmed_below)}
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
            if self.endless_pause and start >= self.endless_pause:
                return {"Records": [], "NextShardIterator": (shard, start)}
            # A page a record, the next to expire.
            self.expire_next = len(rest) % 3 == 2
            return {"Records": rest[:1], "NextShardIterator": (shard, int(rest[0]["dynamodb"]["SequenceNumber"]) + 1)}

        streams.get_shard_iterator, streams.get_records = iterator, records
        return streams

    def functions(self) -> MagicMock:
        functions = MagicMock()
        common = {"BatchSize": self.batch_size, "FilterCriteria": {"Filters": self.filters}}
        common["DestinationConfig"] = {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:letters"}}
        mappings = [common | {"EventSourceArn": source} for source in self.sources]
        functions.get_paginator.return_value.paginate.return_value = [{"EventSourceMappings": mappings}]

        def invoke(Payload, **_):
            self.last_event = json.loads(Payload)
            sequences = [record["dynamodb"]["SequenceNumber"] for record in self.last_event["Records"]]
            self.calls.append(sequences)
            if self.crashing.intersection(sequences):
                error = {"errorType": "Crash", "errorMessage": "out of memory"}
                return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
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
        pause = patch.object(dead_letters, "EMPTY_PAGE_SECONDS", 0)
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

    def test_after_a_failure_its_key_stays_and_the_others_go_on(self) -> None:
        self.aws.batch_size = 10
        self.aws.write(OLD, 1)
        self.aws.write(OLD, 2, 4, 6, key="poison")
        self.aws.write(OLD, 3, 5)
        self.aws.shards[OLD].sort(key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
        self.aws.write(YOUNG, 101)
        self.aws.write(YOUNG, 102, key="poison")
        names = [self.aws.letter(OLD, 1, 3), self.aws.letter(OLD, 4, 4), self.aws.letter(OLD, 5, 6)]
        names += [self.aws.letter(YOUNG, 101, 101), self.aws.letter(YOUNG, 102, 102)]
        self.aws.failing = {"2"}
        is_done, said = self.redrive()
        self.assertEqual(self.aws.calls, [["1", "2", "3"], ["3"], ["5"], ["101"]])
        self.assertFalse(is_done)
        for text in ("fails at 2", "1 records are left", "1 of 5 dead letters brought through, with 4 records", "4 left"):
            self.assertIn(text, said)
        self.assertEqual(list(self.aws.messages), [names[0], names[1], names[2], names[4]])
        self.assertEqual(self.aws.hidden - {names[3]}, set())
        # Once it is put right the whole of it comes, in order.
        self.aws.calls, self.aws.failing = [], set()
        self.assertTrue(self.redrive()[0])
        self.assertEqual(self.aws.calls, [["1", "2", "3"], ["4"], ["5", "6"], ["102"]])

    def test_the_same_key_of_another_table_is_another(self) -> None:
        self.aws.sources = [ITEMS, USERS]
        self.aws.write(OLD, 1, key="same")
        self.aws.letter(OLD, 1, 1)
        self.aws.letter(OLD, 1, 1, stream=USERS)
        self.aws.failing = {"1"}
        self.redrive()
        self.assertEqual(self.aws.calls, [["1"], ["1"]])

    def test_a_call_that_fails_as_a_whole_is_halved(self) -> None:
        self.aws.batch_size = 100
        self.aws.write(OLD, *range(1, 10))
        self.aws.letter(OLD, 1, 9)
        self.aws.crashing = {"6"}
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        self.assertIn("fails as a whole: Crash: out of memory", said)
        done = sorted(int(one) for call in self.aws.calls if "6" not in call for one in call)
        self.assertEqual(done, [1, 2, 3, 4, 5, 7, 8, 9])

    def test_letters_that_are_hidden_are_not_taken_for_none(self) -> None:
        self.assertTrue(self.redrive()[0])
        self.aws.hidden_elsewhere = 3
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        self.assertIn("3 are hidden", said)
        # Nor where there are others.
        self.aws.write(OLD, 1)
        self.aws.letter(OLD, 1, 1)
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        for text in ("1 of 1 dead letters brought through", "3 are hidden"):
            self.assertIn(text, said)

    def test_letters_an_earlier_run_showed_again_are_not_taken_for_hidden(self) -> None:
        self.aws.write(OLD, 1)
        self.aws.letter(OLD, 1, 1)
        self.aws.hidden_late = 1
        is_done, said = self.redrive()
        self.assertTrue(is_done)
        self.assertNotIn("hidden", said)

    def test_records_of_two_letters_are_sent_once(self) -> None:
        self.aws.batch_size = 100
        self.aws.write(OLD, *range(1, 10))
        self.aws.letter(OLD, 1, 7, count=3)
        self.aws.letter(OLD, 2, 9, count=3)
        self.assertTrue(self.redrive()[0])
        self.assertEqual(self.aws.calls, [[str(one) for one in range(1, 8)], ["8", "9"]])

    def test_a_letter_whose_last_record_did_not_come_stays(self) -> None:
        self.aws.write(YOUNG, *range(1, 10))
        name = self.aws.letter(YOUNG, 1, 9, count=3)
        self.aws.endless_pause = 6
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        self.assertIn("did not give its last record", said)
        self.assertEqual(list(self.aws.messages), [name])

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
        self.assertEqual(len(self.aws.messages), 1)

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

    def test_of_a_letter_that_expires_the_rest_is_brought_and_it_stays(self) -> None:
        self.aws.batch_size = 100
        self.aws.trimmed_below = 5
        self.aws.write(OLD, *range(5, 9))
        self.aws.history = ["items#one"]
        gone = self.aws.letter(OLD, 3, 7)
        is_done, said = self.redrive()
        self.assertFalse(is_done)
        self.assertEqual(self.aws.calls, [["5", "6", "7"]])
        self.assertEqual(list(self.aws.messages), [gone])
        for text in ("no longer has all of its records", "from 3 to 4", "/v1/items/one/history"):
            self.assertIn(text, said)
        values = self.aws.scan.call_args.kwargs["ExpressionAttributeValues"]
        self.assertEqual([values[name]["S"] for name in (":first", ":last")], ["3".zfill(40), "4".zfill(40)])

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
        self.assertEqual([len(batch) for batch in dead_letters.batches(records, 100)], [2, 2])


if __name__ == "__main__":
    unittest.main()
