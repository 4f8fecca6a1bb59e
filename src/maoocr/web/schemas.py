"""The JSON of the HTTP API, described.

The models describe the answers in OpenAPI. An answer itself is written by `exports` and encoded as
it is: validating our own output costs more than a cached answer may take, so a test does it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..domain import BlockKind, LineFlag, PageFlag, PolygonSource

__all__ = ["Problem", "RecognizeReply", "SelectionModel"]


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
    polygon_source: PolygonSource = "detected"
    """Who found the polygon; left out where a text detector did."""
    flags: list[LineFlag] = []
    """Left out where there is none."""


class BlockModel(_Model):
    """A part of a page with one role."""

    kind: BlockKind
    text: str
    """Without markup; the rows of a table are lines, with tabs between the cells."""
    lines: list[int]
    """Indexes into the lines of the page."""
    polygon: list[PointModel] | None = Field(default=None, min_length=4, max_length=4)
    html: str = ""
    """Of a table: one `table` element, its text escaped."""
    latex: str = ""
    """Of a formula, without delimiters."""
    level: int = 0
    """Of a heading, from 1; of an item of a list its depth, from 1."""
    flags: list[PageFlag] = []
    """What is wrong with it; left out where nothing is."""


class SpentModel(_Model):
    """What reading cost beyond the time of this machine."""

    endpoint: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float
    """In the unit of the price list."""


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
    blocks: list[BlockModel] = []
    """In reading order; left out unless structure was asked for."""
    flags: list[PageFlag] = []
    """What is wrong with the page as a whole; left out where nothing is."""
    spent: SpentModel | None = None
    """At endpoints of models; left out where none was asked."""
    error: PageErrorModel | None = None
    """Set when the page failed."""
    timings: PageTimingsModel


class RuledOutModel(_Model):
    """An engine that may not or cannot read this."""

    engine: str
    reason: str


class SelectionModel(_Model):
    """Which engine was chosen, and why."""

    engine: str
    reasons: list[str]
    fallbacks: list[str]
    ruled_out: list[RuledOutModel] = []
    """Left out where there is none."""
    second: str = ""
    """Engine that reads again what the first is not sure of; left out where there is none."""


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
    cost: float
    """Of the endpoints that were asked (`MAOOCR_COSTS__CURRENCY`); 0 for a cached answer."""
    selection: SelectionModel
    timings: TimingsModel
    request_id: str
    history_id: str | None = None
    """Of the row in the history; empty where no history is kept."""
    history: Literal["deferred"] | None = None
    """Set while the row is on its way only, because the database is away."""
