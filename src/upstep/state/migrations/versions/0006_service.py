"""The service keeps who saw and said what, what it published, experiments, incentives, keys and what was forgotten."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NUMBERED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables and columns."""
    _widen_messages()
    _contact_tables()
    _published_tables()
    _measuring_tables()
    _api_tables()
    _table("signing_key", *_texts("name secret"), *_numbers("made_at"), key="name")


def _widen_messages() -> None:
    arms: sa.Column[object] = sa.Column("arms", sa.JSON())
    records: sa.Column[object] = sa.Column("records", sa.JSON())
    columns: list[sa.Column[Any]] = [*_texts("contact_id? play? style?"), arms, records, *_numbers("not_before?")]
    for column in columns:
        op.add_column("message", column)
    op.create_index(op.f("ix_message_account_id_sent_at"), "message", ["account_id", "sent_at"])
    op.create_index(op.f("ix_message_contact_id_sent_at"), "message", ["contact_id", "sent_at"])
    op.add_column("attempt", sa.Column("is_ambiguous", sa.Boolean()))
    (not_now_at,) = _numbers("not_now_at?")
    op.add_column("offer", not_now_at)


def _contact_tables() -> None:
    _table(
        "exposure",
        sa.Column("message_id", _NUMBERED, autoincrement=False, nullable=False),
        *_texts("contact_id account_id offer_id? channel"),
        *_numbers("seen_at dismissed_at?"),
        key="message_id contact_id",
        refers={"message_id": "message.message_id", "offer_id": "offer.offer_id"},
        indexes=("account_id seen_at",),
    )
    _table(
        "consent",
        *_texts("contact_id purpose source"),
        *_numbers("recorded_at"),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        key="contact_id purpose recorded_at",
    )
    _table(
        "contact_hold",
        sa.Column("hold_id", _NUMBERED, nullable=False),
        *_texts("account_id contact_id? kind why recorded_by lifted_by?"),
        *_numbers("recorded_at until? lifted_at?"),
        key="hold_id",
        indexes=("account_id",),
    )
    _table(
        "contact_fact",
        *_texts("contact_id account_id name? email? time_zone? role?"),
        *_numbers("left_at? as_of"),
        sa.Column("may_buy", sa.Boolean()),
        sa.Column("consents", sa.JSON()),
        sa.Column("has_stake", sa.Boolean()),
        key="contact_id",
        indexes=("account_id",),
    )


def _published_tables() -> None:
    _table("published_decision", *_texts("account_id run_id body"), *_numbers("as_of published_at"), key="account_id")
    _table(
        "fact_hold",
        *_texts("account_id step_id gate why"),
        *_numbers("as_of"),
        sa.Column("is_unknown", sa.Boolean(), nullable=False),
        key="account_id step_id gate",
    )
    _table("watermark", *_texts("account_id"), *_numbers("as_of published_at"), key="account_id")


def _measuring_tables() -> None:
    op.add_column("quote", sa.Column("incentive_lines", sa.JSON()))
    _table(
        "experiment",
        *_texts("experiment_id name kind scope varies? salt made_by"),
        *_numbers("begins_at ends_at?"),
        sa.Column("arms", sa.JSON(), nullable=False),
        key="experiment_id",
    )
    _table(
        "arm_exposure",
        *_texts("experiment_id account_id arm step_id"),
        *_numbers("exposed_at"),
        key="experiment_id account_id",
        refers={"experiment_id": "experiment.experiment_id"},
    )
    _table(
        "incentive_grant",
        *_texts("offer_id account_id play currency"),
        *_numbers("cost_minor granted_at expires_at used_at? returned_at?"),
        sa.Column("incentive", sa.JSON(), nullable=False),
        key="offer_id",
        refers={"offer_id": "offer.offer_id"},
        indexes=("play", "account_id"),
    )
    _table(
        "follow_up",
        *_texts("offer_id account_id found?"),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        *_numbers("due_at looked_at?"),
        sa.Column("facts", sa.JSON()),
        key="offer_id day",
        refers={"offer_id": "offer.offer_id"},
        indexes=("due_at",),
    )


def _api_tables() -> None:
    _table(
        "api_key",
        *_texts("key_id name digest made_by"),
        sa.Column("scopes", sa.JSON(), nullable=False),
        *_numbers("made_at expires_at? revoked_at? last_used_at?"),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        key="key_id",
    )
    _table(
        "request_key",
        *_texts("key_id idempotency_key request_digest body?"),
        sa.Column("status", sa.Integer()),
        *_numbers("begun_at ended_at?"),
        key="key_id idempotency_key",
    )
    _table("tombstone", *_texts("kind digest forgotten_by"), *_numbers("forgotten_at"), key="kind digest")


def _table(
    name: str,
    *columns: sa.schema.SchemaItem,
    key: str,
    refers: dict[str, str] | None = None,
    indexes: tuple[str, ...] = (),
) -> None:
    constraints = [
        sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{name}_{column}"))
        for column, target in (refers or {}).items()
    ]
    primary = sa.PrimaryKeyConstraint(*key.split(), name=op.f(f"pk_{name}"))
    op.create_table(name, *columns, *constraints, primary)
    for index in indexes:
        op.create_index(op.f(f"ix_{name}_{'_'.join(index.split())}"), name, index.split())


def _texts(names: str) -> list[sa.Column[str]]:
    return [sa.Column(name.rstrip("?"), sa.Text(), nullable=name.endswith("?")) for name in names.split()]


def _numbers(names: str) -> list[sa.Column[int]]:
    return [sa.Column(name.rstrip("?"), sa.BigInteger(), nullable=name.endswith("?")) for name in names.split()]
