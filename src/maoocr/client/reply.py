"""What a recognition answers, wherever it ran."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..domain import OcrResult, PageResult, Selection, Timings
from ..errors import MaoOCRError
from ..exports import result_of

__all__ = ["Reply", "reply_from_json"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request.

    Attributes:
        text: all pages, an empty line between them.
        confidence: mean score of the characters, in 0..1; 0 when there is no text.
        processing_time: seconds from the first byte of the request to the answer.
        selected_models: the engines that read it.
        result: the whole answer; `exports.formats` writes it.
        request_id: by which the server's log finds the request; None in-process.
        history_id: None when no history is kept.
    """

    text: str
    confidence: float
    processing_time: float
    selected_models: tuple[str, ...]
    result: OcrResult
    request_id: str | None = None
    history_id: str | None = None

    @classmethod
    def of(cls, result: OcrResult) -> "Reply":
        """The reply to a request that ran in this process."""
        return cls(
            text=result.text,
            confidence=result.confidence,
            processing_time=result.timings.total_s,
            selected_models=result.engines,
            result=result,
        )

    @property
    def pages(self) -> tuple[PageResult, ...]:
        """Of the pages asked for, in order; a failed page carries its error."""
        return self.result.pages

    @property
    def pages_total(self) -> int:
        """Pages of the document as a whole."""
        return self.result.pages_total

    @property
    def pages_done(self) -> int:
        """Pages that were read without an error."""
        return self.result.pages_done

    @property
    def language(self) -> str:
        """`zh`, `en`, `mixed`, …; `und` when there is no text to tell."""
        return self.result.language

    @property
    def document_type(self) -> str:
        return self.result.document_type

    @property
    def cached(self) -> bool:
        """The answer was computed for an earlier identical request."""
        return self.result.cached

    @property
    def selection(self) -> Selection:
        """Which engine was chosen, and why."""
        return self.result.selection

    @property
    def timings(self) -> Timings:
        return self.result.timings


def reply_from_json(body: bytes) -> Reply:
    """Read the body of a recognition's answer; fields that are not known are passed over.

    Raises:
        MaoOCRError: this is not such a body.
    """
    try:
        answer = msgspec.convert(msgspec.json.decode(body), _Answer)
        result = result_of(answer.rest())
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise MaoOCRError(f"The server's answer is not understood: {error}.") from error
    return Reply(
        text=answer.text,
        confidence=answer.confidence,
        processing_time=answer.processing_time,
        selected_models=answer.selected_models,
        result=result,
        request_id=answer.request_id,
        history_id=answer.history_id,
    )


class _Answer(msgspec.Struct):
    text: str
    confidence: float
    processing_time: float
    selected_models: tuple[str, ...]
    pages: list[dict[str, Any]]
    pages_total: int
    selection: dict[str, Any]
    timings: dict[str, Any]
    language: str = "und"
    document_type: str = "auto"
    cached: bool = False
    request_id: str | None = None
    history_id: str | None = None

    def rest(self) -> Mapping[str, Any]:
        """What `OcrResult` has under the same name."""
        return msgspec.structs.asdict(self)
