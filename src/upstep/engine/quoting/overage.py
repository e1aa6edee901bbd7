"""The overage that a change replaces: what the last complete periods cost beyond the limit, and would have cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.catalog.price import overage_amount
from upstep.money import monthly_units, units_to_minor

if TYPE_CHECKING:
    from upstep.billing.change import Item
    from upstep.catalog.model import AddOn, Catalog, Plan
    from upstep.engine.quoting.use import AccountUse, MeterUse


@dataclass(frozen=True)
class Terms:
    """What sets the limits of a product: a plan, how much of it, and how many of each add-on."""

    plan: Plan | None
    quantity: int = 1
    add_ons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class OveragePeriod:
    """One complete period: what was used, and what that cost beyond the limit today and under the new terms.

    ``limit_before`` and ``limit_after`` None: no limit. ``record`` names the rows that the use was read from.
    """

    meter_id: str
    starts_at: datetime
    ends_at: datetime
    used: int
    limit_before: int | None
    limit_after: int | None
    before_minor: int
    after_minor: int
    record: str


@dataclass(frozen=True)
class Overage:
    """Mean monthly overage over those periods, in MRR units: at today's terms and at the new ones."""

    before_units: int = 0
    after_units: int = 0
    periods: tuple[OveragePeriod, ...] = ()

    @property
    def replaced_units(self) -> int:
        """What disappears a month; negative when the new terms bring overage."""
        return self.before_units - self.after_units

    @property
    def replaced_minor(self) -> int:
        """The same in minor units."""
        return units_to_minor(self.replaced_units)


def overage(
    catalog: Catalog, use: AccountUse, *, product_id: str, before: Terms, after: Terms, item: Item | None
) -> Overage:
    """Mean of the last three complete periods, as ``catalog.fit.mean_overage`` has it for decisions.

    The new terms are asked what the very same use would have cost: that is history, not a forecast.

    Args:
        item: The plan's item today; its currency and, for meters counted by the term, its interval.
    """
    if item is None or before.plan is None or after.plan is None:
        return Overage()
    priced = {each.meter_id for plan in (before.plan, after.plan) for each in plan.overages}
    units = {"before": 0, "after": 0}
    periods: list[OveragePeriod] = []
    for meter_id in sorted(priced):
        known = use.meter(product_id, meter_id)
        if known is None or not known.periods:
            continue
        found = _periods(catalog, use, known, before=before, after=after, currency=item.currency)
        every = item.every if known.period == "billing_term" else ("month", 1)
        for side in units:
            cost = sum(getattr(each, f"{side}_minor") for each in found)
            # Units divide by 1, 2 and 3, so the mean is exact.
            units[side] += monthly_units(cost, *every) // len(found)
        periods += found
    return Overage(units["before"], units["after"], tuple(periods))


def _periods(
    catalog: Catalog, use: AccountUse, known: MeterUse, *, before: Terms, after: Terms, currency: str
) -> list[OveragePeriod]:
    limit_after = limit_under(catalog, known, before=before, after=after)
    return [
        OveragePeriod(
            meter_id=known.meter_id,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            used=each.used,
            limit_before=known.limit_quantity,
            limit_after=limit_after,
            before_minor=_cost(before.plan, known.meter_id, currency, each.used, known.limit_quantity),
            after_minor=_cost(after.plan, known.meter_id, currency, each.used, limit_after),
            record=use.record(known.meter_id, each.starts_at, each.ends_at),
        )
        for each in known.periods
    ]


def _cost(plan: Plan | None, meter_id: str, currency: str, used: int, limit: int | None) -> int:
    priced = plan.overage(meter_id, currency) if plan else None
    if priced is None or limit is None:
        return 0
    return overage_amount(priced, max(used - limit, 0))


def limit_under(catalog: Catalog, known: MeterUse, *, before: Terms, after: Terms) -> int | None:
    """Today's whole limit as the new terms make it; None: no limit. An account's own limit is not moved.

    What others than the plan give today (add-ons, another subscription) stays, but for the add-ons that change.
    """
    if known.is_own_limit:
        return known.limit_quantity
    given = _plan_limit(after.plan, known.meter_id, after.quantity)
    if given is None:
        return None
    held = _plan_limit(before.plan, known.meter_id, before.quantity)
    others = 0 if held is None or known.limit_quantity is None else max(known.limit_quantity - held, 0)
    return max(given + others + _more(catalog.add_ons(), known.meter_id, before=before, after=after), 0)


def _plan_limit(plan: Plan | None, meter_id: str, quantity: int) -> int | None:
    limit = plan.limit(meter_id) if plan else None
    if limit is None:
        return None
    return quantity if limit.follows_quantity else limit.quantity


def _more(add_ons: Iterable[AddOn], meter_id: str, *, before: Terms, after: Terms) -> int:
    """What more or fewer add-ons add to the limit."""
    return sum(
        (limit.quantity or 0) * (after.add_ons.get(add_on.id, 0) - before.add_ons.get(add_on.id, 0))
        for add_on in add_ons
        for limit in add_on.limits
        if limit.meter_id == meter_id
    )
