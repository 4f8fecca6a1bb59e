"""What work may cost, and who does it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .part import MIB, Part

__all__ = ["LimitSettings", "PoolSettings", "SpoolSettings"]


class LimitSettings(Part):
    """What one request may cost. All are checked before the cost arises."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * MIB
    """Largest request body, in bytes."""

    max_pages: Annotated[int, Field(ge=1)] = 500
    """Most pages that one request may ask for."""

    max_page_pixels: Annotated[int, Field(ge=1)] = 120_000_000
    """Most pixels of one page as stored."""

    max_side_px: Annotated[int, Field(ge=1)] = 32_767
    """Longest side of one page as stored, in pixels."""

    page_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that reading one page may take once a lane has it."""

    decode_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of processor time that decoding or rendering one page may take."""

    decoder_memory_bytes: Annotated[int, Field(ge=256 * MIB)] = 1536 * MIB
    """Memory that the process which decodes untrusted bytes may take."""

    request_seconds: Annotated[float, Field(gt=0)] = 300.0
    """Seconds after which a request that is not answered ends with 504."""

    upload_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that a request body may take to arrive."""

    upload_idle_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of silence after which a half-sent body is given up."""


class PoolSettings(Part):
    """Lanes, and how much work may wait for them."""

    lanes: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that read pages side by side; 0 takes one for each processor core."""

    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Most threads that one lane uses when it works alone; 0 takes the cores, at most 4."""

    max_queue_seconds: Annotated[float, Field(gt=0)] = 30.0
    """A document that would have to wait longer than this for its share is refused with 429."""

    max_documents: Annotated[int, Field(ge=0)] = 0
    """Documents that may be in work or waiting at once; 0 takes 32 for each lane."""

    recycle_pages: Annotated[int, Field(ge=1)] = 5000
    """Pages after which a lane is replaced by a new process."""

    lane_rss_bytes: Annotated[int, Field(ge=128 * MIB)] = 1536 * MIB
    """Resident memory above which a lane is replaced after its page."""

    lane_memory_bytes: Annotated[int, Field(ge=256 * MIB)] = 4096 * MIB
    """Memory that a lane may never exceed: the page that asks for more fails."""

    start_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that a lane may take to load its engine."""

    backoff_max_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait between two attempts to start a lane that keeps dying."""

    idle_unload_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Seconds without a page after which the lanes of an extra engine end and give their memory
    back; they start again when they are needed. 0 never."""


class SpoolSettings(Part):
    """Where uploads lie while they are read."""

    dir: Path | None = None
    """Folder for uploads; empty takes a private one in the system's temporary folder."""

    memory_bytes: Annotated[int, Field(ge=0)] = 1 * MIB
    """Uploads up to this size touch the disk only when they have to be read."""
