"""The dashboards of Grafana: `scripts/docs` writes them into docker/grafana/dashboards."""

import json
from collections.abc import Callable
from functools import partial

from .cost import COST
from .drawing import drawn
from .engines import ENGINES
from .machine import MACHINE
from .model import Board
from .service import SERVICE
from .vllm import VLLM

__all__ = ["BOARDS", "PAGES", "written"]

BOARDS = (SERVICE, ENGINES, VLLM, COST, MACHINE)


def written(board: Board) -> str:
    """The text of its file."""
    return json.dumps(drawn(board), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    f"docker/grafana/dashboards/{board.uid}.json": partial(written, board) for board in BOARDS
}
"""Path of each file below the checkout, and who writes it."""
