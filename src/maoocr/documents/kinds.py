"""What an upload is, by its first bytes. Names and declared content types are not asked.

Sniffing is strict where a format has a signature and refuses the rest: a kind that is not listed
here never reaches a decoder.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import UnreadableDocument, UnsupportedMedia

__all__ = ["HEAD_BYTES", "KINDS", "Kind", "kind_named", "sniff"]

HEAD_BYTES = 4096
"""As much of the document as `sniff` looks at."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A file format that is read.

    Attributes:
        paged: may hold more than one page (PDF, TIFF). Of an animation only the first frame counts.
    """

    name: str
    media_type: str
    paged: bool


_JPEG = Kind("jpeg", "image/jpeg", False)
_PNG = Kind("png", "image/png", False)
_WEBP = Kind("webp", "image/webp", False)
_BMP = Kind("bmp", "image/bmp", False)
_GIF = Kind("gif", "image/gif", False)
_TIFF = Kind("tiff", "image/tiff", True)
_PNM = Kind("pnm", "image/x-portable-anymap", False)
_HEIC = Kind("heic", "image/heic", False)
_AVIF = Kind("avif", "image/avif", False)
_JP2 = Kind("jp2", "image/jp2", False)
_PDF = Kind("pdf", "application/pdf", True)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (_JPEG, _PNG, _WEBP, _BMP, _GIF, _TIFF, _PNM, _HEIC, _AVIF, _JP2, _PDF)
}

READ_HERE = "JPEG, PNG, WebP, BMP, GIF, TIFF, PNM, HEIC, AVIF, JPEG 2000 and PDF"


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        KeyError: there is none.
    """
    return KINDS[name]


def sniff(head: bytes) -> Kind:
    """The kind of a document that begins with these bytes (4 KiB are enough).

    Raises:
        UnreadableDocument: there are no bytes.
        UnsupportedMedia: it is of no kind that is read here; the message says what it looks like.
    """
    if not head:
        raise UnreadableDocument("The file is empty.")
    head = head[:HEAD_BYTES]
    for kind, matches in _SIGNATURES:
        if matches(head):
            return kind
    other = _looks_like(head)
    # Only the first kilobyte may stand before a PDF's own header (ISO 32000-1, annex H.3.4.1),
    # and only where it is not the signature of something else.
    if other is None and b"%PDF-" in head[:1024]:
        return _PDF
    what = f"This looks like {other}, which is" if other else "The bytes are of a kind that is"
    raise UnsupportedMedia(f"{what} not read here. Readable are {READ_HERE}.")


def _is_bmp(head: bytes) -> bool:
    # Two letters are no signature: the size of the header that follows must be one that exists.
    size = int.from_bytes(head[14:18], "little")
    return head[:2] == b"BM" and len(head) >= 18 and size in {12, 16, 40, 52, 56, 64, 108, 124}


def _brands(head: bytes) -> set[bytes]:
    """Brands of an ISO base media file (ISO/IEC 14496-12, 4.3); empty if it is none."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}


_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}


def _is_avif(head: bytes) -> bool:
    return head[8:12] in _AVIF_BRANDS or (
        head[8:12] in {b"mif1", b"msf1"} and bool(_brands(head) & _AVIF_BRANDS)
    )


def _is_heic(head: bytes) -> bool:
    return head[8:12] in _HEIC_BRANDS or head[8:12] in {b"mif1", b"msf1"}


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


_SIGNATURES: tuple[tuple[Kind, Callable[[bytes], bool]], ...] = (
    (_JPEG, _starts(b"\xff\xd8\xff")),
    (_PNG, _starts(b"\x89PNG\r\n\x1a\n")),
    (_WEBP, lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    (_BMP, _is_bmp),
    (_GIF, _starts(b"GIF87a", b"GIF89a")),
    (_TIFF, _starts(b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")),
    (_PNM, lambda head: re.match(rb"P[1-6]\s", head) is not None),
    (_AVIF, lambda head: head[4:8] == b"ftyp" and _is_avif(head)),
    (_HEIC, lambda head: head[4:8] == b"ftyp" and _is_heic(head)),
    (_JP2, _starts(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    (_PDF, _starts(b"%PDF-")),
)

_OTHER_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (Windows)"),
    (b"#!", "a script"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (b"push graphic-context", "an ImageMagick drawing (MVG)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"\0\0\2\0", "a cursor (CUR)"),
    (b"8BPS", "a Photoshop document (PSD)"),
    (b"AT&TFORM", "DjVu"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"OggS", "Ogg audio or video"),
    (b"ID3", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM video"),
    (b"RIFF", "audio or video (RIFF)"),
    (b"SQLite format 3", "a database"),
)

_ZIP_CONTENTS: tuple[tuple[bytes, str], ...] = (
    (b"word/", "a Word document (DOCX)"),
    (b"xl/", "an Excel workbook (XLSX)"),
    (b"ppt/", "a PowerPoint presentation (PPTX)"),
    (b"application/epub+zip", "an EPUB book"),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file"),
)


def _looks_like(head: bytes) -> str | None:
    for prefix, name in _OTHER_SIGNATURES:
        if head.startswith(prefix):
            return name
    if head.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08")):
        return next((name for part, name in _ZIP_CONTENTS if part in head), "a ZIP archive")
    if head[4:8] == b"ftyp":
        return "a video (MP4 or QuickTime)"
    return _looks_like_text(head)


def _looks_like_text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "plain text (UTF-16)"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text:
        return "a drawing (SVG)"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "an HTML page"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return None
    if b"%pdf-" in text[:1024]:
        return None
    return "JSON" if text.startswith((b"{", b"[")) else "plain text"
