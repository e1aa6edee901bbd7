"""What a record holds, read anew from what is stored: the ground on which a business case is checked.

A record is a path, ``outcome/ID/COLUMN``, or for usage a query, ``usage?account_id=…&meter_id=…&from=…&until=…``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from upstep.catalog.model import Price
from upstep.catalog.price import amount
from upstep.clock import DAY_SECONDS, from_seconds, parse_instant, to_seconds
from upstep.engine.planning.goals import read_register
from upstep.engine.planning.selling import read_opportunities
from upstep.planning.business_case import Value
from upstep.plays.gates import ADOPTION_PERCENT
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from upstep.catalog.model import AddOn, Plan
    from upstep.engine.project import Project

A_YEAR = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}
"""How often an interval comes in a year, as prices are compared."""

SUMMED = {"sum": "sum(quantity)", "count": "count(*)"}
"""Aggregates of a meter that its events give by themselves."""


class Records:
    """Reads records as of an instant; goals of one account alone."""

    def __init__(self, project: Project, account_id: str, *, as_of: datetime, now: datetime) -> None:
        self.project, self.account_id, self.as_of, self.now = project, account_id, as_of, now
        self.engine = DuckEngine()
        open_facts(project.folder, self.engine, as_of=as_of)

    def read(self, record: str) -> Value:
        """The value of a record.

        Raises:
            LookupError: It is not there.
        """
        if record.startswith("usage?"):
            return self._used(record)
        kind, _, rest = record.partition("/")
        reader = getattr(self, f"_{kind}", None)
        if reader is None:
            raise LookupError(f"no record is called {record}")
        found: Value | None = reader(*rest.split("/"))
        if found is None:
            raise LookupError(f"{record} is not there")
        return found

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the core tables."""
        cursor = self.engine.connection.execute(sql, list(values))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _one(self, sql: str, *values: Any) -> Any:
        row = self.engine.connection.execute(sql, list(values)).fetchone()
        return row[0] if row else None

    def _outcome(self, outcome_id: str, column: str) -> Value | None:
        if column == "days":
            sql = "SELECT (measured_at - started_at) / 86400.0 FROM outcome WHERE outcome_id = ?"
            return _plain(self._one(sql, outcome_id))
        if column not in ("achieved", "target", "measured_at"):
            raise LookupError(f"an outcome has no {column} to count with")
        value = self._one(f"SELECT {column} FROM outcome WHERE outcome_id = ?", outcome_id)
        return _day(value) if column == "measured_at" else _plain(value)

    def _used(self, record: str) -> Value:
        asked = {name: values[0] for name, values in parse_qs(record.removeprefix("usage?")).items()}
        meter = self.project.catalog.meters[asked["meter_id"]]
        since, until = (to_seconds(parse_instant(asked[name])) for name in ("from", "until"))
        sql = (
            f"SELECT coalesce({SUMMED[meter.aggregate]}, 0) FROM usage_raw JOIN account_key USING (account_key)"
            " JOIN meter_key USING (meter_key)"
            " WHERE account_id = ? AND meter_id = ? AND occurred_at >= ? AND occurred_at < ?"
            # Events lie in files by day, so naming the days spares reading the others.
            " AND day BETWEEN ? AND ?"
        )
        days = (since // DAY_SECONDS, until // DAY_SECONDS)
        return int(self._one(sql, asked["account_id"], asked["meter_id"], since, until, *days))

    def _limit(self, account_id: str, meter_id: str) -> Value | None:
        """What live items and overrides include of a meter, worked out from them and the catalog."""
        own = self._one(
            "SELECT limit_quantity FROM entitlement_override JOIN account_key USING (account_key) WHERE account_id = ?"
            " AND meter_id = ? AND coalesce(valid_from, 0) <= (SELECT as_of FROM clock)"
            " AND (valid_to IS NULL OR valid_to > (SELECT as_of FROM clock)) ORDER BY override_id LIMIT 1",
            account_id,
            meter_id,
        )
        if own is not None:
            return int(own)
        total = 0
        limits = {one.id: one.limits for one in sold_by(self.project)}
        for item in self.live_items(account_id):
            mine = limits[item["plan_id"] or item["add_on_id"]]
            limit = next((one for one in mine if one.meter_id == meter_id), None)
            if limit is None:
                continue
            if limit.quantity is None and not limit.follows_quantity:
                return None
            # A plan's limit stands once; an add-on's, and one that follows the quantity, for each that was bought.
            times = item["quantity"] if item["add_on_id"] or limit.follows_quantity else 1
            total += (limit.quantity if limit.quantity is not None else 1) * times
        return total

    def live_items(self, account_id: str) -> list[dict[str, Any]]:
        """The subscription items that an account pays for at the as-of."""
        return self.rows(
            "SELECT item.* FROM subscription_item item JOIN account_key USING (account_key) WHERE account_id = ?"
            " AND valid_from <= (SELECT as_of FROM clock)"
            " AND (valid_to IS NULL OR valid_to > (SELECT as_of FROM clock))"
            " AND status IN ('active', 'past_due', 'unpaid') ORDER BY item_id",
            account_id,
        )

    def _subscription_item(self, item_id: str, account_id: str, column: str) -> Value | None:
        """``yearly``: what an item costs a year, in minor units."""
        found = [item for item in self.live_items(account_id) if item["item_id"] == item_id]
        if not found or column != "yearly":
            return None
        (item,) = found
        return int(item["amount_minor"]) * A_YEAR[item["interval"]] // (item["interval_count"] or 1)

    def _price(self, price_id: str, quantity: str, column: str) -> Value | None:
        """``yearly``: what a price of the catalog costs a year for a quantity, in minor units."""
        price = price_of(self.project, price_id)
        return None if price is None or column != "yearly" else yearly_minor(price, int(quantity))

    def _goal(self, goal_id: str, column: str) -> Value | None:
        register = read_register(self.project, now=self.now, as_of=self.as_of, accounts=[self.account_id])
        found = next((one for one in register.goals if one.goal_id == goal_id), None)
        return f"{found.goal.stated_at:%Y-%m-%d}" if found and column == "stated_at" else None

    def _opportunity(self, opportunity_id: str, column: str) -> Value | None:
        found = next((one for one in read_opportunities(self.project) if one.opportunity_id == opportunity_id), None)
        return found.expected_minor if found and column == "expected_minor" else None

    def _rule(self, name: str) -> Value | None:
        return {"adoption": ADOPTION_PERCENT / 100}.get(name)


def _plain(value: Any) -> Value | None:
    return None if value is None else float(value)


def _day(seconds: int | None) -> str | None:
    return None if seconds is None else f"{from_seconds(seconds):%Y-%m-%d}"


def price_of(project: Project, price_id: str) -> Price | None:
    """A price of the catalog by its id."""
    return next((price for one in sold_by(project) for price in one.prices if price.id == price_id), None)


def sold_by(project: Project) -> list[Plan | AddOn]:
    """Every plan and add-on of the catalog."""
    return [*project.catalog.plans(), *project.catalog.add_ons()]


def yearly_minor(price: Price, quantity: int) -> int | None:
    """What a price costs a year, in minor units: its estimate where a person prices it, None without one."""
    from upstep.catalog.price import is_estimated

    if is_estimated(price) and price.estimate_minor is None:
        return None
    return amount(price, quantity) * A_YEAR[price.interval] // price.interval_count
