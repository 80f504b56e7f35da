"""Runs MiniStack with two corrections.

Its events lack the id of the caller's API key. API Gateway sends it in
`requestContext.identity.apiKeyId` ("Input format of a Lambda function for proxy integration", Amazon API Gateway developer
guide), and the service takes it as the principal. The key itself has been checked by then.

An update of a key's `enabled` stores a text, which API Gateway stores as a boolean ("UpdateApiKey", Amazon API Gateway API
Reference).
"""

import sys

from ministack.app import main
from ministack.services import apigateway_v1 as gateway

build_event = gateway._build_lambda_event_v1
update_api_key = gateway._update_api_key


def with_key_id(*arguments, **options):
    event = build_event(*arguments, **options)
    key = gateway._resolve_api_key(gateway._api_key_from_request(event["headers"]))
    if key is not None:
        event["requestContext"]["identity"]["apiKeyId"] = key["id"]
    return event


def with_boolean(key_id, data):
    operations = data.get("patchOperations", [])
    for operation in operations:
        if operation.get("path") == "/enabled":
            operation["value"] = operation["value"] == "true"
    return update_api_key(key_id, data)


gateway._build_lambda_event_v1 = with_key_id
gateway._update_api_key = with_boolean

if __name__ == "__main__":
    sys.exit(main())
