"""Each time the provider is asked has a row, and a quote keeps its items, its mode and the credit it uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBERED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what a quote says more, and the table of attempts. What was locked before keeps NULL in the new columns."""
    op.add_column("quote", sa.Column("items", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("quote", sa.Column("effective_at", sa.BigInteger(), nullable=True))
    op.add_column("quote", sa.Column("billing_mode", sa.Text(), nullable=True))
    op.add_column("quote", sa.Column("credit_used_minor", sa.BigInteger(), nullable=True))
    op.add_column("quote", sa.Column("open_minor", sa.BigInteger(), nullable=True))
    op.add_column("billing_outcome", sa.Column("invoice_id", sa.Text(), nullable=True))
    op.create_table(
        "billing_attempt",
        sa.Column("intent_id", NUMBERED, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["intent_id"], ["billing_intent.intent_id"], name=op.f("fk_billing_attempt_intent_id")),
        sa.PrimaryKeyConstraint("intent_id", "number", name=op.f("pk_billing_attempt")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_billing_attempt_idempotency_key")),
    )
