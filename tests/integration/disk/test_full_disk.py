"""Every folder of a gateway on a disk that is really full: refused clearly, whole, and mended."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.documents import png, scan
from tests.fakes.gateway import GatewayProcess
from tests.fakes.small_disk import CannotMount, SmallDisk, small_disk
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

PATIENCE_S = 90.0
SIZE_BYTES = 8 * 1024 * 1024
LITTLE_BYTES = 512 * 1024
LARGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 12_000
"""Three megabytes, of which some fit."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with small_disk(tmp_path / "disk", SIZE_BYTES) as disk:
            yield disk
    except CannotMount as reason:
        pytest.skip(f"a tmpfs cannot be mounted here: {reason}")


class Gateway:
    """A real one, inside the namespace of the disk."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def read(self, text: str) -> httpx.Response:
        return self.post("/api/ocr/recognize", "image", png(text))

    def make(self, *documents: bytes) -> httpx.Response:
        files = [("files", ("a", document)) for document in documents]
        return self._client.post("/api/ocr/jobs", files=files)

    def post(self, path: str, field: str, data: bytes) -> httpx.Response:
        return self._client.post(path, files={field: ("a", data)})

    def get(self, path: str) -> Any:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def history(self) -> list[str]:
        """All of it, the newest first."""
        return [item["text"] for item in self.get("/api/ocr/history?limit=100")["items"]]

    def until(self, path: str, holds: Callable[[httpx.Response], bool]) -> None:
        """Return when an answer is as it should be."""
        ends = time.monotonic() + PATIENCE_S
        while not holds(self._client.get(path)):
            assert time.monotonic() < ends
            threading.Event().wait(0.05)

    def until_ready(self) -> None:
        self.until("/readyz", lambda answer: answer.status_code == 200)


@contextmanager
def gateway(
    disk: SmallDisk, folder: Path, environment: dict[str, str], delay_s: float = 0.0
) -> Iterator[Gateway]:
    """Started; ended at exit."""
    process = GatewayProcess(folder, environment, disk.enter, delay_s=delay_s)
    try:
        with httpx.Client(base_url=process.url, timeout=PATIENCE_S, trust_env=False) as client:
            yield Gateway(client)
    finally:
        process.end()


def state_on(disk: SmallDisk) -> dict[str, str]:
    """The state of a gateway on that disk."""
    return {"MAOOCR_STATE_DIR": f"{disk.folder}/state"}


def refused(answer: httpx.Response, setting: str) -> bool:
    """It says that the disk is full, and where."""
    assert answer.status_code == 507, answer.text
    error = answer.json()["error"]
    assert error["code"] == "storage_full"
    assert error["retryable"]
    assert setting in error["message"]
    return True


@pytest.mark.parametrize("memory_bytes", ["0", "1048576"])
def test_a_full_spool_refuses_and_forgets(
    disk: SmallDisk, tmp_path: Path, memory_bytes: str
) -> None:
    settings = {"MAOOCR_SPOOL__DIR": f"{disk.folder}", "MAOOCR_SPOOL__MEMORY_BYTES": memory_bytes}
    with gateway(disk, tmp_path / "gateway", settings) as there:
        there.until_ready()
        before = disk.files
        disk.fill()
        refused(there.read("full"), "MAOOCR_SPOOL__DIR")
        refused(there.make(png("full")), "MAOOCR_SPOOL__DIR")
        refused(there.make(png("full"), LARGE), "MAOOCR_SPOOL__DIR")
        assert disk.files == before
        disk.empty()
        disk.fill(leave=LITTLE_BYTES)
        refused(there.post("/api/ocr/recognize", "image", LARGE), "MAOOCR_SPOOL__DIR")
        assert disk.files == before
        # What fits is read, although more was refused a moment ago.
        assert there.read("fits").json()["text"] == "fits"
        assert there.make(png("fits too")).status_code == 202
        assert there.history() == ["fits"]
        there.until("/api/ocr/jobs", lambda jobs: jobs.json()["items"][0]["status"] == "succeeded")
        assert len(there.get("/api/ocr/jobs")["items"]) == 1


def test_embedded_state_on_a_full_disk_keeps_every_answer_given_and_no_other(
    disk: SmallDisk, tmp_path: Path
) -> None:
    with gateway(disk, tmp_path / "gateway", state_on(disk)) as there:
        there.until_ready()
        assert there.get("/health")["checks"]["state"]["state"] == "degraded"
        given = ["before"]
        assert there.read("before").status_code == 200
        disk.fill(leave=LITTLE_BYTES)
        # The room ends in the middle of something that SQLite writes.
        for number in range(500):
            answer = there.read(f"last {number}")
            if answer.status_code != 200:
                break
            given.append(f"last {number}")
        assert refused(answer, "MAOOCR_STATE_DIR")
        disk.fill()
        for number in range(3):
            refused(there.read(f"full {number}"), "MAOOCR_STATE_DIR")
            refused(there.make(png("full")), "MAOOCR_STATE_DIR")
        # What is there can still be seen.
        assert "before" in there.get("/api/ocr/history?q=before")["items"][0]["text"]
        assert there.get("/api/ocr/jobs")["items"] == []
        assert not [name for name in disk.files if "blobs" in name]
        disk.empty()
        assert there.read("after").status_code == 200
        given.append("after")
        journal = "maoocr_history_journal_rows 0.0"
        there.until("/metrics", lambda answer: journal in answer.text)
        kept = there.get(f"/api/ocr/history?limit={len(given) + 5}")["items"]
        assert sorted(item["text"] for item in kept) == sorted(given)
        made = there.make(png("after"))
        assert made.status_code == 202
        job = f"/api/ocr/jobs/{made.json()['id']}"
        there.until(job, lambda shown: shown.json()["status"] == "succeeded")


def test_a_job_pauses_while_the_disk_is_full_and_has_each_page_once(
    disk: SmallDisk, tmp_path: Path
) -> None:
    with gateway(disk, tmp_path / "gateway", state_on(disk), delay_s=0.05) as there:
        there.until_ready()
        made = there.make(scan(*(f"page {number}" for number in range(1, 61))))
        job = f"/api/ocr/jobs/{made.json()['id']}"
        there.until(job, lambda shown: shown.json()["pages_done"] >= 5)
        disk.fill()
        refused(there.read("full"), "MAOOCR_STATE_DIR")
        stands = there.get(job)
        assert stands["status"] == "running"
        assert stands["pages_done"] < 60
        disk.empty()
        there.until(job, lambda shown: shown.json()["status"] == "succeeded")
        ended = there.get(job)
        assert (ended["pages_done"], ended["pages_failed"]) == (60, 0)


def test_a_full_disk_at_the_start_is_waited_for(disk: SmallDisk, tmp_path: Path) -> None:
    disk.fill()
    with gateway(disk, tmp_path / "gateway", state_on(disk)) as there:
        there.until("/livez", lambda answer: answer.status_code == 200)
        answer = there.read("too early")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        disk.empty()
        there.until_ready()
        assert there.read("at last").status_code == 200
        assert there.history() == ["at last"]


def test_a_full_journal_is_told_while_the_database_is_away(disk: SmallDisk, tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    state = state_on(disk) | {"DATABASE_URL": server.url()}
    try:
        with gateway(disk, tmp_path / "gateway", state) as there:
            there.until_ready()
            # A database that is there needs no room here, but uploads of jobs do.
            disk.fill(leave=LITTLE_BYTES)
            assert there.read("kept").status_code == 200
            refused(there.make(png("small"), LARGE), "MAOOCR_STATE_DIR")
            assert disk.files == []
            assert there.get("/api/ocr/jobs")["items"] == []
            server.stop()
            given = ["kept", "journalled"]
            assert there.read("journalled").json()["history"] == "deferred"
            disk.fill()
            # The last block of the journal's file may have room for some more.
            for number in range(20):
                answer = there.read(f"full {number}")
                if answer.status_code != 200:
                    break
                given.append(f"full {number}")
            refused(answer, "MAOOCR_STATE_DIR")
            refused(there.read("full"), "MAOOCR_STATE_DIR")
            disk.empty()
            assert there.read("room again").json()["history"] == "deferred"
            given.append("room again")
            server.start()
            journal = "maoocr_history_journal_rows 0.0"
            there.until("/metrics", lambda answer: journal in answer.text)
            assert sorted(there.history()) == sorted(given)
            assert disk.files == []
    finally:
        server.stop()


def test_an_original_that_has_no_room_is_no_answer(disk: SmallDisk, tmp_path: Path) -> None:
    # The database lies elsewhere, so that only originals need room.
    state = state_on(disk) | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/elsewhere.db",
        "MAOOCR_HISTORY__KEEP_ORIGINALS": "true",
    }
    with gateway(disk, tmp_path / "gateway", state) as there:
        there.until_ready()
        disk.fill()
        refused(there.read("full"), "MAOOCR_HISTORY__KEEP_ORIGINALS")
        assert disk.files == []
        disk.empty()
        answer = there.read("room")
        assert answer.status_code == 200
        assert len(disk.files) == 1
        assert there.history() == ["room"]
