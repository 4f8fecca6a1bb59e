"""What reading cost, by day; what endpoints were paid; which uncounted rows were counted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "ledger",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("owner", sa.String(26), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("engine", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.String(255), nullable=False),
        sa.Column("pages", sa.BigInteger, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("busy_us", sa.BigInteger, nullable=False),
        sa.Column("cost_nano", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "owner", "kind", "engine", "endpoint", name="pk_ledger"),
    )
    op.create_table(
        "spending",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("writer", sa.String(26), nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_nano", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "endpoint", "writer", name="pk_spending"),
    )
    op.create_table(
        "counted",
        sa.Column("id", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_counted"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("counted")
    op.drop_table("spending")
    op.drop_table("ledger")
