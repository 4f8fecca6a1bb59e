"""What is told over the wire about jobs. Small words only: the truth is in the rows."""

__all__ = ["CANCELLED", "NEW", "RUNNERS", "progress_topic"]

RUNNERS = "jobs"
"""The topic that all runners listen to."""

NEW = b"new"
"""There are pages to take."""

CANCELLED = b"cancelled:"
"""Followed by the id of a job."""


def progress_topic(job: str) -> str:
    """Where each change of a job is told."""
    return f"job.{job}"
