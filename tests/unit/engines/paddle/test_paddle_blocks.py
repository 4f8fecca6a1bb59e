"""From PP-StructureV3's answer to lines, blocks and clean tables."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from maoocr.domain import OcrOptions
from maoocr.engines.paddle.pages import Frame, frame_of, words_of
from maoocr.engines.paddle.structure import blocks_of
from maoocr.engines.paddle.tables import clean_table

FRAME = Frame(400, 300, 0, is_flat=False)


def box(left: int, top: int, right: int, bottom: int) -> Any:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.int16)


def block(label: str, bbox: Sequence[int], content: str = "") -> SimpleNamespace:
    return SimpleNamespace(label=label, bbox=list(bbox), content=content)


def found(lines: dict[str, Any], blocks: list[SimpleNamespace]) -> dict[str, Any]:
    ocr = {
        "rec_texts": list(lines),
        "rec_scores": [0.9] * len(lines),
        "rec_polys": list(lines.values()),
    }
    return {"overall_ocr_res": ocr, "parsing_res_list": blocks}


def test_lines_follow_the_order_of_the_blocks_they_lie_in() -> None:
    answer = found(
        {"right": box(210, 20, 390, 40), "left": box(10, 20, 190, 40), "Title": box(10, 2, 90, 12)},
        [
            block("doc_title", (0, 0, 400, 14)),
            block("text", (0, 15, 200, 300)),
            block("text", (200, 15, 400, 300)),
        ],
    )
    lines, blocks = blocks_of(answer, FRAME, OcrOptions(structure=True), "paddle")
    assert [line.text for line in lines] == ["Title", "left", "right"]
    assert [(b.kind, b.text, b.lines) for b in blocks] == [
        ("title", "Title", (0,)),
        ("text", "left", (1,)),
        ("text", "right", (2,)),
    ]


def test_a_line_in_no_block_is_kept_at_the_end() -> None:
    answer = found(
        {"outside": box(10, 200, 90, 220), "inside": box(10, 20, 90, 40)},
        [block("text", (0, 0, 100, 100))],
    )
    lines, blocks = blocks_of(answer, FRAME, OcrOptions(), "paddle")
    assert [line.text for line in lines] == ["inside", "outside"]
    assert blocks[0].lines == (0,)


@pytest.mark.parametrize(
    ("label", "kind", "level"),
    [
        ("paragraph_title", "heading", 2),
        ("figure_table_chart_title", "caption", 0),
        ("image", "figure", 0),
        ("number", "page_number", 0),
        ("a label of next year", "text", 0),
    ],
)
def test_labels_become_kinds(label: str, kind: str, level: int) -> None:
    _, (only,) = blocks_of(found({}, [block(label, (0, 0, 9, 9))]), FRAME, OcrOptions(), "paddle")
    assert (only.kind, only.level) == (kind, level)


def test_tables_and_formulas_carry_their_markup() -> None:
    table = "<html><body><table><tr><td>1</td></tr></table></body></html>"
    blocks = [block("table", (0, 0, 9, 9), table), block("formula", (9, 9, 20, 20), "$$x^2$$")]
    _, (first, second) = blocks_of(found({}, blocks), FRAME, OcrOptions(), "paddle")
    assert first.html == "<table><tr><td>1</td></tr></table>"
    assert second.latex == "x^2"


@pytest.mark.parametrize(
    ("markup", "clean"),
    [
        ("no table", ""),
        ("<table></table>", ""),
        (
            '<table border="1"><thead><tr><th colspan="2" id="x">a</th></tr></thead></table>',
            '<table><thead><tr><th colspan="2">a</th></tr></thead></table>',
        ),
        (
            "<table><tr><td><script>alert(1)</script></td></tr></table>",
            "<table><tr><td>&lt;script&gt;alert(1)&lt;/script&gt;</td></tr></table>",
        ),
        ("<table><tr><td>a < b & c</td></tr></table>", None),
        ("<table><tr><td><b>bold</b></td></tr></table>", "<table><tr><td>bold</td></tr></table>"),
        ("<table><tr><td>cut off</table>", "<table><tr><td>cut off</td></tr></table>"),
        (
            '<table><tr><td rowspan="99999999">x</td></tr></table>',
            '<table><tr><td rowspan="200">x</td></tr></table>',
        ),
    ],
)
def test_a_table_is_rows_and_cells_and_escaped_text(markup: str, clean: str | None) -> None:
    if clean is None:
        clean = "<table><tr><td>a &lt; b &amp; c</td></tr></table>"
    assert clean_table(markup) == clean


def test_what_blanks_do_not_part_is_one_word_and_a_character_of_chinese_is_one() -> None:
    parts = ["Total", " ", "12", ".", "50", " ", "元", "整"]
    places = [box(10 * i, 0, 10 * i + 9, 10) for i in range(len(parts))]
    words = words_of(parts, places, 0.8, FRAME)
    assert [word.text for word in words] == ["Total", "12.50", "元", "整"]
    assert words[1].polygon == ((20.0, 0.0), (49.0, 0.0), (49.0, 10.0), (20.0, 10.0))


@pytest.mark.parametrize(("left", "clockwise"), [(-1, 0), (0, 0), (90, 270), (180, 180), (270, 90)])
def test_the_turn_to_the_left_is_told_as_the_one_to_the_right(left: int, clockwise: int) -> None:
    frame = frame_of({"doc_preprocessor_res": {"angle": left}}, (100, 200, 3))
    assert frame.rotation_deg == clockwise
    assert (frame.width, frame.height) == ((100, 200) if left in {90, 270} else (200, 100))
