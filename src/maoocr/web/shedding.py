"""Load shedding: in a crowd, who would be refused is refused before his body is read."""

import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import Overloaded
from .auth import share_of
from .gateway import Gateway
from .problems import problem_response

__all__ = ["LoadShedder"]

_WORK = ("/api/ocr/recognize", "/api/ocr/recognize-with-requirements")


@dataclass(frozen=True, slots=True)
class _Route:
    """Stands where the router would have put its route; the log and the metrics name it."""

    path: str


class LoadShedder:
    """Middleware for the requests that bring work; all others pass by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _WORK and scope["state"].get("is_crowded"):
            refusal = _refusal(scope)
            if refusal is not None:
                scope["route"] = _Route(scope["path"])
                answer = problem_response(refusal, scope["state"]["request_id"])
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _refusal(scope: Scope) -> Overloaded | None:
    gateway: Gateway = scope["app"].state.gateway
    deadline = time.monotonic() + gateway.settings.limits.request_seconds
    try:
        gateway.pool.require_room(
            gateway.settings.engine, client=share_of(scope), deadline=deadline
        )
    except Overloaded as error:
        return error
    return None
