"""Planning a quarter from what is decided: whose accounts, which steps and tasks, who is left alone and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.inputs import gather, without_plans
from upstep.engine.deciding.telling import holds, price_words, questions, step_words
from upstep.engine.deciding.told import core_inputs
from upstep.engine.deciding.why import why_sentence
from upstep.engine.planning.goals import Register, read_register
from upstep.errors import ConfigError, Fault, SourceError, did_you_mean
from upstep.planning.kept import KeptPlan, keep_plan
from upstep.planning.quarter import DAYS, TASKS, Candidate, LeftAlone, Quarter, plan
from upstep.plays.rank import SALES
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from upstep.config import Activity
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asking:
    """What a plan is asked for. ``hours`` None: those of the owner table."""

    owner: str
    hours: int | None
    begins_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True)
class Desk:
    """An account manager and their accounts: names by id."""

    owner_id: str
    name: str
    hours_quarter: int | None
    accounts: Mapping[str, str]


@dataclass(frozen=True)
class Planned:
    """A plan with what a person needs beside it. ``look_after``: goals whose people or review need somebody."""

    quarter: Quarter
    desk: Desk
    run: Run
    currency: str
    look_after: tuple[tuple[str, str, str], ...]


def make_plan(project: Project, asking: Asking, *, as_of: datetime | None, now: datetime) -> Planned:
    """Plan an owner's days.

    Raises:
        ConfigError: The hours or the days cannot be.
        SourceError: No such owner, or one without accounts.
    """
    begins, ends = days_of(asking, today=(as_of or now).date())
    engine = DuckEngine()
    facts = open_facts(project.folder, engine, as_of=as_of)
    desk = _desk(project, engine, asking.owner)
    hours = _hours(asking, desk)
    inputs = without_plans(gather(project, at=as_of or now))
    run = decide(project, as_of=as_of, accounts=desk.accounts, inputs=inputs)
    rates = core_inputs(engine, {}, project, facts.as_of)["fx"].to_pylist()
    register = read_register(project, now=as_of or now, as_of=as_of, accounts=desk.accounts)
    made = _Candidates(project, {row["currency"]: row["factor"] for row in rates}, register, _people(engine, desk))
    candidates, alone = made.sorted_out(run, desk)
    taken, no_hours = plan(candidates, hours=hours, begins_on=begins, ends_on=ends)
    least = min(activity.hours for activity in project.settings.activities)
    quarter = Quarter(
        desk.owner_id, begins, ends, hours, tuple(taken), (*no_hours, *alone), least_hours=least, run_id=run.run_id
    )
    look_after = tuple(
        (one.goal.account_id, one.goal.priority, line)
        for one in register.goals
        for line in one.told
        if not line.startswith("It has no sponsor")
    )
    return Planned(quarter, desk, run, project.settings.currency, look_after)


def keep(project: Project, planned: Planned, *, who: str, now: datetime) -> bool:
    """Keep a plan, so that the gate at_capacity knows it; False when it is the one that counts already."""
    from datetime import UTC, time

    from upstep.engine.project import open_project_state
    from upstep.state.session import writing

    quarter = planned.quarter
    begins, ends = (datetime.combine(day, time(), UTC) for day in (quarter.begins_on, quarter.ends_on))
    kept = KeptPlan(
        quarter.plan_id,
        quarter.owner_id,
        begins,
        ends,
        quarter.hours,
        quarter.planned_hours,
        quarter.is_full,
        quarter.run_id,
        quarter.steps,
    )
    state = open_project_state(project)
    try:
        with writing(state) as connection:
            return keep_plan(connection, kept, who=who, at=now)
    finally:
        state.dispose()


# What was asked for


def days_of(asking: Asking, *, today: date) -> tuple[date, date]:
    """First day and the day after the last; default the next 90 days.

    Raises:
        ConfigError: They are reversed or over.
    """
    begins = asking.begins_on or today
    ends = asking.ends_on or begins + timedelta(days=DAYS)
    if ends <= begins:
        found = f"from {begins} to {ends} is no time at all."
        raise ConfigError(Fault("--from, --to", found, "The last day must come after the first: are they reversed?"))
    if ends <= today:
        raise ConfigError(Fault("--quarter", f"ended on {ends}, before {today}.", "A plan is for days ahead."))
    return begins, ends


def quarter_days(text: str) -> tuple[date, date]:
    """The days of a calendar quarter such as ``2027-Q1``, by which hours are counted and nothing is ranked.

    Raises:
        ConfigError: It is none.

    >>> quarter_days("2026-Q4")
    (datetime.date(2026, 10, 1), datetime.date(2027, 1, 1))
    """
    year, _, number = text.upper().partition("-Q")
    if not (year.isdigit() and len(year) == 4 and number in ("1", "2", "3", "4")):
        raise ConfigError(Fault("--quarter", f"'{text}' is no quarter.", "Write 2027-Q1, or --from and --to."))
    first = int(number) * 3 - 2
    return date(int(year), first, 1), date(int(year) + (first == 10), (first + 2) % 12 + 1, 1)


def _hours(asking: Asking, desk: Desk) -> int:
    hours = asking.hours if asking.hours is not None else desk.hours_quarter
    if hours is None:
        advice = "Say how many hours there are: --hours 320."
        raise ConfigError(Fault("--hours", f"is not given, and the owner table has none of {desk.name}.", advice))
    if hours <= 0:
        advice = "A plan without hours takes nobody on: name how many hours are free for these accounts."
        raise ConfigError(Fault("--hours", f"{hours} is no time to plan.", advice))
    return hours


def _desk(project: Project, engine: DuckEngine, name: str) -> Desk:
    """The owner by id, or by a part of the name that only one has."""
    read = engine.connection.execute
    table = {
        row[0]: row[1:]
        for row in read("SELECT owner_id, coalesce(name, owner_id), hours_quarter FROM owner").fetchall()
    }
    found = read("SELECT DISTINCT owner_id FROM account WHERE owner_id IS NOT NULL").fetchall()
    default = project.settings.default_owner
    known = (
        {owner_id: (owner_id, None) for (owner_id,) in found} | ({default: (default, None)} if default else {}) | table
    )
    folded = name.casefold()
    matches = (
        [name]
        if name in known
        else sorted(
            one
            for one, (called, _) in known.items()
            if folded and (folded in called.casefold() or folded in one.casefold())
        )
    )
    if len(matches) != 1:
        said = f"is {len(matches)} owners: {', '.join(matches[:8])}." if matches else "is not known."
        raise SourceError(Fault(f"owner '{name}'", said, "Name one of them." if matches else did_you_mean(name, known)))
    owner_id = matches[0]
    whose = "owner_id = $owner" + (" OR owner_id IS NULL" if owner_id == default else "")
    sql = f"SELECT account_id, name FROM account WHERE {whose} ORDER BY account_id"
    accounts = dict(read(sql, {"owner": owner_id}).fetchall())
    if not accounts:
        raise SourceError(
            Fault(f"owner '{owner_id}'", "has no accounts.", "'account.owner_id' says whose an account is.")
        )
    called, hours = known[owner_id]
    return Desk(owner_id, called, hours, accounts)


_HERE = (
    "SELECT account_id, coalesce(contact.name, contact_id), title, role"
    " FROM contact JOIN account_key USING (account_key)"
    " WHERE role IN ('executive', 'budget_owner', 'champion') AND account_id IN (SELECT unnest($accounts))"
    " AND (left_at IS NULL OR left_at > (SELECT as_of FROM clock)) ORDER BY contact_id"
)


def _people(engine: DuckEngine, desk: Desk) -> dict[tuple[str, str], list[str]]:
    """Names with titles of those who are there, by account and role."""
    found: dict[tuple[str, str], list[str]] = {}
    for account_id, name, title, role in engine.connection.execute(_HERE, {"accounts": list(desk.accounts)}).fetchall():
        found.setdefault((account_id, role), []).append(f"{name} ({title})" if title else name)
    return found


# What the plan chooses from


class _Candidates:
    """Reads decisions as candidates and as accounts left alone."""

    def __init__(
        self,
        project: Project,
        rates: Mapping[str, float],
        register: Register,
        people: Mapping[tuple[str, str], list[str]],
    ) -> None:
        self.catalog = project.catalog
        self.activities: Mapping[str, Activity] = {one.id: one for one in project.settings.activities}
        self.rates, self.register, self.people = rates, register, people

    def sorted_out(self, run: Run, desk: Desk) -> tuple[list[Candidate], list[LeftAlone]]:
        """Candidates, and the accounts that have none."""
        by_account: dict[str, list[Row]] = {account: [] for account in desk.accounts}
        for row in run.decisions.to_pylist():
            if row["path"] != "notice":
                by_account[row["account_id"]].append(parsed(row))
        candidates: list[Candidate] = []
        alone: list[LeftAlone] = []
        for account_id, rows in by_account.items():
            mine = self._of_account(rows)
            candidates += mine
            if not mine:
                alone.append(self._alone(account_id, desk.accounts[account_id], rows))
        return candidates, sorted(alone, key=lambda one: (_KINDS.index(one.kind), one.name.casefold()))

    def _of_account(self, rows: Sequence[Row]) -> list[Candidate]:
        """Its winners that need a person's hours, and at most one task of each kind."""
        found = [self._step(row) for row in rows if row["is_winner"] and _needs_hours(row)]
        for task in TASKS:
            waiting = [row for row in rows if _task(row) == task]
            best = max(waiting, key=lambda row: (row["signal_density"], self._value(row) or 0), default=None)
            if best is not None:
                found.append(self._task(best, task))
        return found

    def _step(self, row: Row) -> Candidate:
        asks = questions(row)
        first = f"Ask first: {asks[0].question}" if asks else self._opening(row)
        return self._candidate(row, row["motion"], first=first, is_ready=not asks)

    def _opening(self, row: Row) -> str:
        motion = row["motion"]
        whom = self._whom(row["account_id"], "budget_owner", "executive")
        if motion == "adopt":
            return f"Show their users what they pay for and do not use yet{whom and f'; tell {whom}'}."
        if motion == "right_size":
            return f"Say openly what would cost them less{whom and f', to {whom}'}."
        if motion == "cross_sell":
            champion = self._whom(row["account_id"], "champion")
            return f"Ask {champion or 'somebody there'} for an introduction to the team that would use it."
        offer = price_words(row, self.catalog) or step_words(row, self.catalog)
        return f"Bring the numbers{whom and f' to {whom}'}: {offer}."

    def _task(self, row: Row, task: str) -> Candidate:
        step = step_words(row, self.catalog)
        if task == "find_priority":
            whom = self._whom(row["account_id"], "executive", "budget_owner") or "their executive"
            first = f"Find the priority: ask {whom} what matters to them, by which number; {step} waits for it."
        else:
            goal = self._goal(row)
            whom = self._whom(row["account_id"], "budget_owner", "champion", "executive") or "somebody there"
            said = f" of “{goal}”" if goal else ""
            first = f"Develop the sponsor{said}: win {whom}; {step} waits for it."
        return self._candidate(row, task, first=first)

    def _goal(self, row: Row) -> str:
        wanted = {row["step_product_id"], row["to_plan_id"]}
        goals = [one.goal for one in self.register.goals if one.goal.account_id == row["account_id"] and one.counts]
        return next((goal.priority for goal in goals if wanted & set(goal.advances)), "")

    def _candidate(self, row: Row, activity: str, *, first: str, is_ready: bool = True) -> Candidate:
        takes = self.activities[activity]
        return Candidate(
            account_id=row["account_id"],
            name=row["name"],
            step_id=row["step_id"],
            play=row["play"],
            motion=row["motion"],
            activity=activity,
            product_id=row["step_product_id"],
            target=row["target"],
            step=step_words(row, self.catalog),
            why=why_sentence(row, self.catalog),
            first=first,
            signal_density=row["signal_density"],
            value_minor=self._value(row),
            is_estimated=bool(row["estimated"]),
            hours=takes.hours,
            days=takes.days,
            is_ready=is_ready,
        )

    def _whom(self, account_id: str, *roles: str) -> str:
        return next((found[0] for role in roles if (found := self.people.get((account_id, role)))), "")

    def _value(self, row: Row) -> int | None:
        """A year's value in company currency: recurring net of overage, what is committed, or what care is about."""
        if row["lane"] == "care":
            return None if row["priority"] is None else round(row["priority"])
        rate = self.rates.get(row["currency"])
        if rate is None:
            return None
        net = max(row["recurring_change_minor"] - row["overage_replaced_minor"], 0)
        a_month: int = row["committed_minor"] if row["motion"] == "commit" else net
        return round(a_month * 12 * rate)

    def _alone(self, account_id: str, name: str, rows: Sequence[Row]) -> LeftAlone:
        """Why nothing is done for an account now, told by the step that comes nearest."""
        nearest = min(rows, key=lambda row: (_NEAREST.index(row["outcome"]), -(row["priority"] or 0)), default=None)
        if nearest is None:
            why = "no play fires: what they use and what they pay for agree"
            return LeftAlone(account_id, name, "", "quiet", why, "their use, their plan or a sign that they need more")
        step, outcome = step_words(nearest, self.catalog), nearest["outcome"]
        if outcome == "held":
            told = holds(nearest)
            why = "; ".join(hold.why[:1].lower() + hold.why[1:] for hold in told)
            change = "; ".join(f"{hold.label}: {hold.lifts[:1].lower() + hold.lifts[1:]}" for hold in told)
            return LeftAlone(account_id, name, step, "held", why, change)
        if outcome == "held_out":
            return LeftAlone(
                account_id, name, step, "held_out", "it is in a holdout, which is never asked", "the experiment ends"
            )
        if outcome == "unfit":
            return LeftAlone(
                account_id, name, step, "unfit", why_sentence(nearest, self.catalog), "more use than its plan holds"
            )
        return LeftAlone(
            account_id, name, step, "self_serve", "they can do it alone, so it takes nobody's hours", "nothing"
        )


_NEAREST = ("eligible", "unconfirmed", "held", "held_out", "outranked", "unfit")
_KINDS = ("held", "held_out", "self_serve", "unfit", "quiet")


def _needs_hours(row: Row) -> bool:
    is_open = row["outcome"] in ("eligible", "unconfirmed")
    return is_open and (row["path"] == "assisted" or row["lane"] == "care")


def _task(row: Row) -> str | None:
    """The task that a held step comes out as: only where nothing but the priority or its sponsor is missing."""
    gates = {hold["gate"] for hold in row["holds"]}
    if row["outcome"] != "held" or row["motion"] not in SALES or not gates <= {"no_priority", "no_sponsor"}:
        return None
    return "find_priority" if "no_priority" in gates else "develop_sponsor"
