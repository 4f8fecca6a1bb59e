"""What the tests of the deployment share: an engine, images, names and ports of their own.

All of them need a Docker engine; where none answers the whole folder is left out with one line.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.engine import NO_ENGINE, ROOT, Engine, Images, engine_answers
from tests.deploy.stack import Stack
from tests.deploy.thorough import THOROUGH, entry_for
from tests.servers import free_port

LOOPBACK = ["127.0.0.1", "::1"]
GATEWAY_IMAGE = "maoocr/gateway:tests"
BUILD_S = 900.0
STUCK_S = 1800.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--patience",
        type=float,
        default=1.0,
        help="how many times longer than promised things may take, on a machine that is busy",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    own = [item for item in items if item.path.is_relative_to(here)]
    unknown = set(THOROUGH) - {entry_for(item) for item in own}
    if unknown and any(Path(argument).resolve() == here for argument in config.args):
        raise pytest.UsageError(f"tests/deploy/thorough.py names what is no test: {unknown}")
    absent = bool(own) and not engine_answers()
    for item in own:
        item.add_marker(pytest.mark.deploy)
        item.add_marker(pytest.mark.timeout(STUCK_S))
        item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        if entry := entry_for(item):
            item.add_marker(pytest.mark.thorough(THOROUGH[entry]))
        if absent:
            item.add_marker(pytest.mark.skip(reason=NO_ENGINE))


@pytest.fixture(scope="session")
def engine() -> Engine:
    """`engine("run", "--rm", image, "true")` is `docker run …`; see `Engine`."""
    return Engine()


@pytest.fixture(scope="session")
def images(engine: Engine) -> Images:
    """`images("nginx:1.27-alpine")` or `images.of("nginx")`: the name of an image that is there."""
    return Images(engine)


@pytest.fixture(scope="session")
def gateway_image(engine: Engine, images: Images) -> str:
    """The gateway, built from this checkout."""
    images("python:3.11-slim-bookworm")
    engine("build", "--target", "gateway", "-t", GATEWAY_IMAGE, str(ROOT), timeout_s=BUILD_S)
    return GATEWAY_IMAGE


@pytest.fixture(scope="session")
def patience(pytestconfig: pytest.Config) -> float:
    """By which what is promised in seconds is multiplied."""
    return float(pytestconfig.getoption("--patience"))


@pytest.fixture(scope="session")
def stack(
    engine: Engine,
    images: Images,
    gateway_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The whole deployment, started once by `./docker-start.sh`, for all tests that drive it."""
    images.all()
    project = f"maoocr-test-{uuid.uuid4().hex[:8]}"
    stack = Stack(engine, tmp_path_factory.mktemp("deploy"), project)
    try:
        stack.said = stack.start()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def prefix(engine: Engine) -> Iterator[str]:
    """How the names of a test begin: what is called so is removed when the test ends."""
    begins = f"maoocr-test-{uuid.uuid4().hex[:8]}"
    yield begins
    engine.remove(begins)


@pytest.fixture(scope="module")
def module_prefix(engine: Engine) -> Iterator[str]:
    """The same for what the tests of a file share."""
    begins = f"maoocr-test-{uuid.uuid4().hex[:8]}"
    yield begins
    engine.remove(begins)


@pytest.fixture(scope="session")
def port() -> Callable[[], int]:
    """`port()` is a port of the loopback that is free now."""
    return free_port
