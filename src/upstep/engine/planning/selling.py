"""From a decided step to an opportunity that a person leads, and its moves; see ``planning.stages`` for the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.inputs import gather
from upstep.engine.deciding.naming import fact_value
from upstep.engine.deciding.telling import holds, questions
from upstep.engine.planning.goals import Register, read_register
from upstep.errors import Fault, SourceError, did_you_mean
from upstep.planning import stages
from upstep.planning.stages import STAGES, Deed, New, Opportunity, Refused

if TYPE_CHECKING:
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project
    from upstep.planning.goals import Standing

Row = Mapping[str, Any]
_HYGIENE_SHARE = 0.9


@dataclass(frozen=True)
class Wanted:
    """What to open: a play's step at an account. ``amount_minor``: a year's, where somebody named it already."""

    account_id: str
    plays: Sequence[str]
    owner_id: str | None = None
    amount_minor: int | None = None


def open_step(
    project: Project, wanted: Wanted, deed: Deed, *, as_of: datetime | None = None
) -> tuple[Opportunity, bool] | Refused:
    """Open an account's step as an opportunity; refused while it is held, unconfirmed, or two motions at once.

    Raises:
        SourceError: The play is not known, or does not fire for the account.
    """
    from upstep.engine.project import open_project_state
    from upstep.state.session import writing

    run, rows = account_rows(project, wanted.account_id, as_of=as_of, now=deed.at)
    found = {play: row_of(project, rows, wanted.account_id, play) for play in wanted.plays}
    if refused := stages.refuse_bundle({play: row["motion"] for play, row in found.items()}):
        return refused
    if len(found) > 1:
        return Refused("One step at a time: each is opened, led and closed for itself.")
    (row,) = found.values()
    if refused := _not_now(row, rows):
        return refused
    register = read_register(project, now=deed.at, as_of=as_of, accounts=[wanted.account_id])
    new = _new(project, wanted, row, run=run, register=register, at=deed.at)
    state = open_project_state(project)
    try:
        with writing(state) as connection:
            return stages.open_opportunity(connection, new, deed)
    finally:
        state.dispose()


def move(project: Project, opportunity_id: str, to: str, deed: Deed) -> Opportunity | Refused:
    """Move an opportunity.

    Raises:
        SourceError: There is none of that id, or the contact is not known.
    """
    if deed.contact_id is not None:
        _check_contact(project, opportunity_id, deed.contact_id, at=deed.at)
    return _changed(project, opportunity_id, lambda connection: stages.move(connection, opportunity_id, to, deed))


def close(
    project: Project,
    opportunity_id: str,
    deed: Deed,
    *,
    won_minor: int | None,
    contract: str | None,
    paper: str = "order",
) -> Opportunity | Refused:
    """Close an opportunity, won or lost.

    Raises:
        SourceError: There is none of that id.
    """
    return _changed(
        project,
        opportunity_id,
        lambda connection: stages.close(
            connection, opportunity_id, deed, won_minor=won_minor, contract=contract, paper=paper
        ),
    )


def read_opportunities(project: Project, *, account_id: str | None = None) -> list[Opportunity]:
    """All that were ever opened, or an account's."""
    from upstep.engine.project import open_project_state
    from upstep.state.session import reading

    if not project.has_state:
        return []
    state = open_project_state(project)
    try:
        with reading(state) as connection:
            return stages.opportunities(connection, account_id=account_id)
    finally:
        state.dispose()


def find(project: Project, opportunity_id: str) -> Opportunity:
    """One opportunity.

    Raises:
        SourceError: There is none of that id.
    """
    known = {one.opportunity_id: one for one in read_opportunities(project)}
    if opportunity_id not in known:
        raise _unknown(opportunity_id, list(known))
    return known[opportunity_id]


def _changed(
    project: Project, opportunity_id: str, change: Callable[[sa.Connection], Opportunity | Refused]
) -> Opportunity | Refused:
    from upstep.engine.project import open_project_state
    from upstep.state.session import writing

    find(project, opportunity_id)
    state = open_project_state(project)
    try:
        with writing(state) as connection:
            return change(connection)
    finally:
        state.dispose()


def _unknown(opportunity_id: str, known: Sequence[str]) -> SourceError:
    return SourceError(Fault(f"opportunity '{opportunity_id}'", "is not known.", did_you_mean(opportunity_id, known)))


def _check_contact(project: Project, opportunity_id: str, contact_id: str, *, at: datetime) -> None:
    account_id = find(project, opportunity_id).account_id
    person = read_register(project, now=at, accounts=[account_id]).people.get(contact_id)
    if person is None or person.account_id != account_id:
        raise SourceError(Fault(f"contact '{contact_id}'", f"is no contact of {account_id}.", "Name one by its id."))
    if person.left_at and person.left_at <= at:
        found = f"left {account_id} on {person.left_at:%Y-%m-%d}."
        raise SourceError(Fault(f"contact '{contact_id}'", found, "Name somebody who is there."))


# Which step, and whether now


def account_rows(
    project: Project, account_id: str, *, as_of: datetime | None, now: datetime
) -> tuple[Run, list[dict[str, Any]]]:
    """An account's steps as they are decided now."""
    run = decide(project, as_of=as_of, accounts=[account_id], inputs=gather(project, at=as_of or now))
    return run, [parsed(row) for row in run.decisions.to_pylist() if row["path"] != "notice"]


def row_of(project: Project, rows: Sequence[Row], account_id: str, play: str) -> Row:
    """The account's best step for which a play fired.

    Raises:
        SourceError: No such play, or it does not fire there.
    """
    known = [one.id for one in project.playbook.plays]
    if play not in known:
        raise SourceError(Fault(f"play '{play}'", "is not known.", did_you_mean(play, known)))
    mine = [row for row in rows if row["play"] == play or play in row["evidence"]]
    if not mine:
        there = ", ".join(sorted({row["play"] for row in rows})) or "none"
        advice = f"Plays that do: {there}. 'upstep explain {account_id}' says why, clause by clause."
        raise SourceError(Fault(f"play '{play}'", f"does not fire for {account_id}.", advice))
    return min(mine, key=lambda row: (not row["is_winner"], -(row["priority"] or 0), row["target"]))


def is_hygiene(row: Row) -> bool:
    """Whether the account's own limit constrains work in use: such a step needs usage and price only."""
    share, enforcement = fact_value(row, "utilisation"), fact_value(row, "enforcement")
    used, limit = fact_value(row, "used"), fact_value(row, "limit_quantity")
    if share is None and used is not None and limit:
        share = used / limit
    is_limit = row["grain"] == "limit" and enforcement in ("hard", "overage", None)
    return row["motion"] in ("upsell", "volume") and is_limit and share is not None and share >= _HYGIENE_SHARE


def goal_of(row: Row, register: Register) -> Standing | None:
    """The live priority that the step advances; one with a sponsor before one without."""
    wanted = {row["step_product_id"], row["to_plan_id"]}
    found = [
        one
        for one in register.goals
        if one.counts and one.goal.account_id == row["account_id"] and wanted & set(one.goal.advances)
    ]
    return min(found, key=lambda one: (not one.has_sponsor, one.goal_id), default=None)


def _not_now(row: Row, rows: Sequence[Row]) -> Refused | None:
    why = None
    if row["motion"] not in STAGES:
        why = f"{row['motion']} is not a sale, so it has no stages: plan it, and do it."
    elif told := holds(row):
        said = [f"{hold.why} ({hold.gate}); it lifts {hold.lifts[:1].lower()}{hold.lifts[1:]}" for hold in told]
        why = ". ".join(said) + "."
    elif asked := questions(row):
        why = f"{asked[0].question} Answer first: {asked[0].if_yes}"
    elif row["outcome"] == "outranked":
        winner = next((one for one in rows if one["step_id"] == row["outranked_by"]), None)
        # The two motions run side by side, apart; within one, the better step comes first.
        if winner and (winner["motion"] == "cross_sell") == (row["motion"] == "cross_sell"):
            why = f"A better step of its kind comes first: {winner['play']} ({winner['target']})."
    elif row["outcome"] != "eligible":
        why = f"It is {row['outcome'].replace('_', ' ')}, so nothing is sold here."
    return Refused(why) if why else None


def _new(project: Project, wanted: Wanted, row: Row, *, run: Run, register: Register, at: datetime) -> New:
    activity = next(one for one in project.settings.activities if one.id == row["motion"])
    goal = goal_of(row, register)
    priced = max(row["recurring_change_minor"], 0) * 12
    return New(
        account_id=row["account_id"],
        play=row["play"],
        motion=row["motion"],
        product_id=row["step_product_id"],
        target=row["target"],
        owner_id=wanted.owner_id or activity.owner or row["owner_id"] or project.settings.default_owner,
        currency=row["currency"],
        expected_minor=wanted.amount_minor if wanted.amount_minor is not None else priced,
        is_hygiene=is_hygiene(row),
        goal_id=goal.goal_id if goal else None,
        sponsor_contact_id=goal.goal.sponsor_contact_id if goal and goal.has_sponsor else None,
        run_id=run.run_id,
        expected_at=at + timedelta(days=activity.days),
    )
