"""What a catalog is, once read: frozen values, checked, with prices in integer minor units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property


class PriceModel(StrEnum):
    """How an amount follows from a quantity."""

    FLAT = "flat"  # amount, whatever the quantity
    PER_UNIT = "per_unit"  # amount x quantity of the meter in `per`
    GRADUATED = "graduated"  # each unit at the price of the tier it falls in
    VOLUME = "volume"  # all units at the price of the tier the total falls in
    PACKAGE = "package"  # amount for every started package of `package_size` units
    QUOTE = "quote"  # a person prices it


class Enforcement(StrEnum):
    """What happens at a limit."""

    HARD = "hard"  # use stops
    OVERAGE = "overage"  # use goes on and is billed by the unit
    AUTO = "auto"  # each new unit is billed as it comes: the limit is never reached


@dataclass(frozen=True)
class Tier:
    """One step of a graduated or volume price. ``up_to`` is inclusive; None is the last tier."""

    up_to: int | None
    unit_amount_minor: int
    flat_amount_minor: int = 0


@dataclass(frozen=True)
class Price:
    """What one plan, add-on or bundle costs per interval, in one currency.

    ``amount_minor`` is per interval (FLAT), per unit (PER_UNIT) or per package (PACKAGE); None for tiers and quotes.
    ``per`` names the meter whose quantity is bought; None for FLAT. ``estimate_minor`` stands in for a QUOTE.
    """

    id: str
    model: PriceModel
    currency: str
    interval: str
    interval_count: int = 1
    amount_minor: int | None = None
    per: str | None = None
    package_size: int = 1
    tiers: tuple[Tier, ...] = ()
    estimate_minor: int | None = None
    minimum_quantity: int = 1
    maximum_quantity: int | None = None
    sold: bool = True
    effective_from: date | None = None


@dataclass(frozen=True)
class Limit:
    """How much of a meter a plan or add-on includes, per period of that meter.

    ``quantity`` None means unlimited; ``follows_quantity``: as many as were bought (``seats: quantity``).
    """

    meter_id: str
    quantity: int | None
    enforcement: Enforcement
    follows_quantity: bool = False


@dataclass(frozen=True)
class Overage:
    """What use beyond the limit costs in one currency: ``amount_minor`` per started ``per`` units."""

    meter_id: str
    per: int
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Feature:
    """A feature that a plan or add-on includes. ``imitated_by`` names meters whose use imitates it."""

    id: str
    name: str
    imitated_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """One plan. ``position`` is 0 for the lowest of its product."""

    id: str
    product_id: str
    name: str
    position: int
    prices: tuple[Price, ...]
    limits: tuple[Limit, ...] = ()
    overages: tuple[Overage, ...] = ()
    features: tuple[Feature, ...] = ()
    sold: bool = True
    effective_from: date | None = None

    def limit(self, meter_id: str) -> Limit | None:
        """The plan's limit on that meter, or None when it names none."""
        return next((limit for limit in self.limits if limit.meter_id == meter_id), None)

    def overage(self, meter_id: str, currency: str) -> Overage | None:
        """The plan's overage price on that meter in that currency, or None."""
        wanted = (meter_id, currency)
        return next((found for found in self.overages if (found.meter_id, found.currency) == wanted), None)


@dataclass(frozen=True)
class AddOn:
    """An extra on top of a plan. ``needs`` names the plans it may stand on; empty means every plan of the product."""

    id: str
    product_id: str
    name: str
    prices: tuple[Price, ...]
    needs: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    features: tuple[Feature, ...] = ()
    sold: bool = True
    effective_from: date | None = None
    kind: str | None = None  # support: help by people


@dataclass(frozen=True)
class Meter:
    """Something that is counted. See ``docs/words.md`` for flow, stock and the periods."""

    id: str
    name: str
    aggregate: str  # sum, count, max, latest, unique_contacts, seats
    kind: str  # flow, stock
    period: str  # billing_month, billing_term, calendar_month, lifetime
    value_meter: bool = False
    minutes_saved_per_use: float | None = None
    minutes_saved_source: str | None = None
    advanced: bool = False  # counts the use of an advanced feature, which plans ration


@dataclass(frozen=True)
class FirstValue:
    """When an account has had its first value: a meter's lifetime use, or a moment."""

    meter_id: str | None = None
    at_least: int | None = None
    moment: str | None = None


@dataclass(frozen=True)
class Milestone:
    """Every so many units of a meter is worth a word."""

    meter_id: str
    every: int


@dataclass(frozen=True)
class UseCase:
    """One thing customers do with the product, and the neighbouring ones."""

    id: str
    meter_id: str
    neighbours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Product:
    """One product. ``one_off`` products are bought, not subscribed to."""

    id: str
    name: str
    plans: tuple[Plan, ...] = ()
    add_ons: tuple[AddOn, ...] = ()
    prices: tuple[Price, ...] = ()  # of a one-off product
    first_value: FirstValue | None = None
    milestones: tuple[Milestone, ...] = ()
    use_cases: tuple[UseCase, ...] = ()
    meters: tuple[str, ...] = ()  # the meters that belong to it; seats belong to every product that limits them
    one_off: bool = False
    available_from: date | None = None
    buyers: tuple[str, ...] = ()  # titles of those who buy this kind of thing


PARTNER_KINDS = ("completion", "retainer", "larger", "related", "complement")
"""What a pair of products is for; where several lead to one product, the first kind speaks."""


@dataclass(frozen=True)
class Partner:
    """Who has one product naturally needs the other.

    ``kind`` says what for: complement (both at once), completion (what follows once the first is finished), related
    (the next of its kind), larger (does the work of ``holds`` of the first) or retainer (instead of buying it again).
    """

    has: str
    then: str
    because: str
    kind: str = "complement"
    holds: int = 1


@dataclass(frozen=True)
class Bundle:
    """Several products for one price."""

    id: str
    name: str
    products: tuple[str, ...]
    prices: tuple[Price, ...]


@dataclass(frozen=True)
class Catalog:
    """Everything that is sold. ``hash`` identifies the content; ``source`` is the file it came from."""

    business: str  # saas, information, services
    currency: str
    meters: dict[str, Meter]
    products: dict[str, Product]
    partners: tuple[Partner, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    hash: str = ""
    source: str = ""

    def plans(self) -> Iterator[Plan]:
        """All plans, product by product, lowest first."""
        for product in self.products.values():
            yield from product.plans

    def plan(self, plan_id: str) -> Plan | None:
        """The plan of that id, or None. Plan ids are unique in the catalog."""
        return self._plans_by_id.get(plan_id)

    @cached_property
    def _plans_by_id(self) -> dict[str, Plan]:
        return {plan.id: plan for plan in self.plans()}

    @cached_property
    def feature_names(self) -> dict[str, str]:
        """What each feature of a plan or an add-on is called, by its id."""
        owners: list[Plan | AddOn] = [*self.plans(), *self.add_ons()]
        return {feature.id: feature.name for owner in owners for feature in owner.features}

    def add_ons(self) -> Iterator[AddOn]:
        """All add-ons, product by product."""
        for product in self.products.values():
            yield from product.add_ons
