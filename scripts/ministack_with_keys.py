"""Runs MiniStack, whose events lack the id of the caller's API key, with that id. API Gateway sends it in
`requestContext.identity.apiKeyId` ("Input format of a Lambda function for proxy integration", Amazon API Gateway developer
guide), and the service takes it as the principal. The key itself has been checked by then.
"""

import sys

from ministack.app import main
from ministack.services import apigateway_v1 as gateway

build_event = gateway._build_lambda_event_v1


def with_key_id(*arguments, **options):
    event = build_event(*arguments, **options)
    key = gateway._resolve_api_key(gateway._api_key_from_request(event["headers"]))
    if key is not None:
        event["requestContext"]["identity"]["apiKeyId"] = key["id"]
    return event


gateway._build_lambda_event_v1 = with_key_id

if __name__ == "__main__":
    sys.exit(main())
