import io
import json
import os
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image, ImageDraw

from maoocr.documents.sandbox import DecodedPage
from maoocr.domain import OcrOptions
from maoocr.errors import (
    MaoOCRError,
    PageTooComplex,
    PasswordProtected,
    TooLarge,
    UnreadableDocument,
    UnsupportedMedia,
)
from tests.fakes.pdf_files import Page, pdf, text
from tests.fakes.shelf import Shelf

pytestmark = pytest.mark.integration

FOLDER = Path(__file__).parents[2] / "data" / "bad"
CASES = [json.loads(line) for line in (FOLDER / "bad.jsonl").read_text().splitlines()]
FILES = {case["file"]: (FOLDER / case["file"]).read_bytes() for case in CASES}
ENDS_ITS_DECODER = {"recursive_form.pdf"}


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case["file"] not in ENDS_ITS_DECODER],
    ids=lambda case: str(case["file"]),
)
def test_each_odd_or_hostile_file_gets_what_it_deserves(shelf: Shelf, case: dict[str, Any]) -> None:
    data = FILES[case["file"]]
    before = shelf.decoder.pid
    page = read_or_refuse(shelf, data)
    if isinstance(page, MaoOCRError):
        assert case["expect"] != "ok", page.message
        assert 400 <= page.status < 500
        assert page.message.endswith(".")
    else:
        assert case["expect"] in {"ok", "ok or 4xx"}
        assert (page.image is None) != (page.layer is None)
        if page.image is not None:
            assert page.image.shape == (page.height, page.width, 3)
    assert before in {None, shelf.decoder.pid}, "the file ended its decoder"


def read_or_refuse(shelf: Shelf, data: bytes) -> DecodedPage | MaoOCRError:
    try:
        assert shelf.pages(data) >= 1
        return shelf.read(data)
    except MaoOCRError as error:
        return error


INVOICE = [c["file"] for c in CASES if c["expect"] == "ok" and "Invoice" in c.get("text", "")]


@pytest.mark.parametrize("name", INVOICE)
def test_every_way_to_store_the_same_picture_shows_the_same_picture(
    shelf: Shelf, name: str
) -> None:
    page = shelf.read(FILES[name])
    if page.layer is not None:
        assert [line.text for line in page.layer] == ["Invoice 20481 total 317.50"]
        return
    plain = shelf.read(FILES["no_extension"])
    assert page.image is not None
    assert plain.image is not None
    assert page.image.shape == plain.image.shape
    difference = abs(page.image.astype(int) - plain.image.astype(int))
    assert difference.mean() < 3, "text is not where and as dark as it should be"


def test_a_document_with_a_password_says_so(shelf: Shelf) -> None:
    with pytest.raises(PasswordProtected, match="password"):
        shelf.pages(FILES["encrypted_user.pdf"])


def test_a_document_that_eats_memory_fails_alone_and_the_next_is_read(strict_shelf: Shelf) -> None:
    with pytest.raises(PageTooComplex, match="MAOOCR_LIMITS__"):
        strict_shelf.read(FILES["recursive_form.pdf"])
    assert strict_shelf.decoder.pid is None
    assert strict_shelf.read(FILES["javascript.pdf"]).layer
    assert strict_shelf.decoder.pid is not None


def test_a_page_over_its_time_is_ended_and_names_the_setting(strict_shelf: Shelf) -> None:
    # A hair line across the page, drawn a million times.
    content = b"0 0 m 595 842 l S " * 200
    for _ in range(3):
        content += content
    slow = pdf(Page(b"0.01 w " + content * 200))
    with pytest.raises(PageTooComplex, match="MAOOCR_LIMITS__DECODE_SECONDS"):
        strict_shelf.read(slow, options=OcrOptions(pdf_text="ocr", dpi=600))
    assert strict_shelf.read(FILES["javascript.pdf"]).layer


def test_a_picture_larger_than_the_memory_fails_with_the_setting(strict_shelf: Shelf) -> None:
    with pytest.raises(PageTooComplex, match="MAOOCR_LIMITS__DECODER_MEMORY_BYTES"):
        strict_shelf.read(png(10_000, 10_000, "RGB"))


def test_pixels_are_limited_before_anything_is_decoded(shelf: Shelf) -> None:
    for width, height in ((50_000, 50_000), (20_000, 20_000), (12_000, 12_000)):
        with pytest.raises(TooLarge, match="MAOOCR_LIMITS__MAX_PAGE_PIXELS"):
            shelf.pages(png_header(width, height))
    with pytest.raises(TooLarge, match="MAOOCR_LIMITS__MAX_SIDE_PX"):
        shelf.pages(png_header(40_000, 10))


def test_a_profile_that_inflates_without_end_is_refused(shelf: Shelf) -> None:
    bomb = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 * 1024 * 1024)))
    plain = png(50, 50, "L")
    with pytest.raises(UnreadableDocument):
        shelf.read(plain[:33] + bomb + plain[33:])


def test_only_the_first_frame_of_an_animation_counts(shelf: Shelf) -> None:
    frames = [Image.new("L", (60, 40), level) for level in (250, 10, 20)]
    for kind in ("GIF", "PNG", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        assert shelf.pages(file.getvalue()) == 1
        image = shelf.read(file.getvalue()).image
        assert image is not None
        assert image.mean() > 240


def test_a_decoder_that_was_killed_between_pages_costs_nothing(strict_shelf: Shelf) -> None:
    strict_shelf.decoder.start()
    pid = strict_shelf.decoder.pid
    assert pid is not None
    psutil.Process(pid).kill()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert strict_shelf.read(FILES["javascript.pdf"]).layer
    assert strict_shelf.decoder.pid not in {None, pid}


def test_documents_that_leave_files_open_do_not_starve_the_next(strict_shelf: Shelf) -> None:
    broken = pdf(Page(b"")).replace(b"/Pages 2 0 R", b"/Pagez 2 0 R")
    for number in range(60):
        with pytest.raises(UnreadableDocument):
            strict_shelf.pages(broken + b"%" * number)
    assert strict_shelf.read(FILES["javascript.pdf"]).layer


def variants(data: bytes, rng: random.Random) -> list[bytes]:
    """The file cut short, with bytes changed, with a part twice, with zeros in it."""
    made = []
    for _ in range(6):
        cut = rng.randrange(8, len(data))
        made.append(data[:cut])
        changed = bytearray(data)
        for _ in range(rng.choice((1, 3, 20))):
            changed[rng.randrange(8, len(data))] = rng.randrange(256)
        made.append(bytes(changed))
        start = rng.randrange(8, len(data))
        made.append(data[:start] + data[start // 2 :])
        hole = min(len(data) - start, 40)
        made.append(data[:start] + bytes(hole) + data[start + hole :])
    return made


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF", "PDF"]
)
def test_damaged_files_never_cause_more_than_an_error_about_themselves(
    shelf: Shelf, kind: str
) -> None:
    if kind == "PDF":
        data = pdf(Page(text(60, 700, "damaged")), Page(text(60, 700, "goods")))
    elif kind == "HEIF":
        data = FILES["text.heic"]
    else:
        picture = Image.new("RGB", (160, 60), "white")
        ImageDraw.Draw(picture).text((10, 10), "damaged goods", fill="black")
        file = io.BytesIO()
        picture.save(file, kind)
        data = file.getvalue()
    rng = random.Random(kind)
    for variant in variants(data, rng):
        try:
            shelf.pages(variant)
            shelf.read(variant)
        except (UnreadableDocument, UnsupportedMedia, TooLarge, PageTooComplex, PasswordProtected):
            pass
    assert shelf.pages(data) >= 1


def png(width: int, height: int, mode: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), "white").save(file, "PNG", compress_level=1)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and then has hardly any data."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
