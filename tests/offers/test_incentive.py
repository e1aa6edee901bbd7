"""Incentives: the guard, the budget from many sides at once, and what returns to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.change import Item, item_from_row
from upstep.billing.preview import preview
from upstep.billing.provider import Applied, Declined
from upstep.billing.quote import Quote
from upstep.billing.sandbox import Card, SandboxBiller
from upstep.config.measuring import Incentive
from upstep.errors import QuoteError
from upstep.offers import lifecycle
from upstep.offers.incentive import (
    Grant,
    NotGrantedError,
    below_margin,
    budgets,
    cost_minor,
    given,
    parse_incentive,
    reserve,
    why_not_given,
)
from upstep.offers.model import NewOffer
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

TEN = Incentive("limit_approaching", "percent", 5_000, percent=10, periods=2)
ITEM = item_from_row(item_row())


def quote(incentive: Incentive | None = None, live: tuple[Item, ...] = (ITEM,), **more: object) -> Quote:
    change = replace(to_scale(**more), incentive=given(incentive, "usd") if incentive else None)  # type: ignore[arg-type]
    return preview(change, live, at=AT, provider="sandbox", valid_for=timedelta(days=7))


# The guard


def why_not(
    incentive: Incentive = TEN, live: tuple[Item, ...] = (ITEM,), currency: str = "usd", **more: object
) -> str | None:
    return why_not_given(incentive, quote(live=live, **more), live, currency=currency, now=AT)


def yearly(ends: datetime) -> Item:
    begins = ends.replace(year=ends.year - 1)
    return item_from_row(item_row(interval="year", period_start=begins, period_end=ends, renews_at=ends))


def test_an_upgrade_in_the_middle_of_a_month_may_be_sweetened() -> None:
    assert why_not() is None


def test_nothing_is_given_as_leverage_of_a_renewal() -> None:
    soon, late = (yearly(datetime(2026, month, 1, tzinfo=UTC)) for month in (7, 12))
    assert "leverage of a renewal" in (why_not(live=(soon,), interval="year") or "")
    assert why_not(live=(late,), interval="year") is None
    term = item_from_row(
        item_row(renews_at=datetime(2026, 6, 1, tzinfo=UTC), period_start=datetime(2025, 6, 1, tzinfo=UTC))
    )
    assert "leverage of a renewal" in (why_not(live=(term,)) or "")


def test_what_cannot_be_counted_in_the_budget_or_lowers_nothing_is_not_given() -> None:
    assert "the budget is in EUR" in (why_not(currency="eur") or "")
    assert "does not grow" in (why_not(amount_minor=900) or "")
    plain = quote()
    new = why_not_given(TEN, replace(plain, subscription_id="sub_9"), (ITEM,), currency="usd", now=AT)
    assert "is new" in (new or "")


def test_the_first_years_price_stays_above_the_margin() -> None:
    most = replace(TEN, percent=100, periods=4, margin_percent=70)
    assert "less than 70% of the list price" in (below_margin(most, quote(most), quote()) or "")
    less = replace(most, periods=3)
    assert below_margin(less, quote(less), quote()) is None
    own_price = quote(less, list_amount_minor=4_000)
    assert below_margin(less, own_price, quote(list_amount_minor=4_000)) is not None


def test_a_trial_is_guarded_as_the_others_and_may_begin_a_subscription() -> None:
    trial = replace(TEN, kind="trial", trial_days=7)
    assert why_not(trial) is None
    assert why_not_given(trial, replace(quote(), subscription_id="sub_9"), (ITEM,), currency="usd", now=AT) is None
    assert "the budget is in EUR" in (why_not(trial, currency="eur") or "")
    assert "does not grow" in (why_not(trial, amount_minor=900) or "")
    soon = yearly(datetime(2026, 7, 1, tzinfo=UTC))
    assert "leverage of a renewal" in (why_not(trial, live=(soon,), interval="year") or "")


def test_a_trial_costs_its_days_of_what_recurs_more_rounded_up() -> None:
    trial = replace(TEN, kind="trial", trial_days=7)
    # 1,000 a month more is 12,000 a year; 12,000 x 7 / 365 = 230.1
    assert cost_minor(quote(trial)) == 231
    assert below_margin(replace(trial, margin_percent=100), quote(trial), quote()) is not None
    assert below_margin(replace(trial, margin_percent=98), quote(trial), quote()) is None


def test_what_it_costs_is_what_its_lines_take_off() -> None:
    assert cost_minor(quote(TEN)) == 400
    assert cost_minor(quote(Incentive("p", "first_period_off", 1))) == 2_000
    assert cost_minor(quote(Incentive("p", "amount", 1, amount_minor=300, periods=3))) == 900
    assert cost_minor(quote()) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", None),
        ("percent:15", replace(TEN, percent=15)),
        ("amount:500", replace(TEN, kind="amount", amount_minor=500)),
        ("first_period_off", replace(TEN, kind="first_period_off", periods=1)),
        ("trial:14", replace(TEN, kind="trial", trial_days=14)),
    ],
)
def test_an_arm_says_what_is_given_instead(text: str, expected: Incentive | None) -> None:
    assert parse_incentive(text, TEN) == expected


@pytest.mark.parametrize(
    "text", ["", "half", "percent:", "percent:0", "percent:101", "amount:-5", "trial:", "trial:0", "trial:91"]
)
def test_what_is_no_incentive_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no incentive|more than all"):
        parse_incentive(text, TEN)


# The budget


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def offer(account: str, *, cost: int = 400, budget: int = 1_000, run: str = "run") -> NewOffer:
    incentive = given(TEN, "usd")
    assert incentive is not None
    ends = AT + timedelta(days=7)
    grant = Grant(account, "limit_approaching", incentive, cost, "usd", ends, budget)
    return NewOffer(
        account_id=account,
        step_id=f"st_{account}",
        run_id=run,
        play="limit_approaching",
        motion="upsell",
        path="self_serve",
        lane="self_serve",
        target="plan:scale",
        expires_at=ends,
        grant=grant,
    )


def opened(engine: sa.Engine, new: NewOffer, *, at: datetime = AT) -> bool:
    try:
        return lifecycle.open_offer(engine, new, messages=[], by="upstep", at=at, why="x").is_changed
    except NotGrantedError:
        return False


def left(engine: sa.Engine, budget: int = 1_000) -> tuple[int, int, int]:
    with reading(engine) as connection:
        (told,) = budgets(connection, [replace(TEN, budget_minor=budget)])
    return told.used_minor, told.promised_minor, told.left_minor


def test_a_budget_is_never_overdrawn_however_many_open_offers_at_once(engine: sa.Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda number: opened(engine, offer(f"account-{number}")), range(8)))
    assert sum(done) == 2
    assert left(engine) == (0, 800, 200)
    with reading(engine) as connection:
        offers = connection.execute(sa.select(sa.func.count()).select_from(tables.offer)).scalar()
    assert offers == 2  # an offer whose incentive was not granted was not opened either


def test_an_account_is_given_something_once(engine: sa.Engine) -> None:
    assert opened(engine, offer("acme", cost=100))
    again = replace(offer("acme", cost=100, run="later"), step_id="another")
    with pytest.raises(NotGrantedError, match="each gets one"):
        lifecycle.open_offer(engine, again, messages=[], by="upstep", at=AT, why="x")


@pytest.mark.parametrize("ends", ["decline", "expire", "withdraw"])
def test_what_was_not_taken_returns_to_the_budget_and_the_account_may_be_given_something_again(
    engine: sa.Engine, ends: str
) -> None:
    new = offer("acme")
    opened(engine, new)
    if ends == "decline":
        lifecycle.decline(engine, new.offer_id, by="ann", at=AT)
    elif ends == "expire":
        lifecycle.expire_due(engine, now=AT + timedelta(days=8))
    else:
        lifecycle.withdraw(engine, new.offer_id, by="upstep", at=AT, why="held")
    assert left(engine) == (0, 0, 1_000)
    assert opened(engine, offer("acme", run="later"))


def test_what_was_taken_is_spent(engine: sa.Engine) -> None:
    new = offer("acme")
    opened(engine, new)
    lifecycle.accept(engine, new.offer_id, by="ann", at=AT)
    lifecycle.convert(engine, new.offer_id, by="upstep", at=AT, why="billing event")
    assert left(engine) == (400, 0, 600)


def test_what_is_past_its_end_counts_no_more_though_nobody_has_looked(engine: sa.Engine) -> None:
    opened(engine, offer("acme", cost=900))
    later = AT + timedelta(days=7)
    assert lifecycle.open_offer(
        engine, offer("globex", cost=900), messages=[], by="upstep", at=later, why="x"
    ).is_changed
    accepted = offer("globex", cost=900, run="second")
    with pytest.raises(NotGrantedError, match="each gets one"):
        lifecycle.open_offer(
            engine, replace(accepted, step_id="st_2"), messages=[], by="upstep", at=AT + timedelta(days=6), why="x"
        )


# What billing answers


@pytest.fixture
def biller(tmp_path: Path) -> SandboxBiller:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    return biller


def sold(engine: sa.Engine, biller: SandboxBiller, incentive: Incentive = TEN) -> NewOffer:
    """An offer of scale, opened with its incentive and a locked quote."""
    quoted = biller.preview(replace(to_scale(), incentive=given(incentive, "usd")), AT)
    new = replace(offer("acme", cost=cost_minor(quoted)), quote=quoted)
    assert opened(engine, new)
    return new


def take(engine: sa.Engine, biller: SandboxBiller, new: NewOffer, *, budget: int = 1_000) -> object:
    lifecycle.take_again(engine, new.offer_id, budget_minor=budget, at=AT)
    return lifecycle.accept_and_apply(engine, biller, offer_id=new.offer_id, by="ann", at=AT).answer


def test_a_declined_card_frees_the_budget_and_another_try_takes_it_again(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    biller.set_card("acme", Card.DECLINING, at=AT)
    new = sold(engine, biller)
    assert isinstance(take(engine, biller, new), Declined)
    assert left(engine) == (0, 0, 1_000)
    biller.set_card("acme", Card.GOOD, at=AT)
    assert isinstance(take(engine, biller, new), Applied)
    assert left(engine) == (0, 400, 600)
    lifecycle.convert_applied(engine, biller.events_since(None))
    assert left(engine) == (400, 0, 600)


def test_a_declined_card_is_not_tried_again_when_the_budget_went_to_others(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    biller.set_card("acme", Card.DECLINING, at=AT)
    new = sold(engine, biller)
    take(engine, biller, new)
    assert opened(engine, offer("globex", cost=700))
    biller.set_card("acme", Card.GOOD, at=AT)
    with pytest.raises(QuoteError, match=r"by now its incentive cannot be given: it would cost \$4\.00"):
        take(engine, biller, new)
    assert lifecycle.read_offer(engine, new.offer_id).status == "withdrawn"
    assert [item.plan_id for item in biller.subscriptions("acme")] == ["pro"]


def test_what_billing_did_not_give_is_not_spent_and_the_account_may_be_given_something(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    new = sold(engine, biller)
    same = given(TEN, "usd")
    assert same is not None
    biller.apply_incentive("sub_1", same, "elsewhere", at=AT)
    quoted = biller.preview(new.quote.change, AT)  # type: ignore[union-attr]
    lifecycle.requote(engine, new.offer_id, quoted, by="ann", at=AT)
    assert isinstance(take(engine, biller, new), Applied)
    assert left(engine) == (0, 0, 1_000)
    lifecycle.convert_applied(engine, biller.events_since(None))
    assert left(engine) == (0, 0, 1_000)
    assert opened(engine, offer("acme", run="later"))


def test_an_incentive_ends_when_it_was_to_end_also_under_another_quote(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    new = sold(engine, biller)
    assert new.grant is not None
    late = new.grant.expires_at - timedelta(hours=1)
    quoted = replace(biller.preview(new.quote.change, late), expires_at=late + timedelta(days=7))  # type: ignore[union-attr]
    lifecycle.requote(engine, new.offer_id, quoted, by="ann", at=late)
    after = new.grant.expires_at
    assert opened(engine, replace(offer("globex", cost=900), expires_at=after), at=after)  # Its budget is free again.
    assert lifecycle.accept(engine, new.offer_id, by="ann", at=after).offer.status == "expired"


def test_a_quote_in_the_place_of_another_takes_what_it_gives_away_out_of_the_budget(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    new = sold(engine, biller)
    assert left(engine) == (0, 400, 600)
    larger = replace(to_scale(), incentive=given(replace(TEN, percent=20), "usd"))
    lifecycle.requote(engine, new.offer_id, biller.preview(larger, AT), by="ann", at=AT)
    assert left(engine) == (0, 800, 200)
    assert isinstance(take(engine, biller, new), Applied)
    lifecycle.convert_applied(engine, biller.events_since(None))
    assert left(engine) == (800, 0, 200)


def test_a_trial_is_spent_when_it_begins(engine: sa.Engine, biller: SandboxBiller) -> None:
    new = sold(engine, biller, replace(TEN, kind="trial", trial_days=7))
    assert isinstance(take(engine, biller, new), Applied)
    assert left(engine) == (231, 0, 769)
    lifecycle.end_unkept_trials(engine, now=AT + timedelta(days=10))
    assert lifecycle.read_offer(engine, new.offer_id).status == "withdrawn"
    assert left(engine) == (231, 0, 769)


def test_reserving_needs_the_offer_and_says_what_is_left(engine: sa.Engine) -> None:
    opened(engine, offer("acme", cost=900))
    with (
        pytest.raises(NotGrantedError, match=r"it would cost \$4\.00, and \$1\.00 of the budget is left"),
        writing(engine) as connection,
    ):
        reserve(connection, "of_x", offer("globex").grant, at=AT)  # type: ignore[arg-type]
