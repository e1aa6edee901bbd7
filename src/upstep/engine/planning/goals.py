"""The register of executives' priorities: what a person typed and what the company's own table says, read as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds
from upstep.errors import Fault, InputError, SourceError
from upstep.planning import goals as register
from upstep.planning.goals import Asked, Goal, Known, Person, Standing
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from upstep.engine.project import Project

_PEOPLE = (
    "SELECT contact_id, account_id, coalesce(name, contact_id) AS name, coalesce(title, '') AS title, left_at"
    " FROM contact JOIN account_key USING (account_key)"
)
_GOALS = "SELECT goal.*, account_id FROM goal JOIN account_key USING (account_key) ORDER BY account_id, goal_id"


@dataclass(frozen=True)
class Register:
    """The goals that stand, by account, and the people they name."""

    goals: tuple[Standing, ...]
    people: Mapping[str, Person]


def read_register(
    project: Project, *, now: datetime, as_of: datetime | None = None, accounts: Iterable[str] | None = None
) -> Register:
    """Every goal, typed or of the company's table, and how it stands at ``now``.

    Args:
        as_of: Of when the facts are; default: as far as they are complete.
        accounts: Only these.
    """
    wanted = None if accounts is None else sorted(set(accounts))
    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=as_of, account_ids=wanted)
    people = _people(engine)
    found = [
        register.standing(_of_table(row), people, now=now, goal_id=row["goal_id"]) for row in _rows(engine, _GOALS)
    ]
    typed = [goal for goal in _typed(project, at=now) if wanted is None or goal.account_id in wanted]
    found += [register.standing(goal, people, now=now) for goal in typed]
    found.sort(key=lambda one: (one.goal.account_id, one.goal.stated_at, one.goal_id))
    return Register(tuple(found), people)


def _rows(engine: DuckEngine, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = engine.connection.sql(sql).to_arrow_table().to_pylist()
    return rows


def _people(engine: DuckEngine) -> dict[str, Person]:
    return {row["contact_id"]: Person(**{**row, "left_at": _instant(row["left_at"])}) for row in _rows(engine, _PEOPLE)}


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else from_seconds(seconds)


def _of_table(row: Mapping[str, Any]) -> Goal:
    return Goal(
        row["account_id"],
        row["contact_id"],
        row["priority"],
        row["source"],
        from_seconds(row["stated_at"]),
        metric=row["metric"],
        advances=tuple((row["advances"] or "").split()),
        sponsor_contact_id=row["sponsor_contact_id"],
        review_at=_instant(row["review_at"]),
    )


def _typed(project: Project, *, at: datetime) -> Sequence[Goal]:
    if not project.has_state:
        return ()
    from upstep.engine.project import open_project_state
    from upstep.state.session import reading

    engine = open_project_state(project)
    try:
        with reading(engine) as connection:
            return register.typed_goals(connection, at=at)
    finally:
        engine.dispose()


# Adding and removing


def add(project: Project, asked: Sequence[Asked], *, who: str, now: datetime, dry_run: bool) -> tuple[Goal, ...]:
    """Keep goals; all of them or, if one is wrong, none.

    Returns:
        Those that are new or say something else than before.

    Raises:
        SourceError: With everything that is wrong with any of them.
    """
    from upstep.engine.project import open_project_state
    from upstep.state.session import writing

    known = _known(project, {one.account_id for one in asked})
    goals, faults = [], []
    for one in asked:
        goal, wrong = register.checked(one, known, now=now)
        faults += wrong
        goals += [goal] if goal else []
    if faults:
        raise SourceError(faults)
    if dry_run:
        return tuple(goals)
    state = open_project_state(project)
    try:
        with writing(state) as connection:
            return tuple(register.add_goals(connection, goals, who=who, at=now))
    finally:
        state.dispose()


def _known(project: Project, accounts: set[str]) -> Known:
    engine = DuckEngine()
    open_facts(project.folder, engine, account_ids=sorted(accounts))
    catalog = project.catalog
    return Known(_people(engine), frozenset({*catalog.products, *(plan.id for plan in catalog.plans())}))


def asked_of(project: Project, path: Path) -> list[Asked]:
    """What the rows of a file ask for; ``advances`` holds ids between semicolons.

    Raises:
        SourceError: The file or one of its accounts cannot be read; all faults at once.
    """
    from upstep.engine.deciding.explain import find_account

    found, faults = [], []
    accounts: dict[str, str] = {}
    for row in register.read_file(path):
        name = row["account"].strip()
        if not name:
            faults.append(Fault(row["place"], "account is missing.", "Write its id, or a part of its name."))
            continue
        try:
            accounts.setdefault(name, "") or accounts.update({name: find_account(project, name)})
        except InputError as error:
            faults += [Fault(f"{row['place']}: {fault.place}", fault.found, fault.advice) for fault in error.faults]
            continue
        words = tuple(word for word in row["advances"].replace(";", " ").replace(",", " ").split() if word)
        named = {name: row[name] for name in ("contact", "priority", "source", "stated_on", "metric")}
        more = {name: row[name] for name in ("sponsor", "review_by")}
        found.append(Asked(row["place"], accounts[name], **named, **more, advances=words))
    if faults:
        raise SourceError(faults)
    return found


def remove(project: Project, goal_id: str, *, who: str, because: str, now: datetime) -> None:
    """Take out a goal that was typed.

    Raises:
        SourceError: There is none of that id, or it stands in the company's own table.
    """
    from upstep.engine.project import open_project_state
    from upstep.state.session import writing

    if not goal_id.startswith(register.TYPED):
        advice = "Take it out where the table comes from and run 'upstep load'."
        if any(one.goal_id == goal_id for one in read_register(project, now=now).goals):
            raise SourceError(Fault(f"goal '{goal_id}'", "was not typed: it stands in your goal table.", advice))
        raise SourceError(Fault(f"goal '{goal_id}'", "is not known.", "'upstep goals list' names all."))
    state = open_project_state(project)
    try:
        with writing(state) as connection:
            if not register.remove_goal(connection, goal_id, who=who, because=because, at=now):
                raise SourceError(Fault(f"goal '{goal_id}'", "is not known.", "'upstep goals list' names all."))
    finally:
        state.dispose()
