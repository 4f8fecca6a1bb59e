"""The door: nothing behind it runs before it is known who asks and that he may.

Pure ASGI and before the routes, so that no body is read for a stranger. The rules stand in `rules`.
"""

import secrets
from functools import lru_cache
from typing import cast

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ..errors import Forbidden, MaoOCRError, NotFound, Unauthorized
from ..service.callers import Caller
from .credentials import answering_subprotocol, refuse_in_address, secret_of
from .gateway import Gateway
from .hosts import is_loopback, require_own_name, require_own_site
from .limits import Limited, brings_documents, spend
from .problems import path_of, problem_response
from .rules import Rule, rule_of

__all__ = ["Door", "caller_again", "caller_of", "share_of"]

_REFUSED_SOCKET = 1008


def caller_of(connection: HTTPConnection) -> Caller:
    """Who was let in; there is nobody on the public paths."""
    return cast(Caller, connection.state.caller)


async def caller_again(connection: HTTPConnection) -> Caller:
    """Who was let in, looked up once more: a key may be revoked while a connection lasts.

    Raises:
        Unauthorized: the key is good no more.
        Forbidden: it lacks the scope now.
        StoreUnavailable: only the database knows.
    """
    gateway: Gateway = connection.app.state.gateway
    caller = await gateway.access.keyring.caller(connection.state.secret)
    rule = rule_of(connection.scope["path"].removeprefix(connection.scope.get("root_path", "")))
    if rule is not None and rule.scope is not None and not caller.may(rule.scope):
        raise Forbidden(_lacking(caller, rule.scope))
    connection.state.caller = caller
    return caller


def share_of(scope: Scope) -> str:
    """Who shares the pool with the others: an owner, or an address where there are no keys."""
    caller: Caller | None = scope.get("state", {}).get("caller")
    if caller is not None and caller.owner:
        return caller.owner
    return _address(scope)


class Door:
    """Middleware: sets `request.state.caller`, or refuses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        rule = rule_of(path.removeprefix(scope.get("root_path", "")))
        if rule is not None and rule.need == "nothing":
            await self._app(scope, receive, send)
            return
        gateway: Gateway = scope["app"].state.gateway
        state = scope.setdefault("state", {})
        try:
            caller = await _let_in(gateway, scope, rule)
            documents = brings_documents(rule, scope)
            headers = await spend(gateway, caller, _address(scope), brings_documents=documents)
        except (MaoOCRError, Limited) as refusal:
            if rule is not None:
                # Stands where the router would have put its route; log and metrics name it.
                scope["route"] = rule
            await _refuse(refusal, rule, scope, receive, send)
            return
        state["caller"] = caller
        if scope["type"] == "websocket":
            send = answering_subprotocol(scope, send)
        elif headers:
            send = headers.around(send)
        await self._app(scope, receive, send)


async def _let_in(gateway: Gateway, scope: Scope, rule: Rule | None) -> Caller:
    """Who asks, if he may.

    Raises:
        BadInput: the key is in the address.
        Unauthorized: there is no key, or none that is good.
        Forbidden: it lacks the scope.
        Limited: the service is called by a name or from a site that is not its own.
        NotFound: there is no rule, so no path.
        StoreUnavailable: only the database knows.
    """
    refuse_in_address(scope)
    secret = scope["state"]["secret"] = secret_of(scope)
    caller = await gateway.access.keyring.caller(secret)
    settings = gateway.settings
    try:
        is_local = caller.is_open and not settings.auth.allow_open
        require_own_name(scope, settings.server, is_local=is_local)
        if caller.is_open:
            require_own_site(scope, settings.server)
    except Forbidden as refusal:
        # No key would help, so none is asked for.
        raise Limited(refusal, {}) from None
    if caller.is_open:
        _require_neighbour(gateway, scope)
    elif rule is None:
        raise NotFound("There is nothing at this path.")
    if rule is not None and rule.scope is not None and not caller.may(rule.scope):
        raise Forbidden(_lacking(caller, rule.scope))
    return caller


def _lacking(caller: Caller, scope: str) -> str:
    if caller.is_open:
        return (
            f"This needs an API key with the scope `{scope}`:"
            f" `maoocr keys create NAME --scope {scope}` makes one."
        )
    has = ", ".join(f"`{name}`" for name in sorted(caller.scopes))
    return f"This needs the scope `{scope}`; the API key has {has}."


def _require_neighbour(gateway: Gateway, scope: Scope) -> None:
    """Without keys only this machine is served, and no page of a stranger in its browser."""
    if not gateway.settings.auth.allow_open and not _is_neighbour(_address(scope)):
        raise Unauthorized(
            "No API key was made, so only the machine itself is served: `maoocr keys create NAME`"
            " makes one; MAOOCR_AUTH__ALLOW_OPEN=true serves everybody without."
        )


@lru_cache(maxsize=1024)
def _is_neighbour(address: str) -> bool:
    return address == "local" or is_loopback(address)


def _address(scope: Scope) -> str:
    """Of the other side; `local` where it came by a socket that has none."""
    client = scope.get("client")
    return client[0] if client and client[0] else "local"


def _challenge(error: MaoOCRError, rule: Rule | None) -> dict[str, str]:
    """RFC 6750, section 3."""
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="maoocr"'}
    if isinstance(error, Forbidden) and rule is not None:
        scope = f', scope="{rule.scope}"' if rule.scope else ""
        return {"WWW-Authenticate": f'Bearer realm="maoocr", error="insufficient_scope"{scope}'}
    return {}


async def _refuse(
    refusal: MaoOCRError | Limited,
    rule: Rule | None,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    if isinstance(refusal, Limited):
        error, headers = refusal.error, refusal.headers
    else:
        error, headers = refusal, _challenge(refusal, rule)
    request_id = scope["state"].setdefault("request_id", secrets.token_hex(12))
    answer: Response = problem_response(error, request_id, headers, path=path_of(scope))
    if scope["type"] == "http":
        await answer(scope, receive, send)
        return
    await receive()
    socket = WebSocket(scope, receive, send)
    if "websocket.http.response" in scope.get("extensions", {}):
        await socket.send_denial_response(answer)
    else:
        await socket.close(_REFUSED_SOCKET)
