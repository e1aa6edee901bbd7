"""Postline, an e-mail sender that grows by limits: transactional e-mail, marketing campaigns, inbound e-mail."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from numpy.random import Generator

from upstep.tables.sample.book import Book, Customer, Profile, random_profile
from upstep.tables.sample.flows import (
    SHAPES,
    capped,
    overage_by_bill,
    planned_totals,
    random_demand,
    write_flow,
    write_stock,
)
from upstep.tables.sample.life import OWNER_IDS, add_onboarding, add_owners, add_random_life, add_rates
from upstep.tables.sample.names import PLACES, pick
from upstep.tables.sample.past import gap_of, with_past
from upstep.tables.sample.postline_cases import (
    CASES,
    IMPORTED_NEVER_SENT,
    INBOUND_92,
    LIMITS,
    MARKETING_ONLY,
    PLANTED,
    Case,
)
from upstep.tables.sample.subscriptions import Stage, Subscription, Terms, bill, subscribe
from upstep.tables.sample.usage import OFFICE, SHOP, STEADY, Manner
from upstep.tables.sample.windows import DAY, start_of_tenure, windows

__all__ = ["PLANTED", "SETTINGS", "fill", "plant"]

SETTINGS = """\
version: 1
company: Postline
currency: usd
time_zone: Europe/Berlin
"""


def fill(book: Book, *, accounts: int) -> None:
    """Write every planted account, then random ones up to ``accounts``."""
    add_owners(book)
    add_rates(book)
    for case in CASES:
        plant(book, case)
    _plant_inbound(book)
    _plant_imported(book)
    _plant_marketing_only(book)
    for number in range(len(book.account_ids), accounts):
        _open_random(book, number)


def plant(book: Book, case: Case) -> None:
    """Write one account whose right answer is known."""
    # Odd minutes and seconds: a window that ends at midnight hides mistakes on its boundary days.
    anchor = book.before(case.elapsed) - timedelta(seconds=zlib.crc32(case.name.encode()) % 3600)
    # Those of a year came over three quarters, not in one month: cohorts of their own.
    spread = zlib.crc32(case.customer.encode()) % 9 if case.months == 13 and case.terms.interval == "month" else 0
    start = start_of_tenure(anchor, case.months + spread)
    customer = _open_planted(book, case, created_at=start - 9 * DAY)
    now = windows(start, as_of=book.as_of, history_days=60)[-1]
    terms = replace(case.terms, cancel_at=now.end if case.cancels else None)
    stages = [Stage(start, case.plan)]
    if case.name == "bought_last_week":
        stages = [Stage(start, "starter"), Stage(book.before(6.2), case.plan)]
    if case.last_invoice == "failed":
        stages.append(Stage(now.begin + timedelta(minutes=3), case.plan, status="past_due"))
    subscription = subscribe(book, customer, stages, terms=terms)
    if case.name == "bought_last_week":
        totals = _write_backlog(book, subscription, used=case.used)
    else:
        limit = LIMITS[case.plan]
        totals = planned_totals(len(subscription.windows), limit, periods=case.periods, now=case.used)
        write_flow(book, subscription, "emails", totals, manner=Manner(rhythm=STEADY, noise=0.05))
    overage = overage_by_bill(book, subscription, "emails", totals)
    bill(book, subscription, overage_minor=overage, last=case.last_invoice)
    for product_id in case.companions:
        _add_companion(book, customer, product_id)
    if case.twist:
        case.twist(book, customer)


def _open_planted(book: Book, case: Case, *, created_at: datetime) -> Customer:
    customer = book.open_account(
        Profile(
            case.customer,
            PLACES[case.place],
            case.industry,
            case.employees,
            created_at,
            owner_id=case.owner_id,
            executive="CEO" if case.owner_id else None,
            do_not_sell=(book.before(-60.0), case.do_not_sell) if case.do_not_sell else None,
        )
    )
    add_onboarding(book, customer)
    return customer


def _write_backlog(book: Book, subscription: Subscription, *, used: int) -> list[int]:
    """Ten thousand until the upgrade stopped the stop, then the backlog: the window's total is ``used``."""
    begin, upgraded = subscription.windows[-1].begin, subscription.stages[-1].from_at
    totals = planned_totals(len(subscription.windows), LIMITS["starter"], periods=(0.84, 0.91, 0.97), now=0)
    write_flow(book, subscription, "emails", totals, manner=Manner(rhythm=STEADY, noise=0.05))
    keys, users = (subscription.customer.index, book.meter("emails")), subscription.customer.users
    blocked = LIMITS["starter"]
    book.usage.flow(keys, begin, upgraded, total=blocked, manner=Manner(), users=users)
    book.usage.flow(keys, upgraded, book.as_of, total=used - blocked, manner=Manner(), users=users)
    return [*totals[:-1], used]


def _add_companion(book: Book, customer: Customer, product_id: str, *, started_days: float = 201.4) -> None:
    """Another product at a quiet 62% of its smallest plan, paid by the year: nothing is to be said of it."""
    start = book.before(started_days + customer.index * 7 % 60)
    plan_id = f"{product_id}_basic"
    subscription = subscribe(book, customer, [Stage(start, plan_id)], terms=Terms(interval="year"))
    if product_id == "marketing":
        _write_marketing(book, subscription, levels=(3_060, 3_100))
    else:
        totals = planned_totals(len(subscription.windows), 5_000, periods=(0.62,) * 14, now=0)
        totals[-1] = round(3_100 * subscription.windows[-1].elapsed_share(book.as_of))
        write_flow(book, subscription, "received", totals, manner=Manner(rhythm=STEADY, step_days=3, noise=0.05))
    bill(book, subscription)


def _write_marketing(book: Book, subscription: Subscription, *, levels: tuple[int, int]) -> None:
    write_stock(book, subscription, "contacts", levels=levels)
    totals = [max(1, round(4 * window.elapsed_share(book.as_of))) for window in subscription.windows]
    write_flow(book, subscription, "campaigns", totals, manner=Manner(rhythm=STEADY, step_days=7))


def _plant_inbound(book: Book) -> None:
    start = start_of_tenure(book.before(22.62), 12)
    profile = Profile("Moss & Okafor Collective", PLACES[1], "logistics", 34, start - 4 * DAY)
    customer = book.open_account(profile)
    assert customer.account_id == INBOUND_92.account_id
    add_onboarding(book, customer)
    subscription = subscribe(book, customer, [Stage(start, "inbound_basic")])
    totals = planned_totals(len(subscription.windows), 5_000, periods=(0.64, 0.72, 0.83), now=4_600)
    write_flow(book, subscription, "received", totals, manner=Manner(rhythm=STEADY, noise=0.05))
    bill(book, subscription)


def _plant_imported(book: Book) -> None:
    """A new customer: its list grew in four weekly imports, and no campaign went out."""
    start = book.before(31.84)
    customer = book.open_account(Profile("Magalhães Soluções", PLACES[11], "retail", 28, start - DAY))
    assert customer.account_id == IMPORTED_NEVER_SENT.account_id
    add_onboarding(book, customer, first_value=False)
    subscription = subscribe(book, customer, [Stage(start, "marketing_basic")], terms=Terms(interval="year"))
    write_stock(book, subscription, "contacts", levels=(2_100, 4_600))
    bill(book, subscription)


def _plant_marketing_only(book: Book) -> None:
    customer = book.open_account(Profile("佐藤 商事", PLACES[10], "retail", 45, book.before(420.7)))
    assert customer.account_id == MARKETING_ONLY.account_id
    add_onboarding(book, customer)
    _add_companion(book, customer, "marketing")


_PLAN_MIX = (
    ("free",) * 18 + ("starter",) * 25 + ("pro",) * 28 + ("scale",) * 16 + ("business",) * 9 + ("enterprise",) * 4
)
_EMPLOYEES = {"free": 6, "starter": 14, "pro": 45, "scale": 130, "business": 420, "enterprise": 1800}
_FEATURES = ("webhooks", "subaccounts", "sso", "automations")
_PAID_MONTHLY = ("starter", "pro", "scale", "business")
_LOWER = {"starter": "free", "pro": "starter", "scale": "pro", "business": "scale", "enterprise": "business"}


def _open_random(book: Book, number: int) -> None:
    rng = book.generator("random", number)
    plan_id = pick(rng, _PLAN_MIX)
    employees = max(1, round(_EMPLOYEES[plan_id] * float(rng.lognormal(0.0, 0.6))))
    profile = random_profile(book, rng, employees=employees, owners=OWNER_IDS)
    if plan_id == "enterprise":
        profile = replace(profile, currency="usd", owner_id=profile.owner_id or pick(rng, OWNER_IDS))
    customer = book.open_account(profile)
    owned = []
    if rng.random() < 0.88:
        _add_random_sending(book, customer, plan_id, number, rng)
        owned.append("sending")
    if rng.random() < 0.36 or not owned:
        _add_random_marketing(book, customer, rng)
        owned.append("marketing")
    if rng.random() < 0.16:
        _add_random_inbound(book, customer, rng)
        owned.append("inbound")
    if plan_id in ("starter", "pro", "scale") and rng.random() < 0.03:
        _add_override(book, customer, limit=LIMITS[plan_id] * 3 // 2)
    add_random_life(book, customer, products=tuple(owned), features=_FEATURES)


def _add_override(book: Book, customer: Customer, *, limit: int) -> None:
    """A limit of its own, agreed by hand."""
    book.add(
        "entitlement_override",
        override_id=book.next_id("entitlement_override", "ovr"),
        account_id=customer.account_id,
        meter_id="emails",
        limit_quantity=limit,
        valid_from=customer.created_at + 20 * DAY,
    )


def _utilisation(rng: Generator) -> float:
    """Where demand stands: most accounts are in the middle, an eighth uses little, a quarter nears its limit."""
    kind = rng.random()
    low, high = (0.12, 0.4) if kind < 0.12 else (0.42, 0.82) if kind < 0.74 else (0.82, 1.3)
    return float(rng.uniform(low, high))


def _random_terms(book: Book, rng: Generator, plan_id: str, *, start: datetime) -> Terms:
    """Mostly monthly; some cancelled, some invoiced, some with a discount."""
    interval = "year" if plan_id == "enterprise" or (plan_id != "free" and rng.random() < 0.3) else "month"
    terms = Terms(interval=interval)
    if plan_id in ("business", "enterprise"):
        terms = replace(terms, collection="invoice", discount_percent=int(rng.integers(0, 4)) * 5)
    fate = rng.random()
    if fate < 0.03 and plan_id != "free":
        terms = replace(terms, cancel_at=windows(start, as_of=book.as_of, history_days=90)[-1].end)
    elif fate < 0.07 and (book.as_of - start) > 200 * DAY:
        terms = replace(terms, ended_at=book.before(float(rng.uniform(20, 150))))
    elif fate < 0.08 and plan_id in ("pro", "scale"):
        terms = replace(terms, pending=(_LOWER[plan_id], windows(start, as_of=book.as_of, history_days=90)[-1].end))
    return terms


def _last_invoice(rng: Generator) -> str:
    return "failed" if rng.random() < 0.025 else "paid"


def _add_random_sending(book: Book, customer: Customer, plan_id: str, number: int, rng: Generator) -> None:
    start = customer.created_at + timedelta(seconds=int(rng.integers(60, 12 * 86_400)))
    gap = gap_of(book, number, start) if plan_id in _PAID_MONTHLY else None
    if gap:
        _add_first_life(book, customer, Stage(start, plan_id), ended_at=gap[0])
        start = gap[1]
    terms = _random_terms(book, rng, plan_id, start=start)
    limit = LIMITS.get(plan_id)
    level = _utilisation(rng) * limit if limit else float(rng.uniform(700_000, 3_000_000))
    draft = Subscription(
        customer, "", (Stage(start, plan_id),), terms, tuple(windows(start, as_of=book.as_of, history_days=400))
    )
    demand = random_demand(rng, pick(rng, SHAPES), level=level, subscription=draft, as_of=book.as_of)
    stages = _stages_of_growth(book, plan_id, demand, draft, rng) if terms.interval == "month" else draft.stages
    if plan_id in _PAID_MONTHLY:
        paid_lower = _LOWER[plan_id] if plan_id != "starter" and terms.interval == "month" else None
        stages, terms = with_past(book, number, stages, terms, lower=paid_lower)
    subscription = subscribe(book, customer, stages, terms=terms)
    count = len(subscription.windows)
    totals = capped(book, subscription, "emails", demand[:count])
    write_flow(
        book,
        subscription,
        "emails",
        totals,
        manner=Manner(rhythm=pick(rng, (STEADY, OFFICE, OFFICE, SHOP)), noise=0.15),
    )
    bill(
        book, subscription, overage_minor=overage_by_bill(book, subscription, "emails", totals), last=_last_invoice(rng)
    )
    if plan_id in ("pro", "scale", "business") and rng.random() < 0.12 and not terms.ended_at:
        _add_dedicated_ip(book, subscription)


def _add_first_life(book: Book, customer: Customer, first: Stage, *, ended_at: datetime) -> None:
    """A subscription that ended before the present one began."""
    earlier = subscribe(book, customer, [first], terms=Terms(ended_at=ended_at))
    limit = LIMITS[first.plan_id]
    totals = [round(limit * 0.45)] * len(earlier.windows)
    write_flow(book, earlier, "emails", totals, manner=Manner(rhythm=OFFICE, noise=0.15))
    bill(book, earlier)


def _add_dedicated_ip(book: Book, subscription: Subscription) -> None:
    """The add-on joins the subscription at the start of one of its months."""
    begins = subscription.windows[len(subscription.windows) // 2].begin
    room = book.as_of - begins - 60 * DAY
    given_up = begins + room // 2 if room > 60 * DAY and subscription.customer.index % 3 == 0 else None
    terms = Terms(subscription.terms.interval, ended_at=given_up)
    bill(book, subscribe(book, subscription.customer, [Stage(begins, "dedicated_ip")], terms=terms, on=subscription))


def _stages_of_growth(
    book: Book, plan_id: str, demand: list[int], draft: Subscription, rng: Generator
) -> tuple[Stage, ...]:
    """An upgrade in the past, in the first window that the lower plan's limit would not have held."""
    lower = _LOWER.get(plan_id)
    if lower is None or draft.stages[0].from_at < draft.windows[0].begin:
        return draft.stages
    outgrown = next((index for index, used in enumerate(demand) if used > 0.97 * LIMITS[lower]), None)
    if not outgrown:
        return draft.stages
    upgraded = draft.windows[outgrown].begin + timedelta(seconds=int(rng.integers(2 * 86_400, 24 * 86_400)))
    if upgraded >= book.as_of:
        return draft.stages
    return (Stage(draft.stages[0].from_at, lower), Stage(upgraded, plan_id))


def _add_random_marketing(book: Book, customer: Customer, rng: Generator) -> None:
    start = customer.created_at + timedelta(seconds=int(rng.integers(3600, 20 * 86_400)))
    plan_id, limit = pick(
        rng, (("marketing_basic", 5_000),) * 4 + (("marketing_plus", 25_000),) * 3 + (("marketing_max", 150_000),)
    )
    terms = _random_terms(book, rng, plan_id, start=start)
    subscription = subscribe(book, customer, [Stage(start, plan_id)], terms=terms)
    level = min(limit, round(_utilisation(rng) * limit))
    if subscription.windows:
        _write_marketing(book, subscription, levels=(max(50, round(level * float(rng.uniform(0.3, 1.0)))), level))
    bill(book, subscription, last=_last_invoice(rng))


def _add_random_inbound(book: Book, customer: Customer, rng: Generator) -> None:
    start = customer.created_at + timedelta(seconds=int(rng.integers(3600, 25 * 86_400)))
    plan_id, limit = pick(
        rng, (("inbound_basic", 5_000),) * 3 + (("inbound_pro", 25_000),) * 2 + (("inbound_scale", 150_000),)
    )
    terms = _random_terms(book, rng, plan_id, start=start)
    subscription = subscribe(book, customer, [Stage(start, plan_id)], terms=terms)
    level = _utilisation(rng) * limit
    demand = random_demand(rng, pick(rng, SHAPES), level=level, subscription=subscription, as_of=book.as_of)
    totals = capped(book, subscription, "received", demand)
    write_flow(book, subscription, "received", totals, manner=Manner(rhythm=OFFICE, noise=0.2))
    bill(
        book,
        subscription,
        overage_minor=overage_by_bill(book, subscription, "received", totals),
        last=_last_invoice(rng),
    )
