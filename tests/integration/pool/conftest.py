from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    yield made
    await made.close()
    assert psutil.Process().children(recursive=True) == [], "a process was left behind"
