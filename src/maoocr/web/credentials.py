"""Where a request carries its API key: in a header, and never in the address.

A browser cannot set headers of a WebSocket; it offers the subprotocols `maoocr` and
`bearer.<key>`, of which the first is accepted and the second is hidden from everything behind.
"""

import re

from starlette.types import Message, Scope, Send

from ..errors import BadInput

__all__ = ["answering_subprotocol", "refuse_in_address", "secret_of"]

SUBPROTOCOL = "maoocr"
_BEARER = "bearer."
_MOST_CHARACTERS = 256

_IN_QUERY = re.compile(
    rb"(?:^|&)(?:api[_-]?key|x-api-key|access_token)=|mao_[0-9A-Z]{26}_", re.IGNORECASE
)


def secret_of(scope: Scope) -> str | None:
    """The key that came with a request, as it came."""
    given = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, rest = value.partition(b" ")
            if kind.lower() == b"bearer":
                given = rest.strip()
                break
        elif name == b"x-api-key":
            given = value.strip()
    if given:
        return str(given[:_MOST_CHARACTERS], "latin-1")
    if scope["type"] == "websocket":
        return _offered(scope)
    return None


def refuse_in_address(scope: Scope) -> None:
    """Look for a key where it must not be.

    Raises:
        BadInput: there is one in the query.
    """
    query = scope["query_string"]
    if query and _IN_QUERY.search(query):
        raise BadInput(
            "An API key has no place in an address, where logs keep it: send it as"
            " `Authorization: Bearer` or `X-API-Key`, and revoke this one if it is real."
        )


def answering_subprotocol(scope: Scope, send: Send) -> Send:
    """A `send` that accepts our subprotocol where it was offered and the route names none."""
    if SUBPROTOCOL not in scope.get("subprotocols", ()):
        return send

    async def answer(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": SUBPROTOCOL}
        await send(message)

    return answer


def _offered(scope: Scope) -> str | None:
    offers: list[str] = list(scope.get("subprotocols", ()))
    secrets = [offer for offer in offers if offer.startswith(_BEARER)]
    if not secrets:
        return None
    scope["subprotocols"] = [offer for offer in offers if not offer.startswith(_BEARER)]
    return secrets[0].removeprefix(_BEARER)[:_MOST_CHARACTERS]
