"""Tests of replay.py: order, failures and repetition of changes and events, and objects that are not invocation records."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import failed_changes
import replay
from failed_changes import Folder
from failed_events import FolderQueue, SqsQueue

ITEMS = "arn:aws:dynamodb:eu-central-1:123456789012:table/crud-items/stream/2026-01-01T00:00:00.000"
USERS = ITEMS.replace("items", "users")
NAME = "crud-audit_append"
OTHER = "crud-events_publish"


class Functions:
    """Lambda's Invoke of one consumer, which records the changes it receives."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failing: set[str] = set()
        # Changes whose invocations fail as a whole, as when the first record of several fails.
        self.crashing: set[str] = set()

    def invoke(self, FunctionName: str, Payload: bytes) -> dict:
        sequences = [record["dynamodb"]["SequenceNumber"] for record in json.loads(Payload)["Records"]]
        self.calls.append(sequences)
        if self.crashing.intersection(sequences):
            error = {"errorType": "Crash", "errorMessage": "out of memory"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        failures = [{"itemIdentifier": sequence} for sequence in sequences if sequence in self.failing][:1]
        return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode())}


class Queues:
    """A queue and its dead-letter queue, as SQS serves them."""

    def __init__(self, *bodies: str) -> None:
        self.dead = {str(number): body for number, body in enumerate(bodies)}
        self.hidden: set[str] = set()
        self.sent: list[str] = []

    def get_queue_url(self, QueueName: str) -> dict:
        return {"QueueUrl": QueueName}

    def receive_message(self, **_) -> dict:
        names = [name for name in self.dead if name not in self.hidden][:2]
        self.hidden.update(names)
        found = [{"MessageId": name, "ReceiptHandle": name, "Body": self.dead[name]} for name in names]
        return {"Messages": found} if found else {}

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:
        self.sent.append(MessageBody)

    def delete_message(self, ReceiptHandle: str, **_) -> None:
        del self.dead[ReceiptHandle]

    def change_message_visibility(self, ReceiptHandle: str, **_) -> None:
        self.hidden.discard(ReceiptHandle)


def record(sequence: int, key: str = "", stream: str = ITEMS) -> dict:
    change = {"SequenceNumber": str(sequence), "Keys": {"id": {"S": key or f"key of {sequence}"}}}
    return {"eventID": f"e{sequence}", "eventName": "MODIFY", "eventSourceARN": stream, "dynamodb": change}


class Changes(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.functions = Functions()

    def keep(self, *records: dict, name: str = NAME, mapping: str = "m", as_text: bool = True) -> Path:
        """Writes an object as Lambda does."""
        payload = {"Records": list(records)}
        call = {
            "requestContext": {"functionArn": f"arn:aws:lambda:eu-central-1:123456789012:function:{name}:live"},
            "payload": json.dumps(payload) if as_text else payload,
        }
        return self.write(json.dumps(call), mapping)

    def write(self, text: str, mapping: str = "m") -> Path:
        folder = self.folder / "aws/lambda" / mapping / "shardId-1/2026/01/01"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"2026-01-01T00.00.00-{len(list(folder.iterdir()))}"
        path.write_text(text)
        return path

    def replay(self, dry_run: bool = False) -> tuple[bool, str]:
        """Returns true if nothing is left, and the output."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            run = replay.Replay(Folder(self.folder), self.functions, "function", NAME, dry_run)
            return run.run(), output.getvalue()

    def left(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def test_changes_of_all_objects_are_sent_in_stream_order(self) -> None:
        self.keep(record(30, "a"))
        self.keep(record(9, "a"), record(10, "b"), mapping="second mapping")
        self.keep(record(101, "a"), as_text=False)
        is_done, output = self.replay()
        self.assertTrue(is_done)
        self.assertEqual(self.functions.calls, [["9", "10", "30", "101"]])
        self.assertEqual(self.left(), [])
        self.assertIn("4 of 4 changes replayed, 3 of 3 batches are done", output)
        self.assertTrue(self.replay()[0], "there is nothing left to do")

    def test_a_failure_blocks_its_key_and_no_other(self) -> None:
        self.keep(record(1), record(2, "poison"), record(3))
        later = self.keep(record(4, "poison"))
        self.keep(record(5))
        self.functions.failing = {"2"}
        is_done, output = self.replay()
        self.assertFalse(is_done)
        self.assertEqual(self.functions.calls, [["1", "2", "3", "4", "5"], ["3", "5"]])
        self.assertIn("fails at 2", output)
        self.assertIn("2 batches left", output)
        self.assertEqual(len(self.left()), 2)
        self.assertIn(later, self.left())
        # After the fix the complete batch is sent, in order.
        self.functions.calls, self.functions.failing = [], set()
        self.assertTrue(self.replay()[0])
        self.assertEqual(self.functions.calls, [["1", "2", "3", "4"]])
        self.assertEqual(self.left(), [])

    def test_equal_keys_of_different_tables_are_distinct(self) -> None:
        self.keep(record(1, "same"))
        kept = self.keep(record(2, "same", USERS))
        self.functions.failing = {"2"}
        self.assertFalse(self.replay()[0])
        self.assertEqual(self.left(), [kept])

    def test_a_change_stored_twice_is_sent_once(self) -> None:
        self.keep(record(1), record(2))
        self.keep(record(2))
        self.assertTrue(self.replay()[0])
        self.assertEqual(self.functions.calls, [["1", "2"]])

    def test_a_batch_that_fails_as_a_whole_is_halved(self) -> None:
        self.keep(*(record(number) for number in range(1, 10)))
        kept = self.keep(record(10))
        self.functions.crashing = {"6"}
        is_done, output = self.replay()
        self.assertFalse(is_done)
        self.assertIn("fails as a whole: Crash: out of memory", output)
        done = sorted(int(sequence) for call in self.functions.calls if "6" not in call for sequence in call)
        self.assertEqual(done, [1, 2, 3, 4, 5, 7, 8, 9, 10])
        self.assertNotIn(kept, self.left())

    def test_batches_stay_within_lambdas_limits(self) -> None:
        self.keep(*(record(number) for number in range(1, 202)))
        self.assertTrue(self.replay()[0])
        self.assertEqual([len(call) for call in self.functions.calls], [100, 100, 1])
        large = [replay.Change(record(number, "k" * 1_000_000)) for number in range(7)]
        self.assertEqual([len(chunk) for chunk in failed_changes.chunks(large)], [5, 2])

    def test_changes_of_another_consumer_are_not_touched(self) -> None:
        kept = [self.keep(record(number), name=OTHER, mapping="other") for number in range(2)]
        self.keep(record(3))
        self.assertTrue(self.replay()[0])
        self.assertEqual(self.functions.calls, [["3"]])
        self.assertEqual(self.left(), kept)

    def test_objects_that_are_not_invocation_records_stay_and_are_named(self) -> None:
        self.keep(record(1))
        broken = [self.write("{"), self.write('{"requestContext": {"functionArn": "x"}}')]
        broken.append(self.write(json.dumps({"requestContext": {"functionArn": f"a:b:c:d:e:f:{NAME}"}, "payload": "{}"})))
        is_done, output = self.replay()
        self.assertFalse(is_done)
        self.assertEqual(self.left(), sorted(broken))
        for path in broken:
            self.assertIn(path.name, output)

    def test_a_dry_run_changes_nothing(self) -> None:
        self.keep(record(1), record(2))
        is_done, output = self.replay(dry_run=True)
        self.assertFalse(is_done)
        self.assertIn("2 changes of 1 batches would be sent", output)
        self.assertEqual((self.functions.calls, len(self.left())), ([], 1))


class Events(unittest.TestCase):
    BODIES = [json.dumps({"detail": {"id": str(number)}}) for number in range(5)]

    def send_back(self, queue: SqsQueue | FolderQueue, dry_run: bool = False) -> tuple[bool, str]:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            return replay.send_back(queue, "users_cascade", dry_run), output.getvalue()

    def test_dead_lettered_events_move_back_to_the_queue(self) -> None:
        sqs = Queues(*self.BODIES)
        is_done, output = self.send_back(SqsQueue(sqs, "crud-users_cascade"))
        self.assertTrue(is_done)
        self.assertIn("5 events moved back to the queue of users_cascade", output)
        self.assertEqual((sqs.sent, sqs.dead), (self.BODIES, {}))
        self.assertIn("has no failed events", self.send_back(SqsQueue(sqs, "crud-users_cascade"))[1])

    def test_messages_that_are_not_events_stay_visible(self) -> None:
        sqs = Queues(self.BODIES[0], "{}", "no JSON", self.BODIES[1])
        is_done, output = self.send_back(SqsQueue(sqs, "crud-users_cascade"))
        self.assertFalse(is_done)
        self.assertIn("2 messages that are not events stay", output)
        self.assertEqual(list(sqs.dead.values()), ["{}", "no JSON"])
        self.assertEqual(sqs.hidden & set(sqs.dead), set())

    def test_a_dry_run_moves_nothing(self) -> None:
        sqs = Queues(*self.BODIES)
        is_done, output = self.send_back(SqsQueue(sqs, "crud-users_cascade"), dry_run=True)
        self.assertFalse(is_done)
        self.assertIn("5 events would be moved", output)
        self.assertEqual((sqs.sent, len(sqs.dead), sqs.hidden), ([], 5, set()))

    def test_events_of_a_local_server_move_back(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            for folder in ("queues", "dead-letters"):
                (data / folder / "users_cascade").mkdir(parents=True)
            message = {"messageId": "m", "body": self.BODIES[0], "sentAt": 1, "visibleAt": 2, "receiveCount": 5}
            (data / "dead-letters/users_cascade/m.json").write_text(json.dumps(message))
            self.assertTrue(self.send_back(FolderQueue(data, "users_cascade"))[0])
            [moved] = data.rglob("*.json")
            self.assertEqual(moved, data / "queues/users_cascade/m.json")
            found = json.loads(moved.read_text())
            self.assertEqual((found["receiveCount"], found["visibleAt"], found["body"]), (0, 0, self.BODIES[0]))


if __name__ == "__main__":
    unittest.main()
