"""Who a step is for: those who may buy, those who use, or the owner. At most five people; executives never."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis

from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir

PEOPLE_MAX = 5


def with_recipients(decided: ir.Table, tables: Mapping[str, ir.Table], *, default_owner: str | None) -> ir.Table:
    """Decisions with ``recipients``: contact ids between line feeds, or ``owner:ID`` for the owner's task.

    A price goes to those who may buy, else to budget owners and admins. Adopt goes to users and admins, right_size to
    the owner. A step that nobody fits stays eligible with no recipients (NULL).
    """
    accounts = decided.select("account_key").distinct()
    here = _here(tables["contact"], tables["today"]).semi_join(accounts, "account_key")
    with_buyers = left(decided, _buyers(here), "account_key")
    both = left(with_buyers, _users(here), "account_key")
    owner_id = ibis.coalesce(both.owner_id, ibis.literal(default_owner, "string"))
    owner = ibis.literal("owner:") + owner_id
    to_owner = (both.path == "assisted") | (both.motion == "right_size")
    recipients = ibis.cases((both.motion == "adopt", both.users), (to_owner, owner), else_=both.buyers)
    return both.mutate(recipients=recipients).drop("buyers", "users")


def _here(contacts: ir.Table, today: ir.Table) -> ir.Table:
    at = contacts.cross_join(today.select("as_of"))
    return at.filter(at.left_at.isnull() | (at.left_at > at.as_of))


def _buyers(here: ir.Table) -> ir.Table:
    """Those who may buy, else budget owners and admins: one row per account_key, buyers."""
    kind = ibis.cases(
        (ibis.coalesce(here.may_buy, False) & (ibis.coalesce(here.role, "") != "executive"), 0),
        (here.role.isin(("budget_owner", "admin")), 1),
        else_=2,
    )
    marked = here.mutate(kind=kind)
    marked = marked.filter(marked.kind < 2)
    best = marked.mutate(best=marked.kind.min().over(ibis.window(group_by="account_key")))
    return _listed(best.filter(best.kind == best.best), "buyers")


def _users(here: ir.Table) -> ir.Table:
    """Users and admins: one row per account_key, users."""
    return _listed(here.filter(here.role.isnull() | here.role.isin(("user", "admin", "champion"))), "users")


def _listed(people: ir.Table, name: str) -> ir.Table:
    place = ibis.row_number().over(ibis.window(group_by="account_key", order_by="contact_id"))
    return _in_words(people.mutate(place=place), ["account_key"], name)


def _in_words(placed: ir.Table, keys: list[str], name: str) -> ir.Table:
    """The contact ids of the first places between line feeds: one row per ``keys``, and ``name``.

    Each place is a column of its own first: not every engine orders what it joins into one text.
    """
    ids = {
        f"id_{index}": ibis.ifelse(placed.place == index, placed.contact_id, ibis.null("string")).max()
        for index in range(PEOPLE_MAX)
    }
    wide = placed.filter(placed.place < PEOPLE_MAX).group_by(keys).agg(**ids)
    words = wide.id_0
    for index in range(1, PEOPLE_MAX):
        words = words + ibis.coalesce(ibis.literal("\n") + wide[f"id_{index}"], "")
    return wide.select(*keys, **{name: words})


def meter_people(fired: ir.Table, tables: Mapping[str, ir.Table]) -> ir.Table:
    """Who used a meter in the last 28 days, for notices: one row per (account_key, meter_id), people.

    Args:
        fired: Rows with account_key and meter_id, as ``fired_limit``.
    """
    wanted = fired.select("account_key", "meter_id").distinct()
    keyed = inner(wanted, tables["catalog_meter"].select("meter_id", "meter_key"), "meter_id")
    today = tables["today"].select("this_month", "mask_this_month", "mask_last_month")
    seen = inner(tables["usage_contact"], keyed, ["account_key", "meter_key"]).cross_join(today)
    this = (seen.month == seen.this_month) & ((seen.day_mask & seen.mask_this_month) != 0)
    last = (seen.month == seen.this_month - 1) & ((seen.day_mask & seen.mask_last_month) != 0)
    people = inner(seen.filter(this | last), tables["contact_key"], "contact_key")
    place = ibis.row_number().over(ibis.window(group_by=["account_key", "meter_id"], order_by="contact_id"))
    people = people.select("account_key", "meter_id", "contact_id").distinct()
    return _in_words(people.mutate(place=place), ["account_key", "meter_id"], "people")
