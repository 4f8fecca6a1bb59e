"""The sentences about the limits of a page, for both sides of a lane."""

from ..errors import PageTooComplex

__all__ = ["page_memory_is_out", "page_time_is_up"]


def page_time_is_up(page_seconds: float) -> PageTooComplex:
    """The error of a page over its time limit."""
    return PageTooComplex(
        f"Reading the page takes longer than {page_seconds:g} s (MAOOCR_LIMITS__PAGE_SECONDS)."
    )


def page_memory_is_out(memory_bytes: int) -> PageTooComplex:
    """The error of a page over its memory limit."""
    return PageTooComplex(
        "Reading the page takes more memory than a lane may have:"
        f" {memory_bytes} bytes (MAOOCR_POOL__LANE_MEMORY_BYTES)."
    )
