"""Which plays fire for whom: every condition compiled into as few scans as possible, reading only the columns used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import ibis

from upstep.plays.expression import compile_condition, conjuncts, meter_column
from upstep.plays.grain import GRAINS, Grain
from upstep.tables.query import left, union_all

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upstep.plays.expression import Condition
    from upstep.plays.play import Play, Playbook
    from upstep.tables.query import Program

Tables = Mapping[str, "ir.Table"]


def add_conditions(program: Program, playbook: Playbook, tables: Tables) -> list[Grain]:
    """Add the stages ``input_<grain>`` and ``fired_<grain>`` for every grain that a play stands on.

    ``fired_<grain>`` has one row per play and subject that fired: play (its index in the playbook), account_key, the
    subject's columns, the facts that a decision keeps, and rungs (see ``rungs_due``).

    Returns:
        The grains in use.
    """
    used = []
    for grain in GRAINS.values():
        plays = [(index, play) for index, play in enumerate(playbook.plays) if play.each == grain.name]
        if not plays:
            continue
        used.append(grain)
        columns = fact_columns(grain, [play for _, play in plays])
        wide = program.stage(f"input_{grain.name}", grain_input(grain, [play for _, play in plays], tables))
        fired = [
            wide.filter(compile_condition(play.condition.tree, wide)).select(
                "account_key", *grain.subject, *columns, play=ibis.literal(index, "int32"), rungs=rungs_due(play, wide)
            )
            for index, play in plays
        ]
        program.stage(f"fired_{grain.name}", union_all(fired))
    return used


def rungs_due(play: Play, wide: ir.Table) -> ir.IntegerValue:
    """Which rungs of a ladder are reached, as bits: rung i is bit i. NULL without a ladder: nothing to wait for."""
    if not play.ladder:
        return ibis.null("int32")
    bits = []
    for index, rung in enumerate(play.ladder):
        due = (wide.limit_quantity > 0) & (wide.used * 100 >= wide.limit_quantity * rung.percent)
        if rung.condition is not None:
            due = due & compile_condition(rung.condition.tree, wide)
        bits.append(ibis.ifelse(ibis.coalesce(due, False), 1 << index, 0))
    return sum(bits[1:], start=bits[0]).cast("int32")


def fact_names(grain: Grain, plays: Iterable[Play]) -> list[str]:
    """The facts of a decision of this grain: its standard ones and all that its plays read."""
    plays = list(plays)
    read = [name for play in plays for condition in _conditions(play) for name in condition.columns]
    asked = [meter_column(*pair) for play in plays for condition in _conditions(play) for pair in condition.meters]
    names = dict.fromkeys((*grain.facts, *read, *asked))
    return [name for name in names if name not in grain.subject]


def fact_columns(grain: Grain, plays: Iterable[Play]) -> list[str]:
    """The facts, and what the proposal needs beside them."""
    extra = [name for name in _PROPOSAL_COLUMNS.get(grain.name, ()) if name not in grain.subject]
    return list(dict.fromkeys((*fact_names(grain, plays), *extra)))


_PROPOSAL_COLUMNS = {
    "limit": (
        "enforcement",
        "aggregate",
        "starts_0",
        "starts_1",
        "starts_2",
        "starts_3",
        "starts_next",
        "basis",
        "plan_id",
        "adoption",
    ),
    "feature": ("plan_id",),
    "add_on": ("plan_id",),
    "product": ("partner_product_id", "own_product_id", "partner_currency", "partner_spent_minor"),
}
"""What the proposal and the once-key of a limit need whether or not a condition reads it."""


def _conditions(play: Play) -> list[Condition]:
    return [play.condition, *(rung.condition for rung in play.ladder if rung.condition)]


def grain_input(grain: Grain, plays: list[Play], tables: Tables) -> ir.Table:
    """A grain's profile with the account columns and other meters' figures that its plays read, and no more."""
    own = tables[grain.stage]
    names = fact_columns(grain, plays)
    from_account = [name for name in names if name not in own.columns and not name.startswith("meter__")]
    kept = ["account_key", *grain.subject, *(name for name in names if name in own.columns)]
    wide = own.select(*dict.fromkeys(kept))
    if from_account and grain.name != "account":
        wide = left(wide, tables["account_profile"].select("account_key", *from_account), "account_key")
    for meter, column in sorted({pair for play in plays for part in _conditions(play) for pair in part.meters}):
        slice_ = tables["meter_profile"].filter(tables["meter_profile"].meter_id == meter)
        wide = left(wide, slice_.select("account_key", **{meter_column(meter, column): column}), "account_key")
    return wide


def clause_answers(play: Play, tables: Tables) -> ir.Table:
    """For ``explain``: every subject of a play's grain with each clause's answer, c0, c1, … (NULL: not known)."""
    grain = GRAINS[play.each]
    wide = grain_input(grain, [play], tables)
    answers = {f"c{index}": compile_condition(part, wide) for index, part in enumerate(conjuncts(play.condition))}
    return wide.select(*wide.columns, **answers)
