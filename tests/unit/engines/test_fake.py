import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maoocr.domain import OcrOptions
from maoocr.engines.base import PageImage, PageText, Run
from maoocr.engines.fake import FakeEngine, picture_of, token_in
from maoocr.errors import CallerLeft


def read(page: PageImage, **options: bool) -> PageText:
    (text,) = FakeEngine().recognize([page], OcrOptions(**options), Run())  # type: ignore[arg-type]
    return text


@given(st.text(max_size=60))
@settings(max_examples=50, deadline=None)
def test_it_reads_what_was_written(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert token_in(picture_of(text)) == text


def test_it_reads_through_a_bad_photograph() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture_of("token 17")).save(buffer, "JPEG", quality=60)
    page = np.asarray(Image.open(buffer).convert("RGB"))
    large = np.full((200, 400, 3), 255, np.uint8)
    large[: page.shape[0], : page.shape[1]] = page
    assert token_in(large) == "token 17"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 255"):
        picture_of("x" * 256)


@pytest.mark.parametrize("harm", ["cut", "narrow", "flipped", "cut off below"])
def test_a_damaged_token_is_none(harm: str) -> None:
    page = picture_of("a longer token, over several rows of cells")
    if harm == "cut":
        page = page[:8]
    elif harm == "narrow":
        page = page[:, :200]
    elif harm == "flipped":
        page = page.copy()
        page[40:48, 80:88] ^= 255
    else:
        page = page[:24]
    assert token_in(page) is None


def test_a_picture_without_a_token_has_a_digest() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    assert read(noise).lines[0].text == read(noise.copy()).lines[0].text
    assert read(noise).lines[0].text != read(noise[:20]).lines[0].text


def test_a_blank_page_is_empty_and_no_error() -> None:
    assert read(np.zeros((5, 5, 3), np.uint8)).lines == ()


def test_words_come_on_request() -> None:
    page = picture_of("one")
    assert read(page).lines[0].words is None
    words = read(page, words=True).lines[0].words
    assert words is not None
    assert words[0].text == "one"


def test_it_stops_at_its_checkpoint() -> None:
    engine = FakeEngine(delay_s=60)
    began = time.monotonic()

    def leave() -> None:
        if time.monotonic() > began + 0.02:
            raise CallerLeft("gone")

    with pytest.raises(CallerLeft):
        engine.recognize([picture_of("a")], OcrOptions(), Run(checkpoint=leave))
    engine.close()


def test_it_says_its_name() -> None:
    assert FakeEngine(name="other").info.name == "other"
