"""Loomboard, a planning tool that grows by features: boards by the seat, a wiki, chat and intake forms beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from upstep.tables.sample.book import HISTORY_DAYS, Book, Customer, Profile, random_profile
from upstep.tables.sample.flows import overage_by_bill, planned_totals, write_flow
from upstep.tables.sample.life import OWNER_IDS, add_onboarding, add_owners, add_random_life, add_rates
from upstep.tables.sample.loomboard_cases import CASES, PLANTED, Case, Flow
from upstep.tables.sample.names import PLACES, pick
from upstep.tables.sample.subscriptions import Stage, Subscription, Terms, bill, subscribe
from upstep.tables.sample.usage import STEADY, Manner
from upstep.tables.sample.windows import DAY, start_of_tenure

__all__ = ["PLANTED", "PLAYS", "SETTINGS", "fill"]

SETTINGS = """\
version: 1
company: Loomboard
currency: usd
time_zone: Europe/London
"""

PLAYS = {
    "affinity_chat": """\
# Learned from Loomboard's own past and reviewed by a person; the numbers stand in `source`.
play: affinity_chat
what: Their people do as many tasks in four weeks as those who later bought Chat.
motion: cross_sell
each: product
when: product_id = 'chat' and meter('tasks').used_28d >= 2500
propose: product
moments: [product_released]
message: affinity
prior: 0.1
source: Association in Loomboard's own history, not a cause; an example of what upstep learn affinity writes.
"""
}
"""Own plays of the project folder, by their id."""

_METERS = {
    "wiki_basic": ("pages", 2_000),
    "wiki_plus": ("pages", 10_000),
    "chat_basic": ("messages", 50_000),
    "chat_unused": ("messages", 50_000),
    "intake_flex": ("submissions", 1_000),
}


def fill(book: Book, *, accounts: int) -> None:
    """Write every planted account, then random ones up to ``accounts``."""
    add_owners(book)
    add_rates(book)
    for case in CASES:
        _plant(book, case)
    for number in range(len(book.account_ids), accounts):
        _open_random(book, number)


def _plant(book: Book, case: Case) -> None:
    start = start_of_tenure(book.before(case.elapsed + len(case.name) / 91), case.months)
    came = [book.before(days) for days in case.newcomers]
    arrivals = [start + timedelta(hours=7 * number + 1) for number in range(case.assigned - len(came))]
    arrivals += sorted(came)
    profile = Profile(
        case.customer,
        PLACES[case.place],
        case.industry,
        case.employees,
        start - 2 * DAY,
        owner_id=case.owner_id,
        executive="CIO" if case.owner_id else None,
        team=len(arrivals) - 1,
        arrivals=tuple(arrivals),
    )
    customer = book.open_account(profile)
    if case.is_onboarded:
        add_onboarding(book, customer)
    boards = subscribe(book, customer, [Stage(start, case.plan, case.paid)], terms=Terms("year"))
    _seat(book, customer, arrivals, tasks=case.tasks)
    bill(book, boards)
    flows = {flow.meter_id: flow for flow in case.flows}
    for flow in case.flows:
        if flow.meter_id in ("automations", "exports"):
            _write(book, boards, flow)
    for plan in case.others:
        _add_other(book, customer, plan, start=start, flow=flows.get(_METERS[plan][0]), guides=case.guides)
    if case.twist:
        case.twist(book, customer)


def _seat(book: Book, customer: Customer, arrivals: list[datetime], *, tasks: float) -> None:
    """A seat for each user, who does tasks every week from then on."""
    first, count = customer.users
    for number, arrived in enumerate(arrivals[:count]):
        contact = first + number
        book.add(
            "seat",
            seat_id=book.next_id("seat", "seat"),
            account_id=customer.account_id,
            product_id="boards",
            contact_id=book.contact_ids[contact],
            assigned_at=arrived,
        )
        begin = max(arrived, book.before(HISTORY_DAYS))
        total = max(1, round((book.as_of - begin) / (7 * DAY) * tasks))
        keys = (customer.index, book.meter("tasks"))
        manner = Manner(rhythm=STEADY, step_days=3, noise=0.05)
        book.usage.flow(keys, begin, book.as_of, total=total, manner=manner, users=(contact, 1))


def _write(book: Book, subscription: Subscription, flow: Flow, *, manner: Manner | None = None) -> list[int]:
    count = len(subscription.windows)
    planned = planned_totals(count, 1, periods=flow.periods[-(count - 1) :] if count > 1 else (), now=flow.now)
    write_flow(
        book,
        subscription,
        flow.meter_id,
        planned,
        manner=manner or Manner(rhythm=STEADY, step_days=2, noise=0.02),
        by_people=False,
    )
    return planned


def _add_other(book: Book, customer: Customer, plan: str, *, start: datetime, flow: Flow | None, guides: bool) -> None:
    """Another product, paid by the year but for forms, at a quiet 62% unless the story says otherwise."""
    meter, limit = _METERS[plan]
    interval = "month" if plan == "intake_flex" else "year"
    sold = "chat_basic" if plan == "chat_unused" else plan
    start += timedelta(minutes=7 * len(plan) + customer.index, seconds=11 * len(plan))
    subscription = subscribe(book, customer, [Stage(start, sold)], terms=Terms(interval))
    share = subscription.windows[-1].elapsed_share(book.as_of)
    quiet = round(0.62 * limit)
    if plan == "chat_unused":
        book.usage.flow((customer.index, book.meter(meter)), book.before(9.3), book.as_of, total=40, manner=Manner())
        bill(book, subscription)
        return
    used = flow or Flow(meter, limit, (quiet,) * 14, round(quiet * share))
    totals = _write(book, subscription, used)
    overage = overage_by_bill(book, subscription, meter, totals)
    bill(book, subscription, overage_minor=overage)
    if meter == "pages" and guides:
        _write(book, subscription, Flow("guides", 0, (120,) * 14, max(1, round(120 * share))))


_PLAN_MIX = ("basic",) * 50 + ("plus",) * 32 + ("business",) * 18
_FEATURES = ("timeline", "reports", "portfolios", "guests", "sso")
_LOWER = {"plus": "basic", "business": "plus"}


def _open_random(book: Book, number: int) -> None:
    rng = book.generator("random", number)
    plan = pick(rng, _PLAN_MIX)
    employees = max(4, round({"basic": 30, "plus": 120, "business": 500}[plan] * float(rng.lognormal(0.0, 0.5))))
    profile = random_profile(book, rng, employees=employees, owners=OWNER_IDS)
    start = profile.created_at + timedelta(seconds=int(rng.integers(60, 12 * 86_400)))
    assigned = int(min(40, 3 + rng.poisson(employees / 25)))
    age = (book.as_of - start) / timedelta(seconds=1)
    arrivals = sorted(start + timedelta(seconds=int(float(rng.random()) ** 1.6 * age)) for _ in range(assigned))
    customer = book.open_account(replace(profile, team=assigned - 1, arrivals=tuple(arrivals)))
    paid = max(assigned, round(assigned / float(rng.uniform(0.5, 1.0))))
    stages = [Stage(start, plan, paid)]
    if plan in _LOWER and book.as_of - start > 200 * DAY:
        stages = [
            Stage(start, _LOWER[plan], paid),
            Stage(start + 150 * DAY + timedelta(seconds=977 * number % 86_400), plan, paid),
        ]
    terms = Terms("year" if rng.random() < 0.4 else "month")
    boards = subscribe(book, customer, stages, terms=terms)
    _seat(book, customer, arrivals, tasks=float(rng.uniform(6, 30)))
    limit = {"basic": 100, "plus": 1_000, "business": 10_000}[plan]
    level = round(limit * float(rng.uniform(0.1, 0.95)))
    _write(book, boards, Flow("automations", limit, (level,) * 14, _so_far(book, boards, level)))
    bill(book, boards, last="failed" if rng.random() < 0.025 else "paid")
    owned = ["boards"]
    for other, share in (("wiki_basic", 0.4), ("chat_basic", 0.25), ("intake_flex", 0.15)):
        if rng.random() < share:
            _add_random_other(book, customer, other, start=start, level=float(rng.uniform(0.3, 1.3)))
            owned.append(book.plans[other].product_id)
    add_random_life(book, customer, products=tuple(owned), features=_FEATURES)


def _add_random_other(book: Book, customer: Customer, plan: str, *, start: datetime, level: float) -> None:
    meter, limit = _METERS[plan]
    interval = "month" if customer.index % 3 or plan == "intake_flex" else "year"
    start += timedelta(minutes=13 * len(plan), seconds=17 * len(plan))
    subscription = subscribe(book, customer, [Stage(start, plan)], terms=Terms(interval))
    whole = round(limit * (level if plan == "intake_flex" else min(level, 0.99)))
    totals = _write(book, subscription, Flow(meter, limit, (whole,) * 14, _so_far(book, subscription, whole)))
    bill(book, subscription, overage_minor=overage_by_bill(book, subscription, meter, totals))


def _so_far(book: Book, subscription: Subscription, whole: int) -> int:
    return max(1, round(whole * subscription.windows[-1].elapsed_share(book.as_of)))
