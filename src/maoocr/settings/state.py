"""What is kept: answers, history, jobs, costs."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from .part import MIB, Part

__all__ = ["CacheSettings", "CostSettings", "HistorySettings", "JobSettings"]


class CacheSettings(Part):
    """The result cache."""

    max_bytes: Annotated[int, Field(ge=0)] = 64 * MIB
    """Memory for cached answers in one process; 0 turns the cache off."""

    ttl_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    """Seconds after which a cached answer is computed anew."""

    max_value_bytes: Annotated[int, Field(ge=0)] = 8 * MIB
    """Largest answer, compressed, that is kept in Redis."""

    command_seconds: Annotated[float, Field(gt=0, le=10)] = 0.25
    """Seconds that one command to Redis may take; after that the service goes on without it."""

    prefix: Annotated[str, Field(pattern=r"^[\w.-]{1,40}$")] = "maoocr"
    """What every name in Redis begins with; another one for each of several installations."""


class HistorySettings(Part):
    """Answers that are kept."""

    enabled: bool = True
    """Keep each answer; what was kept before can be read either way."""

    thumbnails: bool = True
    """Keep a small picture of the first page with each answer."""

    keep_originals: bool = False
    """Also keep what was uploaded, in the state folder."""

    max_age_days: Annotated[float, Field(ge=0, le=36_500)] = 0.0
    """Days after which an answer is deleted; 0 keeps them."""

    max_rows: Annotated[int, Field(ge=0)] = 0
    """Most answers that are kept, of all callers together; 0 is no limit."""


class JobSettings(Part):
    """Jobs: many documents that are read in the background."""

    max_files: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Most documents of one job."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 2048 * MIB
    """Largest body of a request that makes a job, in bytes; each document in it has the limits of a
    single one."""

    upload_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds that the body of such a request may take to arrive."""

    lease_seconds: Annotated[float, Field(ge=1)] = 30.0
    """Seconds after which the pages of a process that died are taken over."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 4
    """Attempts at a page that fails for reasons which may pass."""

    poll_seconds: Annotated[float, Field(gt=0)] = 2.0
    """Seconds between two looks for work that nobody told of."""

    keep_days: Annotated[float, Field(gt=0)] = 30.0
    """Days after its end for which a job's results are kept."""

    blobs_url: str = Field(default="", pattern=r"^(s3://[a-z0-9][a-z0-9.-]+(/[\w./-]*)?)?$")
    """Where uploads lie until they are read: `s3://bucket/prefix`, of Amazon S3 or of the server at
    `AWS_ENDPOINT_URL`; empty is a folder in the state folder."""

    webhook_secret: str = Field(default="", pattern="^(.{16,})?$", repr=False)
    """Signs the webhooks of jobs, 16 characters at least; empty refuses `webhook_url`."""

    webhook_attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """Attempts at delivering a webhook, over about two hours."""


class CostSettings(Part):
    """What reading costs, for `GET /api/ocr/costs`."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """Of all prices, budgets and costs, as ISO 4217 names it."""

    local_per_month: Decimal | None = Field(default=None, ge=0, le=10**9)
    """Money that the machine here costs in a month, however much it reads: rent, power, write-off;
    empty where nobody knows."""

    remote_per_page: Decimal | None = Field(default=None, ge=0, le=10**6)
    """Money that a page costs at a remote endpoint, to compare with; empty takes what was
    measured."""
