"""The same calls in this process: no server, the lanes are its own."""

import asyncio

# By name, so that its own hook at the interpreter's exit is set, and is called after ours.
import concurrent.futures.thread
import io
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from ..domain import Requirements
from ..engines.base import EngineSpec
from ..errors import ShuttingDown
from ..settings import Settings
from .reply import Reply
from .wire import Asked, Document, requirements_object

if TYPE_CHECKING:
    from ..bootstrap import Runtime

__all__ = ["LocalReader", "MaoOCR"]

T = TypeVar("T")

_CHUNK_BYTES = 1024 * 1024


class LocalReader:
    """Reads documents in this process, from coroutines of one event loop."""

    def __init__(
        self, settings: Settings | None = None, specs: Sequence[EngineSpec] | None = None
    ) -> None:
        """Take the settings; entering the context starts the lanes.

        Args:
            settings: those of the environment when left out.
            specs: the engines; those of the settings when left out.
        """
        self._settings = settings
        self._specs = specs
        self._stack = AsyncExitStack()
        self._runtime: Runtime | None = None

    async def __aenter__(self) -> Self:
        # Imported here: who only talks to a server must not pay for the whole of one.
        from ..bootstrap import open_runtime

        runtime = open_runtime(self._settings or Settings(), self._specs)
        self._runtime = await self._stack.enter_async_context(runtime)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runtime = None
        await self._stack.aclose()

    async def recognize(
        self,
        document: Document,
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read the text of an image or a document; see `Client.recognize`."""
        from ..service.options import parse_options
        from ..service.requirements import parse_requirements

        if self._runtime is None:
            raise ShuttingDown("This reader is closed.")
        started_s = time.monotonic()
        options = parse_options({**asked, "pages": str(asked.get("pages", "all"))})
        needed = parse_requirements(requirements_object(requirements)) if requirements else None
        upload = await self._spooled(self._runtime, document)
        upload_s = time.monotonic() - started_s
        result = await self._runtime.recognizer.recognize(
            upload, options, requirements=needed, engine=asked.get("engine")
        )
        total_s = time.monotonic() - started_s
        timings = replace(result.timings, upload_s=upload_s, total_s=total_s)
        return Reply.of(replace(result, timings=timings))

    async def _spooled(self, runtime: "Runtime", document: Document) -> Any:
        writer = runtime.spool.writer(runtime.settings.limits.max_body_bytes)
        try:
            with ExitStack() as stack:
                if isinstance(document, bytes):
                    document = io.BytesIO(document)
                elif isinstance(document, str | os.PathLike):
                    document = stack.enter_context(open(document, "rb"))  # noqa: ASYNC230
                while chunk := await asyncio.to_thread(document.read, _CHUNK_BYTES):
                    await writer.write(chunk)
            return await writer.finish()
        except BaseException:
            writer.abort()
            raise


class MaoOCR:
    """Reads documents in this process, from ordinary code and from any thread.

    The lanes start with the object and end with `close`, with the `with` block, when the object is
    dropped, or at the interpreter's exit, whichever comes first.
    """

    def __init__(
        self, settings: Settings | None = None, specs: Sequence[EngineSpec] | None = None
    ) -> None:
        """Start the lanes and wait until one is ready.

        Args:
            settings: those of the environment when left out.
            specs: the engines; those of the settings when left out.

        Raises:
            EngineUnavailable: no lane could be started.
        """
        self._background = _Background(LocalReader(settings, specs))
        self._finalizer = weakref.finalize(self, self._background.close)
        self._finalizer.atexit = False

    def recognize(
        self,
        document: Document,
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read the text of an image or a document.

        Args:
            document: a path, the bytes, or a file open for reading in binary.
            requirements: what is needed of the answer.
            asked: options of the recognition (`Asked`).

        Raises:
            MaoOCRError: as the tree in `errors` tells.
            OSError: the path cannot be read.
        """
        return self._background.run(
            lambda reader: reader.recognize(document, requirements=requirements, **asked)
        )

    def recognize_with_requirements(
        self,
        document: Document,
        requirements: Requirements | Mapping[str, Any],
        **asked: Unpack[Asked],
    ) -> Reply:
        """Read with the engine that suits what is required; else as `recognize`."""
        return self.recognize(document, requirements=requirements, **asked)

    def close(self) -> None:
        """Stop the lanes. Idempotent; calls that still run end with ShuttingDown."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Background:
    """A thread with an event loop, in which a reader is open."""

    def __init__(self, reader: LocalReader) -> None:
        self._reader = reader
        self._started: concurrent.futures.Future[
            tuple[asyncio.AbstractEventLoop, asyncio.Event]
        ] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="maoocr", daemon=True
        )
        self._thread.start()
        try:
            self._loop, self._stop = self._started.result()
        except Exception:
            self._thread.join()
            raise
        # A call that is handed to a loop which has already stopped would wait for ever.
        self._handing_over = threading.Lock()
        self._closed = False
        _close_at_exit(self)

    def run(self, start: Callable[[LocalReader], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine there and wait for it; giving up the wait cancels it."""
        with self._handing_over:
            if self._closed:
                raise ShuttingDown("This MaoOCR is closed.")
            call = asyncio.run_coroutine_threadsafe(start(self._reader), self._loop)
        try:
            return call.result()
        except concurrent.futures.CancelledError:
            raise ShuttingDown("This MaoOCR was closed while it read the document.") from None
        except BaseException:
            call.cancel()
            raise

    def close(self) -> None:
        with self._handing_over:
            if not self._closed:
                self._closed = True
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        try:
            async with self._reader:
                stop = asyncio.Event()
                self._started.set_result((asyncio.get_running_loop(), stop))
                await stop.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)


_open: "weakref.WeakSet[_Background]" = weakref.WeakSet()


def _close_at_exit(background: _Background) -> None:
    _open.add(background)
    _register_once()


@cache
def _register_once() -> None:
    """Have what is open closed at the interpreter's exit, while threads can still be used.

    Callbacks of `atexit` come too late: by then no executor takes work any more, so that the
    runtime could not stop and the interpreter would wait for it for ever. What comes early enough
    is where `concurrent.futures` stands itself (https://github.com/python/cpython/issues/83993).
    """
    threading._register_atexit(_close_all)  # type: ignore[attr-defined]


def _close_all() -> None:
    for background in list(_open):
        background.close()
