import io

import pytest
from PIL import Image

from maoocr.documents.kinds import KINDS, kind_named, sniff
from maoocr.errors import UnreadableDocument, UnsupportedMedia


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        ("JPEG", "jpeg"),
        ("PNG", "png"),
        ("WEBP", "webp"),
        ("BMP", "bmp"),
        ("GIF", "gif"),
        ("TIFF", "tiff"),
        ("PPM", "pnm"),
        ("AVIF", "avif"),
        ("JPEG2000", "jp2"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(format_: str, name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, format_)
    assert sniff(file.getvalue()).name == name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"II+\0\x08\0\0\0" + bytes(8), "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\0garbage\0" * 50 + b"%PDF-1.4\n", "pdf"),
    ],
)
def test_signatures_with_variants_are_known(head: bytes, name: str) -> None:
    assert sniff(head).name == name


@pytest.mark.parametrize(
    ("head", "looks_like"),
    [
        (b"<!DOCTYPE html><p>", "an HTML page"),
        (b'<?xml version="1.0"?><svg xmlns="x">', "a drawing (SVG)"),
        (b"\xef\xbb\xbf  <svg>", "a drawing (SVG)"),
        (b'{"a": 1}', "JSON"),
        (b"just words", "plain text"),
        (b"PK\3\4" + bytes(20) + b"word/document.xml", "a Word document (DOCX)"),
        (b"PK\3\4" + bytes(30), "a ZIP archive"),
        (b"\x7fELF" + bytes(20), "a program (ELF)"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"push graphic-context\n", "an ImageMagick drawing (MVG)"),
        (b"\0\0\1\0\1\0", "an icon (ICO)"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video (MP4 or QuickTime)"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio or video (RIFF)"),
    ],
)
def test_what_is_not_read_is_refused_by_name(head: bytes, looks_like: str) -> None:
    with pytest.raises(UnsupportedMedia) as refused:
        sniff(head)
    assert looks_like in refused.value.message
    assert "JPEG" in refused.value.message


@pytest.mark.parametrize(
    "head",
    [
        b"PK\3\4" + bytes(20) + b"%PDF-1.7",
        b"<html>%PDF-1.7",
        b"BMW is a maker of cars",
        b"\xff\xd8",
    ],
)
def test_a_signature_inside_something_else_does_not_count(head: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        sniff(head)


def test_random_bytes_are_not_given_a_name() -> None:
    with pytest.raises(UnsupportedMedia, match="not read here"):
        sniff(bytes(range(128, 256)) * 8)


def test_nothing_at_all_is_an_empty_file() -> None:
    with pytest.raises(UnreadableDocument, match="empty"):
        sniff(b"")


def test_only_documents_with_pages_are_paged() -> None:
    assert {kind.name for kind in KINDS.values() if kind.paged} == {"pdf", "tiff"}


def test_a_kind_is_found_by_its_name() -> None:
    assert kind_named("png").media_type == "image/png"
