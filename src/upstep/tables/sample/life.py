"""What else happens to an account: tickets, moments, answers, outcomes, goals, deals, and who looks after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from upstep.clock import from_day, to_day
from upstep.tables.sample.book import Book, Customer
from upstep.tables.sample.names import pick

OWNERS: tuple[tuple[str, str, int], ...] = (
    ("mina-farrow", "Mina Farrow", 480),
    ("jonas-lindqvist", "Jonas Lindqvist", 480),
    ("carla-ibanez", "Carla Ibáñez", 420),
    ("tunde-adeyemi", "Tunde Adeyemi", 480),
    ("yuki-hayashi", "Yuki Hayashi", 360),
)
OWNER_IDS = tuple(owner[0] for owner in OWNERS)


def add_owners(book: Book) -> None:
    """The account managers and their hours a quarter."""
    for owner_id, name, hours in OWNERS:
        book.add("owner", owner_id=owner_id, name=name, email=f"{owner_id}@{book.company}.example", hours_quarter=hours)


def add_rates(book: Book) -> None:
    """Weekly exchange rates of the euro and the pound over two years, in steps too small to matter."""
    last = to_day(book.as_of.date())
    rng = book.generator("rates")
    for currency, start in (("eur", Decimal("1.0850")), ("gbp", Decimal("1.2700"))):
        rate = start
        for day in range(last - 728, last + 1, 7):
            rate += Decimal(int(rng.integers(-40, 41))) / 10_000
            _add_rate(book, from_day(day), currency, rate)


def _add_rate(book: Book, day: date, currency: str, rate: Decimal) -> None:
    book.add("fx_rate", rate_on=day, from_currency=currency, to_currency="usd", rate=str(rate))


def add_ticket(
    book: Book,
    customer: Customer,
    *,
    opened_days: float,
    closed_days: float | None = None,
    kind: str = "problem",
    severity: str = "normal",
    feature_id: str | None = None,
) -> None:
    """A ticket, opened and perhaps closed that many days before as-of."""
    book.add(
        "ticket",
        ticket_id=book.next_id("ticket", "tkt"),
        account_id=customer.account_id,
        opened_at=max(book.before(opened_days), customer.created_at),
        closed_at=None if closed_days is None else max(book.before(closed_days), customer.created_at),
        kind=kind,
        severity=severity,
        escalated=False,
        feature_id=feature_id,
        contact_id=customer.admin_id,
    )


def add_moment(
    book: Book, customer: Customer, kind: str, *, days: float, subject_id: str | None = None, detail: str | None = None
) -> None:
    """A dated fact, that many days before as-of."""
    book.add(
        "moment",
        moment_id=book.next_id("moment", "mom"),
        account_id=customer.account_id,
        kind=kind,
        occurred_at=book.before(days),
        contact_id=customer.admin_id if kind in ("feature_gate_hit", "pricing_page_viewed", "first_value") else None,
        subject_id=subject_id,
        detail=detail,
        source="press" if kind in ("hire", "funding", "geography", "initiative") else "product",
    )


def add_score(book: Book, customer: Customer, *, score: int, days: float) -> None:
    """An answer to "would you recommend us", 0 to 10."""
    book.add(
        "feedback",
        feedback_id=book.next_id("feedback", "fb"),
        account_id=customer.account_id,
        contact_id=customer.admin_id,
        kind="nps",
        score=float(score),
        answered_at=book.before(days),
    )


@dataclass(frozen=True)
class Measured:
    """An outcome that was measured: hours, or dollars, against a target."""

    metric: str
    unit: str
    target: float
    achieved: float
    product_id: str


def add_outcome(book: Book, customer: Customer, measured: Measured, *, days: float) -> None:
    """A measured outcome, that many days before as-of."""
    book.add(
        "outcome",
        outcome_id=book.next_id("outcome", "out"),
        account_id=customer.account_id,
        product_id=measured.product_id,
        metric=measured.metric,
        unit=measured.unit,
        currency="usd" if measured.unit == "usd" else None,
        target=measured.target,
        achieved=measured.achieved,
        started_at=book.before(days + 250),
        measured_at=book.before(days),
        source="quarterly review",
    )


def add_goal(
    book: Book,
    customer: Customer,
    priority: str,
    *,
    advances: tuple[str, ...],
    days: float = 45,
    sponsor_id: str | None = None,
) -> None:
    """What the account's executive said matters, and who stands behind it."""
    book.add(
        "goal",
        goal_id=book.next_id("goal", "goal"),
        account_id=customer.account_id,
        contact_id=customer.contact_ids[0],
        priority=priority,
        advances=advances,
        sponsor_contact_id=sponsor_id,
        stated_at=max(book.before(days), customer.created_at),
        source="executive call",
        review_at=book.before(days - 180),
    )


def add_deal(
    book: Book,
    customer: Customer,
    *,
    motion: str,
    amount_minor: int,
    opened_days: float,
    closed_days: float | None = None,
) -> None:
    """A deal; closed ones were won."""
    book.add(
        "deal",
        deal_id=book.next_id("deal", "deal"),
        account_id=customer.account_id,
        motion=motion,
        stage="negotiation" if closed_days is None else "closed",
        amount_minor=amount_minor,
        opened_at=max(book.before(opened_days), customer.created_at),
        closed_at=None if closed_days is None else max(book.before(closed_days), customer.created_at),
        won=None if closed_days is None else True,
    )


def add_onboarding(book: Book, customer: Customer, *, first_value: bool = True) -> None:
    """The first weeks: onboarded, and the first value soon after."""
    age = (book.as_of - customer.created_at) / timedelta(days=1)
    if age > 10:
        add_moment(book, customer, "onboarded", days=age - float(customer.rng.uniform(3, 9)))
    if first_value and age > 16:
        add_moment(book, customer, "first_value", days=age - float(customer.rng.uniform(9, 16)))


def add_random_life(book: Book, customer: Customer, *, products: tuple[str, ...], features: tuple[str, ...]) -> None:
    """Tickets, answers and moments as they come to accounts that nobody planned."""
    rng, age = customer.rng, (book.as_of - customer.created_at) / timedelta(days=1)
    add_onboarding(book, customer)
    for _ in range(int(rng.poisson(1.6))):
        _add_random_ticket(book, customer, features, age=min(age, 395.0))
    if rng.random() < 0.4:
        score = int(min(10, max(0, round(rng.normal(7.8, 2.0)))))
        add_score(book, customer, score=score, days=float(rng.uniform(1, min(age, 300))))
    if rng.random() < 0.12:
        add_moment(
            book, customer, "feature_gate_hit", days=float(rng.uniform(1, min(age, 40))), subject_id=pick(rng, features)
        )
    if rng.random() < 0.1:
        add_moment(book, customer, "pricing_page_viewed", days=float(rng.uniform(0.2, min(age, 20))))
    if rng.random() < 0.06:
        kind, detail = pick(rng, _NEWS)
        add_moment(book, customer, kind, days=float(rng.uniform(3, min(age, 120))), detail=detail)
    if rng.random() < 0.08:
        target = float(rng.integers(10, 60))
        achieved = round(target * float(rng.uniform(0.7, 1.4)), 1)
        measured = Measured("hours saved a month", "hours", target, achieved, products[0])
        add_outcome(book, customer, measured, days=20.0)
    if customer.owner_id:
        _add_executive_life(book, customer, products)


_NEWS = (
    ("case_study", "agreed to be named"),
    ("hire", "hired a head of growth"),
    ("funding", "closed a series B"),
    ("geography", "opened an office in Singapore"),
    ("customer_growth", "passed 100,000 customers"),
    ("initiative", "announced a loyalty programme"),
)
_PRIORITIES = ("fewer manual steps", "time to market", "cost to serve", "one view of the customer")


def _add_random_ticket(book: Book, customer: Customer, features: tuple[str, ...], *, age: float) -> None:
    rng = customer.rng
    opened = float(rng.uniform(0.5, age))
    took = float(rng.exponential(3.0)) + 0.1
    kind = pick(rng, ("problem", "problem", "question", "question", "question", "feature_request"))
    stays_open = kind == "feature_request" or rng.random() < 0.06
    add_ticket(
        book,
        customer,
        opened_days=opened,
        closed_days=None if stays_open or took >= opened else opened - took,
        kind=kind,
        severity=pick(rng, ("low", "normal", "normal", "normal", "high", "urgent")) if kind == "problem" else "normal",
        feature_id=pick(rng, features) if kind == "feature_request" else None,
    )


def _add_executive_life(book: Book, customer: Customer, products: tuple[str, ...]) -> None:
    rng = customer.rng
    if rng.random() < 0.5:
        sponsor = customer.admin_id if rng.random() < 0.5 else None
        add_goal(
            book,
            customer,
            pick(rng, _PRIORITIES),
            advances=(pick(rng, products),),
            days=float(rng.uniform(10, 150)),
            sponsor_id=sponsor,
        )
    if rng.random() < 0.08:
        add_moment(book, customer, "renewal_risk", days=float(rng.uniform(2, 60)), detail="said they look around")
    if rng.random() < 0.25:
        is_open = rng.random() < 0.5
        opened = float(rng.uniform(5, 60)) + (0 if is_open else 60)
        add_deal(
            book,
            customer,
            motion=pick(rng, ("upsell", "cross_sell")),
            amount_minor=int(rng.integers(20, 400)) * 10_000,
            opened_days=opened,
            closed_days=None if is_open else opened / 2,
        )
