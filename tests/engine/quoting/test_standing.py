"""Whether an offer may still go: every answer that a decision made afresh can give."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.billing.seeds import AT
from upstep.engine.quoting.standing import _ended, _reason, _rounds
from upstep.offers.model import OfferStatus

ROW: dict[str, Any] = {
    "path": "self_serve",
    "outcome": "eligible",
    "holds": [],
    "unknown": [],
    "has_open_invoice": False,
    "outranked_by": None,
    "outranked_target": None,
}
HOLD = {"gate": "payment_trouble", "why": "1 invoice failed", "lifts": "when it is paid"}
OUTRANKED = {"outcome": "outranked", "outranked_by": "d_2", "outranked_target": "product:marketing"}


def reason(*, to_accept: bool = False, winner: str = "eligible", **differing: object) -> str | None:
    return _reason(ROW | differing, {"d_2": {"outcome": winner}}, to_accept=to_accept)


@pytest.mark.parametrize("to_accept", [False, True])
def test_an_eligible_winner_without_holds_may_go(to_accept: bool) -> None:  # noqa: FBT001 - both ways in
    assert reason(to_accept=to_accept) is None


@pytest.mark.parametrize("to_accept", [False, True])
@pytest.mark.parametrize(
    ("differing", "told"),
    [
        ({"outcome": "held", "holds": [HOLD]}, "payment_trouble"),
        ({"outcome": "outranked", "unknown": [{"gate": "open_issue", "question": "?"}]}, "unknown: open_issue"),
        ({"outcome": "unfit"}, "unfit"),
        ({"outcome": "held_out"}, "held_out"),
        ({"path": "assisted"}, "a person's by now"),
    ],
)
def test_a_hold_an_unknown_another_path_and_a_holdout_stop_both(
    to_accept: bool,  # noqa: FBT001 - both ways in
    differing: dict[str, Any],
    told: str,
) -> None:
    assert told in (reason(to_accept=to_accept, **differing) or "")


def test_a_step_that_nothing_makes_fire_stops_both() -> None:
    assert "nothing makes it fire" in (_reason(None, {}, to_accept=True) or "")


def test_being_outranked_stops_a_message_but_not_a_yes() -> None:
    assert reason(**OUTRANKED) == "outranked by product:marketing"
    assert reason(to_accept=True, **OUTRANKED) is None
    assert reason(to_accept=True, winner="held_out", **OUTRANKED) == "outranked by product:marketing"


def test_an_open_invoice_stops_a_yes_but_no_message() -> None:
    assert "an invoice is open" in (reason(to_accept=True, has_open_invoice=True) or "")
    assert reason(has_open_invoice=True) is None


def offer(offer_id: str, account_id: str, status: OfferStatus = OfferStatus.OPEN) -> Any:
    return SimpleNamespace(offer_id=offer_id, account_id=account_id, status=status, expires_at=AT + timedelta(days=7))


def test_an_offer_that_was_accepted_or_has_expired_sends_nothing_more() -> None:
    assert _ended(offer("of_1", "acme"), AT) is None
    assert _ended(offer("of_1", "acme", OfferStatus.ACCEPTED), AT) == "the offer is accepted"
    assert "expired" in (_ended(offer("of_1", "acme"), AT + timedelta(days=7)) or "")


def test_two_offers_of_one_account_are_asked_about_one_after_the_other() -> None:
    groups = _rounds([offer("of_1", "acme"), offer("of_2", "acme"), offer("of_3", "bell")])
    assert [[one.offer_id for one in group] for group in groups] == [["of_1", "of_3"], ["of_2"]]
