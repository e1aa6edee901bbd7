"""A catalog to start from, written from the products and prices that a billing system's connector lands.

Ids stay the connector's, so that subscriptions find their plan. What a plan includes nobody has landed: the file asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from upstep.money import CURRENCIES
from upstep.tables.schema import INTERVALS

Row = Mapping[str, str | None]
"""A landed row: column -> its text, None where empty."""

_USUAL_ID = re.compile(r"\w[\w .+/-]*")
"""What the ids of products, plans and meters are made of."""

_ANOTHER_EXPONENT = {"isk": (1, 100), "ugx": (1, 100), "mga": (100, 1)}
"""Amounts that the billing system counts in other units than ISO 4217: https://docs.stripe.com/currencies."""


@dataclass(frozen=True)
class _Price:
    """One landed price. ``amount_minor`` None: the catalog cannot say it in one number; ``why`` tells."""

    id: str
    product_id: str
    name: str
    currency: str
    interval: str | None  # None: paid once
    interval_count: int
    amount_minor: int | None
    why: str
    is_sold: bool
    created: str
    by_quantity: int  # the largest quantity that a landed subscription item has of it


@dataclass(frozen=True)
class LandedSales:
    """The landed rows that tell what is sold.

    Args:
        products: id, name, active.
        prices: Stripe's prices: id, product_id, currency, unit_amount, recurring_interval, …
        plans: Its older plans: id, product_id, currency, amount, interval, …; those that are prices too count once.
        items: Subscription items: plan_id, quantity; they tell what is sold by quantity.
        events: What was done, by the name that usage has it under.
    """

    products: Sequence[Row] = ()
    prices: Sequence[Row] = ()
    plans: Sequence[Row] = ()
    items: Sequence[Row] = ()
    events: Sequence[str] = ()


def starting_catalog(landed: LandedSales, *, currency: str) -> str | None:
    """The text of a ``catalog.yaml``, or None when nothing landed can be sold.

    Args:
        landed: What is sold.
        currency: The company's.
    """
    found = {price.id: price for price in _prices(landed)}
    names = {
        str(row["id"]): (row.get("name") or "").strip() or str(row["id"]) for row in landed.products if row.get("id")
    }
    active = {str(row["id"]) for row in landed.products if _is_true(row.get("active"), default=True)}
    by_product: dict[str, list[_Price]] = {}
    for price in found.values():
        by_product.setdefault(price.product_id, []).append(price)
    written = [
        _product(
            product_id,
            names.get(product_id, product_id),
            of_it,
            is_active=product_id in active or product_id not in names,
        )
        for product_id, of_it in by_product.items()
        if _USUAL_ID.fullmatch(product_id)
    ]
    if not written:
        return None
    note = "".join(
        f"  # {_comment(one)} ({_comment(name)}) has no price that can be read, so it is not here.\n"
        for one, name in names.items()
        if one not in by_product
    )
    note += "".join(
        f"  # {_comment(one)} has signs that no id of ours has. Rename it in mapping.yaml (values), and add it here.\n"
        for one in by_product
        if not _USUAL_ID.fullmatch(one)
    )
    meters = _meters(landed.events, is_by_quantity=any(price.by_quantity > 1 for price in found.values()))
    return _HEAD.format(currency=currency, meters=meters) + "\n".join(written) + note


def _meters(events: Sequence[str], *, is_by_quantity: bool) -> str:
    """The meters that landed rows name; without any, an example as a comment."""
    lines = [_SEATS] if is_by_quantity else []
    for event in events:
        if _USUAL_ID.fullmatch(event):
            lines.append(f"  - {{id: {_id(event)}, aggregate: count, kind: flow, period: billing_month}}")
        else:
            lines.append(f"  # {_comment(event)}: no id of ours; rename it in mapping.yaml, with values.")
    if not any(not line.startswith("  #") for line in lines):
        lines.append(_EXAMPLE)
    is_filled = any(line.startswith("  - ") for line in lines)
    return "\n".join([f"{'meters:' if is_filled else '# meters:'}{_METERS}", *lines])


def _prices(landed: LandedSales) -> Iterator[_Price]:
    """Every price once, prices before plans of the same id."""
    quantities: dict[str, int] = {}
    for item in landed.items:
        quantity = _whole(item.get("quantity")) or 1
        quantities[item.get("plan_id") or ""] = max(quantity, quantities.get(item.get("plan_id") or "", 1))
    seen: set[str] = set()
    for row in (*landed.prices, *(_as_price(plan) for plan in landed.plans)):
        price_id, product_id, currency = (row.get(key) or "" for key in ("id", "product_id", "currency"))
        currency = currency.lower()
        interval = row.get("recurring_interval") if row.get("type") != "one_time" else None
        is_readable = currency in CURRENCIES and (interval in INTERVALS or row.get("type") == "one_time")
        if not price_id.strip() or not product_id or price_id in seen or not is_readable:
            continue
        seen.add(price_id)
        amount, why = _amount(row, currency)
        yield _Price(
            price_id,
            product_id,
            row.get("nickname") or "",
            currency,
            interval,
            _whole(row.get("recurring_interval_count")) or 1,
            amount,
            why,
            _is_true(row.get("active"), default=True) and not _is_true(row.get("is_deleted"), default=False),
            row.get("created") or "",
            quantities.get(price_id, 1),
        )


def _as_price(plan: Row) -> Row:
    """A plan in a price's words."""
    renamed = {
        "unit_amount": "amount",
        "recurring_interval": "interval",
        "recurring_interval_count": "interval_count",
        "recurring_usage_type": "usage_type",
        "transform_quantity_divide_by": "transform_usage_divide_by",
    }
    return {**plan, "type": "recurring", **{ours: plan.get(theirs) for ours, theirs in renamed.items()}}


def _amount(row: Row, currency: str) -> tuple[int | None, str]:
    """Minor units of ISO 4217, or None and why the catalog has to be told."""
    if row.get("recurring_usage_type") == "metered":
        shown = row.get("unit_amount_decimal") or row.get("unit_amount") or "tiers"
        return None, f"billed by use ({shown} a unit): write the base as amount and the rest under overage"
    if row.get("billing_scheme") == "tiered":
        return None, f"tiered ({row.get('tiers_mode') or 'see there'}): write model: graduated or volume, and its tiers"
    if row.get("transform_quantity_divide_by"):
        return (
            None,
            f"sold in packages of {row['transform_quantity_divide_by']}: write package: and the meter under per:",
        )
    try:
        units = Decimal(row.get("unit_amount_decimal") or row.get("unit_amount") or "")
    except InvalidOperation:
        return None, "has no amount of its own"
    times, over = _ANOTHER_EXPONENT.get(currency, (1, 1))
    minor = units * times / over
    if minor != minor.to_integral_value() or minor < 0:
        return None, f"costs {units} a unit, less than the smallest coin: write it per package"
    return int(minor), ""


def _product(product_id: str, name: str, prices: Sequence[_Price], *, is_active: bool) -> str:
    """A product with one plan of its own id; one that is only paid once has prices instead."""
    recurring = [price for price in prices if price.interval is not None]
    once = [price for price in prices if price.interval is None]
    per = "seats" if any(price.by_quantity > 1 for price in recurring) else None
    lines = [f"  - id: {_id(product_id)}", f"    name: {_text(name)}"]
    if not recurring:
        lines += ["    one_off: true", "    prices:", *_listed(once, indent=6, per=None)]
        return "\n".join(lines) + "\n"
    lines += [
        "    # first_value: {meter: …, at_least: …}         # when has an account had its first success with it?",
        "    plans:",
        f"      - id: {_id(product_id)}",
        f"        name: {_text(name)}",
        *([] if is_active else ["        sold: false"]),
        "        prices:",
        *_listed(recurring, indent=10, per=per),
    ]
    if per is not None:
        lines.append("        limits: {seats: quantity}                     # sold by quantity: are they seats?")
    lines += [
        "        # limits: {…: …}                              # what does it include, and how much?",
        "        # features: […]                               # what does it allow that others do not?",
        *(f"    # Paid once beside it: {_id(price.id)}, {price.amount_minor} {price.currency}." for price in once),
    ]
    return "\n".join(lines) + "\n"


def _listed(prices: Sequence[_Price], *, indent: int, per: str | None) -> Iterator[str]:
    """Prices as lines, the newest of each term as the one that is sold."""
    newest: dict[tuple[object, ...], str] = {}
    for price in sorted(prices, key=lambda one: (one.created, one.id)):
        if price.is_sold:
            newest[_term(price)] = price.id
    rivals = {term for term in newest if sum(price.is_sold and _term(price) == term for price in prices) > 1}
    space = " " * indent
    for price in sorted(prices, key=lambda one: (*map(str, _term(one)), one.created, one.id)):
        is_newest = newest.get(_term(price)) == price.id
        if price.why:
            yield f"{space}# {_comment(price.name or price.id)}: {price.why}."
        if _term(price) in rivals and is_newest:
            yield f"{space}# Several are sold for this term. Are they plans? Give each its plan, also in mapping.yaml."
        yield f"{space}- {{{', '.join(_keys(price, is_sold=is_newest, per=per))}}}"


def _term(price: _Price) -> tuple[object, ...]:
    return price.currency, price.interval, price.interval_count


def _keys(price: _Price, *, is_sold: bool, per: str | None) -> Iterator[str]:
    yield f"id: {_id(price.id)}"
    if price.interval is not None:
        yield f"interval: {price.interval}"
        if price.interval_count != 1:
            yield f"interval_count: {price.interval_count}"
    yield f"amount: {'quote' if price.amount_minor is None else price.amount_minor}"
    yield f"currency: {price.currency}"
    if per is not None and price.amount_minor is not None:
        yield f"per: {per}"
    if not is_sold:
        yield "sold: false"


def _id(text: str) -> str:
    """An id as YAML reads it back: in quotes unless it can only be text."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", text) and text.lower() not in _YAML_WORDS
    return text if plain else _text(text)


_YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")


def _text(text: str) -> str:
    """Text in double quotes; what does not print is escaped, because YAML takes some of it for a line's end."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\U{ord(sign):08X}" for sign in escaped) + '"'


def _comment(text: str) -> str:
    """A name that cannot leave its comment."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else int(Decimal(text))
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _is_true(text: str | None, *, default: bool) -> bool:
    return default if text is None else text.lower() in ("true", "t", "1", "yes")


_METERS = "                         # What is counted? The ids are those of your usage table."

_SEATS = "  - {id: seats, name: seats, aggregate: seats, kind: stock, period: lifetime}"

_EXAMPLE = "#   - {id: calls, name: API calls, aggregate: sum, kind: flow, period: billing_month, value_meter: true}"

_HEAD = """\
# What you sell, as far as its products and prices tell. Ids are theirs: subscriptions find their plan by them.
# They cannot tell what a plan includes. Please add: meters, limits, features, and when a first success is reached.
# Each product stands here with one plan of the same id. Where several are tiers of one product, put their plans under
# one product, the lowest first, and name that product in mapping.yaml (product_id, with values). Only then can a
# higher plan be offered.
version: 1
business: saas                  # saas, information or services
currency: {currency}

{meters}
products:
"""
