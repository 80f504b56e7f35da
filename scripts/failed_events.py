"""The dead letters of a consumer of events, and their way back into its queue."""

import json
from collections.abc import Iterator
from pathlib import Path

# For how long a message is hidden from others while it is moved.
HIDDEN_SECONDS = 300
# Asks all of a queue's servers: an empty answer then means an empty queue.
WAIT_SECONDS = 2


def is_event(body: str) -> bool:
    """Returns true if the body is an event of the bus."""
    try:
        return isinstance(json.loads(body)["detail"]["id"], str)
    except (KeyError, TypeError, ValueError):
        return False


class SqsQueue:
    """The queue of a consumer in a deployed stage, and its dead-letter queue.

    Messages are received, sent and deleted one by one, and not moved by `StartMessageMoveTask`: that one takes those
    which EventBridge could not deliver nowhere, as they come from no queue. One whose deletion fails is there twice,
    which does no harm.
    """

    def __init__(self, sqs, name: str) -> None:
        self.sqs = sqs
        self.queue = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self.dead_letters = sqs.get_queue_url(QueueName=f"{name}-dead-letters")["QueueUrl"]

    def send_back(self, dry_run: bool) -> tuple[int, int]:
        """Sends back every event; how many, and how many messages are none."""
        moved, kept, strange = 0, [], 0
        try:
            for message in self.receive():
                if not is_event(message["Body"]):
                    strange += 1
                    kept.append(message)
                    continue
                moved += 1
                if dry_run:
                    kept.append(message)
                    continue
                self.sqs.send_message(QueueUrl=self.queue, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.dead_letters, ReceiptHandle=message["ReceiptHandle"])
            return moved, strange
        finally:
            for message in kept:
                self.sqs.change_message_visibility(
                    QueueUrl=self.dead_letters, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )

    def receive(self) -> Iterator[dict]:
        seen = set()
        options = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": WAIT_SECONDS, "VisibilityTimeout": HIDDEN_SECONDS}
        while messages := self.sqs.receive_message(QueueUrl=self.dead_letters, **options).get("Messages"):
            yield from (message for message in messages if message["MessageId"] not in seen)
            seen.update(message["MessageId"] for message in messages)


class FolderQueue:
    """The same of a local server, which keeps a file a message."""

    def __init__(self, data: Path, consumer: str) -> None:
        self.queue, self.dead_letters = data / "queues" / consumer, data / "dead-letters" / consumer

    def send_back(self, dry_run: bool) -> tuple[int, int]:
        """Sends back every event; how many, and how many messages are none."""
        moved, strange = 0, 0
        for path in sorted(self.dead_letters.glob("*.json")):
            message = json.loads(path.read_text())
            if not is_event(message["body"]):
                strange += 1
                continue
            moved += 1
            if not dry_run:
                message |= {"receiveCount": 0, "visibleAt": 0}
                unfinished = self.queue / f"{path.stem}.new"
                unfinished.write_text(json.dumps(message))
                unfinished.rename(self.queue / path.name)
                path.unlink()
        return moved, strange
