"""Changes to movements: same-hour changes merged, the account's MRR before and after, category and cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ibis

from upstep.clock import DAY_SECONDS
from upstep.movements.edges import (
    FREE,
    PARTS,
    PAUSED,
    SUMS,
    changes,
    intervals,
    is_change,
    is_plain,
    kinds,
    lanes,
    plain_changes,
    unpacked,
)
from upstep.movements.policy import STANDARD, Policy
from upstep.movements.words import CATEGORIES, CAUSES
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir

Stage = Callable[[str, "ir.Table"], "ir.Table"]
"""``Program.stage``: gives a SELECT a name, so that it is worked out once."""

COLUMNS = (
    *("account_key", "currency", "product_id", "is_add_on", "moved_at", "units", "category", "net_category", "cause"),
    *("plan_before", "plan_after", "quantity_change", "committed_minor", "mrr_before", "mrr_after"),
    *("paying_before", "paying_after", "first_paid_at", "is_mixed"),
    *("currency_key", "category_code", "net_code", "cause_code", "previous_at", "next_at"),
)
"""The columns of the movement table, in order; the package's first lines say what each means."""

_PLACES = 2**20
"""Room for a plan's key beside the seconds since the first change of an hour."""


def in_one(_: str, select: ir.Table) -> ir.Table:
    """No stage: the SELECT stands inside the one that reads it."""
    return select


def movements(
    items: ir.Table,
    *,
    factors: ir.Table,
    plans: ir.Table,
    today: ir.Table,
    policy: Policy = STANDARD,
    merged: ir.Table | None = None,
    stage: Stage = in_one,
) -> ir.Table:
    """Every movement up to the as-of, the event view; see the package's first lines for its columns.

    Args:
        items: Core ``subscription_item``.
        factors: ``interval_factor``; plans: ``plan_table``; today: one row with as_of.
        merged: ``merged_accounts``; None: no account was merged.
        stage: ``Program.stage``, for many accounts; the default makes one SELECT.
    """
    kind = stage("movement_kind", kinds(items, factors, plans))
    interval = stage("movement_interval", intervals(items, kind, policy=policy, merged=merged))
    paced = stage("movement_paced", _paced(stage("movement_plain", plain_changes(interval, today))))
    odd = stage("movement_odd", _odd(paced, policy))
    told = unpacked(paced.anti_join(odd, "account_key"), kind)
    plain = told.filter(is_change(told))
    careful = stage("movement_careful", _careful(changes(interval.semi_join(odd, "account_key"), kind, today), policy))
    moved = plain.select(*_PACED).union(careful.select(*_PACED))
    coded = stage("movement_coded", _coded(moved, stage("movement_held", _held(moved)), policy))
    return _told(coded, lanes(kind), plans)


_PACED = (
    *("account_key", "lane", "moved_at", *SUMS, "stays", "plan_before", "plan_after", "mrr_before", "mrr_after"),
    *("first_paid_at", "is_mixed", "paying_before", "paying_after", "previous_at", "next_at", "is_usage", "is_add_on"),
)


def _paced(changed: ir.Table) -> ir.Table:
    """What the account pays before and after each instant, in one pass: right for accounts that are not ``_odd``."""
    mine: dict[str, Any] = {"group_by": "account_key", "order_by": "moved_at"}
    so_far = ibis.range_window(preceding=None, following=0, **mine)
    peers = ibis.range_window(preceding=0, following=0, **mine)
    in_order = ibis.window(**mine)
    after, now = changed.units.sum().over(so_far).cast("int64"), changed.units.sum().over(peers).cast("int64")
    currency = ((changed.lane - changed.lane % PARTS) / PARTS).cast("int32")
    paced = changed.mutate(
        mrr_after=after,
        mrr_before=after - now,
        first_paid_at=changed.moved_at.first().over(in_order),
        before_at=changed.moved_at.lag().over(in_order),
        after_at=changed.moved_at.lead().over(in_order),
        is_mixed=ibis.coalesce(currency != currency.lag().over(in_order), False),
    )
    return paced.mutate(paying_before=paced.mrr_before > 0, paying_after=paced.mrr_after > 0, **_neighbours(paced))


def _neighbours(ordered: ir.Table) -> dict[str, ir.IntegerValue]:
    """The account's instants before and after; the row's own where several rows share it, whichever comes first."""
    moved_at = ordered.moved_at
    shared = ibis.coalesce(ordered.before_at == moved_at, False) | ibis.coalesce(ordered.after_at == moved_at, False)
    return {
        "previous_at": ibis.ifelse(shared, moved_at, ordered.before_at),
        "next_at": ibis.ifelse(shared, moved_at, ordered.after_at),
    }


def _odd(paced: ir.Table, policy: Policy) -> ir.Table:
    """Accounts that need care: several currencies, changes to merge, more of a product at one instant than one change.

    An account that pays nothing after two changes at one instant is one too: one of them may stay on unpaid.
    """
    gap = paced.moved_at - paced.before_at
    is_near = (gap > 0) & _follows(paced.moved_at, paced.before_at, policy)
    is_several = (gap == 0) & ~paced.paying_after
    care = paced.is_mixed | ~is_plain(paced) | ibis.coalesce(is_near | is_several, False)
    return paced.filter(care).select("account_key").distinct()


def _follows(moved_at: ir.IntegerValue, before_at: ir.IntegerValue, policy: Policy) -> ir.BooleanValue:
    """Within the hour after the change before it. What stood at midnight UTC is never merged away."""
    return (moved_at - before_at < policy.merge_seconds) & (moved_at - moved_at % DAY_SECONDS <= before_at)


def _careful(changed: ir.Table, policy: Policy) -> ir.Table:
    """The same for any account, in as many passes as it takes."""
    if policy.merge_seconds:
        changed = _merge(changed, policy)
    currency = changed.mutate(currency_key=((changed.lane - changed.lane % PARTS) / PARTS).cast("int32"))
    own: dict[str, Any] = {"group_by": ["account_key", "currency_key"], "order_by": "moved_at"}
    all_of: dict[str, Any] = {"group_by": "account_key", "order_by": "moved_at"}
    whole, in_order = ibis.window(group_by="account_key"), ibis.window(**all_of)

    def after(which: dict[str, Any]) -> ir.IntegerValue:
        return currency.units.sum().over(ibis.range_window(preceding=None, following=0, **which)).cast("int64")

    def now(which: dict[str, Any]) -> ir.IntegerValue:
        return currency.units.sum().over(ibis.range_window(preceding=0, following=0, **which)).cast("int64")

    careful = currency.mutate(
        mrr_before=after(own) - now(own),
        mrr_after=after(own),
        paying_before=after(all_of) - now(all_of) > 0,
        paying_after=after(all_of) > 0,
        stays=currency.stays.max().over(ibis.range_window(preceding=0, following=0, **all_of)),
        first_paid_at=currency.moved_at.min().over(whole),
        is_mixed=currency.currency_key.min().over(whole) != currency.currency_key.max().over(whole),
        before_at=currency.moved_at.lag().over(in_order),
        after_at=currency.moved_at.lead().over(in_order),
    )
    return careful.mutate(**_neighbours(careful)).drop("before_at", "after_at")


def _merge(changed: ir.Table, policy: Policy) -> ir.Table:
    """Changes within the hour as one, at the first one's instant: each belongs to the one before it."""
    instants = changed.select("account_key", "moved_at").distinct()
    in_order = ibis.window(group_by="account_key", order_by="moved_at")
    before = instants.mutate(before=instants.moved_at.lag().over(in_order))
    follows = ibis.coalesce(_follows(before.moved_at, before.before, policy), False)
    begins = before.mutate(begins=ibis.ifelse(follows, ibis.null("int64"), before.moved_at))
    so_far = ibis.cumulative_window(group_by="account_key", order_by="moved_at")
    chained = begins.select("account_key", "moved_at", chain_at=begins.begins.max().over(so_far))
    both = left(changed, chained, ["account_key", "moved_at"])
    # The first plan that ended and the last that began: the plans' keys are ordered by their instants.
    since = (both.moved_at - both.chain_at) * _PLACES
    dated = both.mutate(plan_before=both.plan_before + since, plan_after=both.plan_after + since)
    per = dated.group_by("account_key", "lane", moved_at=dated.chain_at).agg(
        **{name: dated[name].sum().cast("int64") for name in SUMS},
        stays=dated.stays.max(),
        plan_before=(dated.plan_before.min() % _PLACES).cast("int32"),
        plan_after=(dated.plan_after.max() % _PLACES).cast("int32"),
        is_usage=dated.is_usage.any(),
        is_add_on=dated.is_add_on.any(),
    )
    return per.filter(is_change(per))


def _held(moved: ir.Table) -> ir.Table:
    """Where something began of a product whose plans were paid already: it is more of the same, no other product."""
    begins = moved.filter((moved["items"] > 0) & (moved.units > 0) & moved.paying_before)
    begun = begins.select("account_key", "moved_at", "lane", part=begins.lane % PARTS)
    earlier = moved.select("account_key", "units", part=moved.lane % PARTS, earlier_at=moved.moved_at)
    pairs = begun.inner_join(earlier, ["account_key", "part"])
    pairs = pairs.filter(pairs.earlier_at < pairs.moved_at)
    paid = pairs.group_by("account_key", "lane", "moved_at").agg(paid=pairs.units.sum().cast("int64"))
    return paid.filter(paid.paid > 0).select("account_key", "lane", "moved_at", product_before=ibis.literal(True))


def _coded(moved: ir.Table, held: ir.Table, policy: Policy) -> ir.Table:
    """Category and cause as places in ``CATEGORIES`` and ``CAUSES``: numbers, so that millions of rows stay narrow."""
    named = left(moved, held, ["account_key", "lane", "moved_at"])
    named = named.mutate(product_before=ibis.coalesce(named.product_before, False))
    return named.select(
        *("account_key", "lane", "moved_at", "units", "plan_before", "plan_after", "committed_minor"),
        *("mrr_before", "mrr_after", "paying_before", "paying_after", "first_paid_at", "is_mixed"),
        *("previous_at", "next_at"),
        quantity_change=named.quantity,
        category_code=_category(named, named.units, policy),
        net_code=_category(named, named.mrr_after - named.mrr_before, policy),
        cause_code=_cause(named),
    )


def _told(coded: ir.Table, lane: ir.Table, plans: ir.Table) -> ir.Table:
    """The words for the numbers: lanes, plans, categories and causes."""
    named = inner(coded, lane, "lane")
    named = left(named, plans.select(plan_before="plan_key", id_before="plan_id"), "plan_before")
    named = left(named, plans.select(plan_after="plan_key", id_after="plan_id"), "plan_after")
    told = named.mutate(
        category=_word(named.category_code, CATEGORIES),
        net_category=_word(named.net_code, CATEGORIES),
        cause=_word(named.cause_code, CAUSES),
        plan_before=named.id_before,
        plan_after=named.id_after,
        currency_key=((named.lane - named.lane % PARTS) / PARTS).cast("int32"),
    )
    return told.select(*COLUMNS)


def _word(code: ir.IntegerValue, words: Sequence[str]) -> ir.StringValue:
    return ibis.cases(*((code == place, word) for place, word in enumerate(words)), else_=ibis.null("string"))


def _category(moved: ir.Table, units: ir.IntegerValue, policy: Policy) -> ir.IntegerValue:
    """From what the account pays in all: an extra subscription is expansion, cancelling one of several contraction."""
    kept = [code for code, word in ((FREE, policy.free), (PAUSED, policy.paused)) if word == "contraction"]
    stays = moved.stays.isin(kept) if kept else ibis.literal(False)
    again = "reactivation" if policy.reactivation == "own" else "new"
    return ibis.cases(
        (~moved.paying_before & (moved.moved_at == moved.first_paid_at), CATEGORIES.index("new")),
        (~moved.paying_before, CATEGORIES.index(again)),
        (~moved.paying_after & stays, CATEGORIES.index("contraction")),
        (~moved.paying_after, CATEGORIES.index("churn")),
        (units > 0, CATEGORIES.index("expansion")),
        else_=CATEGORIES.index("contraction"),
    ).cast("int32")


def _cause(moved: ir.Table) -> ir.IntegerValue:
    """What changed, the first that is true: a pause; a discount; another plan, term, quantity, price; more or fewer.

    An account that begins to pay, or pays again, has a cause only where it came up from a free plan or out of a pause.
    """
    replaced = moved["items"] == 0
    same = replaced & (moved.position == 0) & (moved.term_days == 0) & (moved.quantity == 0)
    is_usage = moved.is_usage
    begins = ~moved.paying_before
    told = (
        (begins & replaced & (moved.position > 0) & ~moved.is_add_on, "upsell"),
        (begins & (moved.paused != 0) & (moved.moved_at != moved.first_paid_at), "pause"),
        (begins, None),
        (moved.paused != 0, "pause"),
        (same & (moved.list_units == 0) & (moved.units < 0), "discount_start"),
        (same & (moved.list_units == 0) & (moved.units > 0), "discount_end"),
        (same, "price_change"),
        (moved.is_add_on, "add_on"),
        (replaced & (moved.position > 0), "upsell"),
        (replaced & (moved.position < 0), "downsell"),
        (replaced & (moved.term_days != 0), "commit"),
        (replaced & is_usage, "usage_commit"),
        (replaced, "seats"),
        ((moved["items"] < 0) & (moved.units > 0), "upsell"),
        (moved["items"] < 0, "cancel"),
        (moved.units < 0, "downsell"),
        (moved.product_before & is_usage, "usage_commit"),
        (moved.product_before, "seats"),
    )
    codes = [
        (when, ibis.null("int32") if word is None else ibis.literal(CAUSES.index(word), "int32")) for when, word in told
    ]
    return ibis.cases(*codes, else_=ibis.literal(CAUSES.index("cross_sell"), "int32"))


def net_view(moved: ir.Table) -> ir.Table:
    """The movements of one account, currency and instant as one: +100 and -40 is +60. What nets to nothing is left out.

    Args:
        moved: The event view.

    Returns:
        One row per (account_key, currency, moved_at), the same columns; product, plans and cause are those of the part
        that weighs most in the net's direction.
    """
    keys = ["account_key", "currency", "moved_at"]
    per = ibis.window(group_by=keys)
    net = moved.units.sum().over(per).cast("int64")
    toward = ibis.ifelse(moved.mrr_after >= moved.mrr_before, moved.units, -moved.units)
    first = ibis.window(group_by=keys, order_by=[toward.desc(), moved.product_id, moved.is_add_on])
    placed = moved.mutate(
        place=ibis.row_number().over(first),
        net=net,
        quantity=moved.quantity_change.sum().over(per).cast("int64"),
        committed=moved.committed_minor.sum().over(per).cast("int64"),
    )
    whole = placed.filter((placed.place == 0) & (placed.net != 0))
    netted = whole.mutate(
        units=whole.net,
        category=whole.net_category,
        quantity_change=whole.quantity,
        committed_minor=whole.committed,
    )
    return netted.select(*COLUMNS)
