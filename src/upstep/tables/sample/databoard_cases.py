"""The planted accounts of Databoard: who they are, what their tables say, and what must be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from upstep.tables.sample.life import OWNER_IDS, Measured
from upstep.tables.sample.names import slug
from upstep.tables.sample.planted import Planted

CAPACITY = 20_000_000_000
_MORE_SEATS: dict[str, Any] = {
    "play": "seat_saturation",
    "outcome": "eligible",
    "lane": "self_serve",
    "motion": "volume",
    "plan_id": "team",
}


@dataclass(frozen=True)
class SeatCase:
    """A planted team on yearly billing: ``paid`` seats, ``assigned`` of them given out, ``active`` in use.

    ``recent`` seats were given out in the last eight weeks, one after another.
    """

    name: str
    customer: str
    story: str
    answer: dict[str, Any]
    paid: int = 20
    assigned: int = 18
    active: int = 18
    recent: int = 8
    place: int = 0
    industry: str = "software"
    companions: tuple[str, ...] = ("data_quality", "notebooks")
    has_problem: bool = False

    @property
    def planted(self) -> Planted:
        """The case as others see it."""
        return Planted(slug(self.customer), self.name, self.story, self.answer, "seats", self.assigned, self.paid)


SEAT_CASES: tuple[SeatCase, ...] = (
    SeatCase(
        "seats_saturated",
        "Swiftmere Analytics",
        "18 of 20 paid seats are assigned and used, and a new one is given out every week.",
        _MORE_SEATS,
    ),
    SeatCase(
        "seats_saturated_problem",
        "Håkan Nyström Energi AB",
        "As full, with an urgent problem open.",
        _MORE_SEATS | {"outcome": "held", "holds": ["open_issue"]},
        place=6,
        industry="manufacturing",
        has_problem=True,
    ),
    SeatCase(
        "seats_at_85_percent",
        "Copperfield Freight",
        "17 of 20 seats are in use, which is 85% and not more.",
        {"play": "seat_saturation", "outcome": None},
        assigned=17,
        active=17,
        recent=1,
        industry="logistics",
    ),
    SeatCase(
        "four_seats_full",
        "Larkpoint Studios",
        "All of its four seats are in use; under five paid seats that means little.",
        {"play": "seat_saturation", "outcome": None},
        paid=4,
        assigned=4,
        active=4,
        recent=0,
        industry="media",
    ),
    SeatCase(
        "seats_assigned_but_idle",
        "Żak i Wspólnicy",
        "19 of 20 seats are assigned and 11 are used: saturated on paper only.",
        {"play": "seat_saturation", "outcome": None},
        assigned=19,
        active=11,
        recent=0,
        place=8,
        industry="finance",
    ),
    SeatCase(
        "seats_unused",
        "Meadowgate Schools",
        "7 of 20 paid seats are used.",
        {"play": "adoption_rescue", "outcome": "eligible", "lane": "care", "motion": "adopt"},
        assigned=9,
        active=7,
        recent=0,
        industry="education",
    ),
    SeatCase(
        "platform_without_notebooks",
        "Yıldız Yazılım",
        "Uses the platform and data quality, and owns no notebooks.",
        {
            "play": "complement",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "cross_sell",
            "product_id": "notebooks",
        },
        paid=10,
        assigned=7,
        active=7,
        recent=0,
        place=9,
        companions=("data_quality",),
    ),
)


_LOSSES_AVOIDED = Measured("fraud losses avoided", "usd", 3_000_000.0, 4_200_000.0, "platform")


@dataclass(frozen=True)
class CapacityCase:
    """A planted enterprise contract: shares of its monthly capacity, and what its executive said.

    ``answers`` are (case name, story, answer): one account may stand for two.
    """

    customer: str
    answers: tuple[tuple[str, str, dict[str, Any]], ...]
    used: int
    periods: tuple[float, ...]
    has_sponsor: bool = False
    industry: str = "finance"
    place: int = 0
    elapsed: float = 22.57
    outcome: Measured = _LOSSES_AVOIDED
    companions: tuple[str, ...] = ("notebooks",)
    owner_id: str = OWNER_IDS[0]

    @property
    def planted(self) -> tuple[Planted, ...]:
        """The cases as others see them."""
        account_id = slug(self.customer)
        return tuple(
            Planted(account_id, name, story, answer, "rows_processed", self.used, CAPACITY)
            for name, story, answer in self.answers
        )


CAPACITY_CASES: tuple[CapacityCase, ...] = (
    CapacityCase(
        "Meridian Insurance",
        (
            (
                "capacity_92",
                "At 92% of its contract capacity, with an outcome of 4.2 million against a target of 3.0.",
                {
                    "play": "limit_approaching",
                    "outcome": "eligible",
                    "lane": "assisted",
                    "motion": "upsell",
                    "plan_id": "capacity_plus",
                },
            ),
            (
                "data_quality_without_sponsor",
                "Its chief data officer's priority is data trust, and nobody sponsors it yet: find the sponsor first.",
                {
                    "play": "complement",
                    "outcome": "held",
                    "holds": ["no_sponsor"],
                    "lane": "assisted",
                    "motion": "cross_sell",
                    "product_id": "data_quality",
                },
            ),
        ),
        used=18_400_000_000,
        periods=(0.63, 0.72, 0.84),
    ),
    CapacityCase(
        "Böhm & Söhne GmbH",
        (
            (
                "data_quality_with_sponsor",
                "The same priority with a sponsor named: data quality may be discussed.",
                {
                    "play": "complement",
                    "outcome": "eligible",
                    "lane": "assisted",
                    "motion": "cross_sell",
                    "product_id": "data_quality",
                },
            ),
            (
                "capacity_61",
                "At 61% of its contract capacity near the end of the period.",
                {"play": "limit_approaching", "outcome": None},
            ),
        ),
        used=12_200_000_000,
        periods=(0.66, 0.67, 0.68),
        has_sponsor=True,
        industry="manufacturing",
        place=3,
        elapsed=27.43,
        outcome=Measured("hours of reporting saved a month", "hours", 400.0, 460.0, "platform"),
        owner_id=OWNER_IDS[2],
    ),
)

NOTEBOOKS_92 = Planted(
    slug("Quartzwell Labs"),
    "notebooks_92",
    "Has run 460 of 500 notebooks with a week to go.",
    {
        "play": "limit_approaching",
        "outcome": "eligible",
        "lane": "self_serve",
        "motion": "upsell",
        "plan_id": "notebooks_plus",
    },
    "notebook_runs",
    460,
    500,
)

PLANTED: dict[str, Planted] = {
    planted.name: planted
    for planted in (
        *(case.planted for case in SEAT_CASES),
        *(planted for case in CAPACITY_CASES for planted in case.planted),
        NOTEBOOKS_92,
    )
}
