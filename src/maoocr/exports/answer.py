"""JSON with the names of the HTTP answer, as one object or one page a line."""

import json
import re
from typing import Any

from ..domain import Block, OcrResult, PageResult, Selection, Spent, TextLine, Word, mean_score

__all__ = [
    "encode_json",
    "page_object",
    "result_object",
    "selection_object",
    "write_json",
    "write_json_lines",
]

# What JSON lets stand raw, but a terminal or a reader of lines may act on.
_RAW_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


def write_json(result: OcrResult) -> bytes:
    """One object, as the service answers it but for `request_id` and `history_id`."""
    return encode_json(result_object(result))


def write_json_lines(result: OcrResult) -> bytes:
    """One object a line, each a page."""
    return b"".join(encode_json(page_object(page)) for page in result.pages)


def encode_json(value: dict[str, Any]) -> bytes:
    """One line of UTF-8 in which no control character stands raw."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    escaped = _RAW_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return escaped.encode("utf-8", "replace") + b"\n"


def result_object(result: OcrResult) -> dict[str, Any]:
    """JSON values of a whole result."""
    timings = result.timings
    return {
        "text": result.text,
        "confidence": _rounded(result.confidence),
        "processing_time": _rounded(timings.total_s),
        "selected_models": list(result.engines),
        "pages": [page_object(page) for page in result.pages],
        "pages_total": result.pages_total,
        "pages_done": result.pages_done,
        "language": result.language,
        "document_type": result.document_type,
        "cached": result.cached,
        "cost": result.cost,
        "selection": selection_object(result.selection),
        "timings": {
            "upload_s": _rounded(timings.upload_s),
            "queue_s": _rounded(timings.queue_s),
            "decode_s": _rounded(timings.decode_s),
            "recognize_s": _rounded(timings.recognize_s),
            "total_s": _rounded(timings.total_s),
        },
    }


def page_object(page: PageResult) -> dict[str, Any]:
    """JSON values of one page; what most pages do not have stands there only where there is any."""
    values: dict[str, Any] = {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "rotation_deg": page.rotation_deg,
        "source": page.source,
        "engine": page.engine,
        "confidence": _rounded(mean_score(page.lines)),
        "text": page.text,
        "lines": [_line(line) for line in page.lines],
        "timings": {
            "queue_s": _rounded(page.queue_s),
            "decode_s": _rounded(page.decode_s),
            "recognize_s": _rounded(page.recognize_s),
        },
    }
    if page.blocks:
        values["blocks"] = [_block(block) for block in page.blocks]
    if page.flags:
        values["flags"] = list(page.flags)
    if page.spent:
        values["spent"] = _spent(page.spent)
    if page.error:
        values["error"] = {
            "code": page.error.code,
            "message": page.error.message,
            "retryable": page.error.retryable,
        }
    return values


def _line(line: TextLine) -> dict[str, Any]:
    values = {**_word(line), "engine": line.engine}
    if line.words is not None:
        values["words"] = [_word(word) for word in line.words]
    if line.polygon_source != "detected":
        values["polygon_source"] = line.polygon_source
    if line.flags:
        values["flags"] = list(line.flags)
    return values


def _block(block: Block) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": block.kind, "text": block.text, "lines": list(block.lines)}
    if block.polygon is not None:
        values["polygon"] = block.polygon
    if block.html:
        values["html"] = block.html
    if block.latex:
        values["latex"] = block.latex
    if block.level:
        values["level"] = block.level
    if block.flags:
        values["flags"] = list(block.flags)
    return values


def _spent(spent: Spent) -> dict[str, Any]:
    return {
        "endpoint": spent.endpoint,
        "calls": spent.calls,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cost": spent.cost,
    }


def selection_object(selection: Selection) -> dict[str, Any]:
    """Which engine was chosen and why."""
    values: dict[str, Any] = {
        "engine": selection.engine,
        "reasons": list(selection.reasons),
        "fallbacks": list(selection.fallbacks),
    }
    if selection.ruled_out:
        values["ruled_out"] = [
            {"engine": engine, "reason": reason} for engine, reason in selection.ruled_out
        ]
    if selection.second:
        values["second"] = selection.second
    return values


def _word(piece: TextLine | Word) -> dict[str, Any]:
    # Lanes have rounded the numbers; doing it again would cost more than all the rest.
    return {
        "text": piece.text,
        "score": piece.score,
        "polygon": piece.polygon,
    }


def _rounded(value: float) -> float:
    return round(value, 4)
