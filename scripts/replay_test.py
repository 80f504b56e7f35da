"""What replay.py does with failed changes and events: order, failures, repeats, and what is no record of a call."""

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
    """Lambda's Invoke of one consumer, over a consumer that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failing: set[str] = set()
        # Whose calls fail as a whole, as they do where the first record of several fails.
        self.crashing: set[str] = set()

    def invoke(self, FunctionName: str, Payload: bytes) -> dict:
        sequences = [record["dynamodb"]["SequenceNumber"] for record in json.loads(Payload)["Records"]]
        self.calls.append(sequences)
        if self.crashing.intersection(sequences):
            error = {"errorType": "Crash", "errorMessage": "out of memory"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        failures = [{"itemIdentifier": one} for one in sequences if one in self.failing][:1]
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
        """An object as Lambda writes it."""
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
        """Whether nothing is left, and what was said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            run = replay.Replay(Folder(self.folder), self.functions, "function", NAME, dry_run)
            return run.run(), said.getvalue()

    def left(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def test_changes_of_all_objects_go_in_the_order_of_the_stream(self) -> None:
        self.keep(record(30, "a"))
        self.keep(record(9, "a"), record(10, "b"), mapping="another of its mappings")
        self.keep(record(101, "a"), as_text=False)
        is_done, said = self.replay()
        self.assertTrue(is_done)
        self.assertEqual(self.functions.calls, [["9", "10", "30", "101"]])
        self.assertEqual(self.left(), [])
        self.assertIn("4 of 4 changes replayed, 3 of 3 batches are done", said)
        self.assertTrue(self.replay()[0], "there is nothing left to do")

    def test_after_a_failure_its_key_stays_and_the_others_go_on(self) -> None:
        self.keep(record(1), record(2, "poison"), record(3))
        later = self.keep(record(4, "poison"))
        self.keep(record(5))
        self.functions.failing = {"2"}
        is_done, said = self.replay()
        self.assertFalse(is_done)
        self.assertEqual(self.functions.calls, [["1", "2", "3", "4", "5"], ["3", "5"]])
        self.assertIn("fails at 2", said)
        self.assertIn("2 batches left", said)
        self.assertEqual(len(self.left()), 2)
        self.assertIn(later, self.left())
        # Once it is put right the whole of it comes, in order.
        self.functions.calls, self.functions.failing = [], set()
        self.assertTrue(self.replay()[0])
        self.assertEqual(self.functions.calls, [["1", "2", "3", "4"]])
        self.assertEqual(self.left(), [])

    def test_the_same_key_of_another_table_is_another(self) -> None:
        self.keep(record(1, "same"))
        kept = self.keep(record(2, "same", USERS))
        self.functions.failing = {"2"}
        self.assertFalse(self.replay()[0])
        self.assertEqual(self.left(), [kept])

    def test_a_change_that_is_kept_twice_is_sent_once(self) -> None:
        self.keep(record(1), record(2))
        self.keep(record(2))
        self.assertTrue(self.replay()[0])
        self.assertEqual(self.functions.calls, [["1", "2"]])

    def test_a_call_that_fails_as_a_whole_is_halved(self) -> None:
        self.keep(*(record(number) for number in range(1, 10)))
        kept = self.keep(record(10))
        self.functions.crashing = {"6"}
        is_done, said = self.replay()
        self.assertFalse(is_done)
        self.assertIn("fails as a whole: Crash: out of memory", said)
        done = sorted(int(one) for call in self.functions.calls if "6" not in call for one in call)
        self.assertEqual(done, [1, 2, 3, 4, 5, 7, 8, 9, 10])
        self.assertNotIn(kept, self.left())

    def test_no_more_is_sent_at_once_than_lambda_would(self) -> None:
        self.keep(*(record(number) for number in range(1, 202)))
        self.assertTrue(self.replay()[0])
        self.assertEqual([len(call) for call in self.functions.calls], [100, 100, 1])
        large = [replay.Change(record(number, "k" * 1_000_000)) for number in range(7)]
        self.assertEqual([len(chunk) for chunk in failed_changes.chunks(large)], [5, 2])

    def test_changes_of_another_consumer_are_left_alone(self) -> None:
        kept = [self.keep(record(number), name=OTHER, mapping="theirs") for number in range(2)]
        self.keep(record(3))
        self.assertTrue(self.replay()[0])
        self.assertEqual(self.functions.calls, [["3"]])
        self.assertEqual(self.left(), kept)

    def test_what_is_no_record_of_a_call_stays_and_is_named(self) -> None:
        self.keep(record(1))
        broken = [self.write("{"), self.write('{"requestContext": {"functionArn": "x"}}')]
        broken.append(self.write(json.dumps({"requestContext": {"functionArn": f"a:b:c:d:e:f:{NAME}"}, "payload": "{}"})))
        is_done, said = self.replay()
        self.assertFalse(is_done)
        self.assertEqual(self.left(), sorted(broken))
        for path in broken:
            self.assertIn(path.name, said)

    def test_a_dry_run_changes_nothing(self) -> None:
        self.keep(record(1), record(2))
        is_done, said = self.replay(dry_run=True)
        self.assertFalse(is_done)
        self.assertIn("2 changes of 1 batches would be given", said)
        self.assertEqual((self.functions.calls, len(self.left())), ([], 1))


class Events(unittest.TestCase):
    BODIES = [json.dumps({"detail": {"id": str(number)}}) for number in range(5)]

    def send_back(self, queue: SqsQueue | FolderQueue, dry_run: bool = False) -> tuple[bool, str]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            return replay.send_back(queue, "users_cascade", dry_run), said.getvalue()

    def test_dead_letters_go_back_into_the_queue(self) -> None:
        sqs = Queues(*self.BODIES)
        is_done, said = self.send_back(SqsQueue(sqs, "crud-users_cascade"))
        self.assertTrue(is_done)
        self.assertIn("5 events went back into the queue of users_cascade", said)
        self.assertEqual((sqs.sent, sqs.dead), (self.BODIES, {}))
        self.assertIn("has no failed events", self.send_back(SqsQueue(sqs, "crud-users_cascade"))[1])

    def test_what_is_no_event_stays_and_can_be_received_at_once(self) -> None:
        sqs = Queues(self.BODIES[0], "{}", "no JSON", self.BODIES[1])
        is_done, said = self.send_back(SqsQueue(sqs, "crud-users_cascade"))
        self.assertFalse(is_done)
        self.assertIn("2 messages that are no events stay", said)
        self.assertEqual(list(sqs.dead.values()), ["{}", "no JSON"])
        self.assertEqual(sqs.hidden & set(sqs.dead), set())

    def test_a_dry_run_moves_nothing(self) -> None:
        sqs = Queues(*self.BODIES)
        is_done, said = self.send_back(SqsQueue(sqs, "crud-users_cascade"), dry_run=True)
        self.assertFalse(is_done)
        self.assertIn("5 events would go", said)
        self.assertEqual((sqs.sent, len(sqs.dead), sqs.hidden), ([], 5, set()))

    def test_files_of_a_local_server_go_back_too(self) -> None:
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
