"""Whether the weights of a model lie whole in their folder.

`maoocr models pull` leaves a lock file beside them, with each file's size, and holds another file
locked while it fetches; both are known to `maoocr.engines.hub_folder`, and a test holds the names
together. Weights that were put there by hand are believed by what their own files say.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["LOCK_NAME", "PULL_NAME", "USE_NAME", "lack_of", "mark_as_used"]

LOCK_NAME = ".maoocr-lock.json"
PULL_NAME = ".maoocr-pull"
USE_NAME = ".maoocr-use"

_INDEX = "*.safetensors.index.json"
_LARGEST_HEADER_BYTES = 100_000_000
"""The format's own limit: https://github.com/huggingface/safetensors."""


def lack_of(folder: Path) -> str:
    """What the folder lacks before a server can load it, as a sentence; empty for nothing."""
    try:
        return next(_lacks(folder), "")
    except OSError as error:
        return (
            f"{error.filename or folder} cannot be read by user {os.getuid()}:"
            f" {error.strerror or error}."
        )
    except _Damaged as damaged:
        return f"{damaged} is damaged."


def mark_as_used(folder: Path) -> None:
    """Keep `maoocr models remove` from the folder for as long as this process lives.

    The mark passes to the program that takes the process over. Where the file of the mark is not
    there, or cannot be locked, nothing is marked.
    """
    try:
        handle = os.open(folder / USE_NAME, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return
    os.set_inheritable(handle, True)


class _Damaged(Exception):
    """A file that says nothing sound."""


def _lacks(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"There are no weights in {folder} yet."
        return
    if _is_being_pulled(folder):
        yield f"The weights in {folder} are being fetched."
    yield from _lacks_of_lock(folder)
    if not _is_file(folder / "config.json"):
        yield f"There are no weights in {folder} yet: it has no config.json."
    _json(folder / "config.json")
    shards = _shards(folder)
    if not shards:
        yield f"There are no weights in {folder} yet: it has no safetensors."
    for shard in shards:
        if not _is_file(shard):
            yield f"{shard} is missing."
        elif shard.stat().st_size < (whole := _whole_size(shard)):
            yield f"{shard} has {shard.stat().st_size} of {whole} bytes."


def _lacks_of_lock(folder: Path) -> Iterator[str]:
    if not _is_file(folder / LOCK_NAME):
        return
    try:
        files = [
            (str(file["path"]), int(file["size_bytes"]))
            for file in _json(folder / LOCK_NAME)["files"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise _Damaged(folder / LOCK_NAME) from error
    for name, size in files:
        if not _is_file(folder / name):
            yield f"{folder / name} is missing."
        elif (there := (folder / name).stat().st_size) != size:
            yield f"{folder / name} has {there} of {size} bytes."


def _is_file(path: Path) -> bool:
    """Like `Path.is_file`, which calls a file absent that must not be looked at."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return path.is_file()


def _is_being_pulled(folder: Path) -> bool:
    try:
        with (folder / PULL_NAME).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _Damaged(path) from error
    if not isinstance(told, dict):
        raise _Damaged(path)
    return told


def _shards(folder: Path) -> list[Path]:
    """The files with the weights: those that an index names, else those that are there."""
    indexes = sorted(folder.glob(_INDEX))
    if not indexes:
        return sorted(folder.glob("*.safetensors"))
    names = set[str]()
    for index in indexes:
        by_weight = _json(index).get("weight_map")
        if not isinstance(by_weight, dict) or not by_weight:
            raise _Damaged(index)
        names |= {str(name) for name in by_weight.values()}
    return [folder / name for name in sorted(names)]


def _whole_size(shard: Path) -> int:
    """Bytes that a file of safetensors is to have, as its header says."""
    with shard.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LARGEST_HEADER_BYTES:
            raise _Damaged(shard)
        header = file.read(length)
    if len(header) < length or length < 2:
        return 8 + max(length, 2)
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name[:2] != "__"]
        return 8 + length + max(map(int, ends), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise _Damaged(shard) from error
