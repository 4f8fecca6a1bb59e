"""From what PP-StructureV3 found to lines and blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...domain import Block, BlockKind, OcrOptions, TextLine
from .pages import Frame, lines_of, polygon_of
from .tables import clean_table

__all__ = ["blocks_of"]

KINDS: Mapping[str, BlockKind] = {
    "doc_title": "title",
    "paragraph_title": "heading",
    "abstract_title": "heading",
    "reference_title": "heading",
    "content_title": "heading",
    "table": "table",
    "formula": "formula",
    "image": "figure",
    "figure": "figure",
    "header_image": "figure",
    "footer_image": "figure",
    "chart": "chart",
    "flowchart": "chart",
    "figure_title": "caption",
    "table_title": "caption",
    "chart_title": "caption",
    "figure_table_chart_title": "caption",
    "algorithm": "code",
    "seal": "seal",
    "header": "header",
    "footer": "footer",
    "footnote": "footnote",
    "vision_footnote": "footnote",
    "number": "page_number",
}
"""By PP-DocLayout's names; all others are text."""

Rectangle = tuple[float, float, float, float]


def blocks_of(
    found: Mapping[str, Any], frame: Frame, options: OcrOptions, engine: str
) -> tuple[list[TextLine], list[Block]]:
    """The lines, those of one block after the other, and the blocks in reading order."""
    ocr = found["overall_ocr_res"]
    lines, places = lines_of(ocr, frame, options, engine)
    centres = [(float(p[:, 0].mean()), float(p[:, 1].mean())) for p in places]
    parsed = list(found["parsing_res_list"])
    owners = _owners(centres, [_rectangle(block.bbox) for block in parsed])
    ordered: list[TextLine] = []
    blocks = []
    for at, block in enumerate(parsed):
        mine = [number for number, owner in enumerate(owners) if owner == at]
        indexes = tuple(range(len(ordered), len(ordered) + len(mine)))
        ordered += [lines[number] for number in mine]
        blocks.append(_block(block, indexes, [lines[number].text for number in mine], frame))
    ordered += [line for line, owner in zip(lines, owners, strict=True) if owner is None]
    return ordered, blocks


def _block(found: Any, indexes: tuple[int, ...], texts: Sequence[str], frame: Frame) -> Block:
    kind = KINDS.get(str(found.label), "text")
    left, top, right, bottom = _rectangle(found.bbox)
    polygon = polygon_of([(left, top), (right, top), (right, bottom), (left, bottom)], frame)
    content = str(found.content or "")
    html = clean_table(content) if kind == "table" else ""
    latex = content.strip().strip("$").strip() if kind == "formula" else ""
    return Block(
        kind=kind,
        text="\n".join(texts),
        polygon=None if frame.is_flat else polygon,
        lines=indexes,
        html=html,
        latex=latex,
        level=2 if kind == "heading" else 0,
    )


def _owners(
    centres: Sequence[tuple[float, float]], rectangles: Sequence[Rectangle]
) -> list[int | None]:
    """For each line the smallest block that its middle lies in."""
    owners: list[int | None] = []
    sizes = [(right - left) * (bottom - top) for left, top, right, bottom in rectangles]
    for x, y in centres:
        around = [
            at
            for at, (left, top, right, bottom) in enumerate(rectangles)
            if left <= x <= right and top <= y <= bottom
        ]
        owners.append(min(around, key=lambda at: sizes[at]) if around else None)
    return owners


def _rectangle(bbox: Any) -> Rectangle:
    left, top, right, bottom = (
        float(x) for x in np.asarray(bbox, dtype=np.float64).reshape(-1)[:4]
    )
    return left, top, right, bottom
