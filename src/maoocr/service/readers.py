"""Room for one document at the engines of its plan."""

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from ..domain import PageResult, Selection
from ..errors import EngineUnavailable, MaoOCRError, Overloaded
from ..pool import PageTask
from .by_type import TypePlans
from .fallback import may_follow
from .first_look import read_by_type
from .ports import Admission, PagePool

__all__ = ["Readers"]

_REFUSALS = (EngineUnavailable, Overloaded)


class Readers:
    """Room for one document at the engines of its plan; a context manager that gives it back.

    Room is taken at the first engine that has it. At the others it is taken when they are needed.
    """

    def __init__(
        self,
        pool: PagePool,
        selection: Selection,
        by_type: TypePlans,
        prices: Mapping[str, float],
        pages: int,
        *,
        client: str,
        deadline: float,
    ) -> None:
        """Take nothing yet; see `PagePool.admit` and `read_by_type`."""
        self._pool = pool
        self._selection = selection
        self._by_type = by_type
        self._prices = prices
        self._pages_left = pages
        self._client = client
        self._deadline = deadline
        self._stack = ExitStack()
        self._open: dict[str, Admission] = {}
        self._refused: dict[str, MaoOCRError] = {}

    def __enter__(self) -> Self:
        """Take room for all pages.

        Raises:
            MaoOCRError: what the chosen engine's pool says, when no fallback has room either.
        """
        failure: MaoOCRError | None = None
        for engine in (self._selection.engine, *self._selection.fallbacks):
            if not may_follow(engine, failure, self._selection, self._prices):
                continue
            try:
                self._admission(engine)
            except _REFUSALS as error:
                failure = failure or error
                continue
            return self
        raise failure or EngineUnavailable(f"The engine {self._selection.engine} takes nothing.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    async def read(self, task: PageTask) -> PageResult:
        """Read one page; see `read_by_type`."""
        try:
            return await read_by_type(
                task,
                self._selection,
                self._by_type,
                self._prices,
                self._admission,
                self._deadline,
            )
        finally:
            self._pages_left = max(1, self._pages_left - 1)

    def _admission(self, engine: str) -> Admission:
        if engine in self._refused:
            # A new one: what is raised twice would carry the traces of both.
            known = self._refused[engine]
            raise type(known)(known.message, retry_after_s=known.retry_after_s)
        if engine not in self._open:
            try:
                room = self._pool.admit(
                    engine, self._pages_left, client=self._client, deadline=self._deadline
                )
                self._open[engine] = self._stack.enter_context(room)
            except _REFUSALS as error:
                self._refused[engine] = error
                raise
        return self._open[engine]
