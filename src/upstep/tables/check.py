"""What is wrong and what is odd in the facts, with counts, examples and what to do.

Errors are rows that were not used. Warnings are used as they are, and a person should know. Notes say what cannot be
decided with what is connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import DAY_SECONDS, from_seconds, iso, to_seconds
from upstep.tables.facts import Facts, open_facts
from upstep.tables.lake import read_manifest
from upstep.tables.quarantine import MEANINGS, kept_aside, shown
from upstep.tables.schema import REQUIRED_TABLES, TABLES, Nature

if TYPE_CHECKING:
    import duckdb

    from upstep.tables.query import DuckEngine

FRESH_DAYS = 2
_LIVE = "valid_from <= as_of AND (valid_to IS NULL OR valid_to > as_of) AND status NOT IN ('canceled', 'incomplete')"

SETTLES = {
    "contact": "who may buy, who champions, and whom a step is written to",
    "owner": "who works an assisted step, and how many hours they have",
    "invoice": "the gate payment_trouble: failed, late and unpaid charges",
    "ticket": "the gate open_issue: open problems and escalations",
    "moment": "first value, renewal risk, milestones and other dated facts",
    "goal": "the gates no_priority and no_sponsor of assisted steps",
    "deal": "the gate open_deal: which accounts a person is selling to now",
    "feedback": "detractor scores near a renewal",
    "outcome": "whether what was promised was met",
    "seat": "assigned and idle seats; without it active contacts are counted instead",
    "purchase": "one-off sales, and what was bought last",
    "entitlement_override": "limits that an account has of its own",
    "fx_rate": "the ranking of steps in other currencies",
}
"""Table -> what connecting it would settle."""


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or odd.

    Args:
        id: What was looked for; one word per kind of finding.
        found: What was found, as a sentence with its numbers.
        count: How many rows, accounts or ids; ``unit`` says which.
        share: Of all of them, 0 to 1; None where there is no whole.
        examples: A few, as ``file:line: …`` or ids. Never a contact's details.
        meaning: Why it matters.
        advice: What to do.
    """

    id: str
    severity: Severity
    table: str
    found: str
    count: int
    unit: str
    share: float | None
    examples: tuple[str, ...]
    meaning: str
    advice: str


@dataclass(frozen=True)
class CheckReport:
    """What a check found. ``rows`` counts the current rows of each connected table."""

    as_of: datetime
    as_of_precision: str
    rows: Mapping[str, int]
    complete_through: Mapping[str, datetime]
    not_connected: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def has_faults(self) -> bool:
        """Whether rows were kept aside or a required table is missing: ``check`` then exits 1."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def check(
    project: Path, engine: DuckEngine, *, as_of: datetime | None = None, fresh_days: int = FRESH_DAYS
) -> CheckReport:
    """Look for everything that is wrong or odd, each by one query.

    Raises:
        SourceError: Nothing was loaded.
        DamagedError: Stored files are not what was written.
    """
    facts = open_facts(project, engine, as_of=as_of or _clock_of_the_rest(project))
    looking = _Looking(engine.connection, facts, fresh_days=fresh_days)
    names = [name for name in TABLES if name in facts.connected]
    rows = {name: looking.count(f"SELECT count(*) FROM {'usage_raw' if name == 'usage' else name}") for name in names}
    return CheckReport(
        facts.as_of,
        facts.as_of_precision,
        rows,
        facts.complete_through,
        tuple(name for name in TABLES if name not in facts.connected),
        tuple(sorted(looking.findings(), key=lambda finding: list(Severity).index(finding.severity))),
    )


def _clock_of_the_rest(project: Path) -> datetime | None:
    """Until when everything is complete, where the tables that have the say are all missing: that is to be told too."""
    connected = read_manifest(project).connected
    if not connected or any(table in connected for table in ("subscription_item", "usage")):
        return None
    return from_seconds(min(table.complete_through for table in connected.values()))


class _Looking:
    """The looks of one check, on the tables that ``open_facts`` has registered."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, facts: Facts, *, fresh_days: int) -> None:
        self.connection = connection
        self.facts = facts
        self.fresh_days = fresh_days

    def findings(self) -> Iterator[Finding]:
        """All findings."""
        yield from self._missing_tables()
        yield from self._kept_aside()
        yield from self._orphans()
        if "usage" in self.facts.connected:
            yield from self._ids_on_several_days()
            yield from self._usage_before_subscription()
            yield from self._usage_before_own_subscription()
            yield from self._usage_without_contacts()
            yield from self._repeated_events()
        if "subscription_item" in self.facts.connected:
            yield from self._several_live()
            yield from self._canceled_but_open()
            yield from self._without_subscription()
            yield from self._currencies()
        yield from self._before_account()
        yield from self._stale()
        yield from self._not_connected()

    def count(self, select: str) -> int:
        """The one number of a query."""
        return int(self._row(select)[0] or 0)

    def _row(self, select: str) -> tuple[Any, ...]:
        row = self.connection.execute(select).fetchone()
        assert row is not None
        return row

    def _examples(self, select: str, limit: int = 3) -> tuple[str, ...]:
        return tuple(str(row[0]) for row in self.connection.execute(f"{select} LIMIT {limit}").fetchall())

    def _missing_tables(self) -> Iterator[Finding]:
        for table in REQUIRED_TABLES:
            if table not in self.facts.connected:
                yield Finding(
                    "required_table_missing",
                    Severity.ERROR,
                    table,
                    f"{table} is not connected.",
                    1,
                    "table",
                    None,
                    (),
                    "Without it no step can be decided.",
                    f"Put data/{table}.csv into the project, or map it in mapping.yaml.",
                )

    def _kept_aside(self) -> Iterator[Finding]:
        faults = kept_aside(self.connection, self.facts.snapshot, of_each=3)
        for name, table in self.facts.snapshot.manifest.connected.items():
            for kind, count in sorted(table.faults.items(), key=lambda item: -item[1]):
                of_kind = [fault for fault in faults if fault.table == name and fault.kind == kind]
                stored = self.facts.snapshot.manifest.tables.get(name)
                whole = count + (stored.rows if stored else 0)
                yield Finding(
                    kind,
                    Severity.ERROR,
                    name,
                    f"{count:,} {'row was' if count == 1 else 'rows were'} kept aside: {kind.replace('_', ' ')}.",
                    count,
                    "rows",
                    count / whole,
                    shown(of_kind),
                    MEANINGS.get(kind, ""),
                    of_kind[0].advice if of_kind else "Correct them in the source.",
                )

    def _orphans(self) -> Iterator[Finding]:
        if not self.facts.orphans or "account" not in self.facts.connected:
            return
        examples = self._examples("SELECT account_id FROM account_key SEMI JOIN _orphan USING (account_key) ORDER BY 1")
        whole = self.count("SELECT count(*) FROM account_key")
        yield Finding(
            "unknown_account",
            Severity.WARNING,
            "account",
            f"{self.facts.orphans:,} accounts stand in other tables, but not in account; their rows are left out.",
            self.facts.orphans,
            "accounts",
            self.facts.orphans / whole,
            examples,
            "Nobody knows whose rows these are.",
            "Add them to the account table, or leave their rows out with 'where'.",
        )

    def _ids_on_several_days(self) -> Iterator[Finding]:
        stored = self.facts.snapshot.select("usage")
        # Equal ids have equal hashes: only ids whose hash occurs twice are compared by their text.
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE _suspect AS SELECT id_hash FROM (SELECT hash(event_id) AS id_hash"
            f" FROM ({stored})) GROUP BY id_hash HAVING count(*) > 1"
        )
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE _several AS SELECT event_id, count(DISTINCT day) AS days FROM"
            f" (SELECT event_id, day FROM ({stored}) WHERE hash(event_id) IN (SELECT id_hash FROM _suspect))"
            " GROUP BY event_id HAVING count(DISTINCT day) > 1"
        )
        ids, events = self._row("SELECT count(*), coalesce(sum(days), 0) FROM _several")
        if ids:
            whole = self.facts.snapshot.manifest.tables["usage"].rows
            yield Finding(
                "event_id_on_several_days",
                Severity.WARNING,
                "usage",
                f"{ids:,} event ids occur on several days, {events:,} events in all; all of them are counted.",
                int(ids),
                "ids",
                int(events) / whole,
                self._examples(
                    "SELECT event_id || ' on ' || days || ' days' FROM _several ORDER BY days DESC, event_id"
                ),
                "Either ids are reused, or an event was dated anew when it was sent again and counts twice.",
                "Ask who writes the ids. Events of one id on one UTC day count once.",
            )

    def _usage_before_subscription(self) -> Iterator[Finding]:
        if "subscription_item" not in self.facts.connected:
            return
        early = (
            "usage_day JOIN (SELECT account_key, min(valid_from) AS first_from FROM subscription_item"
            f" GROUP BY account_key) USING (account_key) WHERE day < first_from // {DAY_SECONDS}"
        )
        events, accounts = self._row(f"SELECT sum(events), count(DISTINCT account_key) FROM {early}")
        if events:
            examples = self._examples(
                f"SELECT account_id FROM account_key SEMI JOIN (SELECT account_key FROM {early}) USING (account_key)"
                " ORDER BY account_id"
            )
            yield Finding(
                "usage_before_subscription",
                Severity.WARNING,
                "usage",
                f"{events:,} events of {accounts:,} accounts lie before the account's first subscription.",
                int(events),
                "events",
                int(events) / max(self.count("SELECT sum(events) FROM usage_day"), 1),
                examples,
                "Subscriptions or dates are missing; such use counts as history, never against a limit.",
                "Check the start dates of these accounts' subscriptions.",
            )

    def _usage_before_own_subscription(self) -> Iterator[Finding]:
        """Only where events name their subscription, as ``{"subscription_id": …}`` in properties."""
        stored = self.facts.snapshot.select("usage")
        own = "json_extract_string(properties, '$.subscription_id')"
        if not self.count(
            f"SELECT count(*) FROM (SELECT {own} AS own FROM ({stored}) LIMIT 1000) WHERE own IS NOT NULL"
        ):
            return
        early = (
            f"(SELECT event_id, day, occurred_at, {own} AS subscription_id FROM ({stored})) events JOIN"
            " (SELECT subscription_id, min(valid_from) AS first_from, max(coalesce(valid_to, 253402300799)) AS last_to"
            " FROM subscription_item GROUP BY subscription_id) items USING (subscription_id)"
        )
        before, after, whole = self._row(
            "SELECT count(*) FILTER (occurred_at < first_from), count(*) FILTER (occurred_at >= last_to), count(*)"
            f" FROM {early}"
        )
        for count, word, verb, condition in (
            (before, "before", "began", "occurred_at < first_from"),
            (after, "after", "had ended", "occurred_at >= last_to"),
        ):
            if count:
                examples = self._examples(
                    f"SELECT event_id || ' of ' || subscription_id FROM {early} WHERE {condition} ORDER BY 1"
                )
                yield Finding(
                    f"usage_{word}_own_subscription",
                    Severity.WARNING,
                    "usage",
                    f"{count:,} events lie {word} the subscription that they name {verb}.",
                    int(count),
                    "events",
                    int(count) / max(int(whole), 1),
                    examples,
                    "The event's date, the subscription's dates or the link between them is wrong.",
                    "Ask where the events get their subscription from; they are counted for the account all the same.",
                )

    def _usage_without_contacts(self) -> Iterator[Finding]:
        events = self.facts.snapshot.manifest.tables.get("usage")
        if (
            events
            and events.rows
            and not self.facts.snapshot.files("usage_contact") + self.facts.snapshot.files("usage_contact_recent")
        ):
            yield Finding(
                "usage_without_contacts",
                Severity.NOTE,
                "usage",
                "No event says who used it: contact_id is not mapped, or always empty.",
                events.rows,
                "events",
                1.0,
                (),
                "Active seats, new users and the recipients of a notice cannot be known.",
                "Map contact_id in usage.",
            )

    def _repeated_events(self) -> Iterator[Finding]:
        repeated = self.facts.snapshot.manifest.connected["usage"].repeated
        if repeated:
            yield Finding(
                "repeated_events",
                Severity.NOTE,
                "usage",
                f"{repeated:,} events had come before, with the same id on the same UTC day, and were dropped.",
                repeated,
                "events",
                None,
                (),
                "Sending an event twice counts it once.",
                "",
            )

    def _several_live(self) -> Iterator[Finding]:
        live = (
            "(SELECT account_key, product_id, count(DISTINCT subscription_id) AS subscriptions"
            f" FROM subscription_item, clock WHERE {_LIVE} AND plan_id IS NOT NULL GROUP BY account_key, product_id)"
        )
        pairs, least, most, whole = self._row(
            "SELECT count(*) FILTER (subscriptions > 1), min(subscriptions) FILTER (subscriptions > 1),"
            f" max(subscriptions), count(*) FROM {live}"
        )
        if pairs:
            yield Finding(
                "several_live_subscriptions",
                Severity.WARNING,
                "subscription_item",
                f"{pairs:,} times an account has several live subscriptions of one product ({least} to {most}).",
                int(pairs),
                "accounts and products",
                int(pairs) / int(whole),
                self._examples(
                    "SELECT account_id || ': ' || subscriptions || ' of ' || product_id"
                    f" FROM {live} JOIN account_key USING (account_key) WHERE subscriptions > 1"
                    " ORDER BY subscriptions DESC, account_id"
                ),
                "Their limits add up, the earliest one's period counts, and the costliest plan is the current one.",
                "End the subscriptions that are over, or give each product its own id.",
            )

    def _canceled_but_open(self) -> Iterator[Finding]:
        count, whole = self._row(
            "SELECT count(*) FILTER (status = 'canceled' AND valid_to IS NULL), count(*) FROM subscription_item"
        )
        if count:
            yield Finding(
                "canceled_without_end",
                Severity.WARNING,
                "subscription_item",
                f"{count:,} items are canceled, but have no end.",
                int(count),
                "items",
                int(count) / int(whole),
                self._examples(
                    "SELECT item_id FROM subscription_item WHERE status = 'canceled' AND valid_to IS NULL ORDER BY 1"
                ),
                "They count as not live; when they ended is not known.",
                "Map valid_to.",
            )

    def _without_subscription(self) -> Iterator[Finding]:
        count, whole = self._row(
            "SELECT count(*) FILTER (account_key NOT IN (SELECT account_key FROM subscription_item)), count(*)"
            " FROM account"
        )
        if count:
            yield Finding(
                "account_without_subscription",
                Severity.NOTE,
                "account",
                f"{count:,} accounts have never had a subscription.",
                int(count),
                "accounts",
                int(count) / int(whole),
                self._examples(
                    "SELECT account_id FROM account ANTI JOIN subscription_item USING (account_key) ORDER BY account_id"
                ),
                "No step is decided for them.",
                "Map their free plan as a subscription item with amount 0, if they have one.",
            )

    def _currencies(self) -> Iterator[Finding]:
        mixed = (
            "(SELECT account_key, string_agg(DISTINCT currency, ', ' ORDER BY currency) AS currencies"
            f" FROM subscription_item, clock WHERE {_LIVE} GROUP BY account_key HAVING count(DISTINCT currency) > 1)"
        )
        accounts = self.count(f"SELECT count(*) FROM {mixed}")
        if accounts:
            yield Finding(
                "several_currencies_in_an_account",
                Severity.WARNING,
                "subscription_item",
                f"{accounts:,} accounts pay live subscriptions in several currencies.",
                accounts,
                "accounts",
                accounts / max(self.count("SELECT count(*) FROM account"), 1),
                self._examples(
                    f"SELECT account_id || ': ' || currencies FROM {mixed} JOIN account_key USING (account_key)"
                    " ORDER BY account_id"
                ),
                "Their amounts are never added up without a rate.",
                "Check the currency of their subscriptions.",
            )
        currencies = self._examples("SELECT DISTINCT currency FROM subscription_item ORDER BY 1", 200)
        if len(currencies) > 1 and "fx_rate" not in self.facts.connected:
            yield Finding(
                "currencies_without_rates",
                Severity.WARNING,
                "fx_rate",
                f"Subscriptions are in {len(currencies)} currencies, and fx_rate is not connected.",
                len(currencies),
                "currencies",
                None,
                currencies[:5],
                "Steps in another currency than the company's have no priority and are listed last.",
                "Connect fx_rate.",
            )

    def _before_account(self) -> Iterator[Finding]:
        """Rows dated before their account was created."""
        for name, table in TABLES.items():
            dated = table.dated_by
            if name not in self.facts.connected or "account_id" not in table.names or name == "account" or not dated:
                continue
            if table.nature is Nature.EVENT:
                rows, dated = "usage_day", f"day * {DAY_SECONDS}::BIGINT + {DAY_SECONDS - 1}"
            else:
                rows = name
            joined = f"(SELECT account_key, {dated} AS dated FROM {rows}) JOIN account USING (account_key)"
            count, whole = self._row(f"SELECT count(*) FILTER (dated < created_at), count(*) FROM {joined}")
            if count:
                yield Finding(
                    "before_account_created",
                    Severity.WARNING,
                    name,
                    f"{count:,} rows are dated before their account was created.",
                    int(count),
                    "rows by day" if table.nature is Nature.EVENT else "rows",
                    int(count) / int(whole),
                    self._examples(f"SELECT DISTINCT account_id FROM {joined} WHERE dated < created_at ORDER BY 1"),
                    "One of the two dates is wrong, or accounts were created anew.",
                    "Check created_at of these accounts.",
                )

    def _stale(self) -> Iterator[Finding]:
        limit = to_seconds(self.facts.as_of) - self.fresh_days * DAY_SECONDS
        for name, through in self.facts.complete_through.items():
            if to_seconds(through) < limit:
                days = (to_seconds(self.facts.as_of) - to_seconds(through)) // DAY_SECONDS
                yield Finding(
                    "stale",
                    Severity.WARNING,
                    name,
                    f"{name} is complete up to {iso(through)} only, {days} days before {iso(self.facts.as_of)}.",
                    int(days),
                    "days",
                    None,
                    (),
                    "Gates that answer from it are unknown.",
                    "Load it again.",
                )

    def _not_connected(self) -> Iterator[Finding]:
        for name, settles in SETTLES.items():
            if name not in self.facts.connected:
                yield Finding(
                    "not_connected",
                    Severity.NOTE,
                    name,
                    f"{name} is not connected.",
                    0,
                    "rows",
                    None,
                    (),
                    f"It would settle {settles}.",
                    f"Put data/{name}.csv into the project, or map it in mapping.yaml.",
                )
