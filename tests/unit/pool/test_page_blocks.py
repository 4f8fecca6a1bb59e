"""Blocks come with the page when they are asked for, and words only when they are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from maoocr.domain import Block, OcrOptions, TextLine, Word
from maoocr.engines.base import PageImage, PageText, Run
from maoocr.pool import page_blocks
from maoocr.pool.tickets import batch_key
from tests.unit.pool.test_page_reader import SQUARE, Album, Desk, Scribe, result_of

STRUCTURE = OcrOptions(structure=True)


class Options(Scribe):
    """An engine that remembers what it was asked for and always gives words."""

    def __init__(self, text: PageText | None = None) -> None:
        super().__init__()
        self.asked: list[OcrOptions] = []
        self._text = text or read()

    def recognize(
        self, pages: Sequence[PageImage], options: OcrOptions, run: Run
    ) -> list[PageText]:
        self.asked.append(options)
        return [self._text] * len(pages)


def read(rotation_deg: int = 0) -> PageText:
    line = TextLine("ﬁ café", 0.5, SQUARE, "scribe", (Word("ﬁ café", 0.5, SQUARE),))
    return PageText(20, 10, rotation_deg, (line,))


def test_blocks_are_in_pixels_of_the_page() -> None:
    result = result_of(Desk(Options()).read(1, options=STRUCTURE)[0])
    (block,) = result.blocks
    assert (block.kind, block.lines) == ("text", (0,))
    assert block.polygon == ((0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0))
    assert block.text == result.lines[0].text


@pytest.mark.parametrize("words", [False, True])
def test_words_are_asked_of_the_engine_and_given_only_to_who_asked(words: bool) -> None:
    engine = Options()
    result = result_of(Desk(engine).read(1, options=replace(STRUCTURE, words=words))[0])
    assert engine.asked[0].words
    assert (result.lines[0].words is not None) is words


def test_without_structure_nothing_is_looked_for() -> None:
    engine = Options()
    result = result_of(Desk(engine).read(1)[0])
    assert result.blocks == ()
    assert not engine.asked[0].words


def test_blocks_of_the_engine_itself_are_left_as_they_are() -> None:
    own = Block("table", "a", html="<table><tr><td>a</td></tr></table>")
    engine = Options(replace(read(), blocks=(own,), flags=("truncated",)))
    result = result_of(Desk(engine).read(1, options=STRUCTURE)[0])
    assert result.blocks == (own,)
    assert result.flags == ("truncated",)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_picture_is_looked_at_as_the_page_was_turned(
    monkeypatch: pytest.MonkeyPatch, degrees: int
) -> None:
    seen: list[PageImage] = []

    def look(
        lines: object, width: int, height: int, image: PageImage, *, tight: bool
    ) -> tuple[Block, ...]:
        seen.append(image)
        return ()

    monkeypatch.setattr(page_blocks, "page_blocks", look)
    image = np.zeros((10, 20, 3), np.uint8)
    image[0, 0] = 9
    page_blocks.with_blocks(read(degrees), image, STRUCTURE)
    corner = {0: (0, 0), 90: (0, -1), 180: (-1, -1), 270: (-1, 0)}[degrees]
    assert seen[0][corner].tolist() == [9, 9, 9]


def test_a_text_layer_gets_blocks_too() -> None:
    album = Album()
    album.layers[1] = (TextLine("born digital", 1.0, SQUARE, "pdf-text-layer"),)
    result = result_of(Desk(Scribe(), album).read(1, options=STRUCTURE)[0])
    assert [block.text for block in result.blocks] == ["born digital"]


def test_lines_are_answered_where_their_structure_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> tuple[Block, ...]:
        raise ValueError("text of the document")

    monkeypatch.setattr(page_blocks, "page_blocks", fail)
    result = result_of(Desk(Options()).read(1, options=STRUCTURE)[0])
    assert len(result.lines) == 1
    assert result.blocks == ()
    assert "ValueError" in caplog.text
    assert "text of the document" not in caplog.text


def test_pages_with_and_without_structure_share_no_call() -> None:
    assert batch_key(STRUCTURE) != batch_key(OcrOptions())
