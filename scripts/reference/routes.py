"""`docs/openapi.json`, and the names of all routes, from the application."""

import json
from collections.abc import Iterable, Iterator

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from maoocr.bootstrap import create_app
from maoocr.settings import Settings

__all__ = ["openapi_document", "route_names"]


def openapi_document() -> str:
    """The OpenAPI document of the service on its default settings."""
    app = create_app(Settings(_env_file=None))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def route_names(app: Starlette) -> list[str]:
    """`GET /livez` and so on, for every route of the application."""
    return sorted(set(_names(app.routes)))


def _names(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        # FastAPI keeps the routers that it includes whole.
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _names(router.routes)
        elif isinstance(route, WebSocketRoute):
            yield f"WS {route.path}"
        elif isinstance(route, Route):
            yield from (
                f"{method} {route.path}" for method in route.methods or () if method != "HEAD"
            )
