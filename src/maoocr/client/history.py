"""The history of a running server: `Client.history` and `AsyncClient.history`."""

from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import date, datetime
from typing import Any, Protocol, TypedDict, TypeVar, Unpack
from urllib.parse import quote

import httpx

from ..errors import InvalidRequest
from .wire import Call, json_object, success

__all__ = ["AsyncHistory", "Found", "History"]

T = TypeVar("T")

HISTORY = "/api/ocr/history"
PAGE_ITEMS = 100


class Found(TypedDict, total=False):
    """Which answers are meant; what is left out does not matter.

    Attributes:
        since: not before this moment, with a time zone, or this day in UTC.
        until: not after it.
        engine: that read.
        document_type: that was required.
        min_confidence: in 0..1.
    """

    since: datetime | date | str
    until: datetime | date | str
    engine: str
    document_type: str
    min_confidence: float


class _Send(Protocol):
    def __call__(self, call: Call[T]) -> T: ...


class _AsyncSend(Protocol):
    def __call__(self, call: Call[T]) -> Awaitable[T]: ...


class History:
    """The answers that were given to the caller, as JSON values; `id` is their `history_id`."""

    def __init__(self, send: _Send) -> None:
        self._send = send

    def list(
        self, q: str = "", *, limit: int = 20, cursor: str | None = None, **found: Unpack[Found]
    ) -> dict[str, Any]:
        """`items`, the newest first, and `next_cursor`, which is None at the end.

        Args:
            q: words that must be in the text, the last of which may be a beginning.
            limit: most items, 100 at most.
            cursor: that an earlier call gave.
            found: filters (`Found`).

        Raises:
            MaoOCRError: as the tree in `errors` tells.
        """
        return self._send(_list_call(q, limit, cursor, found))

    def search(self, q: str = "", **found: Unpack[Found]) -> Iterator[dict[str, Any]]:
        """All of them, the newest first, asked for as they are taken; see `list`."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.list(q, limit=PAGE_ITEMS, cursor=cursor, **found)
            yield from page["items"]
            cursor = page["next_cursor"]

    def get(self, answer: str) -> dict[str, Any]:
        """One answer by its `history_id`."""
        return self._send(_get_call(answer))

    def delete(self, answer: str) -> None:
        """Delete one answer."""
        self._send(_delete_call(answer))

    def delete_all(self) -> int:
        """Delete all answers of the caller; how many there were."""
        return self._send(_delete_all_call())

    def export(self, answer: str, document_format: str = "json") -> bytes:
        """One answer as a file: `text`, `markdown`, `json`, `csv`, `hocr`, `alto` and so on."""
        return self._send(_export_call(answer, document_format))


class AsyncHistory:
    """As `History`, from a coroutine."""

    def __init__(self, send: _AsyncSend) -> None:
        self._send = send

    async def list(
        self, q: str = "", *, limit: int = 20, cursor: str | None = None, **found: Unpack[Found]
    ) -> dict[str, Any]:
        """`items`, the newest first, and `next_cursor`; see `History.list`."""
        return await self._send(_list_call(q, limit, cursor, found))

    async def search(self, q: str = "", **found: Unpack[Found]) -> AsyncIterator[dict[str, Any]]:
        """All of them, the newest first, asked for as they are taken; see `list`."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self.list(q, limit=PAGE_ITEMS, cursor=cursor, **found)
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]

    async def get(self, answer: str) -> dict[str, Any]:
        """One answer by its `history_id`."""
        return await self._send(_get_call(answer))

    async def delete(self, answer: str) -> None:
        """Delete one answer."""
        await self._send(_delete_call(answer))

    async def delete_all(self) -> int:
        """Delete all answers of the caller; how many there were."""
        return await self._send(_delete_all_call())

    async def export(self, answer: str, document_format: str = "json") -> bytes:
        """One answer as a file; see `History.export`."""
        return await self._send(_export_call(answer, document_format))


def _list_call(q: str, limit: int, cursor: str | None, found: Found) -> Call[dict[str, Any]]:
    given = {"q": q, "limit": limit, "cursor": cursor or ""}
    given |= {_NAMES.get(name, name): _written(value) for name, value in found.items()}
    query = {name: value for name, value in given.items() if value not in ("", None)}
    return Call("GET", HISTORY, json_object, {"params": query})


def _get_call(answer: str) -> Call[dict[str, Any]]:
    return Call("GET", _path(answer), json_object)


def _delete_call(answer: str) -> Call[None]:
    return Call("DELETE", _path(answer), _nothing)


def _delete_all_call() -> Call[int]:
    return Call("DELETE", HISTORY, lambda response: int(json_object(response)["deleted"]))


def _export_call(answer: str, document_format: str) -> Call[bytes]:
    parts = {"params": {"format": document_format}}
    return Call("GET", f"{_path(answer)}/export", success, parts)


def _path(answer: str) -> str:
    if not answer:
        # Without an id the path would mean all of them.
        raise InvalidRequest("history: an id is expected, not an empty text.")
    return f"{HISTORY}/{quote(answer, safe='')}"


_NAMES = {"since": "from", "until": "to"}


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _nothing(response: httpx.Response) -> None:
    success(response)
