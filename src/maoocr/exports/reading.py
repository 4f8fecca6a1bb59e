"""An answer's JSON -> the result that it was written from."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..domain import OcrResult

__all__ = ["result_of"]


def result_of(values: Mapping[str, Any]) -> OcrResult:
    """Read what `result_object` wrote; what is not known is passed over.

    Raises:
        msgspec.ValidationError: these are not such values.
        TypeError: likewise.
        KeyError: likewise.
    """
    pages = [{**page, **page.get("timings", {})} for page in values["pages"]]
    selection = dict(values["selection"])
    ruled_out = [(out["engine"], out["reason"]) for out in selection.get("ruled_out", ())]
    selection["ruled_out"] = ruled_out
    return msgspec.convert({**values, "pages": pages, "selection": selection}, OcrResult)
