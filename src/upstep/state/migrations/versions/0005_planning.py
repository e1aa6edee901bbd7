"""Planning keeps goals that were typed, quarters that were planned, and opportunities with their stages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NUMBERED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "goal",
        *_texts("goal_id account_id contact_id priority metric? sponsor_contact_id? source added_by"),
        *_texts("removed_by? removed_because?"),
        *_numbers("stated_at review_at? added_at removed_at?"),
        sa.Column("advances", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("goal_id", name=op.f("pk_goal")),
    )
    op.create_index(op.f("ix_goal_account_id"), "goal", ["account_id"])
    op.create_table(
        "quarter_plan",
        *_texts("plan_id owner_id run_id made_by"),
        *_numbers("begins_at ends_at made_at"),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("planned_hours", sa.Integer(), nullable=False),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_quarter_plan")),
    )
    op.create_index(op.f("ix_quarter_plan_owner_id_begins_at"), "quarter_plan", ["owner_id", "begins_at"])
    op.create_table(
        "planned_step",
        *_texts("plan_id account_id product_id target activity"),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["quarter_plan.plan_id"], name=op.f("fk_planned_step_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", "place", name=op.f("pk_planned_step")),
    )
    _opportunities()


def _opportunities() -> None:
    op.create_table(
        "opportunity",
        *_texts("opportunity_id account_id play motion product_id target owner_id? stage currency"),
        *_texts("goal_id? sponsor_contact_id? run_id contract?"),
        *_numbers("expected_minor? opened_at expected_at closed_at? won_minor?"),
        sa.Column("is_hygiene", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("opportunity_id", name=op.f("pk_opportunity")),
    )
    op.create_index(op.f("ix_opportunity_account_id_stage"), "opportunity", ["account_id", "stage"])
    op.create_table(
        "stage_change",
        sa.Column("change_id", _NUMBERED, nullable=False),
        *_texts("opportunity_id from_stage? to_stage who why contact_id?"),
        *_numbers("changed_at"),
        sa.ForeignKeyConstraint(
            ["opportunity_id"], ["opportunity.opportunity_id"], name=op.f("fk_stage_change_opportunity_id")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_stage_change")),
    )
    op.create_index(op.f("ix_stage_change_opportunity_id"), "stage_change", ["opportunity_id"])


def _texts(names: str) -> list[sa.Column[str]]:
    """Columns of text; a question mark says that one may be empty."""
    return [sa.Column(name.rstrip("?"), sa.Text(), nullable=name.endswith("?")) for name in names.split()]


def _numbers(names: str) -> list[sa.Column[int]]:
    """The same of whole numbers: instants and amounts."""
    return [sa.Column(name.rstrip("?"), sa.BigInteger(), nullable=name.endswith("?")) for name in names.split()]
