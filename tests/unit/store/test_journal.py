import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maoocr.errors import StorageFull
from maoocr.store import journal as module
from maoocr.store.journal import MAGIC, Journal, frame, records_in

RECORDS = [b"one", b"", b"three" * 1000, b"\0" * 20]


def read(journal: Journal) -> list[bytes]:
    return [record for segment in journal.seal() for record in records_in(segment.path)]


def test_records_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(RECORDS[:2])
    journal.append(RECORDS[2:])
    assert journal.records == 4
    assert read(journal) == RECORDS
    journal.append([b"later"])
    assert read(journal) == [*RECORDS, b"later"]
    for segment in journal.seal():
        journal.remove(segment)
    assert journal.records == 0
    assert list((tmp_path / "journal").iterdir()) == []


def test_the_next_process_takes_over_what_is_left_and_a_living_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    dead, living, heir = (Journal(tmp_path) for _ in range(3))
    dead.append([b"left"])
    dead.close()
    living.append([b"mine"])
    heir.adopt()
    assert heir.records == 1
    assert read(heir) == [b"left"]
    living.close()


def test_a_file_that_somebody_takes_before_it_is_locked_is_left_to_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, other = Journal(tmp_path), Journal(tmp_path)
    locked = module._locked

    def late(path: Path, flags: int) -> int:
        if flags & os.O_CREAT and not list(tmp_path.iterdir()):
            path.touch()
            other.adopt()
            raise BlockingIOError
        return locked(path, flags)

    monkeypatch.setattr(module, "_locked", late)
    journal.append([b"mine"])
    assert read(journal) == [b"mine"]
    assert (other.records, len(list(tmp_path.iterdir()))) == (0, 2)
    other.close()


def test_a_killed_process_leaves_what_it_appended(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from maoocr.store.journal import Journal\n"
        "Journal(Path(sys.argv[1])).append([b'kept']); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=False)
    heir = Journal(tmp_path)
    heir.adopt()
    assert read(heir) == [b"kept"]


@given(
    records=st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    data=st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_cut_anywhere_costs_the_torn_record_only(
    tmp_path: Path, records: list[bytes], data: st.DataObject
) -> None:
    whole = MAGIC + b"".join(map(frame, records))
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / "cut.journal"
    path.write_bytes(whole[:cut])
    ends = [len(MAGIC) + sum(len(frame(r)) for r in records[: n + 1]) for n in range(len(records))]
    assert list(records_in(path)) == [
        record for record, end in zip(records, ends, strict=True) if end <= cut
    ]


@given(records=st.lists(st.binary(min_size=1, max_size=40), min_size=2, max_size=6), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_damaged_record_costs_no_other(
    tmp_path: Path, records: list[bytes], data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(records) - 1))
    frames = [bytearray(frame(record)) for record in records]
    frames[which][-1] ^= 0xFF
    path = tmp_path / "damaged.journal"
    path.write_bytes(MAGIC + b"".join(frames))
    assert list(records_in(path)) == records[:which] + records[which + 1 :]


def test_a_torn_tail_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "torn.journal"
    path.write_bytes(MAGIC + frame(b"whole") + frame(b"torn")[:-1])
    with caplog.at_level(logging.WARNING, "maoocr.store"):
        assert list(records_in(path)) == [b"whole"]
    assert "torn" in caplog.text


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.journal"
    path.write_bytes(b"not a journal at all")
    assert list(records_in(path)) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from maoocr.errors import StorageFull
from maoocr.store.journal import Journal

journal = Journal(Path(sys.argv[1]))
journal.append([b"before"])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    journal.append([b"x" * 3000, b"y" * 3000])
except StorageFull as error:
    print(error.message)
journal.append([b"after"])
"""
"""No file of this process may grow over 4 KiB: writing fails half way, as on a full disk."""


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    # In a process of its own: the limit holds for the log of the tests, too.
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "MAOOCR_STATE_DIR" in done.stdout
    journal = Journal(tmp_path)
    journal.adopt()
    assert read(journal) == [b"before", b"after"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFull):
        Journal(tmp_path / "file" / "journal").append([b"x"])
