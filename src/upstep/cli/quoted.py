"""A quote and what became of it, on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from upstep.cli.terminal import grid, heading, indented, next_command, show
from upstep.engine.offering.shapes import is_later, result_of

if TYPE_CHECKING:
    from upstep.billing.quote import Quote
    from upstep.engine.project import Project
    from upstep.engine.quoting.overage import OveragePeriod
    from upstep.engine.quoting.quoted import Priced
    from upstep.engine.quoting.quotes import Settled


def show_quote(priced: Priced, project: Project, *, is_locked: bool) -> None:
    """Both prices side by side, what is due now, what a year costs, and the overage behind it."""
    quote = priced.quote
    show(heading(f"QUOTE {quote.quote_id}", f"{priced.use.name}, priced by {quote.provider}"), "")
    show(grid(_sides(priced), header=("item", "today", "new")), "")
    show(heading("NOW", _when(quote)))
    show(grid(_now(quote), right=(1,)), "")
    show(heading("A YEAR", "what recurs, and the overage that it replaces"))
    show(grid(_year(priced), right=(1,)))
    periods = [each for each in priced.overage.periods if each.before_minor or each.after_minor]
    if periods:
        show("", heading("OVERAGE", "the last complete periods: what they cost, and the same use at the new terms"))
        rows = [_period(each, project, quote.currency) for each in priced.overage.periods]
        show(grid(rows, header=("period", "", "used", "limits", "today", "new"), right=(2, 4, 5)))
    show("", heading("FROM", "the records behind these prices"))
    show(grid(_records(priced)))
    notes = [f"{hold.why}: it cannot be applied before; the hold lifts {hold.lifts}." for hold in priced.holds]
    for note in (*notes, *priced.notes):
        show("", indented(note, 2))
    if not is_locked:
        show("", "Nothing was locked (--dry-run).")
        return
    show("", f"Locked until {quote.expires_at:%Y-%m-%d %H:%M} UTC.")
    does = "schedules the change" if is_later(quote) else f"charges {_money(quote.due_now_minor, quote)}, once"
    next_command("apply", quote.quote_id, project=project.folder, why=does)


def _money(amount_minor: int, quote: Quote) -> str:
    from upstep.money import format_minor

    return format_minor(amount_minor, quote.currency)


def _signed(amount_minor: int, quote: Quote) -> str:
    return ("+" if amount_minor > 0 else "") + _money(amount_minor, quote)


def _sides(priced: Priced) -> list[tuple[str, str, str]]:
    rows = []
    for each in priced.items:
        item, quote = each.item, priced.quote
        before = _side(each.plan_before, item.quantity_before, item.amount_before_minor, item.every_before, quote)
        after = _side(each.plan_after, item.quantity_after, item.amount_after_minor, item.every_after, quote)
        rows.append((each.name, before, after))
    return rows


def _side(
    plan: str | None, quantity: int | None, amount_minor: int | None, every: tuple[str, int] | None, quote: Quote
) -> str:
    if amount_minor is None or every is None:
        return "-"
    count = f"{quantity:,} x " if quantity and quantity > 1 else ""
    interval, number = every
    told = f"a {interval}" if number == 1 else f"every {number} {interval}s"
    return f"{count}{plan + ', ' if plan else ''}{_money(amount_minor, quote)} {told}"


def _when(quote: Quote) -> str:
    if is_later(quote) and quote.effective_at:
        return f"nothing changes before {quote.effective_at:%Y-%m-%d}, when the paid period ends"
    return f"what the change credits and charges as of {quote.at:%Y-%m-%d %H:%M:%S} UTC"


def _now(quote: Quote) -> list[tuple[str, str]]:
    rows = [(each.description, _signed(each.amount_minor, quote)) for each in quote.lines]
    if quote.credit_used_minor:
        rows.append(("Earlier credit", _money(-quote.credit_used_minor, quote)))
    later = f"Next invoice, {quote.next_invoice_at:%Y-%m-%d}"
    return [*rows, ("Due now", _money(quote.due_now_minor, quote)), (later, _money(quote.next_invoice_minor, quote))]


def _year(priced: Priced) -> list[tuple[str, str]]:
    quote = priced.quote
    rows = [("Recurring", _signed(quote.yearly_difference_minor, quote))]
    replaced = priced.overage.replaced_minor
    if replaced:
        word = "Overage replaced" if replaced > 0 else "Overage brought"
        rows.append((f"{word}, {_money(abs(replaced), quote)} a month", _signed(_overage_of_year(priced), quote)))
    saving = priced.yearly_saving_minor
    rows.append(("The customer saves" if saving > 0 else "The customer pays more", _money(abs(saving), quote)))
    return rows


def _overage_of_year(priced: Priced) -> int:
    """What the two other rows leave, so that the printed column adds up."""
    return -priced.yearly_saving_minor - priced.quote.yearly_difference_minor


def _records(priced: Priced) -> list[tuple[str, str]]:
    """Where today's and the new prices were read, and the use that overage is of."""
    rows = []
    for each in priced.items:
        after = each.record_after and each.record_after.partition("&")[0]
        rows.append((each.name, " -> ".join(record or "-" for record in (each.record_before, after))))
    for meter in sorted({each.meter_id for each in priced.overage.periods}):
        mine = [each for each in priced.overage.periods if each.meter_id == meter]
        rows.append((f"use of {meter}", _usage_record(priced, mine)))
    return rows


def _usage_record(priced: Priced, periods: Sequence[OveragePeriod]) -> str:
    """One record for periods that follow one another."""
    since, until = min(each.starts_at for each in periods), max(each.ends_at for each in periods)
    return priced.use.record(periods[0].meter_id, since, until)


def _period(each: OveragePeriod, project: Project, currency: str) -> tuple[str, ...]:
    from upstep.money import format_minor

    meter = project.catalog.meters.get(each.meter_id)
    limits = [f"{limit:,}" if limit is not None else "none" for limit in (each.limit_before, each.limit_after)]
    return (
        f"{each.starts_at:%Y-%m-%d} to {each.ends_at:%Y-%m-%d}",
        meter.name if meter else each.meter_id,
        f"{each.used:,}",
        " -> ".join(limits),
        format_minor(each.before_minor, currency),
        format_minor(each.after_minor, currency),
    )


# What became of it


def show_settled(settled: Settled, movements: Sequence[Mapping[str, Any]], project: Project) -> None:
    """What the provider did or why it did not, and the account's MRR after a change."""
    from upstep.money import format_minor

    for line in _answered(settled, project):
        show(line)
    if movements and result_of(settled) in {"applied", "applied_before"}:
        last = movements[-1]
        before, after = (format_minor(last[f"mrr_{word}_minor"], last["currency"]) for word in ("before", "after"))
        show(f"MRR of the account: {before} -> {after} ({last['category']}, {last['cause']}).")


def _answered(settled: Settled, project: Project) -> Iterable[str]:
    from upstep.billing.provider import Declined, NeedsConfirmation

    answer, quote = settled.answer, settled.quote
    named = _named(settled, project)
    if answer is None or quote is None:
        status = settled.offer.status.value if settled.offer else "settled"
        yield f"{named} is {status}; there was nothing to charge."
    elif isinstance(answer, Declined):
        yield f"{named}: the payment of {_money(answer.amount_minor, quote)} was declined ({answer.reason})."
        yield f"{answer.why} It can be tried again until {quote.expires_at:%Y-%m-%d %H:%M} UTC."
    elif isinstance(answer, NeedsConfirmation):
        what = "names a card" if answer.reason == "no_payment_method" else "confirms the payment"
        due = _money(answer.amount_minor, quote)
        yield f"{named}: nothing is changed yet. {due} is charged when somebody {what} at"
        yield f"  {answer.url}"
        yield f"by {answer.expires_at:%Y-%m-%d %H:%M} UTC."
    elif settled.applied_before_at is not None:
        was = f"had been applied before, at {settled.applied_before_at:%Y-%m-%d %H:%M:%S} UTC"
        yield f"{named} {was}: {_money(answer.amount_minor, quote)} then ({answer.reference}), nothing now."
    elif is_later(quote):
        yield f"{named} is scheduled for {answer.effective_at:%Y-%m-%d %H:%M} UTC; nothing is charged before."
    else:
        yield f"{named} applied, {_money(answer.amount_minor, quote)} charged at once ({answer.reference})."


def _named(settled: Settled, project: Project) -> str:
    if settled.offer is not None:
        return f"{settled.offer.account_id}: {settled.offer.target}"
    assert settled.quote is not None, "one of both is known"
    catalog = project.catalog
    names = [each.name or _add_on_name(each.add_on_id, catalog) for each in settled.quote.change.items]
    return f"{settled.quote.account_id}: {', '.join(name for name in names if name) or 'the change'}"


def _add_on_name(add_on_id: str | None, catalog: Any) -> str:
    """An add-on's name; empty for what has none."""
    return next((add_on.name for add_on in catalog.add_ons() if add_on.id == add_on_id), "")
