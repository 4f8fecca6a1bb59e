"""What the routes work with, handed over once by `bootstrap`."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from ..cache.shared import Shared
from ..documents.spool import Spool
from ..pool import Pool
from ..service.access import Access
from ..service.costs import Costs
from ..service.engine_states import EngineHouse
from ..service.engine_wishes import EngineWishes
from ..service.history import History
from ..service.jobs import Jobs
from ..service.openai import Completions
from ..service.recognizer import Recognizer
from ..settings import Settings
from ..store.database import Database
from ..telemetry.metrics import Metrics
from .intake import IntakeReader

__all__ = ["Gateway", "gateway_of"]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The use cases and the state that the routes show."""

    settings: Settings
    recognizer: Recognizer
    pool: Pool
    spool: Spool
    intake: IntakeReader
    metrics: Metrics
    shared: Shared
    access: Access
    database: Database
    jobs: Jobs
    history: History
    completions: Completions
    costs: Costs
    house: EngineHouse
    wishes: EngineWishes


def gateway_of(request: HTTPConnection) -> Gateway:
    """The gateway of the app that serves the request."""
    return cast(Gateway, request.app.state.gateway)
