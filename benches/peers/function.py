"""Reads an item from DynamoDB with boto3, in a minimal version of Lambda's Python runtime loop."""

import http.client
import json
import os
from decimal import Decimal

import boto3

table = boto3.resource("dynamodb").Table(f"{os.environ['TABLE_PREFIX']}items")


def to_json(value):
    """Converts a DynamoDB value to a JSON value."""
    return int(value) if isinstance(value, Decimal) else list(value)


def handler(event):
    """Handles one event."""
    output = table.get_item(Key={"id": event["pathParameters"]["id"]}, ConsistentRead=True)
    if "Item" not in output:
        return {"statusCode": 404, "body": None}
    print(json.dumps({"level": "INFO", "requestId": event["requestContext"]["requestId"]}), flush=True)
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(output["Item"], default=to_json)}


def main():
    """Handles events in a loop."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation"
    while True:
        api.request("GET", f"{base}/next")
        response = api.getresponse()
        request_id = response.getheader("lambda-runtime-aws-request-id")
        result = handler(json.loads(response.read()))
        api.request("POST", f"{base}/{request_id}/response", json.dumps(result))
        api.getresponse().read()


main()
