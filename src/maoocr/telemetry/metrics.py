"""Every metric of the project, once. Seconds and bytes; labels with few values only."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
_BYTES = tuple(2.0**n for n in range(12, 28, 2))


class Metrics:
    """The metrics of one gateway process, on a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.http_requests = Counter(
            "maoocr_http_requests",
            "Answers by route and status",
            ("method", "route", "status"),
            registry=registry,
        )
        self.http_request_seconds = Histogram(
            "maoocr_http_request_seconds",
            "From the first byte of the request to the last of the answer",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.upload_bytes = Histogram(
            "maoocr_upload_bytes", "Size of uploads", buckets=_BYTES, registry=registry
        )
        self.fetch_seconds = Histogram(
            "maoocr_fetch_seconds",
            "Fetching a document from a given URL, by outcome",
            ("outcome",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.documents = Counter(
            "maoocr_documents", "Documents by outcome", ("outcome",), registry=registry
        )
        self.pages = Counter(
            "maoocr_pages", "Pages by engine and outcome", ("engine", "outcome"), registry=registry
        )
        self.page_queue_seconds = Histogram(
            "maoocr_page_queue_seconds",
            "Waiting for a lane",
            ("engine",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.page_decode_seconds = Histogram(
            "maoocr_page_decode_seconds",
            "From bytes to pixels",
            ("engine",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.page_recognize_seconds = Histogram(
            "maoocr_page_recognize_seconds",
            "From pixels to lines",
            ("engine",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.page_confidence = Histogram(
            "maoocr_page_confidence_ratio",
            "Mean score of pages with text",
            ("engine",),
            buckets=_SCORES,
            registry=registry,
        )
        self.batch_pages = Histogram(
            "maoocr_batch_pages",
            "Pages of a batch",
            ("engine",),
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.pages_retried = Counter(
            "maoocr_pages_retried",
            "Pages tried again because their lane was lost",
            ("engine",),
            registry=registry,
        )
        self.queue_pages = Gauge(
            "maoocr_queue_pages",
            "Pages that wait for a lane",
            ("engine",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.admitted_documents = Gauge(
            "maoocr_admitted_documents",
            "Documents in work or waiting",
            ("engine",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.refusals = Counter(
            "maoocr_refusals", "Documents not admitted, by reason", ("reason",), registry=registry
        )
        self.lanes = Gauge(
            "maoocr_lanes",
            "Lanes by state",
            ("engine", "state"),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.lane_restarts = Counter(
            "maoocr_lane_restarts",
            "Lanes replaced, by reason",
            ("engine", "reason"),
            registry=registry,
        )
        self.lane_rss_bytes = Gauge(
            "maoocr_lane_rss_bytes",
            "Resident memory of a lane after its last page",
            ("engine", "lane"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.cache_requests = Counter(
            "maoocr_cache_requests", "Look-ups by outcome", ("outcome",), registry=registry
        )
        self.cache_bytes = Gauge(
            "maoocr_cache_bytes",
            "Memory that cached answers take",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.redis_up = Gauge(
            "maoocr_redis_up",
            "1 while Redis is in use, 0 while the circuit is open",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.redis_errors = Counter(
            "maoocr_redis_errors",
            "Commands that failed or took too long, by what they were for",
            ("use",),
            registry=registry,
        )
        self.jobs = Counter(
            "maoocr_jobs", "Jobs accepted, and ended by state", ("status",), registry=registry
        )
        self.job_pages = Counter(
            "maoocr_job_pages", "Pages of jobs by outcome", ("outcome",), registry=registry
        )
        self.webhooks = Counter(
            "maoocr_webhooks", "Attempts at a delivery by outcome", ("outcome",), registry=registry
        )
        self.job_pages_in_work = Gauge(
            "maoocr_job_pages_in_work",
            "Pages of jobs that this process has leased",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.job_leases_taken_over = Counter(
            "maoocr_job_leases_taken_over",
            "Pages of jobs taken over from a process that let its lease run out",
            registry=registry,
        )
        self.history_rows = Counter(
            "maoocr_history_rows",
            "Answers by what became of their row: kept in the database, deferred to the journal,"
            " replayed from it, refused",
            ("outcome",),
            registry=registry,
        )
        self.history_journal_rows = Gauge(
            "maoocr_history_journal_rows",
            "Rows of the history that wait in the journal for the database",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.vlm_calls = Counter(
            "maoocr_vlm_calls",
            "Calls of an endpoint by how they ended: why the text ends, or why there is none",
            ("endpoint", "outcome"),
            registry=registry,
        )
        self.vlm_calls_in_flight = Gauge(
            "maoocr_vlm_calls_in_flight",
            "Calls that an endpoint works on",
            ("endpoint",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.vlm_call_seconds = Histogram(
            "maoocr_vlm_call_seconds",
            "From a call to the end of its text",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.vlm_first_token_seconds = Histogram(
            "maoocr_vlm_first_token_seconds",
            "From a call to the first piece of its text",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.vlm_tokens = Counter(
            "maoocr_vlm_tokens",
            "Tokens of prompts, pictures included, and of answers",
            ("endpoint", "kind"),
            registry=registry,
        )
        self.cost = Counter(
            "maoocr_cost",
            "Money that calls of endpoints cost, broken off or not (MAOOCR_COSTS__CURRENCY)",
            ("engine", "endpoint"),
            registry=registry,
        )
        self.budget_left = Gauge(
            "maoocr_budget_left",
            "Money that an endpoint with a daily budget may still cost today, over all replicas",
            ("endpoint",),
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.vlm_endpoint_up = Gauge(
            "maoocr_vlm_endpoint_up",
            "1 while an endpoint may get calls, 0 while it is left alone",
            ("endpoint",),
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.vlm_breaker_openings = Counter(
            "maoocr_vlm_breaker_openings",
            "Times that an endpoint was left alone after failures, by the last of them",
            ("endpoint", "reason"),
            registry=registry,
        )
        self.vlm_server_waiting = Gauge(
            "maoocr_vlm_server_waiting_calls",
            "Calls in the queue of an endpoint's server, as it says itself",
            ("endpoint",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.vlm_server_kv_cache = Gauge(
            "maoocr_vlm_server_kv_cache_ratio",
            "Share of the server's memory for contexts that is in use, as it says itself",
            ("endpoint",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.v1_calls = Counter(
            "maoocr_v1_calls",
            "Calls of /v1 by how they ended: answered, left by the caller, or an error's code",
            ("engine", "outcome"),
            registry=registry,
        )
        self.v1_waiting = Gauge(
            "maoocr_v1_waiting_calls",
            "Calls of /v1 that wait for a slot of the engine",
            ("engine",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.build_info = Gauge(
            "maoocr_build_info",
            "Always 1; the labels tell the version",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
