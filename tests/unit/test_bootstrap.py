from pathlib import Path

import pytest

from maoocr.bootstrap import open_runtime, runtime
from maoocr.engines.base import EngineSpec
from maoocr.pool import cores
from maoocr.settings import PoolSettings, Settings, SpoolSettings


class Stop(Exception):
    """Ends the start where the pool would begin its processes."""


@pytest.mark.parametrize(("asked", "processes", "threads"), [(0, 1, 4), (0, 2, 3), (6, 1, 6)])
async def test_an_engine_is_made_for_as_many_threads_as_a_lone_page_may_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: int, processes: int, threads: int
) -> None:
    seen: list[EngineSpec] = []

    def pool(specs: tuple[EngineSpec, ...], *_: object, **__: object) -> None:
        seen.extend(specs)
        raise Stop

    monkeypatch.setattr(cores, "available_cores", lambda: 6)
    monkeypatch.setattr(runtime, "Pool", pool)
    settings = Settings(
        _env_file=None,
        web_concurrency=processes,
        pool=PoolSettings(threads=asked),
        spool=SpoolSettings(dir=tmp_path),
    )
    with pytest.raises(Stop):
        async with open_runtime(settings):
            raise AssertionError
    assert [spec.options["threads"] for spec in seen] == [threads]
