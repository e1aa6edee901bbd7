"""Proposals of another product: one that goes with what they have, a larger package, a retainer, a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.catalog.fit import entry_price
from upstep.catalog.model import PriceModel
from upstep.catalog.price import amounts, price_for
from upstep.money import monthly_units
from upstep.plays.proposal import NOTHING, Batch, Columns, add_stay, part_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from upstep.catalog.model import Bundle, Partner, Price, Product

    Wholes = NDArray[np.int64]


def propose_product(columns: Columns, batch: Batch) -> None:
    """Another product, at its cheapest paid plan, in the currency and interval of what they have."""
    held = batch.held
    at = held.find(batch.rows.drop_columns(["product_id"]).append_column("product_id", batch.rows["own_product_id"]))
    names = batch.rows["product_id"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    groups = np.where(at >= 0, held.groups[np.maximum(at, 0)] if len(held.groups) else 0, -1)
    for code, product_id in enumerate(names.dictionary.to_pylist()):
        for group in np.unique(groups[codes == code]):
            part = part_of(batch, np.flatnonzero((codes == code) & (groups == group)))
            if group >= 0:
                _, _, currency, interval, _ = held.terms[int(group)]
                _add_product(columns, part, product_id, currency, interval)
                continue
            for currency, bought in _by_currency(part):
                _add_product(columns, bought, product_id, currency, "month")


def _by_currency(batch: Batch) -> list[tuple[str, Batch]]:
    """Accounts that only bought things once, by the currency they bought in."""
    currencies = np.array(pc.fill_null(batch.rows["partner_currency"], batch.catalog.currency).to_pylist(), object)
    return [(currency, part_of(batch, np.flatnonzero(currencies == currency))) for currency in sorted(set(currencies))]


def _add_product(columns: Columns, batch: Batch, product_id: str, currency: str, interval: str) -> None:
    product = batch.catalog.products[product_id]
    plan, price = entry_price(product, currency=currency, interval=interval, on=batch.on)
    if price is None:
        add_stay(columns, batch)
        return
    is_quote = price.model is PriceModel.QUOTE
    one = np.ones(1, np.int64)
    minor = 0 if is_quote and not price.estimate_minor else int(amounts(price, one)[0])
    units = 0 if product.one_off else int(monthly_units(minor, price.interval, price.interval_count))
    # A one-off sale counts as its whole price in the year it is made.
    once = int(monthly_units(minor, "year", 1)) if product.one_off else 0
    subject = batch.subject() | {"one_off_units": once, "gate_product_id": batch.rows["own_product_id"]}
    columns.add(
        len(batch),
        **subject,
        **{
            **NOTHING,
            "target": f"product:{product_id}",
            "motion": "cross_sell",
            "to_product_id": product_id,
            "to_plan_id": plan.id if plan else None,
            "quantity": max(price.minimum_quantity, 1),
            "interval": price.interval,
            "currency": currency,
            "recurring_units": units,
            "rank_units": units or once,
            "is_estimated": is_quote,
            "is_quote": is_quote,
        },
    )


def propose_package(columns: Columns, batch: Batch) -> None:
    """The larger package in place of several small ones, when it costs less than as many of them."""
    for partner, part in _by_partner(batch, "larger"):
        product = batch.catalog.products[partner.then]
        currency = _currency(part)
        small, large = (
            entry_price(batch.catalog.products[name], currency=currency, interval="month", on=batch.on)[1]
            for name in (partner.has, partner.then)
        )
        if small is None or large is None or _minor(large) >= _minor(small) * partner.holds:
            add_stay(columns, part)
            continue
        _add_one_off(columns, part, product, large)


def _add_one_off(columns: Columns, batch: Batch, product: Product, price: Price) -> None:
    once = int(monthly_units(_minor(price), "year", 1))
    subject = batch.subject() | {"one_off_units": once, "gate_product_id": batch.rows["partner_product_id"]}
    columns.add(
        len(batch),
        **subject,
        **{
            **NOTHING,
            "target": f"product:{product.id}",
            "motion": "upsell",
            "to_product_id": product.id,
            "quantity": max(price.minimum_quantity, 1),
            "interval": price.interval,
            "currency": price.currency,
            "rank_units": once,
        },
    )


def propose_retainer(columns: Columns, batch: Batch) -> None:
    """A subscription in place of packages bought one by one, when it costs less a month than those did on average."""
    for partner, part in _by_partner(batch, "retainer"):
        product, currency = batch.catalog.products[partner.then], _currency(part)
        plan, price = entry_price(product, currency=currency, interval="month", on=batch.on)
        if plan is None or price is None or price.model is PriceModel.QUOTE:
            add_stay(columns, part)
            continue
        units = int(monthly_units(_minor(price), price.interval, price.interval_count))
        # What they paid for packages within a year, as a month.
        spent = monthly_units(pc.fill_null(part.rows["partner_spent_minor"], 0).to_numpy(), "year", 1)
        stays = spent <= units
        columns.add(
            len(part),
            **(part.subject() | {"gate_product_id": part.rows["partner_product_id"]}),
            **{
                **NOTHING,
                "target": np.where(stays, "stay:commit", f"product:{product.id}").astype(object),
                "motion": "commit",
                "to_product_id": product.id,
                "to_plan_id": plan.id,
                "quantity": max(price.minimum_quantity, 1),
                "interval": price.interval,
                "currency": currency,
                "recurring_units": np.where(stays, 0, units),
                "overage_units": np.where(stays, 0, spent),
                "saving_units": np.where(stays, 0, spent - units),
                "committed_units": np.where(stays, 0, units),
                "rank_units": np.where(stays, 0, units),
                "stays": stays,
            },
        )


def _by_partner(batch: Batch, kind: str) -> list[tuple[Partner, Batch]]:
    """The batch by pair of the catalog and currency. A row of another kind of pair has nothing to propose."""
    rows, found = batch.rows, []
    currencies = pc.fill_null(rows["partner_currency"], batch.catalog.currency)
    words = pc.binary_join_element_wise(
        pc.fill_null(rows["partner_product_id"], ""), rows["product_id"], currencies, "\x1f"
    )
    coded = words.combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    pairs = {(pair.has, pair.then): pair for pair in batch.catalog.partners if pair.kind == kind}
    for code, word in enumerate(coded.dictionary.to_pylist()):
        has, then, _ = word.split("\x1f")
        if (has, then) in pairs:
            found.append((pairs[has, then], part_of(batch, np.flatnonzero(codes == code))))
    return found


def _currency(part: Batch) -> str:
    """The one that they bought in; the rows of a part share it."""
    return str(part.rows["partner_currency"][0].as_py() or part.catalog.currency)


def _minor(price: Price) -> int:
    return int(amounts(price, np.ones(1, np.int64))[0])


def propose_bundle(columns: Columns, batch: Batch) -> None:
    """One price for products that are paid for one by one, when it is less than they pay, or adds one for nearly it.

    A bundle that lacks a product counts as a cross-sell; its sum may rise by at most the share that counts as nearly
    the same.
    """
    coded = batch.rows["bundle_id"].combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    bundles = {bundle.id: bundle for bundle in batch.catalog.bundles}
    for code, bundle_id in enumerate(coded.dictionary.to_pylist()):
        _add_bundle(columns, part_of(batch, np.flatnonzero(codes == code)), bundles[bundle_id])


def _add_bundle(columns: Columns, batch: Batch, bundle: Bundle) -> None:
    paid, currency, interval = _paid_for(batch, bundle)
    for key in sorted(set(zip(currency.tolist(), interval.tolist(), strict=True))):
        rows = np.flatnonzero((currency == key[0]) & (interval == key[1]))
        part = part_of(batch, rows)
        price = price_for(bundle, currency=key[0], interval=key[1], on=batch.on) if key[0] else None
        if price is None or price.model is PriceModel.QUOTE:
            add_stay(columns, part)
            continue
        units = int(monthly_units(_minor(price), price.interval, price.interval_count))
        change = units - paid[rows]
        # Whole numbers: the sum in hundredths, as in ``fit``.
        stays = units * 100 > paid[rows] * (100 + batch.nearly_same_percent)
        columns.add(
            len(part),
            **part.subject(),
            **{
                **NOTHING,
                "target": np.where(stays, "stay:cross_sell", f"bundle:{bundle.id}").astype(object),
                "motion": "cross_sell",
                "to_product_id": bundle.id,
                "quantity": 1,
                "interval": price.interval,
                "currency": key[0],
                "recurring_units": np.where(stays, 0, change),
                "saving_units": np.where(stays, 0, np.maximum(-change, 0)),
                "rank_units": np.where(stays, 0, np.maximum(change, 0)),
                "stays": stays,
            },
        )


def _paid_for(batch: Batch, bundle: Bundle) -> tuple[Wholes, NDArray[np.object_], NDArray[np.object_]]:
    """What each account pays for the bundle's products a month, and the currency and interval that they share.

    The currency is empty where two of them are paid in different ones: then nothing can be compared.
    """
    held = batch.held
    paid = np.zeros(len(batch), np.int64)
    currency, interval = np.full(len(batch), None, object), np.full(len(batch), None, object)
    for product_id in bundle.products:
        named = batch.rows.drop_columns(["product_id"]).append_column(
            "product_id", pa.repeat(pa.scalar(product_id), len(batch))
        )
        at = held.find(named)
        owned = at >= 0
        if not owned.any():
            continue
        paid += np.where(owned, held.column("recurring_units", np.maximum(at, 0)), 0)
        for found, name in ((currency, "currency"), (interval, "interval")):
            theirs = np.array(held.owned[name].take(pa.array(np.maximum(at, 0))).to_pylist(), object)
            differs = owned & (found != np.array(None)) & (found != theirs)
            found[owned] = theirs[owned]
            found[differs] = "" if name == "currency" else "month"
    return paid, np.where(currency == np.array(None), "", currency), np.where(interval == np.array(None), "", interval)


def propose_learn(columns: Columns, batch: Batch) -> None:
    """Nothing to buy: show them a use of what they have that they do not know yet."""
    at = batch.held.find(batch.rows)
    currency: Any = batch.catalog.currency
    if batch.held.owned.num_rows:
        currency = batch.held.owned["currency"].take(pa.array(np.maximum(at, 0)))
    columns.add(
        len(batch),
        **batch.subject(),
        **{
            **NOTHING,
            "target": pc.binary_join_element_wise("adopt:", batch.rows["meter_id"], ""),
            "motion": "adopt",
            "to_product_id": batch.rows["product_id"],
            "quantity": 1,
            "currency": currency,
        },
    )


PROPOSERS: Mapping[str, Callable[[Columns, Batch], None]] = {
    "product": propose_product,
    "package": propose_package,
    "retainer": propose_retainer,
    "bundle": propose_bundle,
    "learn": propose_learn,
}
"""By the word that a play writes under ``propose``."""
