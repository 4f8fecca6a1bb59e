"""History and usage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.DateTime(), "sqlite")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "history",
        sa.Column("seq", BIG_ID, nullable=False),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("owner", sa.String(26), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("engine", sa.String(64), nullable=False),
        sa.Column("document_type", sa.String(32), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("pages_total", sa.Integer, nullable=False),
        sa.Column("pages_done", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("requirements", sa.Text),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("tokens", sa.Text, nullable=False),
        sa.Column("thumbnail", sa.LargeBinary),
        sa.Column("original", sa.String(80)),
        sa.PrimaryKeyConstraint("seq", name="pk_history"),
        sa.UniqueConstraint("id", name="uq_history_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_history_owner_seq", "history", ["owner", "seq"])
    op.create_index("ix_history_created_at", "history", ["created_at"])
    for statement in SEARCH[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "usage",
        sa.Column("owner", sa.String(26), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("pages", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("owner", "day", name="pk_usage"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("usage")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE history_search")
    op.drop_table("history")


SEARCH = {
    "postgresql": [
        "CREATE INDEX ix_history_search ON history USING gin (to_tsvector('simple', tokens))",
    ],
    "sqlite": [
        "CREATE VIRTUAL TABLE history_search USING fts5("
        "tokens, content='history', content_rowid='seq', tokenize='unicode61')",
        "CREATE TRIGGER history_added AFTER INSERT ON history BEGIN"
        " INSERT INTO history_search(rowid, tokens) VALUES (new.seq, new.tokens); END",
        "CREATE TRIGGER history_removed AFTER DELETE ON history BEGIN"
        " INSERT INTO history_search(history_search, rowid, tokens)"
        " VALUES ('delete', old.seq, old.tokens); END",
    ],
}
"""The words that are searched in, in each database's own way."""
