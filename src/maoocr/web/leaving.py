"""Streams that go on while somebody listens, and that must not keep a server from ending."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar, cast

from starlette.types import Scope

__all__ = ["LEAVE", "leaving", "until"]

LEAVE = "leave"
"""In a request's state: an event that its connection sets when the server is to end."""

T = TypeVar("T")


def leaving(scope: Scope) -> asyncio.Event:
    """Set when the server is to end."""
    state: dict[str, Any] = scope["state"]
    return cast(asyncio.Event, state.setdefault(LEAVE, asyncio.Event()))


async def until(source: AsyncIterator[T], leave: asyncio.Event) -> AsyncGenerator[T]:
    """The items of the source until it ends or is to be left."""
    leaves = asyncio.ensure_future(leave.wait())
    coming: asyncio.Future[T] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(source))
            await asyncio.wait({coming, leaves}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            try:
                item = coming.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        leaves.cancel()
        if coming is not None and not coming.done():
            # The source can be closed only once nobody waits for its next item.
            coming.cancel()
            await asyncio.wait({coming})
