"""Which engines all gateways are to load or to let go."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "engine_wishes",
        sa.Column("engine", sa.String(64), nullable=False),
        sa.Column("wanted", sa.String(8), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("engine", name="pk_engine_wishes"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("engine_wishes")
