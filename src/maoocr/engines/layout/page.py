"""One page: what is a table, what is in the margins, and the text that remains."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain import Block, BlockKind, TextLine
from .aligned import aligned_tables
from .boxes import Boxes
from .headings import Body, body_of, heading_levels
from .ink import level_ink, stroke_widths
from .level import Box, Frame, Piece, level_lines
from .margins import Margins, margins
from .paragraphs import Paragraph, paragraphs, text_rows
from .reading_order import regions
from .roles import bullet_of, is_bullet, is_caption
from .ruled import ruled_tables
from .rulings import NO_RULINGS, Rulings, find_rulings
from .tables import Table

__all__ = ["blocks_of"]

MOST_LINES = 4000
"""A page with more is no page of text; its lines are one block."""
STEEP_RAD = 0.35

Item = Paragraph | Table


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands on a page, so far.

    Attributes:
        strokes: by the number of a line; empty without a picture.
    """

    pieces: list[Piece]
    height: float
    rulings: Rulings
    strokes: Sequence[float]


def blocks_of(
    lines: Sequence[TextLine],
    size: tuple[int, int],
    image: NDArray[np.uint8] | None,
    *,
    tight: bool,
) -> tuple[Block, ...]:
    """See `page_blocks`."""
    if not lines:
        return ()
    frame, pieces = level_lines(lines)
    if len(lines) > MOST_LINES or abs(frame.slope) > STEEP_RAD or _is_vertical(pieces):
        # Columns of vertical text come in their order; nothing more is known of them.
        whole = "\n".join(line.text for line in lines)
        return (Block("text", whole, lines=tuple(range(len(lines)))),)
    found = _looked_at(pieces, frame, image)
    tables = _tables(found)
    taken = {line for table in tables for line in table.lines}
    rest = [piece for piece in pieces if piece.line not in taken]
    beside = margins(
        rest, [table.box for table in tables], size, found.height, found.rulings.horizontal
    )
    text = [piece for piece in rest if piece.line not in beside]
    body = body_of(text_rows(pieces, found.strokes, tight=tight))
    items = list(_in_order(text, tables, found.strokes, tight=tight))
    top = [piece for piece in rest if beside.get(piece.line) and piece.box.middle < size[1] / 2]
    low = [piece for piece in rest if beside.get(piece.line) and piece not in top]
    return (
        *(_margin(piece, beside, frame) for piece in top),
        *_blocks(items, body, frame),
        *(_margin(piece, beside, frame) for piece in low),
    )


def _is_vertical(pieces: Sequence[Piece]) -> bool:
    long = [piece.box for piece in pieces if max(piece.box.width, piece.box.height) > 0]
    tall = sum(box.height > 2 * box.width for box in long)
    return 2 * tall > len(long)


def _looked_at(pieces: list[Piece], frame: Frame, image: NDArray[np.uint8] | None) -> _Found:
    height = max(4.0, float(np.median([piece.box.height for piece in pieces])))
    if image is None:
        return _Found(pieces, height, NO_RULINGS, ())
    ink = level_ink(image, frame.slope)
    strokes = stroke_widths(ink, [piece.box for piece in pieces])
    return _Found(pieces, height, find_rulings(ink, height), strokes.tolist())


def _tables(found: _Found) -> list[Table]:
    """Those that are drawn, then those whose cells merely stand in columns."""
    tables, frames = ruled_tables(found.rulings, found.pieces, found.height)
    taken = {line for table in tables for line in table.lines}
    rest = [piece for piece in found.pieces if piece.line not in taken]
    rules = found.rulings.horizontal
    for frame in frames:
        inside = [piece for piece in rest if _holds(frame, piece.box)]
        tables += aligned_tables(inside, found.height, rules, framed=True)
        # Whatever is framed is no part of a table beyond the frame.
        framed = {piece.line for piece in inside}
        rest = [piece for piece in rest if piece.line not in framed]
    for region in regions(_corners([piece.box for piece in rest])):
        tables += aligned_tables([rest[i] for i in region], found.height, rules)
    return tables


def _holds(frame: Box, box: Box) -> bool:
    middle = (box.x0 + box.x1) / 2
    return frame.x0 <= middle <= frame.x1 and frame.y0 <= box.middle <= frame.y1


def _corners(boxes: Sequence[Box]) -> Boxes:
    corners = [((b.x0, b.y0), (b.x1, b.y0), (b.x1, b.y1), (b.x0, b.y1)) for b in boxes]
    return np.array(corners, np.float32).reshape(-1, 4, 2)


def _in_order(
    text: Sequence[Piece], tables: Sequence[Table], strokes: Sequence[float], *, tight: bool
) -> Iterator[Item]:
    """Paragraphs and tables as they are read; a row of a table is a full line to the order."""
    owners: list[Piece | Table] = [*text]
    boxes = [piece.box for piece in text]
    for table in tables:
        owners += [table] * len(table.row_boxes)
        boxes += table.row_boxes
    given: set[int] = set()
    for region in regions(_corners(boxes)):
        run: list[Piece] = []
        for number in region:
            owner = owners[number]
            if isinstance(owner, Piece):
                run.append(owner)
            elif id(owner) not in given:
                given.add(id(owner))
                yield from paragraphs(text_rows(run, strokes, tight=tight))
                run = []
                yield owner
        yield from paragraphs(text_rows(run, strokes, tight=tight))


def _margin(piece: Piece, kinds: Margins, frame: Frame) -> Block:
    return Block(kinds[piece.line], piece.text.strip(), frame.back(piece.box), (piece.line,))


def _blocks(items: Sequence[Item], body: Body, frame: Frame) -> Iterator[Block]:
    found = [item for item in items if isinstance(item, Paragraph)]
    levels = heading_levels(found, body)
    marks = _list_marks(found)
    number = -1
    for item in items:
        if isinstance(item, Table):
            polygon = frame.back(item.box)
            yield Block("table", item.text, polygon, item.lines, html=item.html)
            continue
        number += 1
        polygon, lines, text = frame.back(item.box), item.lines, item.text
        if number in levels:
            level = levels[number]
            kind: BlockKind = "heading" if level else "title"
            yield Block(kind, text.replace("\n", " "), polygon, lines, level=level)
        elif number in marks:
            mark, depth = marks[number]
            rest = text[len(mark) :] if is_bullet(mark) else f"{mark.strip()} {text[len(mark) :]}"
            yield Block("list", rest, polygon, lines, level=depth)
        else:
            yield Block("caption" if is_caption(text) else "text", text, polygon, lines)


def _list_marks(found: Sequence[Paragraph]) -> dict[int, tuple[str, int]]:
    """Items of lists: their mark and their depth. A number alone makes no list."""
    marks = {n: mark for n, p in enumerate(found) if (mark := bullet_of(p.text))}
    items: dict[int, tuple[str, int]] = {}
    lefts: list[float] = []
    for number, mark in marks.items():
        if number - 1 not in marks:
            lefts = []
            if not is_bullet(mark) and number + 1 not in marks:
                continue
        left, size = found[number].box.x0, found[number].size
        while lefts and left < lefts[-1] - size / 2:
            lefts.pop()
        if not lefts or left > lefts[-1] + size / 2:
            lefts.append(left)
        items[number] = mark, len(lefts)
    return items
