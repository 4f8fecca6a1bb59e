"""What a model said, put onto the page: blocks and lines with places."""

from collections.abc import Iterable
from dataclasses import replace

from ...domain import (
    Block,
    Focus,
    Point,
    Polygon,
    PolygonSource,
    Region,
    RegionTask,
    Spent,
    TextLine,
)
from ...vllm.families.base import Parsed, ParsedBlock
from ..base import PageText
from .pictures import Picture

__all__ = [
    "NOMINAL_SCORE",
    "crops_of",
    "layout_of",
    "page_of",
    "region_block",
    "spent_of",
    "together",
]

NOMINAL_SCORE = 0.9
"""Of a line of a model that says nothing about how sure it is."""

_TASKS: dict[str, RegionTask] = {"table": "table", "formula": "formula"}
_SILENT = {"figure"}
"""Kinds of blocks that hold no text to be read."""


def page_of(
    parsed: Parsed, place: Polygon, size: tuple[int, int], rotation_deg: int, engine: str
) -> PageText:
    """A whole page.

    Args:
        parsed: the answer.
        place: that the picture shows, in pixels of the upright image.
        size: width and height of the upright image, in pixels.
        rotation_deg: that made it upright.
        engine: to whom its lines are put down.
    """
    lines: list[TextLine] = []
    blocks = []
    for part in parsed.blocks:
        polygon = _placed(_upright(part), place) if part.box else None
        first = len(lines)
        lines += _lines(part, polygon or place, engine, is_known=polygon is not None)
        indexes = tuple(range(first, len(lines)))
        blocks.append(
            Block(part.kind, part.text, polygon, indexes, part.html, part.latex, part.level)
        )
    return PageText(*size, rotation_deg, tuple(lines), tuple(blocks), parsed.flags)


def region_block(parsed: Parsed, picture: Picture) -> Block:
    """One region, whatever the model made of it."""
    parts = parsed.blocks
    text = "\n".join(part.text for part in parts if part.text)
    html = "".join(part.html for part in parts)
    latex = next((part.latex for part in parts if part.latex), "")
    kind = parts[0].kind if len(parts) == 1 else "text"
    level = parts[0].level if len(parts) == 1 else 0
    return Block(kind, text, picture.place, (), html, latex, level, parsed.flags)


def crops_of(parsed: Parsed, picture: Picture, scale: float, rotation_deg: int) -> Focus:
    """What is to be cut out and read, where the model told the layout alone.

    Args:
        parsed: with boxes.
        picture: of the whole page.
        scale: pixels of the image per pixel of the page.
        rotation_deg: that made the image upright.
    """
    regions = [
        Region(
            _scaled(_placed(_upright(part), picture.place), 1 / scale),
            _TASKS.get(part.kind, "text"),
        )
        for part in parsed.blocks
        if part.box is not None and part.kind not in _SILENT
    ]
    return Focus(rotation_deg, tuple(regions))


def layout_of(regions: Iterable[Region], width: float, height: float) -> Parsed:
    """Regions that another engine found, as if the model had told them.

    Args:
        regions: in pixels of the page.
        width: of the upright page, in pixels.
        height: likewise.
    """
    blocks = []
    for region in regions:
        a, b, c, d = ((x / width, y / height) for x, y in region.polygon)
        blocks.append(ParsedBlock(region.task, box=(a, b, c, d)))
    return Parsed(tuple(blocks), has_layout_only=True)


def together(layout: Parsed, read: Iterable[Block]) -> Parsed:
    """The layout with what was read in each of its parts."""
    texts = iter(read)
    blocks: list[ParsedBlock] = []
    flags = dict.fromkeys(layout.flags)
    for part in layout.blocks:
        if part.box is None or part.kind in _SILENT:
            blocks.append(part)
            continue
        found = next(texts)
        flags |= dict.fromkeys(found.flags)
        blocks.append(replace(part, text=found.text, html=found.html, latex=found.latex))
    return replace(layout, blocks=tuple(blocks), flags=tuple(flags), has_layout_only=False)


def _lines(part: ParsedBlock, place: Polygon, engine: str, *, is_known: bool) -> list[TextLine]:
    source: PolygonSource = "model" if is_known else "page"
    texts = (text.strip() for text in part.text.replace("\t", " ").split("\n"))
    return [
        TextLine(text, NOMINAL_SCORE, place, engine, polygon_source=source)
        for text in texts
        if text
    ]


def _upright(part: ParsedBlock) -> Polygon:
    """The box of a part, from the top left of its own text on, which may lie on its side."""
    assert part.box is not None
    first = -part.turn_deg // 90 % 4
    a, b, c, d = (*part.box[first:], *part.box[:first])
    return a, b, c, d


def _placed(box: Polygon, place: Polygon) -> Polygon:
    """From fractions of a picture to where it was cut out."""
    a, b, _, d = place

    def point(fraction: Point) -> Point:
        u, v = fraction
        x = a[0] + u * (b[0] - a[0]) + v * (d[0] - a[0])
        y = a[1] + u * (b[1] - a[1]) + v * (d[1] - a[1])
        return x, y

    p, q, r, s = box
    return point(p), point(q), point(r), point(s)


def _scaled(polygon: Polygon, factor: float) -> Polygon:
    a, b, c, d = ((x * factor, y * factor) for x, y in polygon)
    return a, b, c, d


def spent_of(calls: Iterable[Spent]) -> Spent | None:
    """All of it; None where nobody was asked."""
    every = list(calls)
    if not every:
        return None
    endpoints = dict.fromkeys(spent.endpoint for spent in every if spent.endpoint)
    return Spent(
        ",".join(endpoints),
        sum(spent.calls for spent in every),
        sum(spent.input_tokens for spent in every),
        sum(spent.output_tokens for spent in every),
        sum(spent.cost for spent in every),
    )
