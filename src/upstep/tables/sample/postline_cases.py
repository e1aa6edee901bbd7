"""The planted accounts of Postline: who they are, what their tables say, and what must be said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from upstep.tables.sample.book import Book, Customer
from upstep.tables.sample.life import OWNER_IDS, add_deal, add_moment, add_score, add_ticket
from upstep.tables.sample.names import slug
from upstep.tables.sample.planted import Planted
from upstep.tables.sample.subscriptions import Terms

LIMITS = {"free": 3_000, "starter": 10_000, "pro": 50_000, "scale": 100_000, "business": 500_000}
_SELLS_UP: dict[str, Any] = {
    "play": "limit_approaching",
    "outcome": "eligible",
    "lane": "self_serve",
    "motion": "upsell",
}

Twist = Callable[[Book, Customer], None]


@dataclass(frozen=True)
class Case:
    """A planted sender. What is not named is what is usual: a Pro account on monthly billing with nothing wrong.

    Args:
        periods: Shares of the limit in the last complete windows, oldest first.
        used: Use in the current window.
        elapsed: Days of the current window that have passed.
        months: About how long it has been a customer.
        companions: Other products it owns, on yearly billing, so that nothing else is to be said of it.
        twist: What makes it special.
    """

    name: str
    customer: str
    story: str
    answer: dict[str, Any]
    plan: str = "pro"
    used: int = 46_000
    periods: tuple[float, ...] = (0.62, 0.70, 0.84)
    elapsed: float = 22.4
    months: int = 13
    terms: Terms = field(default_factory=Terms)
    companions: tuple[str, ...] = ("marketing", "inbound")
    place: int = 0
    industry: str = "software"
    employees: int = 60
    owner_id: str | None = None
    last_invoice: str = "paid"
    cancels: bool = False
    do_not_sell: str | None = None
    twist: Twist | None = None

    @property
    def planted(self) -> Planted:
        """The case as others see it."""
        return Planted(slug(self.customer), self.name, self.story, self.answer, "emails", self.used, LIMITS[self.plan])


def _held(gate: str, **more: Any) -> dict[str, Any]:
    return {"play": "limit_approaching", "outcome": "held", "holds": [gate], "lane": "self_serve"} | more


def _urgent_problem(book: Book, customer: Customer) -> None:
    add_ticket(book, customer, opened_days=1.3, severity="urgent")


def _feature_request(book: Book, customer: Customer) -> None:
    add_ticket(book, customer, opened_days=40.2, kind="feature_request", feature_id=None)


def _open_deal(book: Book, customer: Customer) -> None:
    add_deal(book, customer, motion="upsell", amount_minor=250_000, opened_days=16.5)


def _detractor(book: Book, customer: Customer) -> None:
    add_score(book, customer, score=3, days=19.6)


def _value_told(book: Book, customer: Customer) -> None:
    add_moment(book, customer, "case_study", days=64.0, detail="agreed to be named")
    add_score(book, customer, score=10, days=33.1)


_YEARLY = Terms(interval="year")
_OVER = {"plan": "scale", "terms": _YEARLY, "months": 17, "elapsed": 17.6}

CASES: tuple[Case, ...] = (
    Case(
        "value_proven_92",
        "Lumenbrook Software",
        "Has used 92% of a hard limit of 50,000 with a week to go, got its value long ago, and nothing is in the way.",
        _SELLS_UP | {"plan_id": "scale", "interval": "month"},
        twist=_value_told,
    ),
    Case(
        "at_the_limit",
        "Çınar Yazılım",
        "Reached its limit of 10,000 exactly; sending has stopped.",
        _SELLS_UP | {"plan_id": "pro"},
        plan="starter",
        used=10_000,
        periods=(0.66, 0.76, 0.9),
        elapsed=25.3,
        place=9,
    ),
    Case(
        "adoption_38",
        "Gauthier Conseil",
        "Uses 38% of the e-mails it pays for.",
        {"play": "adoption_rescue", "outcome": "eligible", "lane": "care", "motion": "adopt"},
        used=13_300,
        periods=(0.37, 0.39, 0.38),
        elapsed=20.5,
        place=4,
        industry="finance",
    ),
    Case(
        "adoption_40",
        "Sjöberg Handel AB",
        "Used exactly 40% of its limit in the last complete period: still a rescue.",
        {"play": "adoption_rescue", "outcome": "eligible", "lane": "care", "motion": "adopt"},
        used=14_000,
        periods=(0.40, 0.41, 0.40),
        elapsed=20.2,
        place=6,
        industry="retail",
    ),
    Case(
        "adoption_just_over_40",
        "Thornwick Tours",
        "Used 20,001 of 50,000 in the last complete period, one more than 40%: no rescue.",
        {"play": "adoption_rescue", "outcome": None},
        used=14_000,
        periods=(0.41, 0.41, 0.40002),
        elapsed=20.8,
        industry="travel",
    ),
    Case(
        "urgent_problem_92",
        "Ravenport Couriers",
        "At 92% with an urgent problem open since yesterday.",
        _held("open_issue"),
        twist=_urgent_problem,
        industry="logistics",
    ),
    Case(
        "feature_request_92",
        "Maplegate Academy",
        "At 92% with nothing open but a request for something that no plan has.",
        _SELLS_UP | {"plan_id": "scale"},
        elapsed=21.7,
        twist=_feature_request,
        industry="education",
    ),
    Case(
        "failed_payment_92",
        "Cedarmont Goods",
        "At 92% and its last payment failed.",
        _held("payment_trouble"),
        last_invoice="failed",
        industry="retail",
    ),
    Case(
        "net_30_open_92",
        "Krüger Technik GmbH",
        "At 92% with an invoice open that is payable within 30 days and not yet due.",
        _SELLS_UP | {"plan_id": "scale"},
        terms=Terms(collection="invoice"),
        last_invoice="open",
        place=3,
        elapsed=21.1,
    ),
    Case(
        "bought_last_week",
        "Foxhaven Studios",
        "Was stopped at 10,000, moved up to Pro six days ago, and its backlog has already filled 92% of that.",
        _held("just_purchased"),
        elapsed=19.3,
        industry="media",
    ),
    Case(
        "about_to_cancel_92",
        "Winterford Press",
        "At 92% and has cancelled to the end of the period.",
        _held("leaving"),
        cancels=True,
        industry="media",
    ),
    Case(
        "overage_cheaper",
        "Öztürk Tekstil",
        "Paid for three times its volume in each of the last three periods; the higher plan costs less.",
        {
            "play": "overage_habit",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "upsell",
            "plan_id": "business",
        },
        used=171_000,
        periods=(2.9, 3.0, 3.1),
        place=9,
        **_OVER,  # type: ignore[arg-type]
        industry="manufacturing",
    ),
    Case(
        "overage_nearly_same",
        "Silverspring Outfitters",
        "Went over by 100,000 in each of the last three periods; the higher plan costs at most a tenth more.",
        {
            "play": "overage_habit",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "upsell",
            "plan_id": "business",
        },
        used=112_000,
        periods=(1.98, 2.0, 2.02),
        **_OVER,  # type: ignore[arg-type]
        industry="retail",
    ),
    Case(
        "overage_not_cheaper",
        "Begoña Peña e Hijos",
        "Went over by a third in each of the last three periods; the overage costs less than the higher plan.",
        {"play": "overage_habit", "outcome": "unfit"},
        used=76_000,
        periods=(1.30, 1.35, 1.40),
        place=5,
        **_OVER,  # type: ignore[arg-type]
    ),
    Case(
        "overage_once",
        "Pinemark Freight",
        "Went over in one of the last three periods: not a habit.",
        {"play": "overage_habit", "outcome": None},
        used=43_000,
        periods=(0.74, 1.22, 0.76),
        **_OVER,  # type: ignore[arg-type]
        industry="logistics",
    ),
    Case(
        "sending_without_marketing",
        "Oceanview Stays",
        "Sends receipts and confirmations, and owns no marketing.",
        {
            "play": "complement",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "cross_sell",
            "product_id": "marketing",
        },
        used=19_000,
        periods=(0.58, 0.59, 0.60),
        elapsed=20.4,
        terms=_YEARLY,
        companions=("inbound",),
        industry="travel",
    ),
    Case(
        "sending_without_inbound",
        "Kulkarni & Associates",
        "Sends and runs campaigns, and cannot receive replies.",
        {
            "play": "complement",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "cross_sell",
            "product_id": "inbound",
        },
        used=18_600,
        periods=(0.57, 0.60, 0.58),
        elapsed=20.1,
        terms=_YEARLY,
        companions=("marketing",),
        place=12,
    ),
    Case(
        "owns_everything",
        "Willowfield Care",
        "Owns all three products: there is nothing to complement.",
        {"play": "complement", "outcome": None},
        used=18_900,
        periods=(0.60, 0.57, 0.59),
        elapsed=20.6,
        terms=_YEARLY,
        industry="health",
    ),
    Case(
        "open_deal_92",
        "Graniteford Capital",
        "At 92% while its owner has a deal open: the step is the owner's.",
        _SELLS_UP | {"lane": "assisted", "plan_id": "scale"},
        employees=420,
        owner_id=OWNER_IDS[0],
        twist=_open_deal,
        industry="finance",
    ),
    Case(
        "steady_monthly",
        "Fairmere Learning",
        "Has paid by the month for over a year at a steady 72%: a year in advance saves it two months.",
        {
            "play": "annual_commit",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "commit",
            "plan_id": "pro",
            "interval": "year",
        },
        used=23_800,
        periods=(0.72, 0.71, 0.73, 0.72, 0.72, 0.71, 0.72),
        elapsed=19.5,
        months=19,
        industry="education",
    ),
    Case(
        "steady_yearly",
        "Jørgen Kjær Design ApS",
        "As steady, and already pays by the year.",
        {"play": "annual_commit", "outcome": None},
        used=23_800,
        periods=(0.72, 0.71, 0.73, 0.72, 0.72, 0.71, 0.72),
        elapsed=20.7,
        terms=_YEARLY,
        place=7,
    ),
    Case(
        "falling_monthly",
        "Lindenwell Market",
        "Pays by the month, and its use has halved in three months.",
        {"play": "annual_commit", "outcome": None},
        used=11_500,
        periods=(0.98, 0.95, 0.72, 0.45),
        elapsed=21.4,
        industry="retail",
    ),
    Case(
        "overpaying",
        "Weiß & Söhne GmbH",
        "Pays for 100,000 e-mails and has never needed more than 43,000: a plan at a third of the price fits.",
        {"play": "right_size", "outcome": "eligible", "lane": "care", "motion": "right_size", "plan_id": "pro"},
        plan="scale",
        used=27_500,
        periods=(0.42, 0.41, 0.42, 0.43, 0.42, 0.42, 0.42),
        elapsed=20.2,
        place=3,
    ),
    Case(
        "overpaying_with_peak",
        "Summerpoint Tours",
        "Uses 42% of what it pays for, but 74% two periods ago: the smaller plan would not have held it.",
        {"play": "right_size", "outcome": None},
        plan="scale",
        used=27_500,
        periods=(0.42, 0.41, 0.43, 0.74, 0.42),
        elapsed=20.9,
        industry="travel",
    ),
    Case(
        "forecast_70",
        "Harbormont Systems",
        "At 70% with 12 days to go, and its pace reaches the limit before the period ends.",
        {"play": "limit_forecast", "outcome": "eligible", "lane": "self_serve", "motion": "upsell", "plan_id": "scale"},
        used=35_000,
        periods=(0.62, 0.71, 0.86),
        elapsed=18.2,
    ),
    Case(
        "forecast_70_late",
        "Otterdale Clinics",
        "At 70% near the end of its period: its pace ends at 82%.",
        {"play": "limit_forecast", "outcome": None},
        used=35_000,
        periods=(0.81, 0.83, 0.82),
        elapsed=26.4,
        terms=_YEARLY,
        industry="health",
    ),
    Case(
        "do_not_sell_92",
        "Elmstead Insurance",
        "At 92%, and its owner asked not to sell until a migration is over.",
        _held("do_not_sell", lane="assisted"),
        employees=380,
        owner_id=OWNER_IDS[1],
        do_not_sell="asked us to wait until their migration is over",
        industry="finance",
    ),
    Case(
        "detractor_in_renewal",
        "Quartzbridge Ledger",
        "At 92% with a score of 3 and a yearly term that ends next week.",
        _held("renewal_threat"),
        terms=_YEARLY,
        months=11,
        elapsed=22.6,
        twist=_detractor,
        periods=(0.66, 0.72, 0.80),
        industry="finance",
    ),
    Case(
        "detractor_monthly_92",
        "Birchgrove Foundation",
        "At 92% with a score of 3, paid by the month: no renewal is under threat.",
        _SELLS_UP | {"plan_id": "scale"},
        twist=_detractor,
        elapsed=21.9,
        industry="nonprofit",
    ),
    Case(
        "exactly_80",
        "Rowanside Couriers",
        "At exactly 80% near the end of its period: a notice is due, and the plan still fits.",
        {"play": "limit_approaching", "outcome": "unfit", "notice": 0.8},
        plan="starter",
        used=8_000,
        periods=(0.86, 0.85, 0.86, 0.85, 0.86),
        elapsed=27.4,
        terms=_YEARLY,
        industry="logistics",
    ),
    Case(
        "just_under_80",
        "Fernwater Press",
        "At 79.99% near the end of its period: nothing fires.",
        {"play": "limit_approaching", "outcome": None},
        plan="starter",
        used=7_999,
        periods=(0.85, 0.86, 0.85, 0.86, 0.85),
        elapsed=27.4,
        terms=_YEARLY,
        industry="media",
    ),
)

INBOUND_92 = Planted(
    slug("Moss & Okafor Collective"),
    "inbound_92",
    "At 92% of its inbound limit; the catalog has no rule for first value there, so a person must say.",
    {"play": "limit_approaching", "outcome": "unconfirmed", "unknown": ["before_first_value"], "product_id": "inbound"},
    "received",
    4_600,
    5_000,
)
IMPORTED_NEVER_SENT = Planted(
    slug("Magalhães Soluções"),
    "imported_never_sent",
    "Imported 4,600 of 5,000 contacts and has never sent a campaign.",
    {"play": "limit_approaching", "outcome": "held", "holds": ["before_first_value"], "product_id": "marketing"},
    "contacts",
    4_600,
    5_000,
)
MARKETING_ONLY = Planted(
    slug("佐藤 商事"),
    "marketing_without_sending",
    "Runs campaigns to 3,100 contacts and sends its receipts elsewhere.",
    {
        "play": "complement",
        "outcome": "eligible",
        "lane": "self_serve",
        "motion": "cross_sell",
        "product_id": "sending",
    },
    "contacts",
    3_100,
    5_000,
)
PLANTED: dict[str, Planted] = {
    planted.name: planted
    for planted in (*(case.planted for case in CASES), INBOUND_92, IMPORTED_NEVER_SENT, MARKETING_ONLY)
}
