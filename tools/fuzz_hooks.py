"""Hooks that remove from valid requests what the document cannot express."""

import schemathesis
from schemathesis import GenerationMode

PAGING = ("limit", "order")


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
