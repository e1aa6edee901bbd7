"""The cheapest thing that holds a forecast: golden cases by hand, and random ones against a count of every option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.catalog.fit import UNLIMITED, Fit, Holding, Terms, entry_price, fit, fit_down, fit_term, mean_overage
from upstep.catalog.model import AddOn, Enforcement, Feature, Limit, Overage, Plan, Price, PriceModel, Product, Tier
from upstep.catalog.price import amount, overage_amount
from upstep.money import UNITS_PER_MINOR, monthly_units

ON = date(2026, 3, 20)
HARD, OVERAGE = Enforcement.HARD, Enforcement.OVERAGE


def price(minor: int | None, *, interval: str = "month", currency: str = "usd", **more: object) -> Price:
    model = more.pop("model", PriceModel.PER_UNIT if more.get("per") else PriceModel.FLAT)
    return Price(f"{currency}_{interval}", model, currency, interval, amount_minor=minor, **more)  # type: ignore[arg-type]


def quote(estimate: int | None = None) -> Price:
    return price(None, interval="year", model=PriceModel.QUOTE, estimate_minor=estimate)


def plan(
    name: str, position: int, *prices: Price, limits: Sequence[Limit] = (), per_1000: int | None = None, **more: object
) -> Plan:
    overages = (Overage("emails", 1000, per_1000, "usd"),) if per_1000 is not None else ()
    return Plan(name, "sending", name, position, tuple(prices), tuple(limits), overages, **more)  # type: ignore[arg-type]


def emails(quantity: int | None, enforcement: Enforcement = HARD) -> Limit:
    return Limit("emails", quantity, enforcement)


SEATS = Limit("seats", None, HARD, follows_quantity=True)
FREE = plan("free", 0, price(0), limits=[emails(1_000)])
PRO = plan("pro", 1, price(2000), price(20000, interval="year"), limits=[emails(10_000)])
SCALE = plan("scale", 2, price(9000), price(90000, interval="year"), limits=[emails(100_000)])
ENTERPRISE = plan("enterprise", 3, quote(1_200_000), limits=[emails(None)])
METERED = replace(PRO, limits=(emails(10_000, OVERAGE),), overages=(Overage("emails", 1000, 90, "usd"),))


def product(*plans: Plan, add_ons: Sequence[AddOn] = ()) -> Product:
    return Product("sending", "Sending", tuple(plans), tuple(add_ons))


PRODUCT = product(FREE, PRO, SCALE, ENTERPRISE)


def terms(today: Plan, sold: Product = PRODUCT, *, interval: str = "month", currency: str = "usd") -> Terms:
    return Terms(sold, today, currency, interval, 1, ON)


def rows(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def holding(
    *,
    pays: int,
    needs: Mapping[str, int],
    limits: Mapping[str, int],
    quantity: int = 1,
    add_ons: int = 0,
    past: Sequence[int] = (),
) -> Holding:
    """One account; ``pays`` and ``add_ons`` in minor units a month."""
    return Holding(
        rows(quantity),
        rows((pays + add_ons) * UNITS_PER_MINOR),
        rows(pays * UNITS_PER_MINOR),
        {meter: rows(need) for meter, need in needs.items()},
        {meter: rows(limit) for meter, limit in limits.items()},
        {"emails": [rows(used) for used in past]} if past else {},
    )


def sender(need: int, *, pays: int = 2000, limit: int = 10_000, past: Sequence[int] = (), **more: int) -> Holding:
    return holding(pays=pays, needs={"emails": need}, limits={"emails": limit}, past=past, **more)


@dataclass(frozen=True)
class One:
    """The answer for one account, money in minor units a month."""

    plan: str | None
    add_on: str | None
    quantity: int
    recurring: int
    overage: int
    saving: int


def one(answer: Fit) -> One:
    minor = (answer.recurring_units[0], answer.overage_units[0], answer.saving_units[0])
    return One(
        answer.plan_id[0],
        answer.add_on_id[0],
        int(answer.quantity[0]),
        *(round(int(units) / UNITS_PER_MINOR) for units in minor),
    )


# fit: golden cases


def test_a_hard_limit_below_the_forecast_forces_the_next_plan_whatever_it_costs() -> None:
    assert one(fit(terms(PRO), sender(12_000))) == One("scale", None, 1, 7000, 0, 0)


def test_a_forecast_that_just_fits_stays() -> None:
    assert one(fit(terms(PRO), sender(10_000))).plan is None
    assert one(fit(terms(PRO), sender(10_001))).plan == "scale"


def test_the_cheapest_plan_that_holds_is_named_not_the_next_one() -> None:
    cheap_top = product(PRO, SCALE, plan("max", 3, price(8500), limits=[emails(200_000)]))
    assert one(fit(terms(PRO, cheap_top), sender(12_000))).plan == "max"


def test_of_two_that_cost_the_same_the_lower_plan_is_named() -> None:
    twins = product(PRO, SCALE, replace(SCALE, id="twin", position=3))
    assert one(fit(terms(PRO, twins), sender(12_000))).plan == "scale"


METERED_PRODUCT = product(METERED, SCALE)


def test_overage_that_costs_more_than_the_higher_plan_is_replaced_by_it() -> None:
    # 100 started thousands over, three times: 9000 of overage + 2000 against 9000 for the plan.
    answer = one(fit(terms(METERED, METERED_PRODUCT), sender(95_000, past=(110_000, 110_000, 110_000))))
    assert answer == One("scale", None, 1, 7000, 9000, 2000)


def test_overage_that_costs_nearly_the_same_is_replaced_by_the_higher_plan() -> None:
    # 69 thousands over at 90: 6210 + 2000 = 8210; 9000 is 9.6% more.
    assert one(fit(terms(METERED, METERED_PRODUCT), sender(79_000, past=(79_000,) * 3))) == One(
        "scale", None, 1, 7000, 6210, 0
    )


def test_overage_that_costs_less_stays_also_when_it_happens_every_month() -> None:
    # 67 thousands over: 6030 + 2000 = 8030; 9000 is 12% more (decision 0004).
    answer = one(fit(terms(METERED, METERED_PRODUCT), sender(77_000, past=(77_000,) * 3)))
    assert answer == One(None, None, 1, 0, 0, 0)


def test_exactly_a_tenth_more_is_nearly_the_same() -> None:
    dear = product(METERED, plan("scale", 2, price(9031), limits=[emails(100_000)]))
    ten = sender(79_000, past=(79_000,) * 3)  # 8210 x 1.1 = 9031
    assert one(fit(terms(METERED, dear), ten)).plan == "scale"
    dearer = product(METERED, plan("scale", 2, price(9032), limits=[emails(100_000)]))
    assert one(fit(terms(METERED, dearer), ten)).plan is None


def test_seats_are_bought_by_the_unit_on_the_same_plan() -> None:
    team = plan("team", 0, price(1900, per="seats"), limits=[SEATS])
    held = holding(pays=19_000, needs={"seats": 13}, limits={"seats": 10}, quantity=10)
    assert one(fit(terms(team, product(team)), held)) == One("team", None, 13, 5700, 0, 0)


def test_seats_go_to_another_plan_when_that_is_cheaper_for_so_many() -> None:
    team = plan("team", 0, price(1900, per="seats"), limits=[SEATS])
    tiers = (Tier(10, 1800), Tier(None, 1500))
    volume = plan("volume", 1, price(None, per="seats", model=PriceModel.VOLUME, tiers=tiers), limits=[SEATS])
    held = holding(pays=19_000, needs={"seats": 13}, limits={"seats": 10}, quantity=10)
    assert one(fit(terms(team, product(team, volume)), held)) == One("volume", None, 13, 500, 0, 0)


def test_seats_are_never_fewer_than_are_held() -> None:
    team = plan("team", 0, price(1900, per="seats"), limits=[SEATS])
    held = holding(pays=19_000, needs={"seats": 4}, limits={"seats": 10}, quantity=10)
    assert one(fit(terms(team, product(team)), held)).plan is None


MORE = AddOn("more", "sending", "more", (price(500),), needs=("pro",), limits=(emails(5_000),))


def test_an_add_on_that_raises_the_limit_is_taken_when_it_is_cheaper_than_the_next_plan() -> None:
    answer = one(fit(terms(PRO, product(PRO, SCALE, add_ons=[MORE])), sender(22_000)))
    assert answer == One("pro", "more", 3, 1500, 0, 0)


def test_so_many_add_ons_that_the_next_plan_is_cheaper_give_the_plan() -> None:
    answer = one(fit(terms(PRO, product(PRO, SCALE, add_ons=[MORE])), sender(90_000)))
    assert (answer.plan, answer.add_on, answer.recurring) == ("scale", None, 7000)


def test_an_add_on_stands_only_on_the_plans_it_needs() -> None:
    other = replace(MORE, needs=("scale",))
    assert one(fit(terms(PRO, product(PRO, SCALE, add_ons=[other])), sender(12_000))).add_on is None


def test_what_add_ons_cost_and_give_today_stays_on_the_higher_plan() -> None:
    sold = product(PRO, SCALE, add_ons=[replace(MORE, sold=False)])
    answer = one(fit(terms(PRO, sold), sender(104_000, limit=15_000, add_ons=500)))
    assert answer == One("scale", None, 1, 7000, 0, 0)


def test_a_quote_comes_only_when_nothing_listed_holds() -> None:
    listed = fit(terms(PRO), sender(90_000))
    beyond = fit(terms(PRO), sender(200_000))
    assert (listed.plan_id[0], bool(listed.is_quote[0])) == ("scale", False)
    assert (beyond.plan_id[0], bool(beyond.is_quote[0]), bool(beyond.is_estimated[0])) == ("enterprise", True, True)
    assert one(beyond).recurring == 98_000


def test_a_quote_without_an_estimate_names_no_money() -> None:
    answer = fit(
        terms(SCALE, product(SCALE, replace(ENTERPRISE, prices=(quote(),)))), sender(200_000, pays=9000, limit=100_000)
    )
    assert one(answer) == One("enterprise", None, 1, 0, 0, 0)
    assert answer.is_quote[0]


def test_a_quote_without_an_estimate_is_not_nearly_the_same_as_anything() -> None:
    top = replace(SCALE, limits=(emails(100_000, OVERAGE),), overages=(Overage("emails", 1000, 60, "usd"),))
    sold = product(top, replace(ENTERPRISE, prices=(quote(),)))
    answer = fit(terms(top, sold), sender(101_000, pays=9000, limit=100_000, past=(101_000,) * 3))
    assert one(answer).plan is None


def test_nothing_sold_that_holds_is_stay() -> None:
    assert one(fit(terms(SCALE, product(PRO, SCALE)), sender(200_000, pays=9000, limit=100_000))).plan is None


def test_an_older_price_of_the_same_plan_is_no_step() -> None:
    assert one(fit(terms(PRO), sender(9_000, pays=2900))).plan is None


def test_a_plan_that_is_not_sold_in_their_currency_is_no_option() -> None:
    euro = product(PRO, replace(SCALE, prices=(price(8000, currency="eur"),)))
    assert one(fit(terms(PRO, euro), sender(12_000))).plan is None


def test_prices_are_read_in_their_currency() -> None:
    pro = replace(PRO, prices=(price(1800, currency="eur"),))
    euro = product(pro, replace(SCALE, prices=(price(8000, currency="eur"), price(9000))))
    assert one(fit(terms(pro, euro, currency="eur"), sender(12_000, pays=1800))).recurring == 6200


def test_plans_no_longer_sold_or_not_yet_in_force_are_no_option() -> None:
    assert one(fit(terms(PRO, product(PRO, replace(SCALE, sold=False))), sender(12_000))).plan is None
    later = replace(SCALE, effective_from=date(2026, 4, 1))
    assert one(fit(terms(PRO, product(PRO, later)), sender(12_000))).plan is None


def test_an_unlimited_plan_holds_anything() -> None:
    endless = plan("endless", 2, price(30_000), limits=[emails(None)])
    assert one(fit(terms(PRO, product(PRO, endless)), sender(10**12))).plan == "endless"


def test_an_override_above_the_forecast_stays() -> None:
    assert one(fit(terms(PRO), sender(60_000, limit=60_000))).plan is None


def test_an_override_below_the_plan_counts_as_the_limit_today() -> None:
    answer = one(fit(terms(PRO), sender(8_000, limit=5_000)))
    assert (answer.plan, answer.recurring) == ("scale", 7000)


def test_yearly_billing_is_compared_by_the_month() -> None:
    yearly = Holding(
        rows(1),
        rows(monthly_units(20000, "year")),
        rows(monthly_units(20000, "year")),
        {"emails": rows(12_000)},
        {"emails": rows(10_000)},
    )
    answer = fit(terms(PRO, interval="year"), yearly)
    assert answer.plan_id[0] == "scale"
    assert answer.recurring_units[0] == monthly_units(70000, "year")


def test_an_unknown_need_never_forces_anything() -> None:
    assert one(fit(terms(PRO), sender(-1))).plan is None


def test_a_dearer_plan_that_replaces_no_overage_of_one_that_fits_adds_nothing() -> None:
    near = product(PRO, replace(SCALE, prices=(price(2100),)))
    answer = fit(terms(PRO, near), sender(5_000))
    assert answer.plan_id[0] == "scale"
    assert answer.adds_nothing[0]
    assert not fit(terms(PRO), sender(12_000)).adds_nothing[0]


# mean_overage


def test_mean_overage_counts_started_thousands_of_the_periods_there_were() -> None:
    two = mean_overage(terms(METERED, METERED_PRODUCT), sender(0, past=(10_001, 12_000, -1)))
    assert two[0] * 2 == 3 * 90 * UNITS_PER_MINOR
    three = mean_overage(terms(METERED, METERED_PRODUCT), sender(0, past=(10_001, 9_000, 10_000)))
    assert three[0] * 3 == 90 * UNITS_PER_MINOR
    none = mean_overage(terms(METERED, METERED_PRODUCT), sender(0, past=(-1, -1, -1)))
    assert none[0] == 0


def test_an_unlimited_account_has_no_overage() -> None:
    assert mean_overage(terms(METERED, METERED_PRODUCT), sender(0, limit=int(UNLIMITED), past=(10**9,) * 3))[0] == 0


# fit_down


def test_a_smaller_plan_that_holds_every_need_saves() -> None:
    answer = one(fit_down(terms(SCALE), sender(4_000, pays=9000, limit=100_000)))
    assert answer == One("pro", None, 1, -7000, 0, 7000)


def test_a_smaller_plan_that_one_need_breaks_is_not_named() -> None:
    both = [emails(10_000), Limit("storage", 10, HARD)]
    sold = product(replace(PRO, limits=tuple(both)), SCALE)
    held = holding(pays=9000, needs={"emails": 4_000, "storage": 11}, limits={"emails": 100_000, "storage": 1000})
    assert one(fit_down(terms(SCALE, sold), held)).plan is None


def test_fewer_seats_are_as_many_as_are_needed() -> None:
    team = plan("team", 0, price(1900, per="seats"), limits=[SEATS])
    held = holding(pays=19_000, needs={"seats": 6}, limits={"seats": 10}, quantity=10)
    assert one(fit_down(terms(team, product(team)), held)) == One("team", None, 6, -7600, 0, 7600)


def test_a_smaller_plan_with_overage_is_compared_with_its_overage() -> None:
    sold = product(METERED, SCALE)
    # 70 thousands over at 90 = 6300; 2000 + 6300 = 8300 saves 700.
    assert one(fit_down(terms(SCALE, sold), sender(80_000, pays=9000, limit=100_000))).saving == 700
    # 80 thousands over = 7200; 9200 costs more.
    assert one(fit_down(terms(SCALE, sold), sender(90_000, pays=9000, limit=100_000))).plan is None


def test_two_subscriptions_of_one_plan_become_one_only_when_one_holds_the_need() -> None:
    sold = product(PRO, SCALE, add_ons=[replace(MORE, sold=False)])
    fits = one(fit_down(terms(PRO, sold), sender(9_000, pays=4000, limit=20_000, quantity=2)))
    assert (fits.plan, fits.saving) == ("pro", 2000)
    assert one(fit_down(terms(PRO, sold), sender(15_000, pays=4000, limit=20_000, quantity=2))).plan is None


def test_a_limit_that_add_ons_give_is_not_kept_without_paying_for_them() -> None:
    sold = product(PRO, SCALE, add_ons=[MORE])
    assert one(fit_down(terms(PRO, sold), sender(14_000, limit=15_000, add_ons=500))).plan is None


def test_no_smaller_plan_takes_a_feature_away() -> None:
    rich = replace(SCALE, features=(Feature("subaccounts", "subaccounts"),))
    assert one(fit_down(terms(rich, product(PRO, rich)), sender(4_000, pays=9000, limit=100_000))).plan is None


# fit_term


def test_a_year_that_costs_less_by_the_month_is_named_with_what_it_saves() -> None:
    answer = fit_term(terms(PRO), sender(0))
    assert answer.plan_id[0] == "pro"
    assert answer.recurring_units[0] == monthly_units(20000, "year") - 2000 * UNITS_PER_MINOR
    assert answer.saving_units[0] == -answer.recurring_units[0]


@pytest.mark.parametrize("pays", [1666, 0])
def test_a_year_that_saves_nothing_stays(pays: int) -> None:
    assert fit_term(terms(PRO), sender(0, pays=pays)).plan_id[0] is None


def test_a_plan_without_a_yearly_price_stays() -> None:
    assert fit_term(terms(FREE), sender(0)).plan_id[0] is None
    assert fit_term(terms(ENTERPRISE), sender(0)).plan_id[0] is None


# entry_price


def test_a_new_product_begins_at_its_cheapest_paid_plan() -> None:
    found, listed = entry_price(PRODUCT, currency="usd", interval="month", on=ON)
    assert (found, listed) == (PRO, PRO.prices[0])
    _, yearly = entry_price(PRODUCT, currency="usd", interval="year", on=ON)
    assert yearly == PRO.prices[1]


def test_a_quote_is_where_to_begin_only_when_there_is_no_list_price() -> None:
    assert entry_price(product(ENTERPRISE), currency="usd", interval="month", on=ON)[0] == ENTERPRISE
    assert entry_price(product(ENTERPRISE, SCALE), currency="usd", interval="month", on=ON)[0] == SCALE


def test_a_product_not_sold_in_a_currency_has_no_entry() -> None:
    assert entry_price(PRODUCT, currency="jpy", interval="month", on=ON) == (None, None)


def test_a_one_off_product_has_a_price_and_no_plan() -> None:
    once = Product(
        "audit",
        "Audit",
        prices=(price(150_000, interval="once"), price(90_000, interval="once", sold=False)),
        one_off=True,
    )
    assert entry_price(once, currency="usd", interval="month", on=ON) == (None, once.prices[0])


# Random cases


@st.composite
def products(draw: st.DrawFn) -> Product:
    """Two to four plans, flat or by the seat, hard or with overage, and perhaps an add-on."""
    plans = []
    for position in range(draw(st.integers(2, 4))):
        by_seat = draw(st.booleans())
        enforcement = draw(st.sampled_from([HARD, OVERAGE]))
        limits = [emails(draw(st.sampled_from([None, 1, 5, 10, 40])), enforcement)]
        limits.append(SEATS if by_seat else Limit("seats", draw(st.sampled_from([2, 5, None])), HARD))
        overages = (Overage("emails", draw(st.integers(1, 3)), draw(st.integers(1, 90)), "usd"),)
        listed = price(draw(st.integers(1, 500)), per="seats") if by_seat else price(draw(st.integers(1, 3000)))
        sold = plan(f"p{position}", position, listed, limits=limits)
        plans.append(replace(sold, overages=overages if enforcement is OVERAGE else ()))
    add_on = AddOn(
        "more", "sending", "more", (price(draw(st.integers(1, 900))),), limits=(emails(draw(st.integers(1, 9))),)
    )
    return product(*plans, add_ons=[add_on] if draw(st.booleans()) else [])


def given_by(sold: Plan, quantity: int) -> dict[str, int]:
    """The limits of a plan; -1 where it is unlimited."""
    return {
        limit.meter_id: quantity if limit.follows_quantity else -1 if limit.quantity is None else limit.quantity
        for limit in sold.limits
    }


@st.composite
def accounts(draw: st.DrawFn) -> tuple[Product, Plan, dict[str, int], int, list[int]]:
    """A product, today's plan, needs, quantity and the use of the last periods."""
    sold = draw(products())
    today = draw(st.sampled_from(sold.plans))
    quantity = draw(st.integers(1, 6)) if today.prices[0].per else 1
    needs = {"emails": draw(st.integers(0, 60)), "seats": draw(st.integers(1, 8))}
    return sold, today, needs, quantity, draw(st.lists(st.integers(-1, 60), min_size=3, max_size=3))


def held_by(today: Plan, needs: Mapping[str, int], quantity: int, past: Sequence[int]) -> Holding:
    limits = {meter: int(UNLIMITED) if limit < 0 else limit for meter, limit in given_by(today, quantity).items()}
    return holding(pays=amount(today.prices[0], quantity), needs=needs, limits=limits, quantity=quantity, past=past)


def extra(sold: Plan, limits: Mapping[str, int], needs: Mapping[str, int]) -> int | None:
    """What the needs cost in overage at those limits; None when one that stops use is broken."""
    cost = 0
    for limit in sold.limits:
        given, need = limits[limit.meter_id], needs[limit.meter_id]
        over = max(need - given, 0) if given >= 0 else 0
        if over and limit.enforcement is HARD:
            return None
        billed = sold.overage(limit.meter_id, "usd")
        cost += overage_amount(billed, over) if billed else 0
    return cost


def every_option(
    sold: Product, today: Plan, needs: Mapping[str, int], quantity: int
) -> dict[tuple[str, str | None, int], int]:
    """All that could be bought instead and holds: (plan, add-on, quantity) -> minor units a month."""
    found: dict[tuple[str, str | None, int], int] = {}
    for other in sold.plans[today.position :]:
        bought = max(quantity, needs["seats"]) if other.prices[0].per else 1
        beyond = extra(other, given_by(other, bought), needs)
        is_step = other is not today or bought != quantity
        if beyond is not None and is_step:
            found[other.id, None, bought] = amount(other.prices[0], bought) + beyond
    for add_on in sold.add_ons:
        limits = given_by(today, quantity)
        short = max(needs["emails"] - limits["emails"], 0) if limits["emails"] >= 0 else 0
        each = add_on.limits[0].quantity or 0
        count = -(-short // each)
        beyond = extra(today, {**limits, "emails": limits["emails"] + count * each}, needs)
        if short and beyond is not None:
            found[today.id, add_on.id, count] = (
                amount(today.prices[0], quantity) + amount(add_on.prices[0], 1) * count + beyond
            )
    return found


@given(accounts())
def test_what_is_proposed_holds_and_nothing_listed_that_holds_is_cheaper(
    account: tuple[Product, Plan, dict[str, int], int, list[int]],
) -> None:
    sold, today, needs, quantity, past = account
    held = held_by(today, needs, quantity, past)
    answer = fit(terms(today, sold), held)
    chosen = (answer.plan_id[0], answer.add_on_id[0], int(answer.quantity[0]))
    options = every_option(sold, today, needs, quantity)
    total_now = int(held.recurring_units[0]) + int(mean_overage(terms(today, sold), held)[0])
    if chosen[0] is not None:
        assert chosen in options
        assert options[chosen] == min(options.values())
    fits = extra(today, given_by(today, quantity), needs) is not None
    nearly = bool(options) and min(options.values()) * UNITS_PER_MINOR * 100 <= total_now * 110
    assert (chosen[0] is not None) == (bool(options) and (nearly or not fits))


@given(accounts())
def test_a_saving_is_the_overage_replaced_less_the_recurring_change(
    account: tuple[Product, Plan, dict[str, int], int, list[int]],
) -> None:
    sold, today, needs, quantity, past = account
    answer = fit(terms(today, sold), held_by(today, needs, quantity, past))
    paid_less = answer.overage_units[0] - answer.recurring_units[0]
    if answer.overage_units[0] > 0:
        assert answer.saving_units[0] == max(paid_less, 0)
    else:
        # What is chosen may bring overage of its own, which eats into the saving.
        assert 0 <= answer.saving_units[0] <= max(paid_less, 0)


@given(accounts())
def test_a_smaller_plan_costs_less_and_holds_every_need(
    account: tuple[Product, Plan, dict[str, int], int, list[int]],
) -> None:
    sold, today, needs, quantity, past = account
    held = held_by(today, needs, quantity, past)
    answer = fit_down(terms(today, sold), held)
    total_now = int(held.recurring_units[0]) + int(mean_overage(terms(today, sold), held)[0])
    options = {}
    for other in sold.plans:
        bought = needs["seats"] if other.prices[0].per else 1
        beyond = extra(other, given_by(other, bought), needs)
        if beyond is not None:
            options[other.id] = (amount(other.prices[0], bought) + beyond) * UNITS_PER_MINOR
    cheapest = min(options.values(), default=total_now)
    if cheapest < total_now:
        assert options[answer.plan_id[0]] == cheapest
        assert answer.saving_units[0] == total_now - cheapest
    else:
        assert answer.plan_id[0] is None


@given(products(), st.data())
def test_many_accounts_at_once_get_what_each_would_get_alone(sold: Product, data: st.DataObject) -> None:
    today = data.draw(st.sampled_from(sold.plans))
    alone = []
    for _ in range(data.draw(st.integers(1, 5))):
        quantity = data.draw(st.integers(1, 6)) if today.prices[0].per else 1
        needs = {"emails": data.draw(st.integers(-1, 60)), "seats": data.draw(st.integers(-1, 8))}
        alone.append(held_by(today, needs, quantity, data.draw(st.lists(st.integers(-1, 60), min_size=3, max_size=3))))
    for answer in (fit, fit_down):
        whole = answer(terms(today, sold), together(alone))
        single = [answer(terms(today, sold), row) for row in alone]
        for name in Fit.__annotations__:
            assert list(getattr(whole, name)) == [getattr(row, name)[0] for row in single], name


def together(alone: Sequence[Holding]) -> Holding:
    def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {meter: np.concatenate([part[meter] for part in parts]) for meter in parts[0]}

    return Holding(
        np.concatenate([row.quantity for row in alone]),
        np.concatenate([row.recurring_units for row in alone]),
        np.concatenate([row.plan_units for row in alone]),
        joined([row.needs for row in alone]),
        joined([row.limits for row in alone]),
        {"emails": [np.concatenate([row.past_use["emails"][period] for row in alone]) for period in range(3)]},
    )
