"""The values that cross rooms. All are frozen, none knows JSON, HTTP or a database.

One frame of reference everywhere: origin at the top left, x to the right, y down, in pixels of the
**upright page** (after EXIF orientation and after the page was turned so that its text reads from
left to right). Polygons are clockwise from the text's own top left. Scores are in 0..1. Times are
seconds of a monotonic clock. Text is Unicode NFC in logical order.

A page without text is a result, not an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from .errors import InvalidRequest

__all__ = [
    "AccuracyRequirement",
    "DocumentType",
    "OcrOptions",
    "OcrResult",
    "PageError",
    "PageResult",
    "PageSelection",
    "PdfText",
    "Point",
    "Polygon",
    "Privacy",
    "Requirements",
    "Selection",
    "SpeedRequirement",
    "TextLine",
    "TextSource",
    "Timings",
    "Word",
    "mean_score",
]

Point = tuple[float, float]
Polygon = tuple[Point, Point, Point, Point]

PdfText = Literal["auto", "ocr", "layer"]
TextSource = Literal["ocr", "text_layer"]
DocumentType = Literal[
    "auto", "simple_text", "complex_layout", "table", "formula", "handwriting", "receipt"
]
AccuracyRequirement = Literal["low", "medium", "high"]
SpeedRequirement = Literal["low", "medium", "high"]
Privacy = Literal["local", "any"]

MAX_PAGE_NUMBER = 1_000_000


@dataclass(frozen=True, slots=True)
class PageSelection:
    """Which pages of a document to read; empty means all.

    Attributes:
        ranges: first and last page of each run, from 1, both included, sorted and disjoint.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "PageSelection":
        """Read `1-3,7` or `all`.

        Raises:
            InvalidRequest: the text is no page list, or a number is below 1 or absurdly large.
        """
        if text.strip().lower() in {"", "all"}:
            return cls()
        if len(text) > 1000:
            raise InvalidRequest("pages: the list is longer than 1000 characters.")
        found = sorted(_parse_range(part) for part in text.split(","))
        merged: list[tuple[int, int]] = []
        for first, last in found:
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    def of(self, pages_total: int) -> Sequence[int]:
        """The page numbers to read of a document with that many pages, in order.

        Raises:
            InvalidRequest: a page is asked for that the document does not have.
        """
        if not self.ranges:
            return range(1, pages_total + 1)
        if self.ranges[-1][1] > pages_total:
            raise InvalidRequest(
                f"pages: {self.ranges[-1][1]} is asked for, but the document has"
                f" {pages_total} page{'s' if pages_total != 1 else ''}."
            )
        return [n for first, last in self.ranges for n in range(first, last + 1)]

    def __str__(self) -> str:
        return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in self.ranges) or "all"


def _parse_range(part: str) -> tuple[int, int]:
    first, dash, last = part.strip().partition("-")
    numbers = [first.strip(), last.strip()] if dash else [first.strip(), first.strip()]
    if not all(n.isascii() and n.isdigit() and len(n) <= 9 for n in numbers):
        raise InvalidRequest(f"pages: {part.strip()[:40]!r} is not a page or a range such as 2-5.")
    a, b = int(numbers[0]), int(numbers[1])
    if not 1 <= a <= b <= MAX_PAGE_NUMBER:
        raise InvalidRequest(
            f"pages: {part.strip()[:40]!r} does not run upwards from 1 to {MAX_PAGE_NUMBER}."
        )
    return a, b


@dataclass(frozen=True, slots=True)
class OcrOptions:
    """What a caller may choose that changes the answer.

    Attributes:
        language: `auto`, or a BCP 47 primary tag (`zh`, `en`, `de`, …): a hint, never a filter.
        words: also give a polygon for each word.
        pages: which pages of the document.
        pdf_text: `auto` takes a page's text layer where it is born digital, `ocr` always reads
            the picture, `layer` only ever takes the layer.
        dpi: resolution at which PDF pages are rendered; None chooses one that suits the page.
        rotation: notice pages that were photographed or scanned turned by 90, 180 or 270 degrees.
    """

    language: str = "auto"
    words: bool = False
    pages: PageSelection = field(default_factory=PageSelection)
    pdf_text: PdfText = "auto"
    dpi: int | None = None
    rotation: bool = True


@dataclass(frozen=True, slots=True)
class Requirements:
    """What the caller needs of the answer; the selector turns it into a plan.

    Attributes:
        max_seconds: the answer is wanted within so many seconds.
        max_cost: money at most for the document, in the unit of the price list.
        min_confidence: lines below this score are to be read again by a better engine, in 0..1.
    """

    document_type: DocumentType = "auto"
    language: str = "auto"
    accuracy_requirement: AccuracyRequirement = "medium"
    speed_requirement: SpeedRequirement = "medium"
    real_time: bool = False
    batch_processing: bool = False
    privacy: Privacy = "any"
    max_seconds: float | None = None
    max_cost: float | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, or one character in scripts without spaces."""

    text: str
    score: float
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text; `words` is None unless words were asked for."""

    text: str
    score: float
    polygon: Polygon
    engine: str
    words: tuple[Word, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageError:
    """Why a page of a longer document has no result; `code` is one of `errors`."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class PageResult:
    """What was read on one page.

    Attributes:
        number: page number in the document, from 1.
        width: of the upright page, in pixels.
        height: of the upright page, in pixels.
        rotation_deg: clockwise turn (0, 90, 180, 270) that makes the decoded picture upright.
        source: `ocr`, or `text_layer` where a born-digital PDF page gave its own text.
        engine: who read it (the name `pdf-text-layer` for a text layer).
        lines: in reading order.
        decode_s: from bytes to pixels.
        recognize_s: from pixels to lines.
        queue_s: waiting for a lane.
        error: set when the page failed; then there are no lines.
    """

    number: int
    width: int = 0
    height: int = 0
    rotation_deg: int = 0
    source: TextSource = "ocr"
    engine: str = ""
    lines: tuple[TextLine, ...] = ()
    decode_s: float = 0.0
    recognize_s: float = 0.0
    queue_s: float = 0.0
    error: PageError | None = None

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the seconds of one request went; sums over pages where pages ran side by side."""

    upload_s: float = 0.0
    queue_s: float = 0.0
    decode_s: float = 0.0
    recognize_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which engine was chosen, why, and who would have been next."""

    engine: str
    reasons: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OcrResult:
    """What was read in a document.

    Attributes:
        pages: of the pages asked for, in order; a failed page carries its error.
        pages_total: pages of the document as a whole.
        pages_done: pages that were read without an error.
        language: found by script (`zh`, `en`, `mixed`, …); `und` when there is no text to tell.
        cached: the answer was computed for an earlier identical request.
        shared: the answer was computed for an identical request that was running already.
        cache_key: under which the answer is cached; None when it is not.
    """

    pages: tuple[PageResult, ...]
    pages_total: int
    selection: Selection
    timings: Timings
    language: str = "und"
    document_type: str = "auto"
    cached: bool = False
    shared: bool = False
    cache_key: str | None = None

    @property
    def pages_done(self) -> int:
        return sum(page.error is None for page in self.pages)

    @property
    def text(self) -> str:
        """All pages, an empty line between them."""
        return "\n\n".join(page.text for page in self.pages if page.lines)

    @property
    def confidence(self) -> float:
        """Mean score of the characters, in 0..1; 0 when there is no text."""
        return mean_score([line for page in self.pages for line in page.lines])

    @property
    def engines(self) -> tuple[str, ...]:
        """Who read any of it, in order of first appearance."""
        return tuple(dict.fromkeys(page.engine for page in self.pages if page.error is None))


def mean_score(lines: Sequence[TextLine]) -> float:
    """Mean of the lines' scores, each weighed by its number of characters; 0 without text."""
    characters = sum(len(line.text) for line in lines)
    if not characters:
        return 0.0
    return sum(line.score * len(line.text) for line in lines) / characters
