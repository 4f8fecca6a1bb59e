from collections.abc import Iterator
from pathlib import Path

import pytest

from maoocr.documents.limits import DecodeLimits
from maoocr.documents.sandbox import Decoder
from tests.fakes.shelf import Shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """One child for all tests that do not end it."""
    root = tmp_path_factory.mktemp("documents")
    with Decoder(root, DecodeLimits()) as decoder:
        yield Shelf(root, decoder)


@pytest.fixture
def strict_shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A child of its own with little memory and time, for documents that end it."""
    limits = DecodeLimits(memory_bytes=256 * 1024 * 1024, decode_seconds=2.0)
    with Decoder(tmp_path, limits) as decoder:
        yield Shelf(tmp_path, decoder)
