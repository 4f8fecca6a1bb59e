import gc
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from maoocr.documents import child
from maoocr.documents.limits import DecodeLimits
from maoocr.documents.sandbox import Decoder
from maoocr.domain import OcrOptions
from maoocr.errors import CallerLeft
from tests.fakes.pdf_files import A4, Grey, Page, image, pdf, text
from tests.fakes.shelf import Shelf

pytestmark = pytest.mark.integration

GOOD = pdf(Page(text(60, 700, "good")))
SLOW = pdf(Page(b"0.01 w " + b"0 0 m 595 842 l S " * 1_000_000))
PICTURE = OcrOptions(pdf_text="ocr", dpi=600)
CHECKOUT = Path(__file__).parents[3]


def test_the_child_is_started_by_the_first_page_and_serves_the_next(tmp_path: Path) -> None:
    with Decoder(tmp_path, DecodeLimits()) as decoder:
        shelf = Shelf(tmp_path, decoder)
        pids = [decoder.pid]
        for _ in range(2):
            shelf.read(GOOD)
            pids.append(decoder.pid)
        assert pids[0] is None
        assert pids[1] is not None
        assert pids[1] == pids[2]


def test_nothing_is_left_after_close_and_a_closed_decoder_starts_again(tmp_path: Path) -> None:
    decoder = Decoder(tmp_path, DecodeLimits())
    shelf = Shelf(tmp_path, decoder)
    before = psutil.Process().num_fds()
    for _ in range(2):
        shelf.read(GOOD)
        pid = decoder.pid
        assert pid is not None
        decoder.close()
        decoder.close()
        assert not psutil.pid_exists(pid), "not even a zombie"
    gc.collect()
    assert psutil.Process().num_fds() == before


def test_the_child_is_confined(shelf: Shelf) -> None:
    shelf.decoder.start()
    assert shelf.decoder.pid is not None
    limits = {}
    for line in Path(f"/proc/{shelf.decoder.pid}/limits").read_text().splitlines()[1:]:
        limits[line[:26].strip()] = line[26:].split()[:2]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max data size"] == [str(DecodeLimits().memory_bytes)] * 2
    assert int(limits["Max open files"][0]) <= 64
    status = Path(f"/proc/{shelf.decoder.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Threads:\t1\n" in status


def test_the_child_does_not_learn_the_secrets_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:password@cache/0")
    monkeypatch.setenv("MAOOCR_ANYTHING", "secret")
    assert not {"REDIS_URL", "MAOOCR_ANYTHING"} & child.child_environment().keys()


def test_a_photograph_costs_no_new_child(tmp_path: Path) -> None:
    photograph = io.BytesIO()
    Image.radial_gradient("L").resize((5000, 5000)).convert("RGB").save(photograph, "JPEG")
    with Decoder(tmp_path, DecodeLimits()) as decoder:
        shelf = Shelf(tmp_path, decoder)
        shelf.read(GOOD)
        pid = decoder.pid
        for _ in range(2):
            shelf.read(photograph.getvalue())
        assert decoder.pid == pid is not None


def test_the_memory_does_not_grow_with_the_pages_of_a_document(tmp_path: Path) -> None:
    megabyte = 2**20
    scans = [Grey(1024, 1024, bytes([number]) * megabyte) for number in range(64)]
    data = pdf(*(Page(image("Im0", 0, 0, *A4), images=[scan]) for scan in scans))
    with Decoder(tmp_path, DecodeLimits()) as decoder:
        shelf = Shelf(tmp_path, decoder)
        sha256, kind = shelf.put(data)
        held = []
        for number in range(1, len(scans) + 1):
            decoder.page(sha256, kind, number, OcrOptions(pdf_text="ocr", dpi=72))
            memory = psutil.Process(decoder.pid).memory_info()
            held.append((memory.rss - memory.shared) / megabyte)
    assert max(held) - held[1] < 24, held


def test_a_caller_who_leaves_ends_the_work(tmp_path: Path) -> None:
    calls = 0

    def leave() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise CallerLeft("Nobody waits any more.")

    with Decoder(tmp_path, DecodeLimits()) as decoder:
        shelf = Shelf(tmp_path, decoder)
        sha256, kind = shelf.put(SLOW)
        with pytest.raises(CallerLeft):
            decoder.page(sha256, kind, 1, PICTURE, leave)
        assert decoder.pid is None
        assert shelf.read(GOOD).layer


def run_and_kill_the_parent(tmp_path: Path, then: Callable[[], None]) -> psutil.Process:
    """A process that decodes for ever, whose parent is killed once it does; that process."""
    shelf = Shelf(tmp_path, Decoder(tmp_path, DecodeLimits()))
    sha256, _ = shelf.put(SLOW)
    program = (
        "import sys; from pathlib import Path;"
        "from maoocr.documents.kinds import kind_named;"
        "from maoocr.documents.limits import DecodeLimits;"
        "from maoocr.documents.sandbox import Decoder;"
        "from maoocr.domain import OcrOptions;"
        "decoder = Decoder(Path(sys.argv[1]), DecodeLimits());"
        "decoder.start(); print(decoder.pid, flush=True);"
        "decoder.page(sys.argv[2], kind_named('pdf'), 1, OcrOptions(pdf_text='ocr', dpi=600))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), sha256],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "src")},
    ) as parent:
        assert parent.stdout is not None
        decoder = psutil.Process(int(parent.stdout.readline()))
        then()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    return decoder


def test_the_child_dies_with_its_parent_even_in_the_middle_of_a_page(tmp_path: Path) -> None:
    orphan = run_and_kill_the_parent(tmp_path, lambda: None)
    gone, alive = psutil.wait_procs([orphan], timeout=10)
    for process in alive:
        process.kill()
    assert gone == [orphan]


@pytest.mark.parametrize(("package", "path"), [("maoocr", "src"), ("src.maoocr", ".")])
def test_the_child_starts_under_both_names_of_the_package(
    tmp_path: Path, package: str, path: str
) -> None:
    shelf = Shelf(tmp_path, Decoder(tmp_path, DecodeLimits()))
    sha256, _ = shelf.put(GOOD)
    program = (
        "import json, sys; from pathlib import Path;"
        f"from {package}.documents.kinds import kind_named;"
        f"from {package}.documents.limits import DecodeLimits;"
        f"from {package}.documents.sandbox import Decoder;"
        f"from {package}.domain import OcrOptions;"
        "decoder = Decoder(Path(sys.argv[1]), DecodeLimits());"
        "page = decoder.page(sys.argv[2], kind_named('pdf'), 1, OcrOptions());"
        "decoder.close();"
        "print(json.dumps([line.text for line in page.layer]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), sha256],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / path)},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["good"]
    assert done.stderr == b""


def test_two_decoders_work_side_by_side(tmp_path: Path) -> None:
    texts: dict[int, list[str]] = {}

    def work(number: int) -> None:
        with Decoder(tmp_path, DecodeLimits()) as decoder:
            shelf = Shelf(tmp_path, decoder)
            data = pdf(*(Page(text(60, 700, f"{number}-{n}")) for n in range(1, 21)))
            pages = [shelf.read(data, n).layer or () for n in range(1, 21)]
            texts[number] = [line.text for page in pages for line in page]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {n: [f"{n}-{page}" for page in range(1, 21)] for n in range(2)}
