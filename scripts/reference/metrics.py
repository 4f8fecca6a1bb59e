"""`docs/metrics.md`, from the metrics that the program registers."""

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from maoocr.telemetry.metrics import Metrics

__all__ = ["metrics", "metrics_page"]

HEAD = """\
# Metrics

`GET /metrics` answers in the Prometheus text format. Times are in seconds, sizes in bytes. A
histogram has the usual three series: `_bucket`, `_sum` and `_count`.

Where one process serves (`WEB_CONCURRENCY` at 1, the default) there are also the usual metrics of
that process: `process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds`,
`process_max_fds` and `process_start_time_seconds`. Lanes are processes of their own.

This page is written from `src/maoocr/telemetry/metrics.py` by `scripts/docs`.

| Metric | Kind | Labels | |
| --- | --- | --- | --- |
"""


def metrics() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Name as scraped, kind, labels and meaning of every metric, in the order of definition."""
    registered = vars(Metrics(CollectorRegistry())).values()
    found = []
    for metric in registered:
        if not isinstance(metric, MetricWrapperBase):
            continue
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append((name, family.type, tuple(metric._labelnames), family.documentation))
    return found


def metrics_page() -> str:
    """The text of `docs/metrics.md`."""
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"
        for name, kind, labels, meaning in metrics()
    ]
    return HEAD + "\n".join(rows) + "\n"
