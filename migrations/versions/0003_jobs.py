"""Jobs, their files and their pages."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner", sa.String(26), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("requirements", sa.Text),
        sa.Column("webhook_url", sa.Text),
        sa.Column("files_uncounted", sa.Integer, nullable=False),
        sa.Column("pages_known", sa.Integer, nullable=False),
        sa.Column("pages_done", sa.Integer, nullable=False),
        sa.Column("pages_failed", sa.Integer, nullable=False),
        sa.Column("last_event", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("served_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_jobs_owner_idempotency_key"),
    )
    op.create_index("ix_jobs_owner_id", "jobs", ["owner", "id"])
    op.create_index(
        "ix_jobs_status_owner_priority_served_at",
        "jobs",
        ["status", "owner", "priority", "served_at"],
    )
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.create_table(
        "job_files",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("file", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("blob", sa.String(128), nullable=False),
        sa.Column("pages_total", sa.Integer),
        sa.PrimaryKeyConstraint("job_id", "file", name="pk_job_files"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_job_files_job_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "job_pages",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("file", sa.Integer, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.String(26)),
        sa.Column("ready_at", MOMENT),
        sa.Column("event", sa.Integer),
        sa.Column("result", sa.LargeBinary),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("job_id", "file", "page", name="pk_job_pages"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_job_pages_job_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_job_pages_job_id_ready_at", "job_pages", ["job_id", "ready_at"])
    op.create_index("ix_job_pages_ready_at", "job_pages", ["ready_at"])
    op.create_index("ix_job_pages_lease_owner", "job_pages", ["lease_owner"])
    op.create_index("ix_job_pages_job_id_event", "job_pages", ["job_id", "event"])
    op.create_table(
        "webhooks",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("ready_at", MOMENT),
        sa.Column("log", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_webhooks_job_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_webhooks_ready_at", "webhooks", ["ready_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("webhooks")
    op.drop_table("job_pages")
    op.drop_table("job_files")
    op.drop_table("jobs")
