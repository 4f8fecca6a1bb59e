"""Several documents in the works at once, their results in the order of the documents."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Protocol, Unpack, cast

from ..client import Document, Reply
from ..client.wire import Asked
from ..errors import Forbidden, MaoOCRError, NotFound, UnreadableDocument
from .sources import Source, Url

__all__ = ["Outcome", "Reader", "in_order"]

Outcome = Reply | MaoOCRError

_CHUNK_BYTES = 1024 * 1024


class Reader(Protocol):
    """Who reads: this process, or a server."""

    async def recognize(self, document: Document, **asked: Unpack[Asked]) -> Reply: ...


class UrlReader(Protocol):
    """Who also fetches: a server."""

    async def recognize_url(self, url: str, **asked: Unpack[Asked]) -> Reply: ...


async def in_order(
    reader: Reader,
    sources: Sequence[Source],
    asked: Asked,
    at_once: int,
    done: Callable[[], None],
) -> AsyncIterator[tuple[Source, Outcome]]:
    """Read the documents; a failure is that document's outcome.

    Args:
        reader: who reads; also a `UrlReader` where a document is a `Url`.
        sources: the documents.
        asked: options for all of them.
        at_once: how many are in the works at the same time.
        done: called when a document is done, in the order in which that happens.
    """
    room = asyncio.Semaphore(at_once)

    async def outcome(source: Source) -> Outcome:
        async with room:
            try:
                return await _read(reader, source.document, asked)
            except MaoOCRError as error:
                return error
            except OSError as error:
                return _told(source, error)
            finally:
                done()

    running: deque[tuple[Source, asyncio.Task[Outcome]]] = deque()
    try:
        for source in sources:
            running.append((source, asyncio.create_task(outcome(source))))
            # A slow document holds back the output of the others, which must not pile up.
            if len(running) >= 8 * at_once:
                first, task = running.popleft()
                yield first, await task
        while running:
            first, task = running.popleft()
            yield first, await task
    finally:
        for _, task in running:
            task.cancel()
        if running:
            await asyncio.wait([task for _, task in running])


async def _read(reader: Reader, document: Document | None, asked: Asked) -> Reply:
    if isinstance(document, Url):
        return await cast(UrlReader, reader).recognize_url(document, **asked)
    if document is None:
        document = await _standard_input()
    return await reader.recognize(document, **asked)


async def _standard_input() -> bytes:
    """All of stdin.

    Read by a thread of its own that nobody waits for: a read of a terminal or a pipe ends when the
    other side wants, and Ctrl-C must not have to wait for that.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes | None, error: OSError | None) -> None:
        if not arrived.done():
            arrived.set_exception(error) if error else arrived.set_result(data or b"")

    def read() -> None:
        data, error = bytearray(), None
        try:
            # Not sys.stdin: a thread that holds its lock aborts the interpreter at the exit.
            while chunk := os.read(0, _CHUNK_BYTES):
                data += chunk
        except OSError as failure:
            error = failure
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, bytes(data), error)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return await arrived


def _told(source: Source, error: OSError) -> MaoOCRError:
    if isinstance(error, FileNotFoundError):
        return NotFound("There is no such file.")
    if isinstance(error, PermissionError):
        return Forbidden("The file may not be read.")
    return UnreadableDocument(f"The file cannot be read: {error.strerror or error}.")
