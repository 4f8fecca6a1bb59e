import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from maoocr.errors import StorageFull
from maoocr.store.originals import YOUNG_S, Originals

NAME = "a" * 64


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(b"picture")
    return path


def age(path: Path) -> None:
    long_ago = datetime.now(UTC).timestamp() - YOUNG_S - 60
    os.utime(path, (long_ago, long_ago))


def test_an_upload_is_kept_once_and_privately(tmp_path: Path, upload: Path) -> None:
    originals = Originals(tmp_path / "originals")
    originals.keep(NAME, upload)
    upload.write_bytes(b"something else")
    originals.keep(NAME, upload)
    assert originals.path(NAME).read_bytes() == b"picture"
    assert originals.path(NAME).stat().st_mode & 0o777 == 0o600


def test_only_old_files_may_go_and_leftovers_do(tmp_path: Path, upload: Path) -> None:
    originals = Originals(tmp_path / "originals")
    assert list(originals.old()) == []
    originals.keep(NAME, upload)
    assert list(originals.old()) == []
    age(originals.path(NAME))
    torn = tmp_path / "originals" / "0.part"
    torn.touch()
    age(torn)
    assert list(originals.old()) == [NAME]
    assert not torn.exists()
    originals.keep(NAME, upload)
    assert list(originals.old()) == []
    originals.remove([NAME, "b" * 64])
    assert not originals.path(NAME).exists()


def test_no_room_is_told_with_its_setting(tmp_path: Path, upload: Path) -> None:
    (tmp_path / "originals").touch()
    with pytest.raises(StorageFull, match="MAOOCR_HISTORY__KEEP_ORIGINALS"):
        Originals(tmp_path / "originals").keep(NAME, upload)
