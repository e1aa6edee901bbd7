"""The book of a sample company: the rows of its tables, collected account by account before they are written."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.random import Generator

from upstep.tables.sample.names import Place, company_name, pick, pick_place, slug
from upstep.tables.sample.pricelist import SamplePlan, plans
from upstep.tables.sample.usage import Stretches
from upstep.tables.schema import TABLES

HISTORY_DAYS = 400
"""About 13 months: three complete periods, and the same month a year ago."""


@dataclass(frozen=True)
class Customer:
    """One account of the sample. ``users`` is (first contact, how many) of those who use the product."""

    index: int
    account_id: str
    name: str
    place: Place
    currency: str
    created_at: datetime
    employees: int
    owner_id: str | None
    rng: Generator
    contact_ids: tuple[str, ...]
    users: tuple[int, int]

    @property
    def admin_id(self) -> str:
        """The contact that administers the account."""
        return self.contact_ids[-self.users[1]]


@dataclass(frozen=True)
class Profile:
    """Who an account is, before it has rows.

    Args:
        team: Users beside the admin.
        executive: The title of one, if there is one.
        arrivals: When the admin and each of the team came, in order; by default in the first weeks.
    """

    name: str
    place: Place
    industry: str
    employees: int
    created_at: datetime
    currency: str = "usd"
    owner_id: str | None = None
    team: int = 2
    executive: str | None = None
    has_budget_owner: bool = True
    do_not_sell: tuple[datetime, str] | None = None
    arrivals: tuple[datetime, ...] = ()


class Book:
    """Rows by table, and usage as stretches. Each account draws from a generator of its own.

    So an account's rows do not change when another one is added, and the planted ones are the same at any size.
    """

    def __init__(self, company: str, *, seed: int, as_of: datetime) -> None:
        self.company = company
        self.seed = seed
        self.as_of = as_of
        self.plans: dict[str, SamplePlan] = plans(company)
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES if name != "usage"}
        self.account_ids: list[str] = []
        self.contact_ids: list[str] = []
        self.meter_ids: list[str] = []
        self.usage = Stretches()
        self._taken: set[str] = set()

    def add(self, table: str, **values: Any) -> None:
        """One row; columns that are not named are empty."""
        assert values.keys() <= set(TABLES[table].names), (
            f"{table} has no column {values.keys() - {*TABLES[table].names}}"
        )
        self.rows[table].append(tuple(values.get(name) for name in TABLES[table].names))

    def next_id(self, table: str, prefix: str) -> str:
        """The next identifier of that table."""
        return f"{prefix}_{len(self.rows[table]) + 1:06d}"

    def meter(self, meter_id: str) -> int:
        """The index of a meter, given at its first use."""
        if meter_id not in self.meter_ids:
            self.meter_ids.append(meter_id)
        return self.meter_ids.index(meter_id)

    def before(self, days: float) -> datetime:
        """The instant that many days before as-of, in whole seconds."""
        return self.as_of - timedelta(seconds=round(days * 86_400))

    def generator(self, *keys: str | int) -> Generator:
        """A generator for that purpose, the same for the same seed and keys."""
        words = [zlib.crc32(key.encode()) if isinstance(key, str) else key for key in keys]
        return np.random.default_rng([self.seed, zlib.crc32(self.company.encode()), *words])

    def open_account(self, profile: Profile) -> Customer:
        """Write the account and its people."""
        account_id = self._unique_id(profile.name)
        rng = self.generator("account", account_id)
        until, why = profile.do_not_sell or (None, None)
        self.add(
            "account",
            account_id=account_id,
            name=profile.name,
            created_at=profile.created_at,
            owner_id=profile.owner_id,
            segment=segment(profile.employees),
            industry=profile.industry,
            country=profile.place.country,
            currency=profile.currency,
            time_zone=profile.place.time_zone,
            employees=profile.employees,
            do_not_sell_until=until,
            do_not_sell_why=why,
        )
        self.account_ids.append(account_id)
        first = len(self.contact_ids)
        self._add_people(profile, account_id, rng)
        people = tuple(self.contact_ids[first:])
        return Customer(
            index=len(self.account_ids) - 1,
            account_id=account_id,
            name=profile.name,
            place=profile.place,
            currency=profile.currency,
            created_at=profile.created_at,
            employees=profile.employees,
            owner_id=profile.owner_id,
            rng=rng,
            contact_ids=people,
            users=(len(self.contact_ids) - 1 - profile.team, profile.team + 1),
        )

    def _add_people(self, profile: Profile, account_id: str, rng: Generator) -> None:
        """Those who sign come first, then the admin and the team, so that users are one run of contacts."""
        if profile.executive:
            self._add_contact(profile, account_id, rng, role=("executive", profile.executive), place_in_team=None)
        if profile.has_budget_owner:
            title = pick(rng, ("Head of Operations", "VP Engineering", "Finance Director", "COO"))
            self._add_contact(profile, account_id, rng, role=("budget_owner", title), place_in_team=None)
        admin = ("admin", pick(rng, ("CTO", "Lead Engineer", "Founder")))
        self._add_contact(profile, account_id, rng, role=admin, place_in_team=0)
        for number in range(profile.team):
            role = "champion" if number == 0 and rng.random() < 0.3 else "user"
            self._add_contact(profile, account_id, rng, role=(role, pick(rng, _TITLES)), place_in_team=number + 1)

    def _add_contact(
        self, profile: Profile, account_id: str, rng: Generator, *, role: tuple[str, str], place_in_team: int | None
    ) -> None:
        given, family = pick(rng, profile.place.given), pick(rng, profile.place.family)
        contact_id = self.next_id("contact", "con")
        buyer = role[0] in ("admin", "budget_owner")
        self.add(
            "contact",
            contact_id=contact_id,
            account_id=account_id,
            name=f"{given} {family}",
            email=f"{slug(given)}.{slug(family)}.{len(self.contact_ids) + 1}@{account_id}.example",
            title=role[1],
            role=role[0],
            team=pick(rng, _TEAMS) if role[0] == "user" else None,
            time_zone=profile.place.time_zone,
            may_buy=buyer,
            in_original_purchase=buyer,
            invited_by_contact_id=self.contact_ids[-place_in_team] if place_in_team else None,
            consents=("service", "sales") if buyer or rng.random() < 0.7 else ("service",),
            created_at=self._arrival(profile, rng, place_in_team),
        )
        self.contact_ids.append(contact_id)

    def _arrival(self, profile: Profile, rng: Generator, place_in_team: int | None) -> datetime:
        if place_in_team is None or (place_in_team == 0 and not profile.arrivals):
            return profile.created_at
        if profile.arrivals:
            return profile.arrivals[place_in_team]
        return min(self.as_of, profile.created_at + timedelta(seconds=int(rng.integers(60, 30 * 86_400))))

    def _unique_id(self, name: str) -> str:
        base = found = slug(name)
        number = 1
        while found in self._taken:
            number += 1
            found = f"{base}-{number}"
        self._taken.add(found)
        return found


_TITLES = ("Engineer", "Backend Developer", "Product Manager", "Marketing Manager", "Analyst", "Data Engineer")
_TEAMS = ("Engineering", "Marketing", "Operations", "Product", "Finance")


def segment(employees: int) -> str:
    """The size class of an account."""
    bounds = ((20, "startup"), (200, "small_business"), (1000, "mid_market"))
    return next((word for bound, word in bounds if employees < bound), "enterprise")


def random_profile(book: Book, rng: Generator, *, employees: int, owners: tuple[str, ...]) -> Profile:
    """A believable account that nobody planned: large ones have an owner and an executive."""
    place = pick_place(rng)
    name, industry = company_name(rng, place)
    large = employees >= 200
    created = book.before(30 + 900 * float(rng.random()) ** 1.4)
    owner_id = pick(rng, owners) if large and rng.random() < 0.85 else None
    stop = (book.before(-float(rng.uniform(10, 120))), "the owner asked to wait for their budget round")
    return Profile(
        name,
        place,
        industry,
        employees,
        created,
        currency=place.currency if place.currency == "eur" and rng.random() < 0.6 else "usd",
        owner_id=owner_id,
        team=int(min(8, 1 + rng.poisson(1 + employees / 150))),
        executive=pick(rng, ("CEO", "Chief Marketing Officer", "CIO")) if large else None,
        has_budget_owner=employees >= 15,
        do_not_sell=stop if owner_id and rng.random() < 0.06 else None,
    )
