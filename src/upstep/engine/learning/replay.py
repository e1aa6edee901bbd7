"""A play over past weeks: who would have been asked as of each, and what they did anyway, beside those just below.

Each week is decided as ``decide --as-of`` decides it, so a replay shows what the play would have said, by what is known
now. What followed is read from the movements: a purchase that a play could have brought about, or churn.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS, from_seconds, iso, to_seconds
from upstep.engine.deciding.inputs import gather
from upstep.engine.learning.trial import Trial, try_play
from upstep.errors import ConfigError, Fault
from upstep.learning.chance import Share
from upstep.movements.accounts import merged_accounts, merged_pairs
from upstep.movements.movement import movements
from upstep.movements.plans import plan_table
from upstep.revenue.attribution import creditable
from upstep.tables.facts import default_as_of, open_facts
from upstep.tables.lake import open_snapshot
from upstep.tables.query import DuckEngine, Program, core_table, union_all

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.plays.play import Play

Progress = Callable[[str, float], None]

WEEK = timedelta(days=7)
FOLLOWED_DAYS = 60
"""What an account does within 60 days is told as what followed."""

DEFAULT_WEEKS = 13
WEEKS_MAX = 260


@dataclass(frozen=True)
class Week:
    """One week of a replay. An account counts as new in the first week in which it is asked, or is below.

    Args:
        matched: Accounts for which the condition was true.
        eligible: Steps that would have been asked, one per account and lane.
        held, unconfirmed, unfit, outranked, held_out: Steps that would not, by what became of them.
        notices: Service notices, which are no sale.
        asked: Accounts that would have been asked; ``asked_new``: for the first time in this replay.
        bought, churned: Of the new ones, those that did so within 60 days; None while those days are not over.
        below_new: Accounts just below the threshold for the first time, not asked before.
    """

    at: datetime
    matched: int
    eligible: int
    held: int
    unconfirmed: int
    unfit: int
    outranked: int
    held_out: int
    notices: int
    asked: int
    asked_new: int
    bought: int | None
    churned: int | None
    below: int
    below_new: int
    below_bought: int | None
    below_churned: int | None


@dataclass(frozen=True)
class Replay:
    """A play's past.

    Args:
        accounts: Per week, who would have been asked, in order of id.
        bought, churned: Of all asked in weeks whose 60 days are over; an account counts once.
        below_bought, below_churned: The same of accounts just below.
        notes: What a reader must know to read it right; sentences.
    """

    play: str
    weeks: tuple[Week, ...]
    accounts: tuple[tuple[str, ...], ...]
    bought: Share
    churned: Share
    below_bought: Share
    below_churned: Share
    notes: tuple[str, ...]


def replay(
    project: Project,
    play: Play,
    *,
    first: datetime | None = None,
    last: datetime | None = None,
    progress: Progress = lambda _what, _share: None,
) -> Replay:
    """Replay a play week by week, from the first instant in steps of seven days.

    Args:
        first: Default: a quarter before ``last``.
        last: Default: what is complete.

    Raises:
        ConfigError: The dates are reversed, lie after what is known, or are too far apart.
        SourceError: Nothing was loaded.
    """
    until = from_seconds(default_as_of(project.folder, open_snapshot(project.folder)))
    weeks = weeks_between(first, last, until=until)
    trials = []
    for index, at in enumerate(weeks):
        progress(f"deciding as of {at:%Y-%m-%d}", index / (len(weeks) + 1))
        trials.append(try_play(project, play, as_of=at, inputs=gather(project, at=at), keep=False))
    progress("reading what followed", len(weeks) / (len(weeks) + 1))
    named = {name for trial in trials for name in (*trial.asked, *trial.matched.below)}
    followed = Followed.of(project, named, until=until)
    return _told(play, trials, followed, notes=_notes(project, trials, until=until))


def weeks_between(first: datetime | None, last: datetime | None, *, until: datetime) -> list[datetime]:
    """The instants of a replay.

    Raises:
        ConfigError: See ``replay``; all faults at once.
    """
    end = last or until
    begin = first or end - DEFAULT_WEEKS * WEEK
    faults = []
    if begin > end:
        faults.append(Fault("--from", f"{begin:%Y-%m-%d} comes after --to {end:%Y-%m-%d}.", "Swap the two dates."))
    faults += [
        Fault(option, f"{at:%Y-%m-%d %H:%M} comes after what is known.", f"Facts are complete through {iso(until)}.")
        for option, at in (("--from", begin), ("--to", end))
        if at > until
    ]
    count = (end - begin) // WEEK + 1
    if count > WEEKS_MAX:
        advice = f"Name dates at most {WEEKS_MAX} weeks apart."
        faults.append(Fault("--from", f"{count} weeks lie between {begin:%Y-%m-%d} and {end:%Y-%m-%d}.", advice))
    if faults:
        raise ConfigError(faults)
    return [begin + index * WEEK for index in range(count)]


def _told(play: Play, trials: Sequence[Trial], followed: Followed, *, notes: Sequence[str]) -> Replay:
    seen: set[str] = set()
    seen_below: set[str] = set()
    weeks = []
    totals = {name: [0, 0, 0] for name in ("asked", "below")}
    for trial in trials:
        at = trial.matched.as_of
        new = trial.asked - seen
        seen |= new
        below = set(trial.matched.below) - seen
        new_below = below - seen_below
        seen_below |= new_below
        mine, beside = followed.of_accounts(new, at=at), followed.of_accounts(new_below, at=at)
        for name, group, counted in (("asked", new, mine), ("below", new_below, beside)):
            if counted[0] is not None and counted[1] is not None:
                for place, value in enumerate((len(group), counted[0], counted[1])):
                    totals[name][place] += value
        weeks.append(_week(trial, new=new, mine=mine, below=below, new_below=new_below, beside=beside))
    (asked, bought, churned), (below_of, below_bought, below_churned) = totals["asked"], totals["below"]
    return Replay(
        play=play.id,
        weeks=tuple(weeks),
        accounts=tuple(tuple(sorted(trial.asked)) for trial in trials),
        bought=Share(bought, asked),
        churned=Share(churned, asked),
        below_bought=Share(below_bought, below_of),
        below_churned=Share(below_churned, below_of),
        notes=tuple(notes),
    )


Counted = tuple[int | None, int | None]
"""How many bought and how many churned within 60 days."""


def _week(
    trial: Trial,
    *,
    new: frozenset[str],
    mine: Counted,
    below: set[str],
    new_below: set[str],
    beside: Counted,
) -> Week:
    return Week(
        at=trial.matched.as_of,
        matched=len(trial.matched.accounts),
        **trial.outcomes,
        notices=trial.notices,
        asked=len(trial.asked),
        asked_new=len(new),
        bought=mine[0],
        churned=mine[1],
        below=len(below),
        below_new=len(new_below),
        below_bought=beside[0],
        below_churned=beside[1],
    )


@dataclass(frozen=True)
class Followed:
    """When accounts bought what a play may be credited for, and when they left; seconds, by account id."""

    bought: Mapping[str, Sequence[int]]
    churned: Mapping[str, Sequence[int]]
    until: datetime

    @classmethod
    def of(cls, project: Project, accounts: Iterable[str], *, until: datetime) -> Followed:
        """Read from the movements of these accounts up to ``until``."""
        dates: dict[str, dict[str, list[int]]] = {"bought": {}, "churned": {}}
        for account_id, moved_at, what in _movement_rows(project, sorted(accounts), until=until):
            dates[what].setdefault(account_id, []).append(moved_at)
        return cls(dates["bought"], dates["churned"], until)

    def of_accounts(self, accounts: Iterable[str], *, at: datetime) -> Counted:
        """How many bought, how many churned within 60 days after ``at``; None while those days are not over."""
        if at + timedelta(days=FOLLOWED_DAYS) > self.until:
            return None, None
        since, to = to_seconds(at), to_seconds(at) + FOLLOWED_DAYS * DAY_SECONDS

        def count(dates: Mapping[str, Sequence[int]]) -> int:
            return sum(any(since < moved <= to for moved in dates.get(name, ())) for name in accounts)

        accounts = list(accounts)
        return count(self.bought), count(self.churned)


def _movement_rows(project: Project, accounts: Sequence[str], *, until: datetime) -> list[tuple[str, int, str]]:
    """(account_id, seconds, "bought" or "churned") of every such movement of these accounts."""
    if not accounts:
        return []
    engine = DuckEngine()
    facts = open_facts(project.folder, engine, as_of=until, account_ids=accounts)
    words = project.words(facts.as_of, meter_keys={}, known={}).tables
    small = {name: engine.load(name, words[name]) for name in ("today", "interval_factor")}
    items = core_table("subscription_item")
    pairs = Program()
    pairs.stage("merged_pairs", merged_pairs(items, small["today"]))
    engine.run(pairs)
    program = Program()
    moved = movements(
        items,
        factors=small["interval_factor"],
        plans=engine.load("plans", plan_table(project.catalog)),
        today=small["today"],
        merged=engine.load("merged", merged_accounts(engine.read("merged_pairs"))),
        stage=program.stage,
    )
    left_us = moved.filter(moved.net_category == "churn")
    parts = {"bought": creditable(moved), "churned": left_us}
    told = [part.select("account_key", "moved_at", what=ibis.literal(what)) for what, part in parts.items()]
    program.stage("followed", union_all(told))
    engine.run(program)
    found = engine.connection.execute(
        "SELECT account_id, moved_at, what FROM followed JOIN account_key USING (account_key)"
    )
    return found.fetchall()


def _notes(project: Project, trials: Sequence[Trial], *, until: datetime) -> list[str]:
    notes = []
    open_weeks = sum(trial.matched.as_of + timedelta(days=FOLLOWED_DAYS) > until for trial in trials)
    if open_weeks:
        notes.append(f"Of the last {open_weeks} weeks the {FOLLOWED_DAYS} days after are not over: they stand as open.")
    if not trials[0].matched.has_threshold:
        notes.append("The condition has no threshold, so nobody is just below it.")
    else:
        notes.append("Accounts just below are a comparison, no control group: they are a little smaller, too.")
    first = open_snapshot(project.folder).manifest.first_loaded_at
    if first is not None and to_seconds(trials[0].matched.as_of) < first:
        notes.append(
            f"Before {from_seconds(first):%Y-%m-%d} nothing had been loaded: what has no dates (an owner, a role)"
            " is told as it is known now."
        )
    offered = _offered(project, trials, until=until)
    if offered:
        notes.append(f"{offered} of those asked were shown an offer in that time: what they bought may be due to it.")
    return notes


def _offered(project: Project, trials: Sequence[Trial], *, until: datetime) -> int:
    """Accounts asked in the replay that were shown a real offer from its first week on."""
    shown = gather(project, at=until).tables.get("offer_history")
    if shown is None:
        return 0
    since = to_seconds(trials[0].matched.as_of)
    asked = {name for trial in trials for name in trial.asked}
    return len({row["account_id"] for row in shown.to_pylist() if (row["shown_at"] or 0) >= since} & asked)


def as_csv(found: Replay) -> str:
    """One line a week, as ``--csv`` writes it; what is not over yet is empty."""
    out = io.StringIO()
    names = [column.name for column in fields(Week)]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(week), "at": iso(week.at.astimezone(UTC))} for week in found.weeks)
    return out.getvalue()
