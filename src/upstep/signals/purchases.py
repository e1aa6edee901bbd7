"""One-off purchases: how often, for how much, and whether what was bought is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

YEAR_DAYS = 365


def bought(purchase: ir.Table, accounts: ir.Table, today: ir.Table) -> ir.Table:
    """What was bought once, by product.

    Returns:
        One row per (account_key, product_id): purchases_365d, spent_minor (within the same days; NULL where several
        currencies were paid), spent_currency, purchased_at and completed_at (the newest), is_open (one that is paid
        for and not finished).
    """
    at = purchase.semi_join(accounts, "account_key").cross_join(today.select("as_of"))
    at = at.filter(at.purchased_at <= at.as_of)
    recent = at.purchased_at > at.as_of - YEAR_DAYS * DAY_SECONDS
    done = ibis.ifelse(at.completed_at <= at.as_of, at.completed_at, ibis.null("int64"))
    marked = at.mutate(recent=recent, done=done)
    found = marked.group_by("account_key", "product_id").agg(
        purchases_365d=ibis.ifelse(marked.recent, 1, 0).sum().cast("int64"),
        spent=ibis.ifelse(marked.recent, marked.amount_minor, 0).sum().cast("int64"),
        first_currency=marked.currency.min(),
        last_currency=marked.currency.max(),
        purchased_at=marked.purchased_at.max(),
        completed_at=marked.done.max(),
        is_open=marked.done.isnull().any(),
    )
    one = found.first_currency == found.last_currency
    return found.select(
        "account_key",
        "product_id",
        "purchases_365d",
        "purchased_at",
        "completed_at",
        "is_open",
        spent_minor=ibis.ifelse(one, found.spent, ibis.null("int64")),
        spent_currency=ibis.ifelse(one, found.first_currency, ibis.null("string")),
    )


def milestones(usage_day: ir.Table, rules: ir.Table, today: ir.Table) -> ir.Table:
    """Milestones that the catalog names: every so many units of a meter, over its whole life.

    Returns:
        One row per (account_key, product_id) with use: milestones (reached so far), milestones_28d (within four weeks).
    """
    at = usage_day.inner_join(rules, "meter_key").select(
        "account_key", "product_id", "meter_key", "every", "day", "quantity"
    )
    at = at.cross_join(today.select("as_of_day"))
    old = ibis.ifelse(at.day <= at.as_of_day - 28, at.quantity, 0)
    total = at.mutate(old=old)
    total = total.group_by("account_key", "product_id", "meter_key", "every").agg(
        life=total.quantity.cast("float64").sum(), before=total.old.cast("float64").sum()
    )
    every = total.every.nullif(0).cast("float64")
    counted = total.mutate(reached=(total.life / every).floor(), reached_before=(total.before / every).floor())
    return counted.group_by("account_key", "product_id").agg(
        milestones=counted.reached.max().cast("int64"),
        milestones_28d=(counted.reached - counted.reached_before).max().cast("int64"),
    )


def held(owned: ir.Table, bought_once: ir.Table) -> ir.Table:
    """What an account has, subscribed to or bought once: one row per (account_key, product_id)."""
    keys = ["account_key", "product_id"]
    return owned.select(*keys).union(bought_once.select(*keys), distinct=True)


def of_partner(partners: ir.Table, bought_once: ir.Table, reached: ir.Table, today: ir.Table) -> ir.Table:
    """What the purchases of the partner product say, beside the rows of ``partners``.

    Args:
        partners: One row per (account_key, product_id) with partner_product_id.
        reached: ``milestones``.

    Returns:
        The rows with partner_completed_days, partner_purchases_365d, partner_milestones, partner_spent_minor and
        partner_currency.
    """
    sold = bought_once.select(
        "account_key",
        "completed_at",
        partner_product_id="product_id",
        partner_purchases_365d="purchases_365d",
        partner_spent_minor="spent_minor",
        partner_currency="spent_currency",
    )
    deep = reached.select("account_key", partner_product_id="product_id", partner_milestones="milestones")
    keys = ["account_key", "partner_product_id"]
    known = left(left(partners, sold, keys), deep, keys).cross_join(today.select("as_of"))
    days = ((known.as_of - known.completed_at) / float(DAY_SECONDS)).floor().cast("int64")
    return known.mutate(
        partner_completed_days=days,
        partner_purchases_365d=ibis.coalesce(known.partner_purchases_365d, 0),
        partner_milestones=ibis.coalesce(known.partner_milestones, 0),
    ).drop("as_of", "completed_at")
