"""PaddleOCR beside PP-OCR in one service: the same pages through the HTTP API, and nobody asked."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from bench.folder import LabelledImage, labelled_images
from bench.scoring import score, total
from maoocr.engines.paddle.folders import lay_out

ROOT = Path(__file__).resolve().parents[3]
IMAGES = labelled_images(ROOT / "tests" / "data" / "open")
PATIENCE_S = 180.0

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        find_spec("paddleocr") is None, reason="paddleocr is not here: scripts/install --paddle"
    ),
]


class Hub:
    """Stands for the world outside, as a proxy; counts who asks."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.asked += 1
            connection.close()

    def close(self) -> None:
        self._listener.close()


@dataclass(frozen=True)
class Service:
    """A running one."""

    client: httpx.Client
    hub: Hub

    def read(self, image: LabelledImage, **query: str) -> dict[str, object]:
        reply = self.client.post(
            "/api/ocr/recognize", params=query, files={"image": image.path.read_bytes()}
        )
        assert reply.status_code == 200, reply.text
        answer: dict[str, object] = reply.json()
        return answer


def await_ready(client: httpx.Client) -> None:
    """Until the default engine reads and the database is there; each answer is waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while (reply := client.get("/readyz")).status_code != 200:
        assert time.monotonic() < deadline, reply.text


def serve(folder: Path, **environment: str) -> Iterator[Service]:
    hub = Hub()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAOOCR_")}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"), hub.url)
    process = subprocess.Popen(
        [sys.executable, "-m", "maoocr.cli", "serve", "--port", "0"],
        cwd=folder,
        env={
            **kept,
            **proxies,
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(folder),
            "MODEL_PATH": str(folder / "models"),
            "MAOOCR_STATE_DIR": str(folder / "state"),
            "MAOOCR_SPOOL__DIR": str(folder / "spool"),
            "MAOOCR_EXTRA_ENGINES": "paddle",
            "MAOOCR_POOL__LANES": "1",
            "MAOOCR_POOL__MAX_QUEUE_SECONDS": "600",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        while (found := re.search(r"http://127\.0\.0\.1:\d+", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        with httpx.Client(base_url=found[0], timeout=PATIENCE_S, trust_env=False) as client:
            await_ready(client)
            yield Service(client, hub)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
            hub.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    lay_out("small", folder / "models")
    yield from serve(folder)


def test_paddleocr_reads_the_open_pages_as_well_as_ppocr_does(service: Service) -> None:
    scores = {}
    for engine in ("ppocr", "paddle"):
        answers = [service.read(image, engine=engine) for image in IMAGES]
        assert {tuple(answer["selected_models"]) for answer in answers} == {(engine,)}  # type: ignore[arg-type]
        scores[engine] = total(
            score(image.text, str(answer["text"]), ordered=image.ordered, case=image.case)
            for image, answer in zip(IMAGES, answers, strict=True)
        )
    assert len(IMAGES) == 10
    assert scores["ppocr"].char_f1 > 0.97
    assert scores["paddle"].char_f1 == pytest.approx(scores["ppocr"].char_f1, abs=0.01)
    assert scores["paddle"].cer == pytest.approx(scores["ppocr"].cer, abs=0.01)
    assert service.hub.asked == 0


def test_a_request_that_names_no_engine_goes_to_the_default_one(service: Service) -> None:
    assert service.read(IMAGES[0])["selected_models"] == ["ppocr"]


def test_both_engines_read_side_by_side(service: Service) -> None:
    found: dict[str, dict[str, object]] = {}

    def read(engine: str) -> None:
        found[engine] = service.read(IMAGES[1], engine=engine, words="true")

    readers = [threading.Thread(target=read, args=[engine]) for engine in ("ppocr", "paddle")]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(PATIENCE_S)
    assert {engine: answer["selected_models"] for engine, answer in found.items()} == {
        "ppocr": ["ppocr"],
        "paddle": ["paddle"],
    }


def test_the_second_engine_has_one_lane_and_says_what_it_runs(service: Service) -> None:
    service.read(IMAGES[0], engine="paddle")
    reply = service.client.get("/api/ocr/engines")
    (paddle,) = [each for each in reply.json()["engines"] if each["name"] == "paddle"]
    assert paddle["details"]["runtime"] == "onnxruntime"
    assert paddle["details"]["paddleocr"].startswith("3.")
    assert "ja" in paddle["languages"]


@pytest.fixture(scope="module")
def without_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from serve(tmp_path_factory.mktemp("bare"))


def test_without_its_models_the_engine_names_the_folder_and_the_command(
    without_models: Service,
) -> None:
    answer = without_models.read(IMAGES[0], engine="paddle")
    assert answer["selected_models"] == ["ppocr"]
    assert "paddle could not read" in str(answer["selection"])
    reply = without_models.client.get("/api/ocr/engines")
    (paddle,) = [each for each in reply.json()["engines"] if each["name"] == "paddle"]
    assert paddle["state"] == "absent"
    assert "models/paddle has no folder" in paddle["failure"]
    assert "maoocr models paddle" in paddle["failure"]
    assert without_models.hub.asked == 0


def test_without_its_models_the_service_is_ready_with_its_default_engine(
    without_models: Service,
) -> None:
    assert without_models.read(IMAGES[0])["selected_models"] == ["ppocr"]
    assert without_models.client.get("/readyz").status_code == 200
