"""Northlight, which sells courses and packages of work one by one, and one membership: a library of templates."""

from __future__ import annotations

from datetime import timedelta

from upstep.tables.sample.book import Book, Customer, Profile, random_profile
from upstep.tables.sample.flows import planned_totals, write_flow
from upstep.tables.sample.life import add_onboarding, add_owners, add_random_life, add_rates
from upstep.tables.sample.names import PLACES, pick
from upstep.tables.sample.northlight_cases import CASES, PLANTED, Bought, Case
from upstep.tables.sample.subscriptions import Stage, Terms, bill, subscribe
from upstep.tables.sample.usage import STEADY, Manner
from upstep.tables.sample.windows import DAY, start_of_tenure

__all__ = ["PLANTED", "SETTINGS", "fill"]

SETTINGS = """\
version: 1
company: Northlight
currency: usd
time_zone: Europe/Amsterdam
"""

_PRICES = {
    "foundations": {"usd": 49_700, "eur": 45_700},
    "advanced": {"usd": 89_700, "eur": 82_700},
    "coaching": {"usd": 150_000, "eur": 138_000},
    "sprint": {"usd": 200_000, "eur": 184_000},
    "program": {"usd": 540_000, "eur": 497_000},
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
    oldest = max([bought.days for bought in case.bought], default=0.0)
    start = start_of_tenure(book.before(20.4 + len(case.name) / 91), 14)
    created = min(start, book.before(oldest)) - 3 * DAY
    customer = book.open_account(Profile(case.customer, PLACES[case.place], case.industry, case.employees, created))
    add_onboarding(book, customer)
    for bought in case.bought:
        _buy(book, customer, bought)
    if case.lessons:
        first = max(bought.days for bought in case.bought if bought.product_id == "foundations")
        last = min((bought.finished_days or 0.5) for bought in case.bought if bought.product_id == "foundations")
        _take_lessons(book, customer, case.lessons, since=first - 1, until=last)
    if case.downloads:
        _join(book, customer, case)


def _buy(book: Book, customer: Customer, bought: Bought) -> None:
    book.add(
        "purchase",
        purchase_id=book.next_id("purchase", "pur"),
        account_id=customer.account_id,
        product_id=bought.product_id,
        quantity=1,
        amount_minor=_PRICES[bought.product_id][customer.currency],
        currency=customer.currency,
        purchased_at=book.before(bought.days),
        completed_at=None if bought.finished_days is None else book.before(bought.finished_days),
    )


def _take_lessons(book: Book, customer: Customer, count: int, *, since: float, until: float) -> None:
    keys = (customer.index, book.meter("lessons"))
    manner = Manner(rhythm=STEADY, step_days=2, noise=0.1)
    book.usage.flow(keys, book.before(since), book.before(until), total=count, manner=manner, users=customer.users)


def _join(book: Book, customer: Customer, case: Case) -> None:
    """The membership, paid by the year so that nothing is to be said of its term."""
    start = start_of_tenure(book.before(20.4 + len(case.name) / 91), 14)
    subscription = subscribe(book, customer, [Stage(start, "member")], terms=Terms("year"))
    totals = planned_totals(len(subscription.windows), 1, periods=case.downloads, now=case.now)
    write_flow(book, subscription, "downloads", totals, manner=Manner(rhythm=STEADY, noise=0.02))
    bill(book, subscription)


def _open_random(book: Book, number: int) -> None:
    rng = book.generator("random", number)
    employees = max(1, round(14 * float(rng.lognormal(0.0, 0.7))))
    profile = random_profile(book, rng, employees=employees, owners=("mina-farrow",))
    customer = book.open_account(profile)
    age = (book.as_of - profile.created_at) / DAY
    owned = []
    for product_id, share in (("foundations", 0.4), ("advanced", 0.1), ("sprint", 0.3), ("coaching", 0.08)):
        if rng.random() < share:
            bought = float(rng.uniform(2, age))
            took = float(rng.uniform(15, 80))
            _buy(book, customer, Bought(product_id, bought, bought - took if took < bought else None))
            owned.append(product_id)
            if product_id == "foundations":
                _take_lessons(book, customer, int(rng.integers(3, 25)), since=bought, until=max(0.4, bought - took))
    if rng.random() < 0.88 or not owned:
        _join_random(book, customer, number)
        owned.append("library")
    add_random_life(book, customer, products=tuple(owned), features=("source_files",))


def _join_random(book: Book, customer: Customer, number: int) -> None:
    rng = book.generator("library", number)
    start = customer.created_at + timedelta(seconds=int(rng.integers(60, 12 * 86_400)))
    plan, limit = pick(rng, (("member", 60),) * 3 + (("studio", 400),))
    stages = [Stage(start, plan)]
    if plan == "studio" and book.as_of - start > 150 * DAY:
        stages = [Stage(start, "member"), Stage(start + 100 * DAY, "studio")]
    subscription = subscribe(book, customer, stages, terms=Terms("year" if rng.random() < 0.3 else "month"))
    whole = round(limit * float(rng.uniform(0.2, 0.99)))
    now = max(1, round(whole * subscription.windows[-1].elapsed_share(book.as_of)))
    totals = planned_totals(len(subscription.windows), 1, periods=(min(whole, 58),) * 14, now=now)
    write_flow(book, subscription, "downloads", totals, manner=Manner(rhythm=STEADY, step_days=3))
    bill(book, subscription, last="failed" if rng.random() < 0.03 else "paid")
