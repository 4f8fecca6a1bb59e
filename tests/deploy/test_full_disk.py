"""A disk that runs full while a backup is brought back: nothing of what was there is lost.

The volumes are small and lie in memory, where a container holds them while nobody else does.
"""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.deploy.engine import Engine, Images
from tests.deploy.front import until
from tests.deploy.stack import SCRIPT_S, Stack

OVERRIDE = """
volumes:
  state:
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=96m,uid=1000,gid=1000,mode=0755"}
  postgres:
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=256m,uid=70,mode=0700"}
"""
SETTINGS = "\nMAOOCR_HISTORY__KEEP_ORIGINALS=true\nMAOOCR_POOL__LANES=1\n"
READING = "Reading the rows"
CHANGING = "Changing over."
WELL_S = 60.0
JOB_S = 300.0
PAGES = 4
SIDE = 1400
"""Pixels of a picture that is kept as it is: 6 MB on the disk."""


def large(words: str) -> bytes:
    """A picture that says something and takes some room."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(image).text((130, 120), words, "black", ImageFont.load_default(64))
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    return file.getvalue()


class Small:
    """A deployment on small disks."""

    def __init__(self, stack: Stack, holder: str) -> None:
        self.stack = stack
        self._holder = holder

    def fill(self, disk: str, leaving_mib: int = 0) -> None:
        """Take all the room that there is, or nearly all."""
        room_mib = int(self._inside(f"df -Pm /{disk} | awk 'NR == 2 {{ print $4 }}'"))
        count = room_mib - leaving_mib if leaving_mib else room_mib + 1
        self._inside(f"dd if=/dev/zero of=/{disk}/ballast bs=1M count={count}")

    def empty(self, disk: str) -> None:
        """Give it back."""
        self._inside(f"rm -f /{disk}/ballast")

    def wait_until_stored(self) -> None:
        """Until all is well, and the database, which the disk may have ended, is found again."""
        self.stack.wait_until_well(WELL_S)
        with self.stack.client() as client:
            until(lambda: client.get("/api/ocr/history").status_code == 200, WELL_S)

    def left_over(self) -> list[str]:
        """What a restore has left behind."""
        (postgres,) = self.stack.containers("postgres")
        listed = self.stack.inside(
            postgres, "psql", "-U", "maoocr", "-Atc", "select datname from pg_database"
        )
        assert listed.returncode == 0, listed.stderr
        found = [name for name in listed.stdout.split() if name.startswith("maoocr_")]
        return found + self._inside("ls -d /state/.restored 2>/dev/null").split()

    def _inside(self, line: str) -> str:
        return self.stack.engine.tried("exec", self._holder, "sh", "-c", line).stdout

    def restore(self, backup: Path, full: str = "", when: str = "") -> tuple[int, str]:
        """Bring a backup back; as soon as it says this, a disk is full. Exit status and words."""
        command = ("scripts/restore", str(backup), "--yes")
        if not full:
            done = self.stack.run(*command)
            return done.returncode, done.stdout + done.stderr
        with self.stack.running(*command) as process:
            said = []
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if when in line:
                    self.fill(full)
            return process.wait(SCRIPT_S), "".join(said)


@pytest.fixture(scope="module")
def small(
    engine: Engine,
    images: Images,
    gateway_image: str,
    module_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Small]:
    images.all()
    folder = tmp_path_factory.mktemp("small")
    stack = Stack(engine, folder, module_prefix)
    (folder / "docker-compose.override.yml").write_text(OVERRIDE)
    (folder / ".env").write_text((folder / ".env.example").read_text() + SETTINGS)
    try:
        stack.said = stack.start(*stack.without_watchers)
        holder = f"{module_prefix}-holder"
        engine(
            *("run", "--detach", "--name", holder, "--user", "0:0", "--no-healthcheck"),
            *("-v", f"{module_prefix}_state:/state", "-v", f"{module_prefix}_postgres:/postgres"),
            *(gateway_image, "sleep", "infinity"),
        )
        yield Small(stack, holder)
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def document(small: Small) -> tuple[str, bytes]:
    """An answer that is in the backup: its id, and what was uploaded."""
    return answered(small.stack, "Order 271828")


@pytest.fixture(scope="module")
def backup(small: Small, document: tuple[str, bytes], tmp_path_factory: Any) -> Path:
    file: Path = tmp_path_factory.mktemp("backup") / "backup.tar"
    small.stack.wait_until_journal_is_empty()
    small.stack.did("scripts/backup", str(file))
    return file


@pytest.fixture(scope="module")
def later(small: Small, backup: Path) -> tuple[str, bytes]:
    """An answer of afterwards."""
    return answered(small.stack, "Order 314159")


def answered(stack: Stack, words: str) -> tuple[str, bytes]:
    picture = large(words)
    with stack.client() as client:
        files = {"image": ("order.png", picture, "image/png")}
        answer = client.post("/api/ocr/recognize", files=files)
    assert answer.status_code == 200, answer.text
    assert words.split()[-1] in answer.json()["text"], answer.json()["text"]
    return str(answer.json()["history_id"]), picture


def assert_kept(stack: Stack, answer: tuple[str, bytes]) -> None:
    """The answer is there with what was uploaded."""
    row, picture = answer
    with stack.client() as client:
        assert client.get(f"/api/ocr/history/{row}").status_code == 200
        assert client.get(f"/api/ocr/history/{row}/original").content == picture


@pytest.mark.parametrize(
    ("disk", "what"), [("postgres", "the rows"), ("state", "the files of the gateways")]
)
def test_what_has_no_room_is_not_begun(
    small: Small, backup: Path, later: tuple[str, bytes], disk: str, what: str
) -> None:
    before = {container.id for container in small.stack.containers()}
    small.fill(disk, leaving_mib=2)
    status, said = small.restore(backup)
    small.empty(disk)
    assert status != 0
    assert f"There is no room in the volume: {what}" in said
    # Postgres writes a little of its own meanwhile.
    assert re.search(r" [012] MiB left\. Nothing was touched\.", said)
    assert small.left_over() == []
    assert {container.id for container in small.stack.containers()} == before
    assert_kept(small.stack, later)


@pytest.mark.parametrize(("disk", "when"), [("postgres", READING), ("state", CHANGING)])
def test_a_disk_that_runs_full_in_the_midst_takes_nothing_with_it(
    small: Small,
    backup: Path,
    document: tuple[str, bytes],
    later: tuple[str, bytes],
    disk: str,
    when: str,
) -> None:
    with small.stack.client() as client:
        files = [("files", (f"{n}.png", large(f"Page {n}"), "image/png")) for n in range(PAGES)]
        made = client.post("/api/ocr/jobs", files=files)
        assert made.status_code == 202, made.text
    status, said = small.restore(backup, full=disk, when=when)
    small.empty(disk)
    assert status != 0
    assert "No space left on device" in said or "the volume has 0 MiB left" in said
    assert "What was there is as it was." in said
    small.wait_until_stored()
    assert small.left_over() == [] or "What was read so far cannot be removed" in said
    assert_kept(small.stack, document)
    assert_kept(small.stack, later)
    # What was in work goes on.
    job = f"/api/ocr/jobs/{made.json()['id']}"
    with small.stack.client() as client:
        until(lambda: client.get(job).json()["status"] == "succeeded", JOB_S)
        lines = client.get(f"{job}/results").text.splitlines()
    assert sorted(json.loads(line)["file"] for line in lines) == [f"{n}.png" for n in range(PAGES)]


def test_with_room_it_is_what_it_was(
    small: Small, backup: Path, document: tuple[str, bytes], later: tuple[str, bytes]
) -> None:
    status, said = small.restore(backup)
    assert status == 0, said
    small.stack.wait_until_well(WELL_S)
    assert_kept(small.stack, document)
    with small.stack.client() as client:
        assert client.get(f"/api/ocr/history/{later[0]}").status_code == 404
    assert small.left_over() == []
