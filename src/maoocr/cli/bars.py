"""A progress bar for each file that comes, where somebody looks."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

from ..engines.hub import HubFile
from ..engines.manifest import ModelFile

__all__ = ["Bars"]


class Bars:
    """Draws on stderr, and nothing where that is no terminal."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), SpeedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def report(self, file: ModelFile, done_bytes: int, total_bytes: int | None) -> None:
        """So much of a file is there."""
        self._show(file.path, done_bytes, total_bytes)

    def hub_report(self, file: HubFile, done_bytes: int) -> None:
        """So much of a file of a hub is there."""
        self._show(file.path, done_bytes, file.size_bytes)

    def _show(self, path: str, done_bytes: int, total_bytes: int | None) -> None:
        if path not in self._tasks:
            self._tasks[path] = self._progress.add_task(path, total=total_bytes)
        self._progress.update(self._tasks[path], completed=done_bytes, total=total_bytes)
