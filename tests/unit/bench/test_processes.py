import os

import pytest

from bench.processes import cpu_seconds, memory, role_of, tree


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["python", "-m", "gunicorn", "--config", "configs/gunicorn.py"], "gateway"),
        (["python", "-c", "boot", "7", "42", "path", "maoocr.pool.worker"], "lane"),
        (["python", "-c", "from maoocr.documents.decoder import main; main()"], "decoder"),
    ],
)
def test_a_process_is_known_by_its_command(command: list[str], role: str) -> None:
    assert role_of(command) == role


def test_a_process_tree_has_time_and_memory() -> None:
    assert os.getpid() in [process.pid for process in tree(os.getpid())]
    assert cpu_seconds(os.getpid())["gateway"] > 0
    assert memory(os.getpid()).total > 1_000_000


def test_a_process_that_is_gone_has_neither() -> None:
    nobody = 2**22 + 1
    assert sum(cpu_seconds(nobody).values()) == 0
    assert memory(nobody).total == 0
