"""One real vLLM for all tests that want it: it takes a minute to start."""

from collections.abc import Iterator

import pytest

from tests.vllm_server import RealVllm, vllm_python


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealVllm]:
    python = vllm_python()
    assert python is not None
    server = RealVllm(python, tmp_path_factory.mktemp("vllm"), "--api-key", "sk-test")
    server.start()
    yield server
    server.stop()
