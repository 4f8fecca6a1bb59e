"""A caller who does not say what his pages are: what PP-OCR sees on each decides who reads it."""

import io

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.fakes.vlm_server import Say, VlmServer
from tests.integration.vlm_pages.conftest import away
from tests.integration.vlm_pages.test_reading import LINES, draw, recognize

pytestmark = pytest.mark.integration

FORMULAS = ("x = y = 2", "|x| < |y| < 1", "z <= x^2 = 4")
LATEX = "\n\n".join(f"$${line}$$" for line in FORMULAS)
LOW = {"accuracy_requirement": "low"}


def pdf_of(*pages: tuple[str, ...]) -> bytes:
    """Pictures of text, a page for each."""
    font = ImageFont.load_default(42)
    drawn = [Image.new("RGB", (900, 80 + 90 * len(lines)), "white") for lines in pages]
    for page, lines in zip(drawn, pages, strict=True):
        for row, text in enumerate(lines):
            ImageDraw.Draw(page).text((60, 50 + 90 * row), text, "black", font)
    file = io.BytesIO()
    drawn[0].save(file, "PDF", save_all=True, append_images=drawn[1:])
    return file.getvalue()


@pytest.fixture(scope="module")
def document() -> bytes:
    return pdf_of(LINES, FORMULAS)


def test_a_page_of_formulas_goes_to_the_model_and_a_page_of_prose_does_not(
    http: httpx.Client, vlm: VlmServer, document: bytes
) -> None:
    vlm.default = Say(LATEX)
    answer = recognize(http, document, requirements=LOW)
    assert [page["engine"] for page in answer["pages"]] == ["ppocr", "vlm"]
    assert answer["pages"][0]["text"].split("\n") == list(LINES)
    assert [block["kind"] for block in answer["pages"][1]["blocks"]] == ["formula"] * 3
    assert answer["selected_models"] == ["ppocr", "vlm"]
    assert answer["selection"]["engine"] == "ppocr"
    assert answer["selection"]["reasons"][-1] == (
        "Page 2 looks like formulas: vlm reads formulas; ppocr would read lines of text only."
    )
    assert len(vlm.asks) == 1


def test_without_wishes_pp_ocr_reads_formulas_too(
    http: httpx.Client, vlm: VlmServer, document: bytes
) -> None:
    assert recognize(http, document)["selected_models"] == ["ppocr"]
    assert not vlm.asks


def test_with_the_model_away_pp_ocrs_reading_stands_and_says_so(
    http: httpx.Client, vlm: VlmServer, document: bytes
) -> None:
    with away(vlm, http):
        answer = recognize(http, document, requirements=LOW)
    assert [page["engine"] for page in answer["pages"]] == ["ppocr", "ppocr"]
    assert answer["pages"][1]["text"].startswith("x")


@pytest.mark.parametrize("said", ["", LINES[0]], ids=["nothing", "the first line only"])
def test_a_model_that_leaves_most_of_the_page_out_is_not_passed_off_as_whole(
    http: httpx.Client, vlm: VlmServer, said: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    picture = draw(tmp_path_factory.mktemp("pictures") / "page.png", LINES)
    vlm.default = Say(said)
    answer = recognize(http, picture, engine="vlm")
    page = answer["pages"][0]
    assert (page["engine"], page["flags"]) == ("ppocr", ["fallback"])
    assert answer["text"].split("\n") == list(LINES)
    assert page["spent"]["calls"] >= 1


def test_the_time_that_a_request_allows_is_held_against_pages_of_its_size(
    http: httpx.Client, document: bytes
) -> None:
    answer = recognize(http, document, requirements={**LOW, "max_seconds": 60})
    assert any("within the 60 s asked for" in why for why in answer["selection"]["reasons"])
