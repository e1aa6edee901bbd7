"""Whatever happened to subscriptions, every month's bridge leads from its start to its end, to the unit.

Each figure is checked against a second reckoning in plain Python: what was paid at an instant, interval by interval.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.company import Row, Rows, fx, item
from tests.revenue.books import Books, books
from upstep.money import monthly_units
from upstep.movements.policy import PRESETS
from upstep.revenue.mrr import GAINS, LINES, LOSSES, Bridge, bridges, total_bridges

MONTHS = ("2026-01", "2026-04")
AS_OF = "2026-04-30T23:59:59"
RATES = (
    fx("eur", "usd", "1.0873", on="2025-12-30"),
    fx("eur", "usd", "1.1", on="2026-02-11"),
    fx("jpy", "usd", "0.006631", on="2025-12-30"),
    fx("jpy", "usd", "0.0071", on="2026-03-31"),
)
PAID = ("active", "past_due")


@st.composite
def instants(draw: st.DrawFn) -> str:
    """Days and a few close times of day, so that changes meet: the same instant, the same hour, around midnight."""
    day = draw(st.sampled_from(["2026-01-01", "2026-01-15", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"]))
    return f"{day}T{draw(st.sampled_from(['00:00:00', '00:20:00', '10:00:00', '10:59:59', '23:50:00']))}"


@st.composite
def histories(draw: st.DrawFn) -> list[Rows]:
    """Items of three accounts: intervals that follow one another, leave a gap, or go on at another account."""
    rows: list[Rows] = []
    for index in range(draw(st.integers(1, 5))):
        account = draw(st.sampled_from("abc"))
        times = sorted(draw(st.sets(instants(), min_size=1, max_size=5)))
        open_end = draw(st.booleans())
        pairs = list(zip(times, [*times[1:], None if open_end else "2026-04-02T09:00:00"], strict=True))
        own = {"subscription": f"s{index}", "item_id": f"i{index}"}
        for since, until in pairs:
            if draw(st.integers(0, 6)) == 0:
                continue  # a gap
            if draw(st.integers(0, 9)) == 0:
                account = draw(st.sampled_from("abc"))  # the subscription went to another account
            rows.append(interval(draw, account, since, until, own))
    return rows


def interval(draw: st.DrawFn, account: str, since: str, until: str | None, own: dict[str, str]) -> Row:
    listed = draw(st.sampled_from([0, 1000, 2000, 3333, 9000]))
    return item(
        account,
        draw(st.sampled_from(["free", "pro", "pro", "scale", "team"])),
        since=since,
        until=until,
        subscription=own["subscription"],
        item_id=own["item_id"],
        status=draw(st.sampled_from(["active", "active", "active", "past_due", "trialing", "paused", "unpaid"])),
        quantity=draw(st.integers(1, 3)),
        currency=draw(st.sampled_from(["usd", "usd", "usd", "eur", "jpy"])),
        interval=draw(st.sampled_from(["month", "month", "year", "week", "day"])),
        amount_minor=draw(st.sampled_from([listed, listed, listed * 8 // 10])),
        list_amount_minor=draw(st.sampled_from([None, listed])),
        cancel_at=draw(st.sampled_from([None, None, None, "2026-04-02T09:00:00"])),
        period_start=draw(st.sampled_from([None, "2026-01-01"])),
    )


def paid_at(counted: Books, instant: int, *, account: str | None = None, currency: str | None = None) -> dict[str, int]:
    """Currency to what is paid as an instant begins, in units, by the intervals themselves."""
    found: dict[str, int] = {}
    for row in counted.company.canonical["subscription_item"]:
        is_then = row["valid_from"] < instant and (row["valid_to"] is None or row["valid_to"] >= instant)
        if not is_then or row["status"] not in PAID or (account is not None and owner(counted, row) != account):
            continue
        amount = row["amount_minor"]
        if counted.policy.discount == "ignored":
            amount = max(amount, row["list_amount_minor"] or 0)
        if counted.policy.churn_at == "requested" and row["cancel_at"] and row["period_start"] is not None:
            amount = 0 if row["valid_from"] > row["period_start"] else amount
        units = monthly_units(amount, row["interval"], row["interval_count"])
        found[row["currency"]] = found.get(row["currency"], 0) + units
    return found if currency is None else {currency: found.get(currency, 0)}


def owner(counted: Books, row: dict[str, Any]) -> str:
    """The key of the account a row counts for, after mergers."""
    merged = {pair["account_key"]: pair["into_account_key"] for pair in counted.merged.to_pylist()}
    key = counted.company.keys("account_id", "account")[row["account_id"]]
    return str(merged.get(key, key))


def closes(bridge: Bridge) -> bool:
    gains = sum(bridge[name] for name in GAINS)
    losses = sum(bridge[name] for name in LOSSES)
    return bridge["start"] + gains - losses + bridge["fx"] == bridge["end"]


QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@QUICK
@given(histories(), st.sampled_from(sorted(PRESETS)), st.sampled_from(["net", "event"]))
def test_the_bridge_closes_per_account_per_currency_and_in_total(rows: list[Rows], preset: str, view: str) -> None:
    counted = books(*rows, *RATES, as_of=AS_OF, first=MONTHS[0], last=MONTHS[1], policy=PRESETS[preset], view=view)
    per_account = bridges(counted.found["account_lines"], counted.months)
    for bridge in (*counted.bridges, *per_account):
        assert closes(bridge)
        assert all(bridge[name] >= 0 for name in LINES if name != "fx")
        assert (
            bridge["start"]
            == paid_at(counted, bridge.month.starts_at, account=bridge.cut, currency=bridge.currency)[bridge.currency]
        )
        assert (
            bridge["end"]
            == paid_at(counted, bridge.month.ends_at, account=bridge.cut, currency=bridge.currency)[bridge.currency]
        )
    totals = total_bridges(
        counted.found["account_lines"], counted.months, counted.rates, exchanged=counted.found["account_exchanged"]
    )
    for bridge in (*counted.totals, *totals):
        assert closes(bridge)
        assert not bridge.missing
        assert bridge["end"] == in_dollars(counted, bridge.month.ends_at, account=bridge.cut)
        assert all(bridge[name] >= 0 for name in LINES if name != "fx")
        printed = bridge.minor()
        assert (
            printed["start"]
            + sum(printed[name] for name in GAINS)
            - sum(printed[name] for name in LOSSES)
            + printed["fx"]
            == printed["end"]
        )
    for month in counted.months:
        whole = [bridge for bridge in counted.totals if bridge.month == month]
        parts = [bridge for bridge in totals if bridge.month == month]
        for name in LINES:
            assert sum((bridge[name] for bridge in parts), Fraction(0)) == sum(
                (bridge[name] for bridge in whole), Fraction(0)
            )


def in_dollars(counted: Books, instant: int, *, account: str | None = None) -> Fraction:
    found = Fraction(0)
    for currency, units in paid_at(counted, instant, account=account).items():
        rate = counted.rates.at(currency, instant)
        assert rate is not None
        found += units * rate
    return found


@pytest.mark.slow
@QUICK
@given(histories(), st.sampled_from(sorted(PRESETS)))
def test_retention_is_what_the_payers_of_a_month_pay_at_its_end(rows: list[Rows], preset: str) -> None:
    counted = books(*rows, *RATES, as_of=AS_OF, first=MONTHS[0], last=MONTHS[1], policy=PRESETS[preset])
    accounts = {owner(counted, row) for row in counted.company.canonical["subscription_item"]}
    for kept in counted.total_retentions:
        start, end, lost = Fraction(0), Fraction(0), Fraction(0)
        for account in accounts:
            opened = at_rates_of(counted, kept.month.starts_at, kept.month.starts_at, account)
            closed = at_rates_of(counted, kept.month.ends_at, kept.month.starts_at, account)
            start += opened
            end += closed if opened else 0
            lost += max(opened - closed, Fraction(0))
        assert (kept.start, kept.end) == (start, end)
        # Between currencies of one account whole units are compared: a part of a unit may be missing for each.
        assert abs(kept.lost - lost) <= 2 * len(accounts)


def at_rates_of(counted: Books, instant: int, rated_at: int, account: str) -> Fraction:
    found = Fraction(0)
    for currency, units in paid_at(counted, instant, account=account).items():
        rate = counted.rates.at(currency, rated_at)
        assert rate is not None
        found += units * rate
    return found
