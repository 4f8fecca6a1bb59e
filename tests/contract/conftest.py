"""The real servers and engines that contracts are held against."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from maoocr.engines.paddle import PaddleEngine
from maoocr.engines.paddle.folders import lay_out
from maoocr.engines.ppocr import PpocrEngine
from tests.servers import RedisServer, S3Server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ppocr_engine() -> Iterator[PpocrEngine]:
    ppocr = PpocrEngine(device="cpu", threads=2)
    yield ppocr
    ppocr.close()


@pytest.fixture(scope="session")
def paddle_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models' folder with PP-OCRv6 small, as `maoocr models paddle` makes it."""
    if find_spec("paddleocr") is None:
        pytest.skip("paddleocr is not here: scripts/install --paddle")
    root = tmp_path_factory.mktemp("models")
    lay_out("small", root)
    return root


@pytest.fixture(scope="session")
def paddle_engine(paddle_models: Path) -> Iterator[PaddleEngine]:
    paddle = PaddleEngine(model_path=str(paddle_models), threads=2)
    yield paddle
    paddle.close()
