"""`docs/errors.md`, from the error tree."""

from maoocr.errors import error_types

__all__ = ["errors_page"]

HEAD = """\
# Errors

Every answer that is not a success has one shape, whatever went wrong and whichever path was asked:

```json
{"error": {"code": "too_large", "message": "…", "retryable": false, "request_id": "…"}}
```

`message` is a sentence for a person: where a limit was met, it names the limit, its value and the
setting that changes it. `code` is for programs and does not change. `retryable` tells whether the
same request may succeed later; with `overloaded` the header `Retry-After` says in how many seconds,
from the rate at which the service works its queue off. `request_id` is also in the header
`X-Request-ID` and in the log.

A page that fails within a longer document does not fail the document: the page carries an `error`
with the same `code`, `message` and `retryable`, and the other pages carry their text.

This page is written from `src/maoocr/errors.py` by `scripts/docs`.

| Code | Status | Retryable | |
| --- | --- | --- | --- |
"""


def errors_page() -> str:
    """The text of `docs/errors.md`."""
    rows = [
        f"| `{error.code}` | {error.status} | {'yes' if error.retryable else 'no'} |"
        f" {' '.join((error.__doc__ or '').split())} |"
        for error in error_types()
    ]
    return HEAD + "\n".join(rows) + "\n"
