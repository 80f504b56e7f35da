"""Moves the dead-lettered events of an event consumer back to its queue."""

import json
from collections.abc import Iterator
from pathlib import Path

# The visibility timeout of a message while it is moved.
VISIBILITY_SECONDS = 300
# Long polling queries all of a queue's servers: an empty response then means an empty queue.
WAIT_SECONDS = 2


def is_event(body: str) -> bool:
    """Returns true if the body is an event of the bus."""
    try:
        return isinstance(json.loads(body)["detail"]["id"], str)
    except (KeyError, TypeError, ValueError):
        return False


class SqsQueue:
    """The queue of a consumer in a deployed stage, and its dead-letter queue.

    Messages are received, sent and deleted one by one. `StartMessageMoveTask` would skip messages that EventBridge could not
    deliver, since they come from no queue. A message whose deletion fails exists twice, which does no harm.
    """

    def __init__(self, sqs, name: str) -> None:
        self.sqs = sqs
        self.queue = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self.dead_letters = sqs.get_queue_url(QueueName=f"{name}-dead-letters")["QueueUrl"]

    def send_back(self, dry_run: bool) -> tuple[int, int]:
        """Moves every event back. Returns the number of events, and of messages that are not events."""
        moved, returned, other = 0, [], 0
        try:
            for message in self.receive():
                if not is_event(message["Body"]):
                    other += 1
                    returned.append(message)
                    continue
                moved += 1
                if dry_run:
                    returned.append(message)
                    continue
                self.sqs.send_message(QueueUrl=self.queue, MessageBody=message["Body"])
                self.sqs.delete_message(QueueUrl=self.dead_letters, ReceiptHandle=message["ReceiptHandle"])
            return moved, other
        finally:
            for message in returned:
                self.sqs.change_message_visibility(
                    QueueUrl=self.dead_letters, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )

    def receive(self) -> Iterator[dict]:
        seen = set()
        options = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": WAIT_SECONDS, "VisibilityTimeout": VISIBILITY_SECONDS}
        while messages := self.sqs.receive_message(QueueUrl=self.dead_letters, **options).get("Messages"):
            yield from (message for message in messages if message["MessageId"] not in seen)
            seen.update(message["MessageId"] for message in messages)


class FolderQueue:
    """The queue of a consumer in a local server, with one file per message, and its dead-letter queue."""

    def __init__(self, data: Path, consumer: str) -> None:
        self.queue, self.dead_letters = data / "queues" / consumer, data / "dead-letters" / consumer

    def send_back(self, dry_run: bool) -> tuple[int, int]:
        """Moves every event back. Returns the number of events, and of messages that are not events."""
        moved, other = 0, 0
        for path in sorted(self.dead_letters.glob("*.json")):
            message = json.loads(path.read_text())
            if not is_event(message["body"]):
                other += 1
                continue
            moved += 1
            if not dry_run:
                message |= {"receiveCount": 0, "visibleAt": 0}
                unfinished = self.queue / f"{path.stem}.new"
                unfinished.write_text(json.dumps(message))
                unfinished.rename(self.queue / path.name)
                path.unlink()
        return moved, other
