"""What all suites share: who may use the loopback, who needs a device, a bare environment."""

import os
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

# A busy machine is no error: nothing here is measured by time.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

LOOPBACK = ["127.0.0.1", "::1"]
OWN_NAMES = ("MODEL_PATH", "WEB_CONCURRENCY", "DATABASE_URL", "REDIS_URL")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--away-s",
        type=float,
        default=2.0,
        help="seconds that a server is away which tests stop under load",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Those that build images and start containers run where they are asked for by name."""
    if collection_path != Path(__file__).parent / "deploy":
        return None
    return None if any("tests/deploy" in argument for argument in config.args) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_device = pytest.mark.skip(reason="no CUDA device that ONNX Runtime can use")
    for item in items:
        if item.get_closest_marker("integration") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        if item.get_closest_marker("gpu") and not has_cuda():
            item.add_marker(no_device)
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """The quick ones first; the browser last, since Playwright keeps an event loop running."""
    if item.get_closest_marker("browser"):
        return 3
    if item.get_closest_marker("deploy"):
        return 2
    return 1 if item.get_closest_marker("integration") else 0


def has_cuda() -> bool:
    if find_spec("onnxruntime") is None:
        return False
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.fixture(scope="session", autouse=True)
def default_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither settings nor state of the person who runs the tests are those of the tests."""
    for name in list(os.environ):
        if name.startswith("MAOOCR_") or name in OWN_NAMES:
            del os.environ[name]
    os.environ["MAOOCR_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
