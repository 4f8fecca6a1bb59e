"""Tables on real pages, read by PP-OCR itself."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maoocr.domain import Block, OcrOptions
from maoocr.engines.base import Run
from maoocr.engines.layout import page_blocks
from maoocr.engines.ppocr import PpocrEngine

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[1] / "data" / "open"


@pytest.fixture(scope="module")
def engine() -> PpocrEngine:
    return PpocrEngine()


def blocks(engine: PpocrEngine, name: str) -> tuple[Block, ...]:
    image = np.asarray(Image.open(DATA / name).convert("RGB"))
    (text,) = engine.recognize([image], OcrOptions(words=True), Run())
    return page_blocks(text.lines, text.width, text.height, image)


def shape(html: str) -> list[str]:
    """Each row's spans (rows x columns) of its cells, those of one by one as a dot."""
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", html):
        cells = [dict(re.findall(r'(\w+)="(\d)"', found)) for found in re.findall("<td(.*?)>", row)]
        spans = [f"{c.get('rowspan', 1)}x{c.get('colspan', 1)}" for c in cells]
        rows.append(" ".join("." if span == "1x1" else span for span in spans))
    return rows


def test_white_letters_on_a_coloured_heading_are_no_rulings(engine: PpocrEngine) -> None:
    caption, table = blocks(engine, "table_002.png")
    assert caption.kind == "text"
    assert shape(table.html) == ["2x1 2x1 1x2", ". .", ". . . .", ". . . .", ". . . ."]


def test_three_ruled_tables_and_the_text_between_them(engine: PpocrEngine) -> None:
    found = blocks(engine, "table_007.png")
    assert [block.kind for block in found] == [
        *("header", "text", "caption", "table", "text", "caption", "table", "text", "text"),
        *("caption", "table", "text", "page_number"),
    ]
    middle = found[6].html
    assert shape(middle) == [
        "2x1 2x1 2x1 1x5",
        ". . . . .",
        "6x1 2x1 . . . . . .",
        ". . . . . .",
        "2x1 . . . . . .",
        ". . . . . .",
        "2x1 . . . . . .",
        ". . . . . .",
        "2x1 . . . . . . .",
        ". . . . . . .",
        ". . . . . . . .",
    ]
    numbers = re.findall(r">(\d\.\d\d)<", middle)
    assert len(numbers) == 45
    assert numbers[:5] == ["0.92", "1.02", "1.11", "1.19", "1.26"]
