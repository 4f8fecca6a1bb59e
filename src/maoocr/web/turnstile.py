"""Lets requests in a few at a time, so that a crowd never keeps the event loop from the rest.

Thousands of requests that arrive together would all take their first steps in the same turn of the
loop, and a probe that comes meanwhile would wait for the last of them. Nobody holds a place: who is
in is no longer counted, so a slow upload stands in nobody's way.
"""

import asyncio
import time
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import Overloaded
from .gateway import Gateway
from .problems import problem_response

__all__ = ["Turnstile"]

PER_TURN = 4
"""Requests that may begin in one turn of the loop; each takes about a millisecond."""
CROWD = 64
"""Above so many waiting, a request is refused before its body is read where the pool is full."""
_WORK = ("/api/ocr/recognize", "/api/ocr/recognize-with-requirements")


class Turnstile:
    """Middleware for the requests that bring work; all others pass by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._begun = 0
        self._is_turning = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _WORK:
            is_crowded = len(self._waiting) >= CROWD
            await self._turn()
            if is_crowded and (refusal := _refusal(scope)) is not None:
                answer = problem_response(refusal, scope["state"]["request_id"])
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._is_turning:
            self._is_turning = True
            loop.call_soon(self._next)
        if self._begun < PER_TURN and not self._waiting:
            self._begun += 1
            return
        mine = loop.create_future()
        self._waiting.append(mine)
        await mine

    def _next(self) -> None:
        """A turn of the loop is over; the sockets are looked at before the next."""
        self._begun = 0
        while self._waiting and self._begun < PER_TURN:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._begun += 1
        self._is_turning = self._begun > 0
        if self._is_turning:
            asyncio.get_running_loop().call_soon(self._next)


def _refusal(scope: Scope) -> Overloaded | None:
    gateway: Gateway = scope["app"].state.gateway
    client = scope["client"][0] if scope.get("client") else "local"
    deadline = time.monotonic() + gateway.settings.limits.request_seconds
    try:
        gateway.pool.require_room(gateway.settings.engine, client=client, deadline=deadline)
    except Overloaded as error:
        return error
    return None
