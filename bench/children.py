"""Child processes that work for the bench, one message at a time."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

__all__ = ["Children", "Handler"]

Handler = Callable[[Any], Any]


def _serve(
    connection: Connection, make: Callable[..., Handler], arguments: tuple[Any, ...]
) -> None:
    handle = make(*arguments)
    connection.send("ready")
    while (message := connection.recv()) is not None:
        connection.send(handle(message))
    connection.close()
    # Runtimes with threads of their own may hang in their destructors.
    os._exit(0)


class Children:
    """So many processes, each with a handler that it made itself; a context manager."""

    def __init__(self, count: int, make: Callable[..., Handler], *arguments: Any) -> None:
        """Start them; returns when all are ready.

        Args:
            count: how many.
            make: called in each child with the arguments; the messages go to what it returns. A
                function of a module, so that a fresh interpreter can import it.
            arguments: of `make`.
        """
        context = multiprocessing.get_context("spawn")
        self._connections: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)
        for connection in self._connections:
            connection.recv()

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection, process in zip(self._connections, self._processes, strict=True):
            if error is None:
                connection.send(None)
                process.join(5)
            if process.is_alive():
                process.kill()
            process.join()

    def __len__(self) -> int:
        return len(self._processes)

    def ask(self, message: Any) -> Any:
        """Let the first child handle one message."""
        self._connections[0].send(message)
        return self._connections[0].recv()

    def tell_all(self, message: Any) -> list[Any]:
        """Let every child handle the same message, at the same time."""
        for connection in self._connections:
            connection.send(message)
        return [connection.recv() for connection in self._connections]

    def share(self, messages: Iterable[Any]) -> list[Any]:
        """Let the children handle the messages, each as soon as it is free; in their order."""
        queue: Sequence[Any] = list(messages)
        answers: list[Any] = [None] * len(queue)
        at_work: dict[Connection, int] = {}
        idle = list(self._connections)
        sent = 0
        while sent < len(queue) or at_work:
            while idle and sent < len(queue):
                connection = idle.pop()
                connection.send(queue[sent])
                at_work[connection] = sent
                sent += 1
            for ready in wait(list(at_work)):
                assert isinstance(ready, Connection)
                answers[at_work.pop(ready)] = ready.recv()
                idle.append(ready)
        return answers
