"""Hooks that remove from valid requests what the document cannot express, and a check of administrators' rights."""

import os

import schemathesis
from schemathesis import GenerationMode

PAGING = ("limit", "order")


@schemathesis.hook
def filter_headers(context, headers):
    """Skips quoted idempotency keys, which the service accepts beyond the document."""
    return not str((headers or {}).get("Idempotency-Key", "")).startswith('"')


@schemathesis.hook
def before_call(context, case, kwargs):
    """Removes made-up cursors, all filters but one, and empty headers."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    query = case.query or {}
    filters = [name for name in query if name not in (*PAGING, "cursor")]
    for name in ["cursor", *filters[1:]]:
        query.pop(name, None)
    # The coverage phase sends an empty header if it finds no value.
    for name in [name for name, value in (case.headers or {}).items() if value == ""]:
        del case.headers[name]


@schemathesis.check
def administrator_may_do_everything(context, response, case):
    """Checks that no request of a caller with the role `admin` is forbidden."""
    if os.environ.get("FUZZ_ADMIN") and response.status_code == 403:
        raise AssertionError(f"an administrator may not {case.operation.label}")
