"""What schemathesis cannot read from the document, taken out of the requests it holds for valid."""

import schemathesis
from schemathesis import GenerationMode

PAGING = ("limit", "order")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Cursors come from an answer, filters go one at a time, and a quoted ETag is no empty header."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    query = case.query or {}
    filters = [name for name in query if name not in (*PAGING, "cursor")]
    for name in ["cursor", *filters[1:]]:
        query.pop(name, None)
    # Its coverage phase writes a header it finds no value for as an empty one.
    for name in [name for name, value in (case.headers or {}).items() if value == ""]:
        del case.headers[name]
