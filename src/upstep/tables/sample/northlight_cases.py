"""The planted accounts of Northlight: who they are, what they bought and finished, and what must be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from upstep.tables.sample.names import slug
from upstep.tables.sample.planted import Planted


@dataclass(frozen=True)
class Bought:
    """A one-off purchase, that many days before as-of; finished so many days before as-of, or not yet."""

    product_id: str
    days: float
    finished_days: float | None = None


@dataclass(frozen=True)
class Case:
    """A planted customer: what it bought once, how many lessons it took, how much of the library it uses.

    Args:
        downloads: Shares of the library's limit in the last three periods, and the number so far in this one; empty
            without a membership.
    """

    name: str
    customer: str
    story: str
    answer: dict[str, Any]
    bought: tuple[Bought, ...] = ()
    lessons: int = 0
    downloads: tuple[int, ...] = ()
    now: int = 0
    employees: int = 12
    industry: str = "design"
    place: int = 0

    @property
    def planted(self) -> Planted:
        """The case as others see it."""
        told = ("downloads", self.now, 60) if self.downloads else (None, None, None)
        return Planted(slug(self.customer), self.name, self.story, self.answer, *told)


def _finds(play: str, motion: str, product_id: str) -> dict[str, Any]:
    answer = {"play": play, "outcome": "eligible", "lane": "self_serve", "motion": motion}
    return answer | {"product_id": product_id}


def _misses(play: str) -> dict[str, Any]:
    return {"play": play, "outcome": None}


_LIBRARY: dict[str, Any] = {"downloads": (34, 36, 35), "now": 22}


def _sprints(*days: float) -> tuple[Bought, ...]:
    """Design sprints, each finished three weeks after it was bought."""
    return tuple(Bought("sprint", day, day - 21.0) for day in days)


CASES: tuple[Case, ...] = (
    Case(
        "course_finished",
        "Anouk Vermeer Atelier",
        "Finished the foundations course twelve days ago: now it is put to work.",
        _finds("completion", "cross_sell", "coaching"),
        (Bought("foundations", 96.4, 12.3),),
        lessons=24,
        **_LIBRARY,
    ),
    Case(
        "course_finished_long_ago",
        "Birchwood Interiors",
        "Finished the foundations course three months ago.",
        _misses("completion"),
        (Bought("foundations", 190.4, 92.3), Bought("advanced", 88.0)),
        lessons=24,
        **_LIBRARY,
    ),
    Case(
        "deep_in_the_course",
        "Zoé Béranger Conseil",
        "Has taken 16 of the lessons and not finished yet: the related course continues it.",
        _finds("related_course", "cross_sell", "advanced"),
        (Bought("foundations", 61.7),),
        lessons=16,
        place=4,
        **_LIBRARY,
    ),
    Case(
        "early_in_the_course",
        "Mulberry Type Foundry",
        "Has taken six lessons.",
        _misses("related_course"),
        (Bought("foundations", 33.1),),
        lessons=6,
        **_LIBRARY,
    ),
    Case(
        "third_sprint",
        "Søndergaard Design ApS",
        "Bought three design sprints within a year; a program holds as many for less.",
        _finds("package_upgrade", "upsell", "program"),
        _sprints(290.2, 171.6, 60.9),
        place=7,
    ),
    Case(
        "second_sprint",
        "Halcyon Ferries",
        "Bought two design sprints within a year.",
        _misses("package_upgrade"),
        _sprints(171.6, 60.9),
        industry="travel",
    ),
    Case(
        "fourth_sprint",
        "Cáceres e Hijos",
        "Bought its fourth design sprint within a year; a retainer costs less a month.",
        _finds("retainer", "commit", "retainer"),
        _sprints(330.2, 240.7, 150.3, 55.4),
        place=5,
        industry="retail",
    ),
    Case(
        "three_sprints_and_an_old_one",
        "Moorland Theatre",
        "Bought four design sprints, the first of them fourteen months ago.",
        _misses("retainer"),
        _sprints(425.2, 240.7, 150.3, 55.4),
        industry="culture",
    ),
    Case(
        "library_nearly_used_up",
        "Kapoor Brothers",
        "Has downloaded 55 of 60 templates with ten days to go.",
        {
            "play": "limit_approaching",
            "outcome": "eligible",
            "lane": "self_serve",
            "motion": "upsell",
            "plan_id": "studio",
        },
        downloads=(44, 51, 57),
        now=55,
    ),
)

PLANTED: dict[str, Planted] = {case.name: case.planted for case in CASES}
