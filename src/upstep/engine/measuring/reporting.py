"""A report: facts, offers and the ledger of a project become one period's numbers, with what must be said of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from upstep.clock import from_seconds, iso, to_seconds
from upstep.engine.compiled import kept_statements, source_digest
from upstep.engine.measuring.decided import before, opportunities_of, replaced_overage
from upstep.engine.measuring.following import read_looks
from upstep.engine.measuring.lifting import Result, results
from upstep.engine.measuring.trailing_usage import UsageRetention, has_overage, overage_of
from upstep.engine.project import open_project_state
from upstep.errors import ConfigError, Fault, SourceError
from upstep.movements.accounts import merged_accounts, merged_pairs
from upstep.movements.plans import plan_table
from upstep.movements.policy import PRESETS, Policy
from upstep.revenue.attribution import Asked, Conversions, Credit, attribute, conversions, offer_rows
from upstep.revenue.months import FIRST, Month, month_days, month_name, month_number, months_between
from upstep.revenue.rates import Rates, rate_table, rates_of
from upstep.revenue.report import OUTPUTS, SPANS, Numbers, queries, span_days, told, whole
from upstep.tables.facts import Facts, open_facts
from upstep.tables.query import DuckEngine, Program, core_table

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.revenue.mrr import View

Progress = Callable[[str, float], None]

HISTORY_MONTHS = 12


@dataclass(frozen=True)
class Asking:
    """What is to be told. ``first`` and ``last`` are months (2026-10); None: the last complete month."""

    first: str | None = None
    last: str | None = None
    policy: str | None = None
    view: View = "net"


@dataclass(frozen=True)
class PlayCredit:
    """What one play is credited with in the period, in MRR units of the company's currency.

    Args:
        gross: What the movements did to MRR; ``replaced``: the overage they replaced; ``credited``: the rest.
        committed_minor: Committed value that commits added, minor units.
    """

    play: str
    motion: str
    conversions: int
    accounts: int
    gross: Fraction
    replaced: Fraction
    credited: Fraction
    committed_minor: Fraction


@dataclass(frozen=True)
class Unprompted:
    """What customers did by themselves: growth by creditable causes that no accepted offer led to."""

    events: int
    units: Fraction
    committed_minor: Fraction


@dataclass(frozen=True)
class Report:
    """All that is told. Amounts as in ``revenue.report``.

    Args:
        is_complete: Whether all of the period lies before ``as_of``.
        usage: NRR with trailing usage, or None, and then ``usage_why`` says why.
        opportunities: The best open steps of the ledger, as ``explain.parsed`` rows; ``decided_at`` when they were.
        experiments: Holdouts and tests with what they found by ``as_of``, whatever the period.
        looks: At what was bought in the period: is it used? See ``engine.measuring.following``.
        notes: What a reader must know to read the numbers right; sentences.
    """

    company: str
    currency: str
    zone: str
    policy: Policy
    view: View
    months: tuple[Month, ...]
    as_of: datetime
    is_complete: bool
    credit_days: int
    numbers: Numbers
    usage: UsageRetention | None
    usage_why: str
    credits: tuple[PlayCredit, ...]
    unprompted: Unprompted
    conversions: tuple[Conversions, ...]
    opportunities: tuple[dict[str, Any], ...]
    decided_at: datetime | None
    notes: tuple[str, ...]
    experiments: tuple[Result, ...] = ()
    looks: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The period as people write it: 2026-10, or 2026-08 to 2026-10."""
        first, last = self.months[0].name, self.months[-1].name
        return first if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class _Books:
    """What is read for one report: facts in an engine, the period, and the rates that value it."""

    project: Project
    engine: DuckEngine
    facts: Facts
    months: Sequence[Month]
    rates: Rates

    @property
    def zone(self) -> str:
        return self.project.settings.time_zone

    @property
    def history(self) -> list[Month]:
        """The twelve months that end with the period."""
        last = self.months[-1].number
        return months_between(month_name(last - HISTORY_MONTHS + 1), month_name(last), self.zone)

    @property
    def today(self) -> pa.Table:
        return self._words["today"]

    @property
    def factors(self) -> pa.Table:
        return self._words["interval_factor"]

    @cached_property
    def _words(self) -> Mapping[str, pa.Table]:
        return self.project.words(self.facts.as_of, meter_keys={}, known={}).tables


def make_report(project: Project, asking: Asking, *, progress: Progress = lambda _what, _share: None) -> Report:
    """Work a report out.

    Raises:
        ConfigError: A month or policy that is none, or a period that begins after what is known.
        SourceError: Nothing was loaded.
    """
    settings = project.settings
    policy = _policy(asking.policy or settings.mrr_policy)
    engine = DuckEngine(spill=str(project.folder / ".upstep" / "spill"))
    progress("opening facts", 0.0)
    facts = open_facts(project.folder, engine)
    if "subscription_item" not in facts.connected:
        advice = "Map it in mapping.yaml or put data/subscription_item.csv there, then run 'upstep load'."
        raise SourceError(Fault(str(project.folder), "table subscription_item is not loaded.", advice))
    months = _period(asking, facts.as_of, settings.time_zone)
    rates = rates_of(engine.read("fx_rate").to_pylist(), settings.currency)
    open_books = _Books(project, engine, facts, months, rates)
    merged = _merged(open_books)
    offers = _offers(open_books, merged)
    progress("adding up movements", 0.2)
    found = _run(open_books, merged, offers, policy=policy, view=asking.view)
    numbers = _told(found, open_books)
    progress("pricing usage", 0.6)
    usage, why = _usage(open_books, found, numbers)
    progress("reading offers and the ledger", 0.9)
    credited, unprompted = _credited(found, offers, numbers, open_books)
    opportunities, decided_at = opportunities_of(project)
    return Report(
        company=settings.company,
        currency=settings.currency,
        zone=settings.time_zone,
        policy=policy,
        view=asking.view,
        months=tuple(months),
        as_of=facts.as_of,
        is_complete=months[-1].ends_at <= to_seconds(facts.as_of),
        credit_days=settings.credit_days,
        numbers=numbers,
        usage=usage,
        usage_why=why,
        credits=credited,
        unprompted=unprompted,
        conversions=tuple(conversions(offers, months[0].starts_at, months[-1].ends_at)),
        opportunities=opportunities,
        decided_at=decided_at,
        notes=tuple(_notes(facts, months, numbers, settings.currency)),
        experiments=_experiments(project, facts),
        looks=_looks(project, months),
    )


# What is asked for


def _policy(name: str) -> Policy:
    if name not in PRESETS:
        raise ConfigError(Fault("--policy", f"'{name}' is not known.", f"Known: {', '.join(PRESETS)}."))
    return PRESETS[name]


def _period(asking: Asking, as_of: datetime, zone: str) -> list[Month]:
    """The months that are told."""
    last_complete = _last_complete(as_of, zone)
    last = asking.last or (asking.first if asking.first and asking.first > last_complete else None) or last_complete
    first = asking.first or last
    faults = []
    for option, name in (("--from", first), ("--to", last)):
        try:
            month_number(name)
        except ValueError as error:
            faults.append(Fault(option, f"{error}."))
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    if month_number(first) > month_number(last):
        raise ConfigError(Fault("--from", f"{first} lies after --to {last}.", "Swap them."))
    months = months_between(first, last, zone)
    if months[-1].starts_at > to_seconds(as_of):
        found = f"{months[-1].name} begins after {as_of:%Y-%m-%d}, up to which the facts are complete."
        raise ConfigError(Fault("--to", found, f"Ask for {last_complete} or earlier, or load newer facts."))
    return months


def _last_complete(as_of: datetime, zone: str) -> str:
    """The last month that had ended in the company's zone."""
    local = as_of.astimezone(ZoneInfo(zone))
    return month_name(local.year * 12 + local.month - 2)


# Running


def _run(
    books: _Books, merged: pa.Table, offers: Sequence[Asked], *, policy: Policy, view: View
) -> dict[str, pa.Table]:
    tables = {name: books.engine.load(name, rows) for name, rows in _small(books, merged, offers).items()}
    kept = kept_statements(
        books.project.cache_folder,
        "report",
        (source_digest("movements/*.py", "revenue/*.py"), repr(policy), view),
        lambda: queries(tables, policy=policy, view=view),
    )
    books.engine.run(kept, keep=OUTPUTS)
    return {name: books.engine.read(name) for name in OUTPUTS}


def _small(books: _Books, merged: pa.Table, offers: Sequence[Asked]) -> dict[str, pa.Table]:
    """The small tables that ``queries`` joins."""
    spans = {"period": books.months, "year": books.history}
    days = {"month": month_days(books.zone), **{name: span_days(run, books.zone) for name, run in spans.items()}}
    currencies = books.engine.connection.execute("SELECT DISTINCT currency FROM subscription_item ORDER BY 1")
    known = [row[0] for row in currencies.fetchall()]
    one = whole(books.months)
    valued = {"month": _ever(books), "period": [one], "year": [whole(books.history)]}
    asked = sorted({offer.account_key for offer in offers if offer.accepted_at is not None})
    return {
        "interval_factor": books.factors,
        "today": books.today,
        "plan": plan_table(books.project.catalog),
        "merged": merged,
        **{f"days_{span}": days[span] for span in SPANS},
        **{f"rates_{span}": rate_table(books.rates, known, valued[span]) for span in SPANS},
        "period": pa.table({"starts_at": pa.array([one.starts_at]), "ends_at": pa.array([one.ends_at])}),
        "asked_account": pa.table({"account_key": pa.array(asked, pa.int32())}),
    }


def _ever(books: _Books) -> list[Month]:
    """Every month that anything can be told of, to the period's last."""
    last = books.months[-1]
    return months_between(month_name(max(FIRST, last.number - 12 * 40)), last.name, books.zone)


def _merged(books: _Books) -> pa.Table:
    program = Program()
    program.stage(
        "merged_pairs", merged_pairs(core_table("subscription_item"), books.engine.load("today", books.today))
    )
    books.engine.run(program)
    return merged_accounts(books.engine.read("merged_pairs"))


def _told(found: Mapping[str, pa.Table], books: _Books) -> Numbers:
    first, last = pa.compute.min(found["lines_month"]["month"]).as_py(), books.months[-1]
    is_empty = first is None or first > last.number
    every = [] if is_empty else months_between(month_name(first), last.name, books.zone)
    return told(found, period=books.months, history=books.history, rates=books.rates, every=every)


# Usage beside MRR


def _usage(books: _Books, found: Mapping[str, pa.Table], numbers: Numbers) -> tuple[UsageRetention | None, str]:
    if "usage" not in books.facts.connected:
        return None, "usage is not connected"
    if not has_overage(books.project):
        return None, "no plan in the catalog prices overage, so it would equal NRR"
    kept = numbers.retention
    payers = found["payer"].filter(found["payer"]["at_start"])["account_key"].combine_chunks()
    start, end = books.months[0].starts_at, min(books.months[-1].ends_at, to_seconds(books.facts.as_of))
    before, after = (
        overage_of(books.project, from_seconds(at), payers, rates=books.rates, valued_at=start) for at in (start, end)
    )
    return UsageRetention(kept.start, kept.end, before, after, kept.missing), ""


# Offers


def _offers(books: _Books, merged: pa.Table) -> list[Asked]:
    """Every offer opened before the period's end, with the overage that its step replaces."""
    project = books.project
    if not project.has_state:
        return []
    state = open_project_state(project)
    try:
        rows = offer_rows(state, until=from_seconds(books.months[-1].ends_at))
    finally:
        state.dispose()
    known = books.engine.connection.execute("SELECT account_id, account_key FROM account").fetchall()
    into = dict(zip(merged["account_key"].to_pylist(), merged["into_account_key"].to_pylist(), strict=True))
    keys = {account_id: into.get(key, key) for account_id, key in known}
    replaced = replaced_overage(project, {row["step_id"] for row in rows})
    names = ("offer_id", "play", "motion", "product_id", "opened_at", "shown_at", "accepted_at", "converted_at")
    return [
        Asked(
            **{name: row[name] for name in names},
            account_key=keys[row["account_id"]],
            trigger=trigger_of(row["facts"]),
            overage_replaced_minor=before(replaced.get(row["step_id"], ()), row["opened_at"]),
            declined_at=row["declined_at"],
            is_withdrawn=row["is_withdrawn"],
        )
        for row in rows
        if row["account_id"] in keys
    ]


def trigger_of(facts: Mapping[str, Any]) -> str:
    """What made a play fire, by how much of the limit was used when it was asked.

    >>> trigger_of({"used": {"value": 46_000}, "limit_quantity": {"value": 50_000}})
    'limit 90% used'
    """
    used, limit = ((facts.get(name) or {}).get("value") for name in ("used", "limit_quantity"))
    if used is None or not limit:
        return "pattern of use"
    percent = int(used) * 100 // int(limit)
    return next((words for at, words in _TRIGGERS if percent >= at), "limit under 80% used")


_TRIGGERS = ((100, "limit reached"), (90, "limit 90% used"), (80, "limit 80% used"))


def _credited(
    found: Mapping[str, pa.Table],
    offers: Sequence[Asked],
    numbers: Numbers,
    books: _Books,
) -> tuple[tuple[PlayCredit, ...], Unprompted]:
    """What each play is credited with, and what is left of the period's growth without an offer."""
    start, days = books.months[0].starts_at, books.project.settings.credit_days
    made = attribute(found["creditable_asked"].to_pylist(), offers, window_days=days)
    groups: dict[tuple[str, str], list[Credit]] = defaultdict(list)
    for credit in made:
        if credit.moved_at >= start:
            groups[credit.offer.play, credit.offer.motion].append(credit)
    plays = [_play_credit(*key, group, books.rates, start) for key, group in groups.items()]
    plays.sort(key=lambda play: (-play.credited, -play.committed_minor, play.play, play.motion))
    rest = Unprompted(
        sum(line.events for line in numbers.motions) - sum(play.conversions for play in plays),
        sum((line.units for line in numbers.motions), Fraction(0)) - sum((p.gross for p in plays), Fraction(0)),
        sum((line.committed_minor for line in numbers.motions), Fraction(0))
        - sum((play.committed_minor for play in plays), Fraction(0)),
    )
    return tuple(plays), rest


def _play_credit(play: str, motion: str, group: Sequence[Credit], rates: Rates, start: int) -> PlayCredit:
    valued = [(credit, rates.at(credit.currency, start) or Fraction(0)) for credit in group]
    gross = sum((credit.units * rate for credit, rate in valued), Fraction(0))
    credited = sum((credit.credited_units * rate for credit, rate in valued), Fraction(0))
    commits = sum((credit.units * rate for credit, rate in valued if credit.cause == "commit"), Fraction(0))
    return PlayCredit(
        play,
        motion,
        len(group),
        len({credit.account_key for credit in group}),
        gross,
        gross - commits - credited,
        credited,
        sum((credit.committed_minor * rate for credit, rate in valued), Fraction(0)),
    )


def _experiments(project: Project, facts: Facts) -> tuple[Result, ...]:
    """Those in which an account came to the point; a report of who holds nobody out costs nothing more."""
    if not project.has_state:
        return ()
    state = open_project_state(project)
    try:
        return tuple(found for found in results(project, state, now=facts.as_of) if found.exposed)
    finally:
        state.dispose()


def _looks(project: Project, months: Sequence[Month]) -> tuple[dict[str, Any], ...]:
    """The looks after what was bought in the period."""
    if not project.has_state:
        return ()
    state = open_project_state(project)
    try:
        begins, ends = iso(from_seconds(months[0].starts_at)), iso(from_seconds(months[-1].ends_at))
        return tuple(look for look in read_looks(project, state) if begins <= look["converted_at"] < ends)
    finally:
        state.dispose()


# What must be said


def _notes(facts: Facts, months: Sequence[Month], numbers: Numbers, currency: str) -> list[str]:
    notes = []
    if months[-1].ends_at > to_seconds(facts.as_of):
        until = facts.as_of - timedelta(seconds=1)
        notes.append(f"{months[-1].name} is not over: it is told up to {until:%Y-%m-%d}.")
    missing = sorted({*numbers.bridge.missing, *numbers.retention.missing, *numbers.year.missing})
    if missing:
        codes = ", ".join(code.upper() for code in missing)
        notes.append(
            f"No rate from {codes} to {currency.upper()} is known, so totals leave {codes} out; "
            "its own bridge stands by itself. Load fx_rate to have it in."
        )
    if not numbers.bridge["start"] and not numbers.bridge["end"] and not missing:
        notes.append("Nobody paid at the start or at the end of this period.")
    if "purchase" not in facts.connected:
        notes.append("One-off sales are not connected (table purchase), so none are told.")
    if facts.as_of_precision == "current":
        notes.append("The facts were first loaded after this period: it is told by what is known now.")
    return notes
