"""What the pool measures of one engine: how long a page takes, and the metrics."""

from ..domain import PageResult, mean_score
from ..engines.base import EngineInfo
from ..errors import MaoOCRError
from ..telemetry.metrics import Metrics
from .pace import Pace
from .supervisor import LaneState, LaneStatus
from .tickets import Ticket

__all__ = ["Figures"]

FIRST_GUESS_SECONDS = 0.5
WEIGHT = 0.1
"""Of a new page in the running mean, once there are more than ten."""
LANE_STATES: tuple[LaneState, ...] = (
    "starting",
    "idle",
    "busy",
    "stopping",
    "waiting",
    "unloaded",
)


class Figures:
    """The scheduler's `Ledger`."""

    def __init__(self, engine: str, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._pages = 0
        self.seconds_per_page = FIRST_GUESS_SECONDS
        """Seconds of one lane for one page, a running mean over the last dozens of pages."""
        self.pace = Pace()
        """The same by the size of the page, text layers left out."""
        self._info: tuple[str, str] | None = None

    def answered(self, ticket: Ticket, outcome: PageResult | MaoOCRError) -> None:
        """A page has its outcome, and its caller was there."""
        engine, metrics = self._engine, self._metrics
        if not isinstance(outcome, PageResult):
            metrics.pages.labels(engine, outcome.code).inc()
            return
        metrics.pages.labels(engine, "ok").inc()
        metrics.page_queue_seconds.labels(engine).observe(outcome.queue_s)
        metrics.page_decode_seconds.labels(engine).observe(outcome.decode_s)
        metrics.page_recognize_seconds.labels(engine).observe(outcome.recognize_s)
        if outcome.lines:
            metrics.page_confidence.labels(engine).observe(mean_score(outcome.lines))
        if outcome.source == "ocr":
            self.pace.add(outcome.width * outcome.height, outcome.decode_s + outcome.recognize_s)

    def queued(self, pages: int) -> None:
        """So many pages wait now."""
        self._metrics.queue_pages.labels(self._engine).set(pages)

    def begun(self, pages: int) -> None:
        """A batch went to a lane."""
        self._metrics.batch_pages.labels(self._engine).observe(pages)

    def read(self, pages: int, seconds: float) -> None:
        """A lane took so long over a batch."""
        for _ in range(pages):
            self._pages += 1
            weight = max(WEIGHT, 1 / (self._pages + 1))
            self.seconds_per_page += weight * (seconds / pages - self.seconds_per_page)

    def retried(self) -> None:
        """A page is tried again because its lane was lost."""
        self._metrics.pages_retried.labels(self._engine).inc()

    def lane_ended(self, reason: str) -> None:
        """A lane was lost or replaced, or did not start."""
        self._metrics.lane_restarts.labels(self._engine, reason).inc()

    def lanes(self, lanes: tuple[LaneStatus, ...], info: EngineInfo | None = None) -> None:
        """The lanes as they are now, and what the last that came up runs."""
        if info is not None:
            self._loaded(info)
        states = [lane.state for lane in lanes]
        for state in LANE_STATES:
            self._metrics.lanes.labels(self._engine, state).set(states.count(state))
        for lane in lanes:
            self._metrics.lane_rss_bytes.labels(self._engine, str(lane.id)).set(lane.rss_bytes)

    def _loaded(self, info: EngineInfo) -> None:
        told = info.model_digest, info.details.get("runtime") or info.details.get("family", "")
        if told == self._info:
            return
        if self._info is not None:
            self._metrics.engine_info.labels(self._engine, *self._info).set(0)
        self._info = told
        self._metrics.engine_info.labels(self._engine, *told).set(1)

    def documents(self, count: int) -> None:
        """So many documents are in work or waiting."""
        self._metrics.admitted_documents.labels(self._engine).set(count)

    def refused(self, reason: str) -> None:
        """A document was not admitted."""
        self._metrics.refusals.labels(reason).inc()
