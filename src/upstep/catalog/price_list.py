"""Prices as written in catalog.yaml, turned into ``Price`` values: one per currency, every fault with its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from upstep.catalog.model import Price, PriceModel, Tier
from upstep.money import CURRENCIES
from upstep.tables.schema import INTERVALS
from upstep.yaml_file import WHOLE_MAX, Node

ONCE = "once"
"""The ``interval`` of a one-off product's price."""

_KEYS = (
    *("id", "interval", "interval_count", "amount", "amounts", "currency", "per", "package", "model", "tiers"),
    *("estimate", "minimum", "maximum", "sold", "effective_from"),
)
_CODES = "Write its three letters, as usd, eur or jpy."
_TIERED = (PriceModel.GRADUATED, PriceModel.VOLUME)


@dataclass
class PriceList:
    """What reading prices needs to know, and the (id, currency) pairs read so far with their places."""

    currency: str
    meters: Collection[str]
    seen: dict[tuple[str, str], str] = field(default_factory=dict)


def read_currency(node: Node, key: str, default: str | None = None) -> str:
    """A lower-case ISO 4217 code; without a default it must be there."""
    code = (node.text(key) if default is None else node.text(key, default)).lower()
    child = node.child(key)
    if code and child is not None and code not in CURRENCIES:
        child.fault(f"{key} '{code}' is no ISO 4217 currency.", _CODES)
    return code


def read_prices(owner: Node, listed: PriceList, *, once: bool = False) -> tuple[Price, ...]:
    """The prices of a plan, add-on, bundle or (``once``) one-off product. Having none is a fault."""
    nodes = owner.mappings("prices")
    if "prices" not in owner or (not nodes and not owner.items("prices")):
        interval = "" if once else "interval: month, "
        owner.fault(
            "has no price.",
            f"Add prices: [{{id: ..., {interval}amount: ...}}], with 'amount: quote' when a person prices it.",
        )
    prices = tuple(price for node in nodes for price in _prices(node, listed, once=once))
    _tell_rivals(owner, prices)
    return prices


def _prices(node: Node, listed: PriceList, *, once: bool) -> list[Price]:
    """One written price: a value for each of its currencies."""
    price_id = node.text("id")
    node = node.called(f"price '{price_id}'")
    node.unknown_keys(_KEYS)
    model = _model(node)
    per = node.text("per", None, allowed=listed.meters)
    if per is None and model in (*_TIERED, PriceModel.PACKAGE, PriceModel.PER_UNIT):
        node.fault(f"is {model}, and 'per' does not say which meter is bought.", "Add per: and the meter's id.")
    interval, interval_count = _interval(node, once=once)
    minimum = node.whole("minimum", 1)
    maximum = _maximum(node, minimum, model, per)
    prices = [
        Price(
            id=price_id,
            model=model,
            currency=currency,
            interval=interval,
            interval_count=interval_count,
            amount_minor=amount,
            per=per,
            package_size=node.whole("package", 1, minimum=1),
            tiers=_tiers(node, currency) if model in _TIERED else (),
            estimate_minor=read_amount(node, "estimate", currency) if "estimate" in node else None,
            minimum_quantity=minimum,
            maximum_quantity=maximum,
            sold=node.flag("sold", default=True),
            effective_from=node.day("effective_from", None),
        )
        for currency, amount in _amounts(node, listed, model).items()
    ]
    _tell_repeats(node, prices, listed)
    return prices


def _model(node: Node) -> PriceModel:
    """The model that the written keys make, checked against ``model`` where that is written."""
    amount = node.child("amount")
    stated = node.text("model", None, allowed=tuple(PriceModel))
    if "tiers" in node:
        if stated not in _TIERED:
            node.fault("has tiers.", "Say 'model: graduated' (each tier at its price) or 'model: volume' (all at one).")
        model = PriceModel.VOLUME if stated == PriceModel.VOLUME else PriceModel.GRADUATED
    elif amount is not None and amount.scalar == "quote":
        model = PriceModel.QUOTE
    elif "package" in node:
        model = PriceModel.PACKAGE
    else:
        model = PriceModel.PER_UNIT if "per" in node else PriceModel.FLAT
    if stated and stated != model and "tiers" not in node:
        needs = {"per_unit": "per:", "package": "package:", "quote": "amount: quote"}.get(stated, "tiers:")
        advice = "Remove 'model'." if stated == PriceModel.FLAT else f"Add '{needs}', or remove 'model'."
        node.fault(f"model is {stated}, but what is written makes it {model}.", advice)
    _tell_strays(node, model)
    return model


def _tell_strays(node: Node, model: PriceModel) -> None:
    """Keys that this model does not read."""
    strays = {
        "package": model is not PriceModel.PACKAGE,
        "estimate": model is not PriceModel.QUOTE,
        "amount": model in _TIERED or "amounts" in node,
        "amounts": model in _TIERED,
        "currency": "amounts" in node,
    }
    for key, stray in strays.items():
        if stray and key in node:
            with_what = "'amounts'" if "amounts" in node and key in ("amount", "currency") else f"a {model} price"
            node.fault(f"'{key}' does not go with {with_what}.", "Remove one of them.", place=node.key_place(key))


def _interval(node: Node, *, once: bool) -> tuple[str, int]:
    """Interval and count; a one-off price has neither."""
    if not once:
        return node.text("interval", allowed=INTERVALS), node.whole("interval_count", 1, minimum=1)
    for key in ("interval", "interval_count"):
        if key in node:
            node.fault(f"a one-off price has no {key}.", "Remove it.", place=node.key_place(key))
    return ONCE, 1


def _maximum(node: Node, minimum: int, model: PriceModel, per: str | None) -> int | None:
    """The largest quantity sold; checks both bounds."""
    maximum = node.whole("maximum", None, minimum=1)
    if maximum is not None and maximum < minimum:
        node.fault(f"maximum {maximum} is less than minimum {minimum}.", "Swap or correct them.")
    for key in ("minimum", "maximum"):
        if key in node and per is None and model is PriceModel.FLAT:
            node.fault(f"'{key}' does not go with a flat price.", "Add per: and the meter's id, or remove it.")
    return maximum


def _amounts(node: Node, listed: PriceList, model: PriceModel) -> dict[str, int | None]:
    """Amount by currency; None for tiers and quotes."""
    currency = read_currency(node, "currency", listed.currency)
    if "amounts" not in node and model in (*_TIERED, PriceModel.QUOTE):
        return {currency: None}
    return {**read_amounts(node, listed, currency=currency)}


def read_amounts(node: Node, listed: PriceList, *, currency: str | None = None) -> dict[str, int]:
    """``amounts`` by currency, or the one ``amount`` in ``currency`` (default: the catalog's)."""
    if "amounts" in node:
        found: dict[str, int] = {}
        for code, amount in node.entries("amounts"):
            known = code.lower()
            if known not in CURRENCIES:
                amount.fault(f"'{code}' is no ISO 4217 currency.", _CODES)
            elif known in found:
                amount.fault(f"'{code}' stands twice in amounts.", "Remove one of them.")
            else:
                found[known] = as_amount(amount, known)
        if not node.entries("amounts"):
            node.fault("amounts is empty.", "Write {usd: ..., eur: ...}.")
        return found
    paid = currency or listed.currency
    return {paid: read_amount(node, "amount", paid)}


def read_amount(node: Node, key: str, currency: str) -> int:
    """An amount in minor units of ``currency``; it must be there."""
    child = node.child(key)
    if child is not None:
        return as_amount(child, currency)
    advice = f"Add '{key}:' in minor units of {currency}."
    node.fault(f"'{key}' is missing.", advice, place=node.key_place(key))
    return 0


def as_amount(node: Node, currency: str) -> int:
    """This value as an amount in minor units; 0 when it is none."""
    return node.as_whole(advice=_minor_advice(node.letters, currency)) or 0


def _minor_advice(letters: str, currency: str) -> str:
    """How to write in minor units what was written otherwise.

    >>> _minor_advice("20.50", "usd")
    'Amounts are whole minor units: for 20.50 usd write 2050.'
    """
    exponent = CURRENCIES.get(currency, 2)
    example = Decimal(20)
    try:
        written = Decimal(letters)
        if written.is_finite() and 0 <= written.scaleb(exponent) < WHOLE_MAX:
            example = written
    except InvalidOperation:
        letters = ""
    minor = example.scaleb(exponent)
    if minor != minor.to_integral_value():
        return f"Amounts are whole minor units; {currency} has {exponent} decimal places, {letters} has more."
    return f"Amounts are whole minor units: for {example} {currency} write {int(minor)}."


def _tiers(node: Node, currency: str) -> tuple[Tier, ...]:
    """The tiers, lowest first; bounds must rise and the last be unlimited."""
    nodes = node.mappings("tiers", required=True)
    tiers: list[Tier] = []
    for number, tier in enumerate(nodes, start=1):
        tier.unknown_keys(("up_to", "unit", "flat"))
        if "unit" not in tier and "flat" not in tier:
            tier.fault(f"tier {number} has no price.", "Add unit: (per unit), flat: (for the tier), or both.")
        unit, flat = (as_amount(part, currency) if (part := tier.child(key)) else 0 for key in ("unit", "flat"))
        up_to = _up_to(tier, tiers, number=number, last=number == len(nodes))
        tiers.append(Tier(up_to, unit, flat))
    if not nodes and not node.items("tiers"):
        node.fault("tiers is empty.", "Add at least {up_to: unlimited, unit: ...}.")
    return tuple(tiers)


def _up_to(tier: Node, before: list[Tier], *, number: int, last: bool) -> int | None:
    """A tier's inclusive upper bound; None for the last."""
    bound = tier.child("up_to")
    if bound is None:
        tier.text("up_to")  # Tells that it is missing.
        return None
    if bound.scalar == "unlimited":
        if not last:
            bound.fault(f"tier {number} is unlimited, but tiers follow it.", "Only the last tier is unlimited.")
        return None
    up_to = bound.as_whole(minimum=1, advice="Write a whole number, or unlimited for the last tier.")
    floor = before[-1].up_to if before else None
    if up_to is not None and floor is not None and up_to <= floor:
        bound.fault(f"tier {number} goes up to {up_to}, the tier before it to {floor}.", "Tiers must rise.")
    if up_to is not None and last:
        bound.fault(f"the last tier ends at {up_to}: more has no price.", "Add a tier with 'up_to: unlimited'.")
    return up_to


def _tell_repeats(node: Node, prices: list[Price], listed: PriceList) -> None:
    """Each (id, currency) may stand once in the whole catalog."""
    for price in prices:
        place = node.child("id").place if "id" in node else node.place  # type: ignore[union-attr]
        first = listed.seen.setdefault((price.id, price.currency), place)
        if first != place and price.id:
            told = f"the id stands twice in {price.currency}; first at {first}."
            node.fault(told, "Give each price its own id.", place=place)


def _tell_rivals(owner: Node, prices: tuple[Price, ...]) -> None:
    """Two sold prices of one owner for the same term from the same day: nobody could say which one counts."""
    first: dict[tuple[object, ...], Price] = {}
    for price in prices:
        term = (price.currency, price.interval, price.interval_count, price.effective_from)
        rival = first.setdefault(term, price) if price.sold else price
        if rival is not price and rival.id != price.id:
            every = price.interval if price.interval_count == 1 else f"{price.interval_count} {price.interval}s"
            owner.fault(
                f"'{rival.id}' and '{price.id}' are both sold per {every} in {price.currency}.",
                "Mark one 'sold: false', give the newer 'effective_from', or make it an add-on.",
            )
