"""Every metric of the project, once. Seconds and bytes; labels with few values only."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
_BYTES = tuple(2.0**n for n in range(12, 28, 2))

_Merged = Literal["livesum", "livemax", "livemin"]


class Metrics:
    """The metrics of one gateway process, on a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.http_requests = self._counter(
            "maoocr_http_requests",
            "Answers by route and status",
            ("method", "route", "status"),
        )
        self.http_request_seconds = self._histogram(
            "maoocr_http_request_seconds",
            "From the first byte of the request to the last of the answer",
            ("route",),
            buckets=_SECONDS,
        )
        self.ready = self._gauge(
            "maoocr_ready", "1 while a document that comes now is read, else 0", merged="livemin"
        )
        self.upload_bytes = self._histogram(
            "maoocr_upload_bytes", "Size of uploads", buckets=_BYTES
        )
        self.fetch_seconds = self._histogram(
            "maoocr_fetch_seconds",
            "Fetching a document from a given URL, by outcome",
            ("outcome",),
            buckets=_SECONDS,
        )
        self.documents = self._counter("maoocr_documents", "Documents by outcome", ("outcome",))
        self.answers = self._counter(
            "maoocr_answers",
            "Answers by the engine chosen for them and where they come from: computed, cached,"
            " or shared with an identical request",
            ("engine", "source"),
        )
        self.page_ways = self._counter(
            "maoocr_page_ways",
            "Pages of answers by who read them and how: alone, with parts reread by a second"
            " engine, not_reread although they should be, as fallback, or from a text_layer",
            ("engine", "way"),
        )
        self.pages = self._counter(
            "maoocr_pages", "Pages by engine and outcome", ("engine", "outcome")
        )
        self.page_queue_seconds = self._histogram(
            "maoocr_page_queue_seconds",
            "Waiting for a lane",
            ("engine",),
            buckets=_SECONDS,
        )
        self.page_decode_seconds = self._histogram(
            "maoocr_page_decode_seconds",
            "From bytes to pixels",
            ("engine",),
            buckets=_SECONDS,
        )
        self.page_recognize_seconds = self._histogram(
            "maoocr_page_recognize_seconds",
            "From pixels to lines",
            ("engine",),
            buckets=_SECONDS,
        )
        self.page_confidence = self._histogram(
            "maoocr_page_confidence_ratio",
            "Mean score of pages with text",
            ("engine",),
            buckets=_SCORES,
        )
        self.batch_pages = self._histogram(
            "maoocr_batch_pages",
            "Pages of a batch",
            ("engine",),
            buckets=(1, 2, 4, 8, 16, 32, 64),
        )
        self.pages_retried = self._counter(
            "maoocr_pages_retried",
            "Pages tried again because their lane was lost",
            ("engine",),
        )
        self.queue_pages = self._gauge(
            "maoocr_queue_pages",
            "Pages that wait for a lane",
            ("engine",),
            merged="livesum",
        )
        self.admitted_documents = self._gauge(
            "maoocr_admitted_documents",
            "Documents in work or waiting",
            ("engine",),
            merged="livesum",
        )
        self.refusals = self._counter(
            "maoocr_refusals", "Documents not admitted, by reason", ("reason",)
        )
        self.lanes = self._gauge(
            "maoocr_lanes",
            "Lanes by state",
            ("engine", "state"),
            merged="livesum",
        )
        self.lane_restarts = self._counter(
            "maoocr_lane_restarts",
            "Lanes replaced, by reason",
            ("engine", "reason"),
        )
        self.lane_rss_bytes = self._gauge(
            "maoocr_lane_rss_bytes",
            "Resident memory of a lane after its last page",
            ("engine", "lane"),
            merged="livemax",
        )
        self.cache_requests = self._counter(
            "maoocr_cache_requests", "Look-ups by outcome", ("outcome",)
        )
        self.cache_bytes = self._gauge(
            "maoocr_cache_bytes",
            "Memory that cached answers take",
            merged="livesum",
        )
        self.redis_up = self._gauge(
            "maoocr_redis_up",
            "1 while Redis is in use, 0 while the circuit is open",
            merged="livemin",
        )
        self.redis_errors = self._counter(
            "maoocr_redis_errors",
            "Commands that failed or took too long, by what they were for",
            ("use",),
        )
        self.jobs = self._counter("maoocr_jobs", "Jobs accepted, and ended by state", ("status",))
        self.jobs_open = self._gauge(
            "maoocr_jobs_open", "Jobs that wait or run, of all replicas", merged="livemax"
        )
        self.job_pages = self._counter("maoocr_job_pages", "Pages of jobs by outcome", ("outcome",))
        self.webhooks = self._counter(
            "maoocr_webhooks", "Attempts at a delivery by outcome", ("outcome",)
        )
        self.job_pages_in_work = self._gauge(
            "maoocr_job_pages_in_work",
            "Pages of jobs that this process has leased",
            merged="livesum",
        )
        self.job_leases_taken_over = self._counter(
            "maoocr_job_leases_taken_over",
            "Pages of jobs taken over from a process that let its lease run out",
        )
        self.history_rows = self._counter(
            "maoocr_history_rows",
            "Answers by what became of their row: kept in the database, deferred to the journal,"
            " replayed from it, refused",
            ("outcome",),
        )
        self.history_journal_rows = self._gauge(
            "maoocr_history_journal_rows",
            "Rows of the history that wait in the journal for the database",
            merged="livesum",
        )
        self.vlm_calls = self._counter(
            "maoocr_vlm_calls",
            "Calls of an endpoint by how they ended: why the text ends, or why there is none",
            ("endpoint", "outcome"),
        )
        self.vlm_calls_in_flight = self._gauge(
            "maoocr_vlm_calls_in_flight",
            "Calls that an endpoint works on",
            ("endpoint",),
            merged="livesum",
        )
        self.vlm_call_seconds = self._histogram(
            "maoocr_vlm_call_seconds",
            "From a call to the end of its text",
            ("endpoint",),
            buckets=_SECONDS,
        )
        self.vlm_first_token_seconds = self._histogram(
            "maoocr_vlm_first_token_seconds",
            "From a call to the first piece of its text",
            ("endpoint",),
            buckets=_SECONDS,
        )
        self.vlm_tokens = self._counter(
            "maoocr_vlm_tokens",
            "Tokens of prompts, pictures included, and of answers",
            ("endpoint", "kind"),
        )
        self.cost = self._counter(
            "maoocr_cost",
            "Money that calls of endpoints cost, broken off or not (MAOOCR_COSTS__CURRENCY)",
            ("engine", "endpoint"),
        )
        self.local_per_month = self._gauge(
            "maoocr_local_cost_per_month",
            "Money that the machine here costs in a month, where MAOOCR_COSTS__LOCAL_PER_MONTH"
            " tells it",
            ("currency",),
            merged="livemax",
        )
        self.remote_per_page = self._gauge(
            "maoocr_remote_cost_per_page",
            "Money that a page costs remotely, where MAOOCR_COSTS__REMOTE_PER_PAGE tells it",
            ("currency",),
            merged="livemax",
        )
        self.budget_left = self._gauge(
            "maoocr_budget_left",
            "Money that an endpoint with a daily budget may still cost today, over all replicas",
            ("endpoint",),
            merged="livemin",
        )
        self.budget_daily = self._gauge(
            "maoocr_budget_daily",
            "Money that it may cost in a whole day",
            ("endpoint",),
            merged="livemax",
        )
        self.vlm_endpoint_up = self._gauge(
            "maoocr_vlm_endpoint_up",
            "1 while an endpoint may get calls or sleeps until one comes, 0 while it is left alone",
            ("endpoint",),
            merged="livemin",
        )
        self.vlm_breaker_openings = self._counter(
            "maoocr_vlm_breaker_openings",
            "Times that an endpoint was left alone after failures, by the last of them",
            ("endpoint", "reason"),
        )
        self.vlm_server_waiting = self._gauge(
            "maoocr_vlm_server_waiting_calls",
            "Calls in the queue of an endpoint's server, as it says itself",
            ("endpoint",),
            merged="livemax",
        )
        self.vlm_server_kv_cache = self._gauge(
            "maoocr_vlm_server_kv_cache_ratio",
            "Share of the server's memory for contexts that is in use, as it says itself",
            ("endpoint",),
            merged="livemax",
        )
        self.v1_calls = self._counter(
            "maoocr_v1_calls",
            "Calls of /v1 by how they ended: answered, left by the caller, or an error's code",
            ("engine", "outcome"),
        )
        self.v1_waiting = self._gauge(
            "maoocr_v1_waiting_calls",
            "Calls of /v1 that wait for a slot of the engine",
            ("engine",),
            merged="livesum",
        )
        self.engine_info = self._gauge(
            "maoocr_engine_info",
            "1; the labels tell what an engine that was loaded runs: its models by their digest,"
            " and the runtime or the family of models (0 for what it ran before)",
            ("engine", "digest", "runtime"),
            merged="livemax",
        )
        self.build_info = self._gauge(
            "maoocr_build_info",
            "Always 1; the labels tell the version",
            ("version",),
            merged="livemax",
        )

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _histogram(
        self,
        name: str,
        meaning: str,
        labels: tuple[str, ...] = (),
        *,
        buckets: tuple[float, ...],
    ) -> Histogram:
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def _gauge(
        self, name: str, meaning: str, labels: tuple[str, ...] = (), *, merged: _Merged
    ) -> Gauge:
        """One value of several gateway processes is merged as `merged` says."""
        return Gauge(name, meaning, labels, registry=self.registry, multiprocess_mode=merged)
