"""Quotes that a person asks for: priced, held against use and debts, locked in state, and applied exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep import faults
from upstep.billing import quote as quotes
from upstep.billing.apply import apply_quote
from upstep.billing.change import Item
from upstep.clock import iso
from upstep.engine.deciding.explain import find_account
from upstep.engine.quoting import accepting
from upstep.engine.quoting.overage import overage
from upstep.engine.quoting.quoted import Hold, Priced, PricedItem, described
from upstep.engine.quoting.standing import MAX_FACT_AGE
from upstep.engine.quoting.use import AccountUse, read_use
from upstep.engine.quoting.wish import Wanted, Wish, catalog_faults, wanted
from upstep.errors import Fault, InputError, QuoteError
from upstep.money import format_minor
from upstep.offers import lifecycle
from upstep.state import tables
from upstep.state.audit import note
from upstep.state.session import hold, reading, writing

if TYPE_CHECKING:
    from upstep.billing.provider import Answer, Provider
    from upstep.billing.quote import Quote, QuoteLine
    from upstep.catalog.model import Catalog
    from upstep.engine.project import Project
    from upstep.offers.model import Offer


CLOCKS_DIFFER = timedelta(minutes=5)
"""Two clocks that differ by no more are both believed; as much as Stripe allows between a webhook and its reader."""


@dataclass(frozen=True)
class Known:
    """What an id that somebody gave to ``apply`` stands for: a quote, the offer that it was made for, or both."""

    account_id: str
    quote: Quote | None
    offer: Offer | None


@dataclass(frozen=True)
class Settled:
    """What became of a quote or an offer.

    ``answer`` None: there was nothing to apply. ``applied_before_at``: it had been applied, or scheduled, before this
    was asked.
    """

    quote: Quote | None
    offer: Offer | None
    answer: Answer | None
    applied_before_at: datetime | None = None


def ask(project: Project, name: str, wish: Wish, *, provider_for: Callable[[str], Provider], now: datetime) -> Priced:
    """The price of a wish for an account, by its id or a part of its name. Nothing is locked yet.

    Args:
        provider_for: The billing provider, ready to be asked about that account.

    Raises:
        InputError: The account is not known, or the wish cannot be quoted; everything that was found.
        OutsideError: The provider could not be asked.
    """
    found = catalog_faults(project.catalog, wish)
    try:
        account_id = find_account(project, name)
    except InputError as error:
        raise QuoteError([*error.faults, *found]) from error
    use = read_use(project, account_id, now=now)
    return price(project.catalog, provider_for(account_id), wish, use, now=now)


def price(catalog: Catalog, provider: Provider, wish: Wish, use: AccountUse, *, now: datetime) -> Priced:
    """The price of a wish, given what the account uses. Asks the provider and nobody else.

    Raises:
        QuoteError: It cannot be quoted; everything that was found.
        OutsideError: The provider could not be asked.
    """
    live = provider.subscriptions(use.account_id)
    asked = wanted(catalog, wish, live=live, use=use, at=now)
    quote = _previewed(provider, asked, now)
    before, after = asked.before, asked.after
    return Priced(
        quote=quote,
        use=use,
        items=_items(catalog, quote, live, now),
        overage=overage(catalog, use, product_id=asked.product_id, before=before, after=after, item=asked.item),
        holds=holds(quote, use),
        notes=_notes(asked, quote, use, now),
    )


def _previewed(provider: Provider, asked: Wanted, now: datetime) -> Quote:
    """The provider's preview; what it refuses is told together with what the account owes."""
    try:
        quote = provider.preview(asked.change, now)
    except QuoteError as error:
        raise QuoteError([*asked.debts, *error.faults]) from error
    if asked.debts:
        raise QuoteError(asked.debts)
    return quote


def holds(quote: Quote, use: AccountUse) -> tuple[Hold, ...]:
    """Why nothing is applied by a click: an invoice is open, so a credit could be for time that nobody has paid."""
    found = []
    if use.troubled_invoices:
        why = f"invoice {use.troubled_invoice_id} is late or failed as of {iso(use.as_of)}"
        found.append(Hold("payment_trouble", why, "when it is paid"))
    elif use.open_invoices or quote.open_minor:
        owed = f"{format_minor(quote.open_minor, quote.currency)} is open" if quote.open_minor else "an invoice is open"
        found.append(Hold("open_invoice", owed, "when it is paid"))
    return tuple(found)


def _items(catalog: Catalog, quote: Quote, live: Sequence[Item], now: datetime) -> tuple[PricedItem, ...]:
    held = {item.item_id: item for item in live}
    priced = []
    for index, item in enumerate(quote.items):
        before = held.get(item.item_id or "")
        wish = quote.change.items[index] if index < len(quote.change.items) else None
        after = wish if wish is not None and not wish.removes else None
        sold = after or before
        product = catalog.products.get(sold.product_id) if sold else None
        add_on_id = sold.add_on_id if sold else None
        names = {add_on.id: add_on.name for add_on in catalog.add_ons()}
        record = f"subscription_item?item_id={before.item_id}&as_of={iso(now)}" if before else None
        priced.append(
            PricedItem(
                item=item,
                product_id=sold.product_id if sold else None,
                plan_ids=(before.plan_id if before else None, after.plan_id if after else None),
                add_on_id=add_on_id,
                name=names.get(add_on_id or "", product.name if product else item.name),
                plan_before=_plan_name(catalog, before.plan_id) if before else None,
                plan_after=_plan_name(catalog, after.plan_id) if after else None,
                record_before=record,
                record_after=f"catalog.yaml?price_id={after.price_id}&hash={catalog.hash[:12]}" if after else None,
            )
        )
    return tuple(priced)


def _plan_name(catalog: Catalog, plan_id: str | None) -> str | None:
    plan = catalog.plan(plan_id) if plan_id else None
    return plan.name if plan else plan_id


def _notes(asked: Wanted, quote: Quote, use: AccountUse, now: datetime) -> tuple[str, ...]:
    found = list(asked.notes)
    if asked.item is not None and asked.item.cancel_at is not None:
        found.append(f"the subscription ends at {iso(asked.item.cancel_at)}; a change does not take that back.")
    if quote.credit_used_minor:
        used = format_minor(quote.credit_used_minor, quote.currency)
        found.append(f"{used} of an earlier credit pays for it.")
    if now - use.as_of > MAX_FACT_AGE:
        found.append(f"use is as of {iso(use.as_of)}, {(now - use.as_of).days} days ago: run 'upstep load'.")
    return tuple(found)


# Locked and applied


def save(engine: sa.Engine, priced: Priced, *, by: str, now: datetime) -> bool:
    """Lock the quote, with what was shown of it in the audit. The same quote again changes nothing.

    Returns:
        Whether it is new.
    """
    quote_id = priced.quote.quote_id
    with writing(engine) as connection:
        hold(connection, quote_id)
        known = sa.select(tables.quote.c.quote_id).where(tables.quote.c.quote_id == quote_id)
        if connection.execute(known).first():
            return False
        quotes.lock(connection, priced.quote, now=now)
        note(connection, "quote", subject=quote_id, who=by, at=now, details=described(priced))
    faults.point("quote.locked")
    return True


def find(engine: sa.Engine, named: str) -> Known:
    """The quote or offer of that id. A quote that was made for an offer is applied by way of the offer.

    Raises:
        QuoteError: There is none.
    """
    quote, offer = tables.quote, tables.offer
    either = (offer.c.offer_id == named) | (offer.c.quote_id == named)
    with reading(engine) as connection:
        offer_id = connection.execute(sa.select(offer.c.offer_id).where(either).order_by(offer.c.opened_at)).scalar()
        if offer_id is None and connection.execute(sa.select(quote).where(quote.c.quote_id == named)).first() is None:
            ids = [*connection.execute(sa.select(quote.c.quote_id)).scalars()]
            ids += connection.execute(sa.select(offer.c.offer_id)).scalars()
            near = get_close_matches(named, ids, n=1, cutoff=0.6)
            hint = f"Did you mean {near[0]}?" if near else "'upstep quote' makes one, 'upstep offers' others."
            raise QuoteError(Fault(f"quote {named}", "is not known here.", hint))
        if offer_id is None:
            asked = quotes.read(connection, named)
            return Known(asked.account_id, asked, None)
    made = lifecycle.read_offer(engine, offer_id)
    with reading(engine) as connection:
        locked = quotes.read(connection, made.quote_id) if made.quote_id else None
    return Known(made.account_id, locked, made)


def settle(
    project: Project,
    engine: sa.Engine,
    provider: Provider,
    known: Known,
    *,
    by: str,
    now: datetime,
    quote_id: str | None = None,
) -> Settled:
    """Apply a quote, or accept the offer that it was made for, exactly once. ``quote_id``: only at that price.

    Raises:
        QuoteError: As ``apply`` and ``accepting.take_offer`` say.
        OutsideError: The provider gave no answer. It may have happened: ask again.
    """
    if known.offer is None:
        assert known.quote is not None, "one of both is known"
        return apply(project, engine, provider, known.quote.quote_id, by=by, now=now)
    before = applied_at(engine, known.quote.quote_id) if known.quote else None
    offer_id = known.offer.offer_id
    taken = accepting.take_offer(project, engine, offer_id, provider=provider, by=by, now=now, quote_id=quote_id)
    return Settled(known.quote, taken.offer, taken.answer, before)


def as_it_stands(engine: sa.Engine, settled: Settled) -> Settled:
    """The same with the offer as it is by now: the provider's event may have converted it."""
    if settled.offer is None:
        return settled
    return replace(settled, offer=lifecycle.read_offer(engine, settled.offer.offer_id))


def apply(
    project: Project,
    engine: sa.Engine,
    provider: Provider,
    quote_id: str,
    *,
    by: str,
    now: datetime,
    max_fact_age: timedelta = MAX_FACT_AGE,
) -> Settled:
    """Apply a saved quote exactly once, at the amounts that were shown.

    Holds are asked and a fresh preview is held against the quote, unless it was begun before: then that is finished.

    Raises:
        QuoteError: It is not known, has expired, differs from a fresh preview (each difference is a fault), or
            something holds; nothing was changed.
        OutsideError: The provider gave no answer. It may have happened: apply again.
    """
    with reading(engine) as connection:
        quote = quotes.read(connection, quote_id)
    now = _by_one_clock(quote, now)
    before = applied_at(engine, quote_id)
    if before is None and not _is_begun(engine, quote_id) and now < quote.expires_at:
        fresh = _fresh(provider, quote)
        _refuse_held(project, fresh, now=now, max_fact_age=max_fact_age)
    answer = apply_quote(engine, provider, quote_id=quote_id, by=by, now=now)
    return Settled(quote, None, answer, before)


def _by_one_clock(quote: Quote, now: datetime) -> datetime:
    """Now, but not before the quote was made: two machines' clocks differ by a little.

    Raises:
        QuoteError: They differ by more; one of them is wrong, and what is charged depends on it.
    """
    if quote.at - now <= CLOCKS_DIFFER:
        return max(now, quote.at)
    found = f"was made at {iso(quote.at)}, and it is {iso(now)} by this clock: one of the two is wrong."
    raise QuoteError(Fault(f"quote {quote.quote_id}", found, "Nothing was changed. Set the clock, then apply again."))


def applied_at(engine: sa.Engine, quote_id: str) -> datetime | None:
    """When the quote was applied or scheduled; None when it was not."""
    intent, outcome = tables.billing_intent, tables.billing_outcome
    found = (
        sa.select(outcome.c.recorded_at)
        .join(intent, intent.c.intent_id == outcome.c.intent_id)
        .where(intent.c.quote_id == quote_id, outcome.c.result == "applied")
    )
    with reading(engine) as connection:
        at: datetime | None = connection.execute(found).scalar()
    return at


def _is_begun(engine: sa.Engine, quote_id: str) -> bool:
    """Whether the provider may have been asked: then the answer is asked for, whatever holds by now."""
    intent, attempt = tables.billing_intent, tables.billing_attempt
    asked = (
        sa.select(attempt.c.result)
        .join(intent, intent.c.intent_id == attempt.c.intent_id)
        .where(intent.c.quote_id == quote_id)
        .order_by(attempt.c.number.desc())
    )
    with reading(engine) as connection:
        last = connection.execute(asked).first()
    return last is not None and last.result != "declined"


def _refuse_held(project: Project, fresh: Quote, *, now: datetime, max_fact_age: timedelta) -> None:
    use = read_use(project, fresh.account_id, now=now, with_limits=False)
    place = f"quote {fresh.quote_id}"
    found = [Fault(place, f"{hold.gate} holds: {hold.why}.", f"It lifts {hold.lifts}.") for hold in holds(fresh, use)]
    if now - use.as_of > max_fact_age:
        told = f"the facts end at {iso(use.as_of)}, more than {max_fact_age.days} days ago."
        found.append(Fault(place, told, "Run 'upstep load' first: an invoice may have failed since."))
    if found:
        raise QuoteError([*found, Fault(place, "nothing was changed.")])


def _fresh(provider: Provider, quote: Quote) -> Quote:
    """A fresh preview of the frozen instant that says what was shown.

    Raises:
        QuoteError: It says something else, line by line; or it can no longer be quoted.
    """
    place = f"quote {quote.quote_id}"
    again = Fault(place, "nothing was changed.", f"Ask anew: upstep quote {quote.account_id} …")
    try:
        fresh = provider.preview(quote.change, quote.at)
    except QuoteError as error:
        since = Fault(place, f"subscription {quote.subscription_id} has changed since {iso(quote.at)}:")
        raise QuoteError([since, *error.faults, again]) from error
    found = [Fault(place, told) for told in difference(quote, fresh)]
    if found:
        since = Fault(place, f"the billing provider says otherwise than on {iso(quote.at)}:")
        raise QuoteError([since, *found, again])
    return fresh


def difference(shown: Quote, fresh: Quote) -> list[str]:
    """What a fresh preview says otherwise than what was shown, line by line, as people write money."""
    told = []
    for index in range(max(len(shown.lines), len(fresh.lines))):
        old = shown.lines[index] if index < len(shown.lines) else None
        new = fresh.lines[index] if index < len(fresh.lines) else None
        if quotes.charged(old) != quotes.charged(new):
            told.append(f"line {index + 1}: shown {_line(old, shown.currency)}, now {_line(new, fresh.currency)}.")
    for label, name in _SUMS:
        old_minor, new_minor = getattr(shown, name), getattr(fresh, name)
        if (old_minor, shown.currency) != (new_minor, fresh.currency):
            old_told, new_told = format_minor(old_minor, shown.currency), format_minor(new_minor, fresh.currency)
            told.append(f"{label}: shown {old_told}, now {new_told}.")
    if shown.next_invoice_at != fresh.next_invoice_at:
        told.append(f"next invoice: shown on {iso(shown.next_invoice_at)}, now on {iso(fresh.next_invoice_at)}.")
    return told


_SUMS = (
    ("due now", "due_now_minor"),
    ("credit used", "credit_used_minor"),
    ("next invoice", "next_invoice_minor"),
)


def _line(line: QuoteLine | None, currency: str) -> str:
    return "no such line" if line is None else f"'{line.description}' {format_minor(line.amount_minor, currency)}"
