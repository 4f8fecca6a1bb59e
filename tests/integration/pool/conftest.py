from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    yield made
    await made.close()
    assert made.processes() == [], "a process was left behind"
