"""What was read, and what it took."""

from collections.abc import Sequence
from dataclasses import dataclass

from .terms import BlockKind, DocumentType, LineFlag, PageFlag, Polygon, PolygonSource, TextSource

__all__ = [
    "Block",
    "OcrResult",
    "PageError",
    "PageResult",
    "Selection",
    "Spent",
    "TextLine",
    "Timings",
    "Word",
    "mean_score",
]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, or one character in scripts without spaces."""

    text: str
    score: float
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text; `words` is None unless words were asked for.

    Attributes:
        polygon_source: `detected` by a text detector, given by a `model` that reads, `matched` from
            another engine's line of the same text, or the whole `page` where nobody knows.
        flags: `reread` by a second engine, which the first was not sure of; `unsupported` by any
            line that was detected; `doubtful` still, below the score that was asked for.
    """

    text: str
    score: float
    polygon: Polygon
    engine: str
    words: tuple[Word, ...] | None = None
    polygon_source: PolygonSource = "detected"
    flags: tuple[LineFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page with one role.

    Attributes:
        text: without markup.
        polygon: around it; None where nobody knows.
        lines: indexes into the lines of the page, in reading order.
        html: of a `table`, one `<table>` element.
        latex: of a `formula`, without delimiters.
        level: of a `heading`, from 1; of a `list` item its depth, from 1; else 0.
        flags: what is wrong with it, as with a page.
    """

    kind: BlockKind
    text: str = ""
    polygon: Polygon | None = None
    lines: tuple[int, ...] = ()
    html: str = ""
    latex: str = ""
    level: int = 0
    flags: tuple[PageFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class Spent:
    """What reading something cost beyond the time of this machine.

    Attributes:
        endpoint: that was asked; empty where none was.
        calls: made, with those that failed.
        input_tokens: that it counted, pictures included.
        output_tokens: that it wrote.
        cost: money, in the unit of the price list.
    """

    endpoint: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


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
        blocks: in reading order; of an engine of lines only where structure was asked for.
        flags: what is wrong with the page as a whole: cut off (`truncated`), a loop of the model
            cut (`repetition`), markup that could not be read (`malformed`), text that no detected
            line supports (`unsupported`), without much of what was detected (`incomplete`), read
            by another engine than the chosen (`fallback`), doubtful where nobody could read it
            again (`not_reread`).
        spent: at endpoints, where any was asked.
        decode_s: from bytes to pixels.
        recognize_s: from pixels to lines.
        queue_s: waiting for a lane.
        error: set when the page failed; then there are no lines.
        document_type: that the page was found to be, where that decided who reads it.
    """

    number: int
    width: int = 0
    height: int = 0
    rotation_deg: int = 0
    source: TextSource = "ocr"
    engine: str = ""
    lines: tuple[TextLine, ...] = ()
    blocks: tuple[Block, ...] = ()
    flags: tuple[PageFlag, ...] = ()
    spent: Spent | None = None
    decode_s: float = 0.0
    recognize_s: float = 0.0
    queue_s: float = 0.0
    error: PageError | None = None
    document_type: DocumentType = "auto"

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
    """Which engine was chosen, why, and who would have been next.

    Attributes:
        engine: that reads.
        reasons: for it, as sentences.
        fallbacks: that read what it fails at, in this order.
        ruled_out: engines that may not or cannot read this, each with the reason.
        second: engine that reads again what `engine` is not sure of; empty for none.
        reread_below: score below which a line is read again; 0 leaves it to the service.
        support: engine whose lines give the text of `engine` its places; empty for none.
    """

    engine: str
    reasons: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    ruled_out: tuple[tuple[str, str], ...] = ()
    second: str = ""
    reread_below: float = 0.0
    support: str = ""


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
    def cost(self) -> float:
        """Money that this answer cost; nothing where it was computed for another request."""
        if self.cached or self.shared:
            return 0.0
        return round(sum(page.spent.cost for page in self.pages if page.spent is not None), 9)

    @property
    def engines(self) -> tuple[str, ...]:
        """Who read any of it, in order of first appearance."""
        read = [page for page in self.pages if page.error is None]
        names = (name for page in read for name in (page.engine, *(x.engine for x in page.lines)))
        return tuple(dict.fromkeys(names))


def mean_score(lines: Sequence[TextLine]) -> float:
    """Mean of the lines' scores, each weighed by its number of characters; 0 without text."""
    characters = sum(len(line.text) for line in lines)
    if not characters:
        return 0.0
    return sum(line.score * len(line.text) for line in lines) / characters
