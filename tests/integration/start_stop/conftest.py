"""A checkout of its own for each test: the scripts are copied, the rest is linked."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.start_stop.checkouts import COPIED, LINKED, ROOT, Checkout, is_running


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Checkout:
    """Without an environment, as a clone is."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name)
        else:
            shutil.copy(source, root / name)
    for name in LINKED[:-1]:
        (root / name).symlink_to(ROOT / name)
    return Checkout(root)


@pytest.fixture
def checkout(bare_checkout: Checkout) -> Iterator[Checkout]:
    """With the environment of this one, and the engine that needs no model."""
    (bare_checkout.root / ".venv").symlink_to(ROOT / ".venv")
    bare_checkout.environment["MAOOCR_ENGINE"] = "fake"
    yield bare_checkout
    if (bare_checkout.root / "run/server").exists() and is_running(bare_checkout.pid):
        os.kill(bare_checkout.pid, signal.SIGKILL)
