"""The only place that builds things: what starts in which order, and ends in the reverse one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from ..engines.base import EngineSpec
from ..outbound.fetch import fetcher_of
from ..settings import Settings
from ..telemetry.logging import configure_logging
from ..web.app import make_app
from ..web.gateway import Gateway
from ..web.intake import IntakeReader
from .runtime import Runtime, open_runtime
from .state import State, open_jobs, open_state
from .vlm import open_completions

__all__ = ["Runtime", "State", "create_app", "open_jobs", "open_runtime", "open_state"]


def create_app(settings: Settings, specs: Sequence[EngineSpec] | None = None) -> FastAPI:
    """The web app; it starts its runtime when the server starts it, and stops it likewise.

    Args:
        settings: the whole tree.
        specs: the engines; those of the settings when left out.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging(settings.log)
        async with (
            open_runtime(settings, specs, wait=False) as runtime,
            open_state(runtime) as state,
            open_jobs(runtime, state.database) as jobs,
            open_completions(runtime.vlms, settings, state.costs, runtime.metrics) as completions,
        ):
            app.state.started = runtime.started
            app.state.gateway = Gateway(
                settings=settings,
                recognizer=runtime.recognizer,
                pool=runtime.pool,
                spool=runtime.spool,
                intake=IntakeReader(settings, runtime.spool, fetcher_of(settings, runtime.metrics)),
                metrics=runtime.metrics,
                shared=runtime.shared,
                database=state.database,
                access=state.access,
                history=state.history,
                costs=state.costs,
                jobs=jobs,
                completions=completions,
                house=runtime.house,
                wishes=state.wishes,
            )
            yield

    return make_app(lifespan)
