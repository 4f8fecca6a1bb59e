"""What is to be read, and where its result goes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import urlsplit

import typer

from ..client import Document

__all__ = ["Source", "Url", "find_sources"]

_URL = re.compile("https?://", re.ASCII | re.I)
_NOT_IN_NAMES = re.compile(r"[^\w.-]")

# fmt: off
_SUFFIXES = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpeg", ".jpg", ".jpx",
    ".pbm", ".pdf", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
})
# fmt: on


class Url(str):
    """An address that a server is to fetch."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One document.

    Attributes:
        name: as the person named it, or its path below the folder that he named.
        document: for a reader; None is stdin, a `Url` is for the server to fetch.
        target: the file to write; None is stdout.
    """

    name: str
    document: Document | None
    target: Path | None


def find_sources(files: Sequence[str], output: Path | None, suffix: str) -> list[Source]:
    """The documents in the order given; a folder stands for those in it, sorted.

    In a folder only files whose names end like images and documents are taken, and none that are
    hidden; a file that is named itself is taken whatever its name.

    Args:
        files: paths, addresses (http and https), and `-` for stdin.
        output: folder for the results; None is stdout.
        suffix: of the results' names.

    Raises:
        BadParameter: a folder has nothing to read, or two results would be one file.
    """
    if files.count("-") > 1:
        raise typer.BadParameter("Stdin can be read only once.")
    sources = []
    for file in files:
        for name, document, below in _expanded(file):
            target = output / below.with_name(below.name + suffix) if output else None
            sources.append(Source(name, document, target))
    targets = [source.target for source in sources if source.target]
    if twice := {target for target in targets if targets.count(target) > 1}:
        raise typer.BadParameter(f"Two results would be written to {min(twice)}.")
    return sources


def _expanded(file: str) -> Iterator[tuple[str, Document | None, PurePath]]:
    if file == "-":
        yield "-", None, PurePath("stdin")
        return
    if _URL.match(file):
        yield file, Url(file), PurePath(_name_of(file))
        return
    path = Path(file)
    if not path.is_dir():
        yield file, path, PurePath(path.name)
        return
    entries = [entry.relative_to(path) for entry in path.rglob("*") if entry.is_file()]
    found = sorted(
        below
        for below in entries
        if below.suffix.lower() in _SUFFIXES and not any(p.startswith(".") for p in below.parts)
    )
    if not found:
        raise typer.BadParameter(f"There is no image or document in {file}.")
    for below in found:
        yield str(path / below), path / below, below


def _name_of(url: str) -> str:
    """A name for the result of what lies at the address."""
    parts = urlsplit(url)
    last = parts.path.rstrip("/").rpartition("/")[2] or parts.netloc
    return _NOT_IN_NAMES.sub("_", last).strip(".") or "document"
