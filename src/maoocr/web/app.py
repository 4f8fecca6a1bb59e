"""The FastAPI app: routes, middleware, error handlers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from .. import __version__
from . import (
    cache,
    costs,
    engines,
    events,
    health,
    history,
    jobs,
    keys,
    openai,
    pages,
    problems,
    recognize,
    security,
    sockets,
)
from .auth import Door
from .linger import Linger
from .middleware import Edge
from .proxies import TrustedProxies
from .shedding import LoadShedder

__all__ = ["make_app"]

_DESCRIPTION = "Images and documents in, text out."


def make_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """Put the app together.

    Args:
        lifespan: sets `app.state.gateway` while the app runs.
    """
    app = FastAPI(
        title="MaoOCR",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Prometheus is told by this service itself; to look for other listeners takes time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(app)
    app.include_router(recognize.router)
    app.include_router(cache.router)
    app.include_router(engines.router)
    app.include_router(health.router)
    app.include_router(history.router)
    app.include_router(jobs.router)
    app.include_router(events.router)
    app.include_router(sockets.router)
    app.include_router(keys.router)
    app.include_router(openai.router)
    app.include_router(costs.router)
    pages.install(app)
    security.install(app)
    app.add_middleware(LoadShedder)
    app.add_middleware(Door)
    app.add_middleware(Linger)
    app.add_middleware(Edge)
    app.add_middleware(TrustedProxies)
    return app
