"""The JSON of the HTTP API, described.

The models describe the answers in OpenAPI. An answer itself is written by `exports` and encoded as
it is: validating our own output costs more than a cached answer may take, so a test does it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Problem", "RecognizeReply"]


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class ProblemDetail(_Model):
    """Why a request failed."""

    code: str
    """One of the codes of docs/errors.md."""
    message: str
    """A sentence for a person."""
    retryable: bool
    """The same request may succeed later."""
    request_id: str
    """Also in the X-Request-ID header and in the log."""


class Problem(_Model):
    """The body of every answer that is not a success."""

    error: ProblemDetail


PointModel = tuple[float, float]


class WordModel(_Model):
    """A word, or one character in scripts without spaces."""

    text: str
    score: float = Field(ge=0, le=1)
    polygon: list[PointModel] = Field(min_length=4, max_length=4)


class LineModel(_Model):
    """A line of text."""

    text: str
    score: float = Field(ge=0, le=1)
    polygon: list[PointModel] = Field(min_length=4, max_length=4)
    """Pixels of the upright page, clockwise from the text's top left."""
    engine: str
    """Who read it."""
    words: list[WordModel] | None = None
    """Only when asked for."""


class PageErrorModel(_Model):
    """Why a page has no result."""

    code: str
    message: str
    retryable: bool


class PageTimingsModel(_Model):
    """Seconds of one page."""

    queue_s: float
    decode_s: float
    recognize_s: float


class PageModel(_Model):
    """What was read on one page."""

    number: int = Field(ge=1)
    width: int
    """Pixels of the upright page."""
    height: int
    rotation_deg: Literal[0, 90, 180, 270]
    """Clockwise turn that makes the picture upright."""
    source: Literal["ocr", "text_layer"]
    engine: str
    confidence: float = Field(ge=0, le=1)
    text: str
    lines: list[LineModel]
    error: PageErrorModel | None = None
    """Set when the page failed."""
    timings: PageTimingsModel


class SelectionModel(_Model):
    """Which engine was chosen, and why."""

    engine: str
    reasons: list[str]
    fallbacks: list[str]


class TimingsModel(_Model):
    """Seconds; sums over the pages where pages ran side by side."""

    upload_s: float
    queue_s: float
    decode_s: float
    recognize_s: float
    total_s: float


class RecognizeReply(_Model):
    """What was read in a document."""

    text: str
    confidence: float = Field(ge=0, le=1)
    """Mean score of the characters; 0 when there is no text."""
    processing_time: float
    """Seconds from the first byte of the request to the answer."""
    selected_models: list[str]
    """The engines that read it."""
    pages: list[PageModel]
    pages_total: int
    """Pages of the document."""
    pages_done: int
    """Pages that were read without an error."""
    language: str
    document_type: str
    cached: bool
    selection: SelectionModel
    timings: TimingsModel
    request_id: str
    history_id: str | None = None
    """Of the row in the history; empty where no history is kept."""
    history: Literal["deferred"] | None = None
    """Set while the row is on its way only, because the database is away."""
