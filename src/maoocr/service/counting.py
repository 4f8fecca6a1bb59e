"""What the metrics tell of answers: where they come from, and who read their pages how."""

from collections.abc import Iterable
from typing import Literal

from ..domain import OcrResult, PageResult
from ..telemetry.metrics import Metrics

__all__ = ["count_answer", "count_pages", "way_of"]

Way = Literal["alone", "reread", "not_reread", "fallback", "text_layer"]


def way_of(page: PageResult) -> Way:
    """How a page was read that has no error."""
    if page.source == "text_layer":
        return "text_layer"
    if "fallback" in page.flags:
        return "fallback"
    if "not_reread" in page.flags:
        return "not_reread"
    # A second engine leaves one of the two at each line that it was asked about.
    if any("reread" in line.flags or "doubtful" in line.flags for line in page.lines):
        return "reread"
    return "alone"


def count_pages(metrics: Metrics, pages: Iterable[PageResult]) -> None:
    """Count pages that were read now; those with an error are passed over."""
    for page in pages:
        if page.error is None:
            metrics.page_ways.labels(page.engine, way_of(page)).inc()


def count_answer(metrics: Metrics, result: OcrResult) -> None:
    """Count an answer that was given."""
    source = "cached" if result.cached else "shared" if result.shared else "computed"
    metrics.answers.labels(result.selection.engine, source).inc()
