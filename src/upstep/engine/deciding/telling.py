"""Decisions in words: the step, what it costs, what holds it; ``why`` says why. Page and terminal share them.

A row is a decision as ``decide`` gives it (``holds``, ``unknown`` and ``facts`` as JSON text) or as ``explain.parsed``
and ``decide --json`` do (already read). A sentence has a capital, no full stop at its end, and no number that is not
in the row. Shares are rounded down: nothing is said to be full before it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from upstep.engine.deciding.naming import (
    Row,
    add_on_name,
    capital,
    fact_value,
    meter_name,
    percent_words,
    plan_name,
    product_name,
    read_column,
    readable,
)
from upstep.money import format_minor
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog, Price

_YES_HOLDS = frozenset({"open_issue"})
"""Gates whose question asks for what holds; every other question asks for what is clear."""

INTERVALS = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}


@dataclass(frozen=True)
class Hold:
    """A gate that holds a step. ``label`` is the gate's name as people read it."""

    gate: str
    label: str
    why: str
    lifts: str


@dataclass(frozen=True)
class Question:
    """What a person must answer, with the command of each answer."""

    gate: str
    label: str
    question: str
    if_yes: str
    if_no: str


@dataclass(frozen=True)
class Figure:
    """One of the money figures that are kept apart. ``text`` is empty where there is none; minor units a month."""

    label: str
    text: str
    amount_minor: int


# The step


def step_words(row: Row, catalog: Catalog) -> str:
    """What would change: ``Pro → Scale``, ``Seats: 13 → 16``, ``Business: monthly → yearly``."""
    kind, _, rest = str(row["target"]).partition(":")
    words = _STEPS.get(kind)
    return words(row, rest, catalog) if words else readable(str(row["target"]))


def product_words(row: Row, catalog: Catalog) -> str:
    """The name of the product that the step changes or adds."""
    return product_name(row.get("step_product_id") or row.get("product_id"), catalog)


def _plan_step(row: Row, plan_id: str, catalog: Catalog) -> str:
    return f"{plan_name(row.get('plan_id'), catalog)} → {plan_name(plan_id, catalog)}".removeprefix(" ")


def _term_step(row: Row, target: str, catalog: Catalog) -> str:
    plan_id, _, interval = target.partition("@")
    now = fact_value(row, "interval")
    count = interval.rstrip("abcdefghijklmnopqrstuvwxyz")
    to = f"every {count} {interval.removeprefix(count)}s" if count else INTERVALS.get(interval, interval)
    return f"{plan_name(plan_id, catalog)}: {f'{INTERVALS.get(now, now)} → {to}' if now else to}"


def _more_step(row: Row, meter_id: str, catalog: Catalog) -> str:
    name, today, then = meter_name(meter_id, catalog), fact_value(row, "limit_quantity"), row.get("to_quantity")
    meter = catalog.meters.get(meter_id)
    if meter and meter.aggregate == "seats" and today is not None and then is not None:
        return f"{capital(name)}: {today:,} → {then:,}"
    return f"More {name}"


def _fit_step(row: Row, plan_id: str, catalog: Catalog) -> str:
    if row.get("plan_id") == plan_id:
        return f"One {plan_name(plan_id, catalog)} in place of several"
    return _plan_step(row, plan_id, catalog)


def _product_step(row: Row, product_id: str, catalog: Catalog) -> str:
    plan = plan_name(row.get("to_plan_id"), catalog)
    return f"+ {product_name(product_id, catalog)}{f' ({plan})' if plan else ''}"


def _add_on_step(_row: Row, add_on_id: str, catalog: Catalog) -> str:
    return f"+ {add_on_name(add_on_id, catalog)}"


def _adopt_step(_row: Row, subject: str, catalog: Catalog) -> str:
    return f"Help them use: {meter_name(subject, catalog)}"


def _stay_step(row: Row, _rest: str, catalog: Catalog) -> str:
    plan = plan_name(row.get("plan_id"), catalog)
    return f"Stay on {plan}" if plan else "Stay"


def _trial_step(row: Row, plan_id: str, catalog: Catalog) -> str:
    return f"Try {plan_name(plan_id, catalog)} free, beside {plan_name(row.get('plan_id'), catalog)}"


def _bundle_step(_row: Row, bundle_id: str, catalog: Catalog) -> str:
    bundle = next((bundle for bundle in catalog.bundles if bundle.id == bundle_id), None)
    names = ", ".join(product_name(product, catalog) for product in bundle.products) if bundle else ""
    return f"{bundle.name}: {names}" if bundle else readable(bundle_id)


def _notice_step(_row: Row, target: str, catalog: Catalog) -> str:
    meter_id, _, percent = target.partition("@")
    return f"Notice at {percentage(int(percent))}: {meter_name(meter_id, catalog)}"


_STEPS: Mapping[str, Callable[[Row, str, Catalog], str]] = {
    "plan": _plan_step,
    "term": _term_step,
    "more": _more_step,
    "fit": _fit_step,
    "product": _product_step,
    "add_on": _add_on_step,
    "adopt": _adopt_step,
    "trial": _trial_step,
    "bundle": _bundle_step,
    "stay": _stay_step,
    "notice": _notice_step,
}


# Money


def figures(row: Row) -> tuple[Figure, ...]:
    """The money figures, kept apart: recurring change, overage that disappears, customer's saving; committed if any."""
    change = row.get("recurring_change_minor") or 0
    overage = row.get("overage_replaced_minor") or 0
    saving = row.get("customer_saving_minor") or 0
    committed = row.get("committed_minor") or 0
    estimated = "about " if row.get("estimated") else ""
    sign = "+" if change > 0 else ""
    told = [
        Figure("Recurring change", f"{estimated}{sign}{a_month(change, row)}" if change else "", change),
        Figure("Overage that disappears", a_month(overage, row) if overage else "", overage),
        Figure("Customer's saving", a_month(saving, row) if saving else "", saving),
    ]
    if committed:
        told.append(Figure("Committed", a_month(committed, row), committed))
    return tuple(told)


def price_words(row: Row, catalog: Catalog, *, on: date | None = None) -> str:
    """The list price of what is proposed: ``Scale: $90.00 a month``. Empty where nothing is bought."""
    price = _price(row, catalog, on=on)
    if price is None:
        return ""
    quantity = row.get("to_quantity") or 1
    bundles = {f"bundle:{bundle.id}": bundle.name for bundle in catalog.bundles}
    name = add_on_name(row.get("to_add_on_id"), catalog) or plan_name(row.get("to_plan_id"), catalog)
    name = name or bundles.get(str(row["target"]), "")
    counted = f", {quantity:,} {meter_name(price.per, catalog)}" if price.per else ""
    return f"{name or product_words(row, catalog)}{counted}: {_price_amount(price, quantity)}"


def price_record(row: Row, catalog: Catalog, *, on: date | None = None) -> str:
    """Which price of which catalog ``price_words`` told; empty where nothing is bought."""
    price = _price(row, catalog, on=on)
    return f"catalog?price_id={price.id}&hash={catalog.hash[:16]}" if price else ""


def _price(row: Row, catalog: Catalog, *, on: date | None) -> Price | None:
    from upstep.catalog.price import price_for

    add_on = next((add_on for add_on in catalog.add_ons() if add_on.id == row.get("to_add_on_id")), None)
    named = str(row.get("step_product_id") or "")
    bundle = next((bundle for bundle in catalog.bundles if row["target"] == f"bundle:{bundle.id}"), None)
    product = catalog.products.get(named)
    once = product if product and product.one_off else None
    sold = add_on or catalog.plan(row.get("to_plan_id") or "") or bundle or once
    interval, currency = row.get("to_interval"), row.get("currency")
    if sold is None or not interval or not currency:
        return None
    return price_for(sold, currency=currency, interval=interval, interval_count=_count(row), on=on)


def _count(row: Row) -> int:
    """How many intervals a term has: of ``term:pro@2year`` two."""
    every = str(row["target"]).partition("@")[2] if str(row["target"]).startswith("term:") else ""
    digits = every.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits) if digits else 1


def _price_amount(price: Price, quantity: int) -> str:
    from upstep.catalog.model import PriceModel
    from upstep.catalog.price import amount

    if price.model is PriceModel.QUOTE:
        guess = price.estimate_minor
        about = f", about {format_minor(guess, price.currency)} {_each(price)}" if guess else ""
        return f"a person prices it{about}"
    return f"{format_minor(amount(price, quantity), price.currency)} {_each(price)}"


def _each(price: Price) -> str:
    if price.interval == "once":
        return "once"
    return f"a {price.interval}" if price.interval_count == 1 else f"every {price.interval_count} {price.interval}s"


def likelihood_words(row: Row) -> str:
    """``25%, a prior`` or ``25%``; empty where there is none."""
    share = row.get("likelihood")
    if share is None:
        return ""
    return f"{percent_words(share)}{', a prior' if row.get('likelihood_is_prior') else ''}"


def priority_words(row: Row, currency: str) -> str:
    """What the step ranks by, in the company's currency a year, in whole major units; empty without a rate."""
    priority = row.get("priority")
    if priority is None:
        return ""
    from upstep.money import CURRENCIES

    shown = format_minor(round(priority), currency)
    return shown[: -CURRENCIES[currency] - 1] if CURRENCIES[currency] and shown[-1].isdigit() else shown


# What waits


def holds(row: Row) -> tuple[Hold, ...]:
    """The gates that hold the step, in the order in which holds are told."""
    return tuple(
        Hold(told["gate"], gate_words(told["gate"]), capital(told["why"]), capital(told["lifts"]))
        for told in read_column(row, "holds")
    )


def questions(row: Row) -> tuple[Question, ...]:
    """What a person must answer before the step may be offered."""
    told = []
    for unknown in read_column(row, "unknown"):
        gate = unknown["gate"]
        yes, no = ("holds", "clear") if gate in _YES_HOLDS else ("clear", "holds")
        commands = (confirm_command(row["account_id"], gate, answer) for answer in (yes, no))
        told.append(Question(gate, gate_words(gate), unknown["question"], *commands))
    return tuple(told)


def confirm_command(account_id: str, gate: str, answer: str = "clear") -> str:
    """The command that records an answer, as a shell takes it."""
    return f'upstep confirm {shlex.quote(account_id)} {gate} {answer} --because "…"'


def gate_words(gate: str) -> str:
    """A gate's name as people read it."""
    return capital(gate.replace("_", " "))


def play_words(play: str) -> str:
    """A play's name as people read it."""
    return capital(play.replace("_", " "))


def a_month(amount_minor: int, row: Row) -> str:
    """An amount of the row's currency: ``$90.00 a month``."""
    return f"{format_minor(amount_minor, row['currency'])} a month"
