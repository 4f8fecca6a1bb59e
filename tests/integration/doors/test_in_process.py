"""MaoOCR in this process: real lanes of the fake engine."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from maoocr import MaoOCR
from maoocr.engines.base import EngineSpec
from maoocr.errors import (
    EngineUnavailable,
    InvalidRequest,
    ShuttingDown,
    TooLarge,
    UnreadableDocument,
    UnsupportedMedia,
)
from maoocr.settings import LimitSettings, PoolSettings, Settings, SpoolSettings

pytestmark = pytest.mark.integration

FAKE = EngineSpec("fake", ".fake:FakeEngine")


def settings(tmp_path: Path) -> Settings:
    return Settings(
        engine="fake",
        pool=PoolSettings(lanes=1),
        spool=SpoolSettings(dir=tmp_path / "spool"),
        limits=LimitSettings(max_body_bytes=1_000_000),
    )


def our_threads() -> int:
    return sum(thread.name == "maoocr" for thread in threading.enumerate())


@pytest.fixture(scope="module")
def ocr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MaoOCR]:
    with MaoOCR(settings(tmp_path_factory.mktemp("ocr"))) as ocr:
        yield ocr


def test_a_path_the_bytes_and_a_file_read_the_same(ocr: MaoOCR, pictures: Path) -> None:
    path = pictures / "alpha.png"
    with path.open("rb") as file:
        assert ocr.recognize(path).text == "alpha"
        assert ocr.recognize(str(path)).text == "alpha"
        assert ocr.recognize(path.read_bytes()).text == "alpha"
        assert ocr.recognize(file).text == "alpha"


def test_a_reply_has_what_the_contract_names(ocr: MaoOCR, pictures: Path) -> None:
    reply = ocr.recognize(pictures / "beta.png", words=True)
    assert (reply.text, reply.confidence, reply.selected_models) == ("beta", 1.0, ("fake",))
    assert reply.processing_time >= reply.timings.recognize_s > 0
    assert reply.pages[0].lines[0].words is not None
    assert reply.request_id is None
    assert not reply.cached
    assert ocr.recognize(pictures / "beta.png", words=True).cached


def test_requirements_are_taken_and_checked(ocr: MaoOCR, pictures: Path) -> None:
    path = pictures / "gamma.png"
    assert ocr.recognize_with_requirements(path, {"document_type": "receipt"}).text == "gamma"
    with pytest.raises(InvalidRequest, match="Known are auto, simple_text"):
        ocr.recognize_with_requirements(path, {"document_type": "novel"})


def test_errors_are_those_of_the_tree(ocr: MaoOCR, pictures: Path) -> None:
    with pytest.raises(UnreadableDocument):
        ocr.recognize(pictures / "broken.png")
    with pytest.raises(UnsupportedMedia):
        ocr.recognize(b"just text")
    with pytest.raises(TooLarge, match="MAOOCR_LIMITS__MAX_BODY_BYTES"):
        ocr.recognize(bytes(1_000_001))
    with pytest.raises(InvalidRequest, match="dpi"):
        ocr.recognize(pictures / "alpha.png", dpi=1)
    with pytest.raises(FileNotFoundError):
        ocr.recognize(pictures / "no.png")


def test_threads_share_it(ocr: MaoOCR, pictures: Path) -> None:
    names = ["alpha", "beta", "gamma", "delta", "epsilon"] * 4
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda name: ocr.recognize(pictures / f"{name}.png").text, names)
        assert list(found) == names


def test_after_close_it_refuses_and_no_lane_is_left(tmp_path: Path, pictures: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    ocr = MaoOCR(settings(tmp_path))
    assert ocr.recognize(pictures / "alpha.png").text == "alpha"
    ocr.close()
    ocr.close()
    with pytest.raises(ShuttingDown, match="closed"):
        ocr.recognize(pictures / "alpha.png")
    assert set(psutil.Process().children(recursive=True)) == before
    assert list((tmp_path / "spool").iterdir()) == []


def test_an_engine_that_cannot_start_is_told_at_the_beginning(tmp_path: Path) -> None:
    threads = our_threads()
    with pytest.raises(EngineUnavailable):
        MaoOCR(settings(tmp_path), [EngineSpec("ghost", ".ghost:Nobody")])
    assert our_threads() == threads


PROGRAM = """
import sys
from maoocr import MaoOCR
print(MaoOCR().recognize(sys.argv[1]).text)
kept = MaoOCR()
print(kept.recognize(sys.argv[1]).text)
if sys.argv[2] == "raise":
    raise SystemExit(3)
"""


@pytest.mark.parametrize(("end", "code"), [("return", 0), ("raise", 3)])
def test_a_program_that_closes_nothing_ends_and_leaves_nothing(
    environment: dict[str, str], pictures: Path, tmp_path: Path, end: str, code: int
) -> None:
    environment = {**environment, "MAOOCR_SPOOL__DIR": str(tmp_path / "spool")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, pictures / "alpha.png", end],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"alpha\nalpha\n", b"", code)
    assert os.listdir(tmp_path / "spool") == []
