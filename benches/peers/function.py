"""Reads an item from DynamoDB with boto3; below, the loop of Lambda's Python runtime in short."""

import http.client
import json
import os
from decimal import Decimal

import boto3

table = boto3.resource("dynamodb").Table(f"{os.environ['TABLE_PREFIX']}items")


def plain(value):
    """A number of DynamoDB as JSON has it."""
    return int(value) if isinstance(value, Decimal) else list(value)


def handler(event):
    """Answers one event."""
    found = table.get_item(Key={"id": event["pathParameters"]["id"]}, ConsistentRead=True)
    if "Item" not in found:
        return {"statusCode": 404, "body": None}
    print(json.dumps({"level": "INFO", "requestId": event["requestContext"]["requestId"]}), flush=True)
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(found["Item"], default=plain)}


def main():
    """Answers events for ever."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation"
    while True:
        api.request("GET", f"{base}/next")
        response = api.getresponse()
        request_id = response.getheader("lambda-runtime-aws-request-id")
        answer = handler(json.loads(response.read()))
        api.request("POST", f"{base}/{request_id}/response", json.dumps(answer))
        api.getresponse().read()


main()
