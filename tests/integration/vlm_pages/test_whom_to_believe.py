"""What a second reading is asked and does, with real PP-OCR and a model that knows the lines.

On the few images of hard kinds that come with the tests PP-OCR makes hardly an error; so there are
pages beside them with two lines that are too coarse to be read well. The figures of the whole
labelled set are the bench's (`python -m bench cascade`).
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from bench.cascade import HARD_KINDS, LIES, Lie, errors
from bench.line_truth import LabelledLines, labelled_lines
from bench.scoring import canonical
from tests.fakes.vlm_server import Say, VlmServer
from tests.integration.vlm_pages.test_reading import HIGH, recognize, told_in_advance

pytestmark = pytest.mark.integration

OPEN = Path(__file__).parents[2] / "data" / "open"
PITCH_PX = 60
COARSE = {4: 7.0, 11: 8.0}
"""Rows of a drawn page, and the pixels that are made one there."""
ALICE = """\
Alice was beginning to get very
tired of sitting by her sister on
the bank and of having nothing to
do once or twice she had peeped
into the book her sister was
reading but it had no pictures or
conversations in it and what is
the use of a book thought Alice
without pictures or conversations
So she was considering in her own
mind as well as she could for the
hot day made her feel very sleepy
and stupid whether the pleasure of
making a daisy chain would be
worth the trouble of getting up
and picking the daisies when
suddenly a White Rabbit with pink
eyes ran close by her There was
nothing so very remarkable in that
nor did Alice think it so very much
out of the way to hear the Rabbit
say to itself that it would be too
late But when the Rabbit took out
a watch and looked at it and then
hurried on Alice started to her
feet and burning with curiosity
she ran across the field after it
and was just in time to see it pop
down a large hole under the hedge"""


@dataclass(frozen=True)
class Page:
    """What PP-OCR alone made of it, and what really stands there."""

    image: bytes
    lines: list[dict[str, Any]]
    truths: list[str]

    def errors(self, lines: list[dict[str, Any]] | None = None) -> int:
        return errors([line["text"] for line in lines or self.lines], self.truths)


def drawn(first: int) -> tuple[bytes, Callable[[dict[str, Any]], str]]:
    """A page that begins with this line and goes round, and what stands where."""
    rows = ALICE.split("\n")
    rows = rows[first:] + rows[:first]
    page = Image.new("RGB", (900, 80 + PITCH_PX * len(rows)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(34)
    for row, text in enumerate(rows):
        pen.text((50, 40 + PITCH_PX * row), text, "black", font)
    for row, pixels in COARSE.items():
        place = (0, 34 + PITCH_PX * row, 900, 86 + PITCH_PX * row)
        part = page.crop(place)
        size = int(part.width / pixels), int(part.height / pixels)
        coarse = part.resize(size, Image.Resampling.BOX)
        page.paste(coarse.resize(part.size, Image.Resampling.BICUBIC), place)
    out = io.BytesIO()
    page.save(out, "PNG")

    def truth(line: dict[str, Any]) -> str:
        middle: float = sum(y for _, y in line["polygon"]) / 4
        return rows[round((middle - PITCH_PX) / PITCH_PX)]

    return out.getvalue(), truth


@pytest.fixture(scope="module")
def pages(http: httpx.Client) -> list[Page]:
    found = [drawn(0), drawn(10)]
    for image in labelled_lines(OPEN, HARD_KINDS):

        def truth(line: dict[str, Any], image: LabelledLines = image) -> str:
            return image.truth(line["polygon"], line["text"])

        found.append((image.path.read_bytes(), truth))
    read = []
    for data, truth_of in found:
        lines = recognize(http, data, engine="ppocr", rotation="false")["pages"][0]["lines"]
        read.append(Page(data, lines, [truth_of(line) for line in lines]))
    return read


def again(http: httpx.Client, page: Page) -> list[dict[str, Any]]:
    answer = recognize(http, page.image, engine="ppocr", rotation="false", requirements=HIGH)
    lines: list[dict[str, Any]] = answer["pages"][0]["lines"]
    return lines


def tell(vlm: VlmServer, page: Page, said: list[str]) -> None:
    """Of each line of a page, by the picture of it; of any other picture nothing."""
    told = [{**line, "text": text} for line, text in zip(page.lines, said, strict=True)]
    vlm.default = Say("")
    vlm.answers |= told_in_advance(page.image, told)


def test_there_are_errors_to_be_put_right(pages: list[Page]) -> None:
    assert sum(page.errors() for page in pages) >= 20


def test_a_model_that_knows_is_shown_few_lines_and_puts_most_errors_right(
    http: httpx.Client, vlm: VlmServer, pages: list[Page]
) -> None:
    for page in pages:
        tell(vlm, page, page.truths)
    after = sum(page.errors(again(http, page)) for page in pages)
    assert 0 < len(vlm.asks) < 0.25 * sum(len(page.lines) for page in pages)
    assert after <= 0.4 * sum(page.errors() for page in pages)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_model_that_lies_costs_no_more_than_half_a_point(
    http: httpx.Client, vlm: VlmServer, pages: list[Page], lie: Lie
) -> None:
    chance = Random(1)
    for page in pages:
        tell(vlm, page, [lie(line["text"], chance) for line in page.lines])
    worse = sum(page.errors(again(http, page)) - page.errors() for page in pages)
    assert vlm.asks
    assert worse <= 0.005 * sum(len(canonical(truth)) for page in pages for truth in page.truths)
