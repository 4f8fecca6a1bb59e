"""What a caller asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import InvalidRequest
from .terms import (
    AccuracyRequirement,
    DocumentType,
    PdfText,
    Polygon,
    Privacy,
    RegionTask,
    SpeedRequirement,
)

__all__ = ["Focus", "OcrOptions", "PageSelection", "Region", "Requirements"]

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
        structure: also give the page's blocks (headings, paragraphs, tables).
    """

    language: str = "auto"
    words: bool = False
    pages: PageSelection = field(default_factory=PageSelection)
    pdf_text: PdfText = "auto"
    dpi: int | None = None
    rotation: bool = True
    structure: bool = False


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
class Region:
    """A part of a page, and what is to be found there."""

    polygon: Polygon
    task: RegionTask = "text"


@dataclass(frozen=True, slots=True)
class Focus:
    """How a page is to be read by an engine that need not find out by itself.

    Attributes:
        rotation_deg: clockwise turn (0, 90, 180, 270) that makes the decoded picture upright.
        regions: parts to read instead of the whole, in pixels of the upright page. The result then
            has one block for each, in this order, and no lines.
        layout: what is where, for an engine that reads parts of pages and does not find them.
    """

    rotation_deg: int = 0
    regions: tuple[Region, ...] = ()
    layout: tuple[Region, ...] = ()
