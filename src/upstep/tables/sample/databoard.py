"""Databoard, a data platform that grows by seats and contract capacity, with data quality and notebooks beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from numpy.random import Generator

from upstep.tables.sample.book import HISTORY_DAYS, Book, Customer, Profile, random_profile
from upstep.tables.sample.databoard_cases import (
    CAPACITY,
    CAPACITY_CASES,
    NOTEBOOKS_92,
    PLANTED,
    SEAT_CASES,
    CapacityCase,
    SeatCase,
)
from upstep.tables.sample.flows import SHAPES, capped, planned_totals, random_demand, write_flow
from upstep.tables.sample.life import (
    OWNER_IDS,
    add_goal,
    add_moment,
    add_onboarding,
    add_outcome,
    add_owners,
    add_random_life,
    add_rates,
    add_ticket,
)
from upstep.tables.sample.names import PLACES, pick
from upstep.tables.sample.past import gap_of, with_past
from upstep.tables.sample.subscriptions import Stage, Subscription, Terms, bill, subscribe
from upstep.tables.sample.usage import OFFICE, STEADY, Manner
from upstep.tables.sample.windows import DAY, start_of_tenure

__all__ = ["PLANTED", "SETTINGS", "fill"]

SETTINGS = """\
version: 1
company: Databoard
currency: usd
time_zone: America/New_York
"""

_ROWS = {"team": 200_000_000, "business_seats": 2_000_000_000, "capacity": CAPACITY}


def fill(book: Book, *, accounts: int) -> None:
    """Write every planted account, then random ones up to ``accounts``."""
    add_owners(book)
    add_rates(book)
    for seat_case in SEAT_CASES:
        _plant_seats(book, seat_case)
    for capacity_case in CAPACITY_CASES:
        _plant_capacity(book, capacity_case)
    _plant_notebooks(book)
    for number in range(len(book.account_ids), accounts):
        _open_random(book, number)


def _plant_seats(book: Book, case: SeatCase) -> None:
    start = start_of_tenure(book.before(12.31 + len(case.name) / 7), 14)
    arrivals = [start + timedelta(days=1 + 3 * number) for number in range(case.assigned - case.recent)]
    arrivals += [book.before(53.4 - 7 * number) for number in range(case.recent)]
    profile = Profile(case.customer, PLACES[case.place], case.industry, 70, start - 6 * DAY)
    customer = book.open_account(_with_arrivals(profile, arrivals))
    add_onboarding(book, customer)
    subscription = subscribe(book, customer, [Stage(start, "team", case.paid)], terms=Terms("year"))
    _seat_people(book, customer, arrivals, active=case.active)
    _write_rows(book, subscription, periods=(0.62,) * 14)
    bill(book, subscription)
    for product_id in case.companions:
        _add_companion(book, customer, product_id)
    if case.has_problem:
        add_ticket(book, customer, opened_days=0.8, severity="urgent")


def _with_arrivals(profile: Profile, arrivals: list[datetime]) -> Profile:
    return replace(profile, team=len(arrivals) - 1, arrivals=tuple(arrivals))


def _plant_capacity(book: Book, case: CapacityCase) -> None:
    start = start_of_tenure(book.before(case.elapsed), 6)
    created = start - 400 * DAY
    profile = Profile(
        case.customer,
        PLACES[case.place],
        case.industry,
        2_400,
        created,
        owner_id=case.owner_id,
        executive="Chief Data Officer",
    )
    arrivals = [created + timedelta(days=5 + number) for number in range(13)]
    customer = book.open_account(_with_arrivals(profile, arrivals))
    add_onboarding(book, customer)
    old = Terms("month", collection="invoice", ended_at=start)
    trial_run = subscribe(book, customer, [Stage(created + 4 * DAY, "business_seats", 30)], terms=old)
    _write_rows(book, trial_run, periods=(0.7,) * 14)
    bill(book, trial_run)
    contract = subscribe(book, customer, [Stage(start, "capacity")], terms=Terms("year", collection="invoice"))
    totals = planned_totals(len(contract.windows), CAPACITY, periods=case.periods, now=case.used)
    write_flow(book, contract, "rows_processed", totals, manner=Manner(rhythm=STEADY, noise=0.05), by_people=False)
    bill(book, contract)
    _seat_people(book, customer, arrivals, active=13)
    for product_id in case.companions:
        _add_companion(book, customer, product_id)
    add_outcome(book, customer, case.outcome, days=18.4)
    sponsor_id = customer.contact_ids[1] if case.has_sponsor else None
    add_goal(book, customer, "data trust", advances=("data_quality",), days=33.2, sponsor_id=sponsor_id)
    add_moment(book, customer, "initiative", days=71.5, detail="a data trust programme was announced")


def _plant_notebooks(book: Book) -> None:
    start = start_of_tenure(book.before(22.83), 12)
    arrivals = [start - (30 - number) * DAY for number in range(6)]
    profile = Profile("Quartzwell Labs", PLACES[1], "software", 40, start - 40 * DAY)
    customer = book.open_account(_with_arrivals(profile, arrivals))
    add_onboarding(book, customer)
    platform = subscribe(book, customer, [Stage(start - 37 * DAY, "team", 8)], terms=Terms("year"))
    _seat_people(book, customer, arrivals, active=6)
    _write_rows(book, platform, periods=(0.62,) * 14)
    bill(book, platform)
    _add_companion(book, customer, "data_quality")
    subscription = subscribe(book, customer, [Stage(start, "notebooks_basic")])
    totals = planned_totals(len(subscription.windows), 500, periods=(0.62, 0.72, 0.84), now=NOTEBOOKS_92.used or 0)
    write_flow(book, subscription, "notebook_runs", totals, manner=Manner(rhythm=STEADY, noise=0.05))
    bill(book, subscription)


def _seat_people(book: Book, customer: Customer, arrivals: list[datetime], *, active: int) -> None:
    """Assign a seat to each user, in order of arrival; the last ones who are not active stopped long ago."""
    first, count = customer.users
    for number, arrived in enumerate(arrivals[:count]):
        book.add(
            "seat",
            seat_id=book.next_id("seat", "seat"),
            account_id=customer.account_id,
            product_id="platform",
            contact_id=book.contact_ids[first + number],
            assigned_at=arrived,
        )
        until = book.as_of if number < active else book.before(70)
        _write_queries(book, customer, first + number, begin=arrived, until=until)


def _write_queries(book: Book, customer: Customer, contact: int, *, begin: datetime, until: datetime) -> None:
    """A person's queries, once a week, so that whoever is active was seen in the last 28 days."""
    begin = max(begin, book.before(HISTORY_DAYS))
    weeks = (until - begin) / (7 * DAY)
    total = round(weeks * float(customer.rng.uniform(12, 90)))
    keys = (customer.index, book.meter("queries"))
    book.usage.flow(keys, begin, until, total=total, manner=Manner(step_days=7, noise=0.4), users=(contact, 1))


def _write_rows(book: Book, subscription: Subscription, *, periods: tuple[float, ...]) -> None:
    """Rows processed at a steady share of the plan's limit, also in the current window."""
    limit = _ROWS[subscription.stages[-1].plan_id]
    share = subscription.windows[-1].elapsed_share(book.as_of)
    now = round(limit * periods[-1] * share)
    totals = planned_totals(len(subscription.windows), limit, periods=periods, now=now)
    write_flow(
        book,
        subscription,
        "rows_processed",
        totals,
        manner=Manner(rhythm=STEADY, step_days=3, noise=0.05),
        by_people=False,
    )


_COMPANIONS = {
    "data_quality": ("quality_essentials", "checks", 10_000, "month"),
    "notebooks": ("notebooks_basic", "notebook_runs", 500, "year"),
}


def _add_companion(book: Book, customer: Customer, product_id: str) -> None:
    """Another product at a quiet 62%: nothing is to be said of it."""
    plan_id, meter_id, limit, interval = _COMPANIONS[product_id]
    start = book.before(190.7 + customer.index * 7 % 60)
    subscription = subscribe(book, customer, [Stage(start, plan_id)], terms=Terms(interval))
    now = round(0.62 * limit * subscription.windows[-1].elapsed_share(book.as_of))
    totals = planned_totals(len(subscription.windows), limit, periods=(0.62,) * 14, now=now)
    manner = Manner(rhythm=STEADY, step_days=3, noise=0.05)
    write_flow(book, subscription, meter_id, totals, manner=manner, by_people=False)
    bill(book, subscription)


_PLAN_MIX = ("team",) * 62 + ("business_seats",) * 28 + ("capacity",) * 10
_FEATURES = ("sso", "audit_log", "lineage", "schedules")


def _open_random(book: Book, number: int) -> None:
    rng = book.generator("random", number)
    plan_id = pick(rng, _PLAN_MIX)
    middle, owner = {"team": (40, None), "business_seats": (250, None), "capacity": (2_500, pick(rng, OWNER_IDS))}[
        plan_id
    ]
    employees = max(3, round(middle * float(rng.lognormal(0.0, 0.5))))
    profile = random_profile(book, rng, employees=employees, owners=OWNER_IDS)
    profile = replace(profile, owner_id=profile.owner_id or owner)
    if plan_id == "capacity":
        profile = replace(profile, currency="usd")
    start = profile.created_at + timedelta(seconds=int(rng.integers(60, 12 * 86_400)))
    spread = {"team": 6, "business_seats": 12, "capacity": 18}[plan_id]
    assigned = int(min(45, 2 + rng.poisson(spread * float(rng.lognormal(-0.1, 0.5)))))
    age = (book.as_of - start) / timedelta(seconds=1)
    arrivals = sorted(start + timedelta(seconds=int(float(rng.random()) ** 1.6 * age)) for _ in range(assigned))
    customer = book.open_account(_with_arrivals(profile, arrivals))
    owned = ["platform"]
    _add_random_platform(book, customer, Stage(start, plan_id), number, arrivals=arrivals)
    for product_id in ("data_quality", "notebooks"):
        if rng.random() < 0.22:
            _add_random_extra(book, customer, product_id, rng)
            owned.append(product_id)
    add_random_life(book, customer, products=tuple(owned), features=_FEATURES)


def _add_random_platform(
    book: Book, customer: Customer, first: Stage, number: int, *, arrivals: list[datetime]
) -> None:
    rng, plan_id = customer.rng, first.plan_id
    paid = _random_seats(rng, len(arrivals)) if plan_id != "capacity" else 1
    terms = _random_terms(book, rng, first, paid=paid)
    stages = _stages_of_seats(first.from_at, plan_id, paid, age=book.as_of - first.from_at, rng=rng)
    if plan_id != "capacity":
        gap = gap_of(book, number, first.from_at) if len(stages) == 1 and not terms.ended_at else None
        if gap:
            early = Terms(ended_at=gap[0])
            bill(book, subscribe(book, customer, [replace(first, quantity=max(2, paid * 2 // 3))], terms=early))
            stages = (replace(stages[0], from_at=gap[1]),)
        stages, terms = with_past(book, number, _detours(book, number, stages), terms, lower=None)
    subscription = subscribe(book, customer, stages, terms=terms)
    until = terms.ended_at or book.as_of
    seated = [arrived for arrived in arrivals if arrived < until - DAY]
    _seat_people(book, customer, seated, active=_still_active(len(seated), rng, terms))
    share = float(rng.uniform(0.15, 0.4) if rng.random() < 0.1 else rng.uniform(0.42, 0.97))
    shape, level = pick(rng, SHAPES), share * _ROWS[plan_id]
    demand = random_demand(rng, shape, level=level, subscription=subscription, as_of=book.as_of)
    totals = capped(book, subscription, "rows_processed", demand)
    rhythm, step_days = (STEADY, 7) if plan_id == "team" else (OFFICE, 1)
    write_flow(
        book, subscription, "rows_processed", totals, manner=Manner(rhythm=rhythm, step_days=step_days), by_people=False
    )
    bill(book, subscription, last="failed" if rng.random() < 0.025 else "paid")


def _random_seats(rng: Generator, assigned: int) -> int:
    """Seats paid for: a fifth of the teams are nearly full, a seventh half empty."""
    kind = rng.random()
    low, high = (0.86, 1.0) if kind < 0.2 else (0.5, 0.85) if kind < 0.85 else (0.3, 0.45)
    return max(assigned, round(assigned / float(rng.uniform(low, high))))


def _random_terms(book: Book, rng: Generator, first: Stage, *, paid: int) -> Terms:
    is_contract = first.plan_id == "capacity"
    interval = "year" if is_contract or rng.random() < 0.3 else "month"
    collection = "invoice" if is_contract or rng.random() < 0.15 else "automatic"
    terms = Terms(interval, collection=collection, discount_percent=5 * int(rng.integers(0, 3)) if paid > 15 else 0)
    if rng.random() < 0.04 and book.as_of - first.from_at > 200 * DAY:
        terms = replace(terms, ended_at=book.before(float(rng.uniform(20, 150))))
    return terms


def _still_active(assigned: int, rng: Generator, terms: Terms) -> int:
    """How many of those with a seat use it now; nobody does once the subscription has ended."""
    return 0 if terms.ended_at else max(1, round(assigned * float(rng.choice((1.0, 1.0, 0.95, 0.9, 0.75)))))


def _stages_of_seats(start: datetime, plan_id: str, paid: int, *, age: timedelta, rng: Generator) -> tuple[Stage, ...]:
    """Seats bought in up to three steps; a flat contract has one stage."""
    if plan_id == "capacity" or paid < 6 or age < 150 * DAY or rng.random() < 0.5:
        return (Stage(start, plan_id, paid),)
    instants = sorted(
        start + timedelta(seconds=int(float(rng.uniform(0.2, 0.95)) * age.total_seconds())) for _ in range(2)
    )
    shares = (0.5, 0.75, 1.0)
    return tuple(
        Stage(instant, plan_id, max(1, round(paid * share)))
        for instant, share in zip((start, *instants), shares, strict=True)
    )


def _detours(book: Book, number: int, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Some gave seats back after a while; some began on the team plan and moved up."""
    rng, first = book.generator("seats", number), stages[0]
    age = book.as_of - first.from_at
    if len(stages) > 1 or age < 160 * DAY or rng.random() > 0.5:
        return stages
    changed = (first.from_at + age * float(rng.uniform(0.3, 0.9))).replace(microsecond=0)
    later = replace(first, from_at=min(changed, book.before(21)))
    if first.plan_id == "business_seats" and rng.random() < 0.6:
        return (replace(first, plan_id="team"), later)
    return (replace(first, quantity=first.quantity + max(1, first.quantity // 5)), later)


def _add_random_extra(book: Book, customer: Customer, product_id: str, rng: Generator) -> None:
    start = customer.created_at + timedelta(seconds=int(rng.integers(3600, 20 * 86_400)))
    plan_id, meter_id, limit, interval = _COMPANIONS[product_id]
    subscription = subscribe(book, customer, [Stage(start, plan_id)], terms=Terms(interval))
    level = float(rng.uniform(0.35, 1.05)) * limit
    demand = random_demand(rng, pick(rng, SHAPES), level=level, subscription=subscription, as_of=book.as_of)
    totals = capped(book, subscription, meter_id, demand)
    write_flow(book, subscription, meter_id, totals, manner=Manner(rhythm=OFFICE, step_days=2, noise=0.3))
    bill(book, subscription, last="failed" if rng.random() < 0.02 else "paid")
