"""Jobs of a running server: `Client.jobs` and `AsyncClient.jobs`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, Unpack

import httpx

from ..domain import Requirements
from ..errors import Refused
from .job_wire import (
    JOBS,
    EventReader,
    JobDocument,
    cancel_call,
    list_call,
    result_object_of,
    results_query,
    show_call,
    submit_call,
)
from .wire import Asked, Call, success, translated_failures

__all__ = ["AsyncJobs", "Jobs"]

T = TypeVar("T")

PAUSE_S = 1.0
_CHUNK_BYTES = 1024 * 1024


class _Send(Protocol):
    def __call__(self, call: Call[T]) -> T: ...


class _AsyncSend(Protocol):
    def __call__(self, call: Call[T]) -> Awaitable[T]: ...


class Jobs:
    """Many documents, read in the background. Jobs are told as JSON values."""

    def __init__(self, http: httpx.Client, send: _Send) -> None:
        self._http = http
        self._send = send

    def submit(
        self,
        documents: Sequence[JobDocument],
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> dict[str, Any]:
        """Make a job; it is durable when this returns.

        Args:
            documents: paths, or names with paths or bytes.
            requirements: what is needed of the answers.
            priority: jobs with a higher one go first.
            idempotency_key: the same key and request give the same job again.
            asked: options of the recognition (`Asked`).

        Raises:
            MaoOCRError: as the tree in `errors` tells.
            OSError: a path cannot be read.
        """
        return self._send(submit_call(documents, requirements, priority, idempotency_key, asked))

    def list(
        self, *, limit: int = 20, cursor: str | None = None, status: str | None = None
    ) -> dict[str, Any]:
        """`items`, the newest first, and `next_cursor`."""
        return self._send(list_call(limit, cursor, status))

    def show(self, job: str) -> dict[str, Any]:
        """The job."""
        return self._send(show_call(job))

    def cancel(self, job: str) -> dict[str, Any]:
        """End the job; pages that were read stay."""
        return self._send(cancel_call(job))

    def results(
        self, job: str, *, after: int = 0, follow: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Pages in the order in which they ended; with `follow` until the job has ended."""
        query = results_query(after, follow=follow)
        with (
            translated_failures(self._http.base_url),
            self._http.stream("GET", f"{JOBS}/{job}/results", params=query) as answer,
        ):
            if not answer.is_success:
                answer.read()
                success(answer)
            for line in answer.iter_lines():
                yield result_object_of(line)

    def download(self, job: str, target: Path, *, document_format: str = "text") -> None:
        """Write the zip with a file for each document; the job must have ended."""
        query = {"format": "zip", "document_format": document_format}
        with (
            translated_failures(self._http.base_url),
            self._http.stream("GET", f"{JOBS}/{job}/results", params=query) as answer,
        ):
            if not answer.is_success:
                answer.read()
                success(answer)
            with target.open("wb") as file:
                for chunk in answer.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)

    def watch(self, job: str, *, after: int = 0) -> Iterator[dict[str, Any]]:
        """Events (`type` and `data`) until the job has ended, whatever connections break."""
        reader = EventReader(after)
        while not reader.is_over:
            try:
                with (
                    translated_failures(self._http.base_url),
                    self._http.stream(
                        "GET", f"{JOBS}/{job}/events", headers=reader.headers
                    ) as answer,
                ):
                    reader.begin(answer, b"" if answer.is_success else answer.read())
                    for line in answer.iter_lines():
                        yield from reader.read(line)
            except Refused:
                time.sleep(PAUSE_S)


class AsyncJobs:
    """As `Jobs`, from a coroutine."""

    def __init__(self, http: httpx.AsyncClient, send: _AsyncSend) -> None:
        self._http = http
        self._send = send

    async def submit(
        self,
        documents: Sequence[JobDocument],
        *,
        requirements: Requirements | Mapping[str, Any] | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
        **asked: Unpack[Asked],
    ) -> dict[str, Any]:
        """Make a job; see `Jobs.submit`."""
        call = submit_call(documents, requirements, priority, idempotency_key, asked)
        return await self._send(call)

    async def list(
        self, *, limit: int = 20, cursor: str | None = None, status: str | None = None
    ) -> dict[str, Any]:
        """`items`, the newest first, and `next_cursor`."""
        return await self._send(list_call(limit, cursor, status))

    async def show(self, job: str) -> dict[str, Any]:
        """The job."""
        return await self._send(show_call(job))

    async def cancel(self, job: str) -> dict[str, Any]:
        """End the job; pages that were read stay."""
        return await self._send(cancel_call(job))

    async def results(
        self, job: str, *, after: int = 0, follow: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """Pages in the order in which they ended; with `follow` until the job has ended."""
        query = results_query(after, follow=follow)
        with translated_failures(self._http.base_url):
            async with self._http.stream("GET", f"{JOBS}/{job}/results", params=query) as answer:
                if not answer.is_success:
                    await answer.aread()
                    success(answer)
                async for line in answer.aiter_lines():
                    yield result_object_of(line)

    async def download(self, job: str, target: Path, *, document_format: str = "text") -> None:
        """Write the zip with a file for each document; the job must have ended."""
        query = {"format": "zip", "document_format": document_format}
        with translated_failures(self._http.base_url):
            async with self._http.stream("GET", f"{JOBS}/{job}/results", params=query) as answer:
                if not answer.is_success:
                    await answer.aread()
                    success(answer)
                with await asyncio.to_thread(target.open, "wb") as file:
                    async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
                        await asyncio.to_thread(file.write, chunk)

    async def watch(self, job: str, *, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Events (`type` and `data`) until the job has ended, whatever connections break."""
        reader = EventReader(after)
        while not reader.is_over:
            try:
                with translated_failures(self._http.base_url):
                    async with self._http.stream(
                        "GET", f"{JOBS}/{job}/events", headers=reader.headers
                    ) as answer:
                        reader.begin(answer, b"" if answer.is_success else await answer.aread())
                        async for line in answer.aiter_lines():
                            for event in reader.read(line):
                                yield event
            except Refused:
                await asyncio.sleep(PAUSE_S)
