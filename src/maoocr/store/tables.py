"""Every table, as the newest migration leaves it; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import BigId, Bytes, Id, Moment

__all__ = [
    "api_keys",
    "counted",
    "engine_wishes",
    "history",
    "job_files",
    "job_pages",
    "jobs",
    "ledger",
    "metadata",
    "spending",
    "usage",
    "webhooks",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

history = Table(
    "history",
    metadata,
    # Counts up as rows come in, late ones too, so that a cursor neither skips nor repeats.
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("owner", Id, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("engine", String(64), nullable=False),
    Column("document_type", String(32), nullable=False),
    Column("language", String(32), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("pages_total", Integer, nullable=False),
    Column("pages_done", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("requirements", Text),
    # The answer as JSON, compressed by zlib where it is not small.
    Column("answer", Bytes, nullable=False),
    # What is searched in: words and pairs of Chinese characters with blanks between them.
    Column("tokens", Text, nullable=False),
    Column("thumbnail", Bytes),
    Column("original", String(80)),
    Index(None, "owner", "seq"),
    Index(None, "created_at"),
    sqlite_autoincrement=True,
)
"""Answers that were given."""

usage = Table(
    "usage",
    metadata,
    Column("owner", Id, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("pages", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("cost", Float, nullable=False),
)
"""What each key used on each day, in UTC."""

ledger = Table(
    "ledger",
    metadata,
    Column("day", Date, primary_key=True),
    Column("owner", Id, primary_key=True),
    # `page` for reading, `chat` for calls that were passed through.
    Column("kind", String(8), primary_key=True),
    Column("engine", String(64), primary_key=True),
    # Names with commas between where several were asked; empty for the lanes of this machine.
    Column("endpoint", String(255), primary_key=True),
    Column("pages", BigInteger, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    # Whole numbers, so that sums are exact: microseconds, and billionths of the currency.
    Column("busy_us", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
)
"""What answers took and cost on each day, in UTC."""

spending = Table(
    "spending",
    metadata,
    Column("day", Date, primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    # A process: each writes what it spent itself, in all, so that writing twice changes nothing.
    Column("writer", Id, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
)
"""What endpoints were paid on each day, in UTC, with calls that no answer came of."""

counted = Table("counted", metadata, Column("id", Id, primary_key=True))
"""Rows that were counted but not kept, for some days: a journal may bring them again."""

engine_wishes = Table(
    "engine_wishes",
    metadata,
    Column("engine", String(64), primary_key=True),
    # `loaded` or `unloaded`.
    Column("wanted", String(8), nullable=False),
    Column("since", Moment, nullable=False),
)
"""What was asked of all gateways, for those that did not hear it; the last wish for each engine."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(100), nullable=False),
    # SHA-256 in hex of the secret, which is random and long, so no slow hash is needed.
    Column("hash", String(64), nullable=False, unique=True),
    # Names of scopes with blanks between them.
    Column("scopes", String(200), nullable=False),
    Column("rate_per_minute", Integer),
    Column("pages_per_month", Integer),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
)
"""Who may ask."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner", Id, nullable=False),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("idempotency_key", String(255)),
    # SHA-256 in hex of the request, so that a key used again for another one is found out.
    Column("request_hash", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("options", Text, nullable=False),
    Column("requirements", Text),
    Column("webhook_url", Text),
    Column("files_uncounted", Integer, nullable=False),
    # Of the files that are counted.
    Column("pages_known", Integer, nullable=False),
    Column("pages_done", Integer, nullable=False),
    Column("pages_failed", Integer, nullable=False),
    # Counts up with everything that happens to the job; each page that ends carries its number.
    Column("last_event", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    # When a page of it was last taken: the job that waits longest is next.
    Column("served_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    UniqueConstraint("owner", "idempotency_key"),
    Index(None, "owner", "id"),
    Index(None, "status", "owner", "priority", "served_at"),
    Index(None, "finished_at"),
)
"""Many documents that are read in the background."""

job_files = Table(
    "job_files",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("file", Integer, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("blob", String(128), nullable=False),
    # Empty until somebody has counted them.
    Column("pages_total", Integer),
)
"""The documents of a job."""

job_pages = Table(
    "job_pages",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("file", Integer, primary_key=True),
    # 0 stands for the work of counting the pages of the file.
    Column("page", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    # Attempts that failed.
    Column("attempts", Integer, nullable=False),
    # Goes up with each claim: a result that comes with an older one is thrown away.
    Column("fence", Integer, nullable=False),
    Column("lease_owner", Id),
    # From when anybody may take it; of a page in work the end of the lease. Empty once it ended.
    Column("ready_at", Moment),
    Column("event", Integer),
    # The page as JSON, compressed by zlib.
    Column("result", Bytes),
    # Why it failed, as JSON.
    Column("error", Text),
    Index(None, "job_id", "ready_at"),
    Index(None, "ready_at"),
    Index(None, "lease_owner"),
    Index(None, "job_id", "event"),
)
"""The pages of a job: the unit of work."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # From when it may be delivered: once the job has ended, and empty when there is no more to do.
    Column("ready_at", Moment),
    # Every attempt, as a JSON array.
    Column("log", Text, nullable=False),
    Index(None, "ready_at"),
)
"""Deliveries of the news that a job has ended."""
