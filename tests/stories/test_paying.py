"""Applying a quote when something goes wrong. Each story ends with the money, as the biller's own ledger has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stories.shop import AS_OF, INVOICE, NOON, PAID, Shop
from upstep.billing.provider import Applied, Declined, NeedsConfirmation
from upstep.billing.quote import Quote
from upstep.billing.sandbox.book import Card
from upstep.engine.quoting import reconciling
from upstep.errors import OutsideError, QuoteError

DUE = 2597
"""Pro to scale at noon of 20 March: -742 + 3339."""

SCALE = [("scale", 1, 9000)]
PRO = [("pro", 1, 2000)]
LATER = NOON + timedelta(hours=1)


def test_what_was_shown_is_charged_once_and_a_second_apply_says_so(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")

    first, again = shop.apply(priced), shop.apply(priced, at=LATER)

    assert isinstance(first.answer, Applied)
    assert first.answer.amount_minor == priced.quote.due_now_minor == DUE
    assert (first.applied_before_at, again.applied_before_at) == (None, NOON)
    assert again.answer == first.answer
    (invoice,) = shop.biller.invoices("acme")
    assert invoice.lines == priced.quote.lines
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)


@pytest.mark.slow
def test_a_declined_card_changes_nothing_and_may_be_tried_again(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.biller.set_card("acme", Card.DECLINING, at=NOON)
    assert isinstance(shop.apply(priced).answer, Declined)
    assert isinstance(shop.apply(priced).answer, Declined)
    shop.reconcile()
    assert (shop.charged("acme"), shop.open_invoices("acme"), shop.plans("acme")) == ([], [], PRO)

    shop.biller.set_card("acme", Card.GOOD, at=LATER)
    assert isinstance(shop.apply(priced, at=LATER).answer, Applied)
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)


@pytest.mark.slow
@pytest.mark.parametrize(("card", "reason"), [(Card.MISSING, "no_payment_method"), (Card.CONFIRMING, "authentication")])
def test_a_missing_card_and_a_payment_to_confirm_wait_for_their_owner(shop: Shop, card: Card, reason: str) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.biller.set_card("acme", card, at=NOON)

    waits = shop.apply(priced).answer
    assert isinstance(waits, NeedsConfirmation)
    assert (waits.reason, waits.amount_minor) == (reason, DUE)
    assert shop.apply(priced).answer == waits
    assert (shop.charged("acme"), shop.plans("acme")) == ([], PRO)

    shop.biller.confirm(waits.reference, at=LATER)
    assert isinstance(shop.apply(priced, at=LATER).answer, Applied)
    shop.reconcile(at=LATER)
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)


@pytest.mark.slow
def test_what_nobody_confirms_in_time_is_never_charged(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.biller.set_card("acme", Card.CONFIRMING, at=NOON)
    waits = shop.apply(priced).answer
    assert isinstance(waits, NeedsConfirmation)

    shop.reconcile(at=waits.expires_at)
    shop.biller.confirm(waits.reference, at=waits.expires_at)

    assert (shop.charged("acme"), shop.plans("acme")) == ([], PRO)


@pytest.mark.slow
def test_while_the_provider_is_down_nothing_happens_and_later_it_is_applied_once(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.line.down = True
    for _ in range(2):
        with pytest.raises(OutsideError):
            shop.apply(priced)
    assert (shop.charged("acme"), shop.plans("acme")) == ([], PRO)

    shop.line.down = False
    assert isinstance(shop.apply(priced, at=LATER).answer, Applied)
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)


@pytest.mark.slow
def test_a_timeout_after_the_charge_is_found_by_the_retry(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.line.loses_replies = True
    with pytest.raises(OutsideError):
        shop.apply(priced)
    assert shop.charged("acme") == [DUE]

    shop.line.calls.clear()
    found = shop.apply(priced, at=LATER)

    assert isinstance(found.answer, Applied)
    assert shop.line.calls == ["find"]
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)


@pytest.mark.slow
def test_a_lost_reply_is_found_although_the_quote_has_expired_and_an_invoice_is_late_by_then(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.line.loses_replies = True
    with pytest.raises(OutsideError):
        shop.apply(priced)
    late = {**INVOICE, "account_id": "acme", "invoice_id": "in_late", "status": "open", "due_at": "2026-02-01"}
    shop.load("invoice", [PAID, late])

    assert isinstance(shop.apply(priced, at=priced.quote.expires_at + timedelta(days=1)).answer, Applied)
    assert shop.charged("acme")[0] == DUE
    assert shop.plans("acme") == SCALE


@pytest.mark.slow
def test_the_event_that_comes_before_the_reply_settles_the_quote(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.line.loses_replies = True
    with pytest.raises(OutsideError):
        shop.apply(priced)

    told = shop.reconcile(at=LATER)  # the biller's event, before anybody asked again
    again = shop.apply(priced, at=LATER)

    assert told.items == 2
    assert again.applied_before_at == LATER
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)
    assert last_movement(shop, "acme") == ("expansion", "upsell", 7000)


@pytest.mark.slow
def test_the_same_events_twice_are_one_movement(shop: Shop) -> None:
    shop.apply(shop.ask("acme", plan_id="scale"))
    first = shop.reconcile(at=LATER)
    again = shop.reconcile(at=LATER + timedelta(minutes=1))

    assert (first.items, again.items) == (2, 2)
    movements = reconciling.account_movements(shop.project, "acme", as_of=LATER + timedelta(hours=1))
    assert [each["cause"] for each in movements].count("upsell") == 1
    assert shop.charged("acme") == [DUE]


def last_movement(shop: Shop, account: str) -> tuple[str, str, int]:
    last = reconciling.account_movements(shop.project, account, as_of=LATER + timedelta(hours=1))[-1]
    return last["category"], last["cause"], last["change_minor"]


def test_a_clock_that_is_a_little_slow_is_believed_and_one_that_is_far_off_charges_nothing(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    with pytest.raises(QuoteError, match="one of the two is wrong"):
        shop.apply(priced, at=NOON - timedelta(hours=1))
    with pytest.raises(QuoteError, match="expired at"):
        shop.apply(priced, at=NOON + timedelta(days=30))
    assert (shop.charged("acme"), shop.plans("acme")) == ([], PRO)

    shop.apply(priced, at=NOON - timedelta(minutes=2))
    assert (shop.charged("acme"), shop.plans("acme")) == ([DUE], SCALE)


def test_an_expired_quote_charges_nothing(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    assert priced.quote.expires_at == NOON + timedelta(days=7)
    with pytest.raises(QuoteError, match="expired at 2026-03-27 12:00:00 UTC"):
        shop.apply(priced, at=priced.quote.expires_at)
    assert (shop.charged("acme"), shop.plans("acme")) == ([], PRO)


@pytest.mark.slow
def test_a_subscription_that_has_changed_since_is_not_charged_a_second_time(shop: Shop) -> None:
    one, other = shop.ask("acme", plan_id="scale"), shop.ask("acme", add_ons={"own_ip": 1})
    shop.apply(other)
    with pytest.raises(QuoteError, match=r"next invoice: shown \$90.00, now \$120.00"):
        shop.apply(one)
    assert shop.charged("acme") == [other.quote.due_now_minor]
    assert shop.plans("acme") == [*PRO, ("own_ip", 1, 3000)]


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "when the period ends"])
def test_a_subscription_that_was_cancelled_meanwhile_is_not_charged(shop: Shop, *, at_once: bool) -> None:
    priced = shop.ask("acme", plan_id="scale")
    shop.biller.cancel("sub_acme_sending", at=LATER, ends_at=None if at_once else AS_OF + timedelta(days=12))
    with pytest.raises(QuoteError):
        shop.apply(priced, at=LATER)
    assert shop.charged("acme") == []
    assert shop.plans("acme") == ([] if at_once else PRO)


@pytest.mark.slow
def test_while_an_invoice_is_open_nothing_is_applied_by_a_click(shop: Shop) -> None:
    priced = shop.ask("wonka", plan_id="scale")
    unpaid = {**INVOICE, "account_id": "wonka", "invoice_id": "in_1", "issued_at": "2026-03-15", "status": "open"}
    shop.load("invoice", [PAID, {**unpaid, "due_at": "2026-04-15"}])
    with pytest.raises(QuoteError, match="open_invoice holds"):
        shop.apply(priced)
    assert [hold.gate for hold in shop.ask("wonka", plan_id="scale", at=LATER).holds] == ["open_invoice"]
    assert (shop.charged("wonka"), shop.open_invoices("wonka"), shop.plans("wonka")) == ([], [], PRO)

    shop.load("invoice", [PAID, {**unpaid, "status": "paid", "paid_at": "2026-03-20T12:30:00Z"}], at=LATER)
    assert isinstance(shop.apply(priced, at=LATER).answer, Applied)
    assert (shop.open_invoices("wonka"), shop.plans("wonka")) == ([DUE], SCALE)


@pytest.mark.slow
def test_a_second_change_waits_until_the_first_ones_invoice_is_paid(shop: Shop) -> None:
    shop.apply(shop.ask("wonka", plan_id="scale"))
    priced = shop.ask("wonka", add_ons={"own_ip": 1}, at=LATER)
    assert priced.quote.open_minor == DUE
    with pytest.raises(QuoteError, match=r"\$25.97 is open"):
        shop.apply(priced, at=LATER)
    assert shop.open_invoices("wonka") == [DUE]

    shop.biller.pay("wonka", shop.biller.invoices("wonka")[0].invoice_id, at=LATER)
    shop.apply(priced, at=LATER)
    assert shop.charged("wonka") == [DUE]
    assert shop.open_invoices("wonka") == [priced.quote.due_now_minor]


def test_facts_that_are_too_old_stop_the_click(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")
    with pytest.raises(QuoteError, match="more than 3 days ago"):
        shop.apply(priced, at=NOON + timedelta(days=4))
    assert shop.charged("acme") == []


@pytest.mark.slow
def test_a_fresh_preview_that_differs_applies_nothing_and_tells_each_line(shop: Shop) -> None:
    quote = shop.ask("acme", plan_id="scale").quote
    shop.line.previews[quote.quote_id] = dearer(quote)
    with pytest.raises(QuoteError) as refused:
        shop.apply(shop.ask("acme", plan_id="scale", at=NOON))
    told = [fault.found for fault in refused.value.faults]
    assert "line 2: shown 'scale, monthly: March 20 to 31, 2026 (remaining time)' $33.39, now " in told[1]
    assert told[2:] == ["due now: shown $25.97, now $26.97.", "nothing was changed."]
    assert (shop.charged("acme"), shop.plans("acme")) == ([], PRO)


def dearer(quote: Quote) -> Quote:
    """The same quote, a dollar more."""
    credit, debit = quote.lines
    lines = (credit, replace(debit, amount_minor=debit.amount_minor + 100))
    return replace(quote, lines=lines, due_now_minor=quote.due_now_minor + 100)
