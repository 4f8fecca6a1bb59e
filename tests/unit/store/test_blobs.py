"""The folder that keeps the uploads of jobs."""

import errno
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from maoocr.errors import StorageFull
from maoocr.store.blobs import FolderBlobs


def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(b"bytes")
    return path


async def test_what_is_put_can_be_fetched_after_its_source_is_gone(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    source = document(tmp_path)
    await blobs.put("01A/abc", source)
    source.unlink()
    await blobs.fetch("01A/abc", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"bytes"
    assert await blobs.groups() == ["01A"]


async def test_a_removed_group_is_gone_and_what_was_fetched_stays(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    await blobs.put("01A/abc", document(tmp_path))
    await blobs.fetch("01A/abc", tmp_path / "fetched")
    await blobs.remove("01A")
    await blobs.remove("01A")
    assert (tmp_path / "fetched").exists()
    with pytest.raises(FileNotFoundError):
        await blobs.fetch("01A/abc", tmp_path / "again")


async def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    blobs = FolderBlobs(tmp_path / "blobs")
    source = document(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", full)
        patched.setattr(shutil, "copyfile", full)
        with pytest.raises(StorageFull):
            await blobs.put("01A/abc", source)
    assert list((tmp_path / "blobs" / "01A").iterdir()) == []
    await blobs.put("01A/abc", source)


async def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    for key in ("../x", "a/../../x", "a", "/a", "a/b/c"):
        with pytest.raises(ValueError, match="key"):
            await blobs.put(key, document(tmp_path))
