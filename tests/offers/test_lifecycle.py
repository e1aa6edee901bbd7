"""The life of an offer: opened once with its message, moved by the table, each move with who, when and why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.provider import Answer
from upstep.billing.quote import Quote
from upstep.billing.sandbox import SandboxBiller
from upstep.delivery.channel import Message, Purpose
from upstep.errors import InputError, OutsideError, QuoteError
from upstep.offers import lifecycle
from upstep.offers.history import offer_history
from upstep.offers.lifecycle import Moved, accept, accept_and_apply, changes, convert_applied, decline, open_offer
from upstep.offers.model import LIVE, MOVES, NewOffer, OfferStatus
from upstep.state import tables
from upstep.state.session import open_state, reading

LATER = AT + timedelta(hours=1)
NEW = NewOffer(
    account_id="acme",
    step_id="st_1",
    run_id="run_1",
    play="limit_approaching",
    motion="upsell",
    path="self_serve",
    lane="self_serve",
    target="plan:scale",
    product_id="sending",
    expires_at=AT + timedelta(days=7),
    facts={"used": 46_000},
)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


@pytest.fixture
def biller(tmp_path: Path) -> SandboxBiller:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    return biller


def opened(engine: sa.Engine, new: NewOffer = NEW) -> Moved:
    message = Message(
        idempotency_key=lifecycle.message_key(new.offer_id, "email", "ann"),
        account_id=new.account_id,
        purpose=Purpose.SALES,
        channel="email",
        recipient="ann",
        subject="Hello",
        text="text",
        offer_id=new.offer_id,
    )
    return open_offer(engine, new, messages=[message], by="upstep", at=AT, why="limit_approaching fired")


def quoted(biller: SandboxBiller) -> NewOffer:
    return replace(NEW, quote=biller.preview(to_scale(), AT), expires_at=None)


def rows(engine: sa.Engine, *columns: sa.Column[str]) -> list[tuple[object, ...]]:
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns))]


def test_opening_keeps_the_offer_its_reason_its_quote_and_its_message(engine: sa.Engine, biller: SandboxBiller) -> None:
    new = quoted(biller)
    moved = opened(engine, new)
    assert moved.is_changed
    assert (moved.offer.status, moved.offer.offer_id, moved.offer.facts) == ("open", new.offer_id, {"used": 46_000})
    assert new.quote is not None
    assert (moved.offer.quote_id, moved.offer.expires_at) == (new.quote.quote_id, new.quote.expires_at)
    assert rows(engine, tables.message.c.offer_id, tables.message.c.status) == [(new.offer_id, "queued")]
    (change,) = changes(engine, new.offer_id)
    assert (change.from_status, change.to_status, change.who, change.why) == (
        None,
        "open",
        "upstep",
        "limit_approaching fired",
    )


def test_opening_twice_or_in_a_later_run_is_opening_once(engine: sa.Engine) -> None:
    first = opened(engine)
    for again in (NEW, replace(NEW, run_id="run_2")):
        moved = opened(engine, again)
        assert (moved.is_changed, moved.offer) == (False, first.offer)
    assert len(rows(engine, tables.message.c.message_id)) == 1


def test_opening_from_many_sides_at_once_is_opening_once(engine: sa.Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        moves = list(pool.map(lambda _: opened(engine), range(6)))
    assert sum(moved.is_changed for moved in moves) == 1
    assert len(rows(engine, tables.message.c.message_id)) == 1


def test_a_step_may_be_offered_again_in_a_later_run_when_the_offer_has_ended(engine: sa.Engine) -> None:
    first = opened(engine).offer
    decline(engine, first.offer_id, by="ann", at=LATER)
    assert not opened(engine).is_changed
    again = opened(engine, replace(NEW, run_id="run_2"))
    assert again.is_changed
    assert again.offer.offer_id != first.offer_id


def test_opening_that_fails_half_way_leaves_nothing(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise RuntimeError("power cut")

    monkeypatch.setattr("upstep.delivery.outbox.queue", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        opened(engine)
    assert rows(engine, tables.offer.c.offer_id) == []
    assert rows(engine, tables.offer_change.c.offer_id) == []


def test_a_yes_is_seen_accepted_and_written_down(engine: sa.Engine) -> None:
    offer_id = opened(engine).offer.offer_id
    lifecycle.click(engine, offer_id, by="ann", at=LATER)
    moved = accept(engine, offer_id, by="ann", at=LATER + timedelta(minutes=5))
    assert (moved.is_changed, moved.offer.status) == (True, OfferStatus.ACCEPTED)
    # Who clicks has seen it, also when no exposure was reported: cool-downs count from it.
    assert (moved.offer.shown_at, moved.offer.clicked_at) == (LATER, LATER)
    assert [change.to_status for change in changes(engine, offer_id)] == ["open", "clicked", "accepted"]
    again = accept(engine, offer_id, by="bob", at=LATER + timedelta(hours=5))
    assert (again.is_changed, again.offer) == (False, moved.offer)


def test_a_no_takes_back_the_messages_that_have_not_left(engine: sa.Engine) -> None:
    offer_id = opened(engine).offer.offer_id
    offer = decline(engine, offer_id, by="ann", at=LATER, why="too dear").offer
    assert (offer.status, offer.declined_at, offer.shown_at, offer.ended_at) == ("declined", LATER, LATER, LATER)
    assert rows(engine, tables.message.c.status, tables.message.c.reason) == [("withdrawn", "offer declined: too dear")]


def test_a_yes_after_a_no_and_a_yes_after_the_end_change_nothing_for_the_customer(engine: sa.Engine) -> None:
    offer_id = opened(engine).offer.offer_id
    decline(engine, offer_id, by="ann", at=LATER)
    assert not accept(engine, offer_id, by="ann", at=LATER).is_changed
    late = opened(engine, replace(NEW, step_id="st_2")).offer
    assert late.expires_at is not None
    assert accept(engine, late.offer_id, by="ann", at=late.expires_at).offer.status == "expired"


def test_offers_whose_time_is_over_expire_and_others_do_not(engine: sa.Engine) -> None:
    open_one = opened(engine).offer
    for_ever = opened(engine, replace(NEW, step_id="st_2", expires_at=None)).offer
    taken = opened(engine, replace(NEW, step_id="st_3")).offer
    accept(engine, taken.offer_id, by="ann", at=LATER)
    assert lifecycle.expire_due(engine, now=AT + timedelta(days=6)) == []
    over = AT + timedelta(days=7)
    assert [offer.offer_id for offer in lifecycle.expire_due(engine, now=over)] == [open_one.offer_id]
    assert lifecycle.expire_due(engine, now=over) == []
    assert lifecycle.read_offer(engine, for_ever.offer_id).status == "open"


def test_an_offer_that_is_not_known_is_named(engine: sa.Engine) -> None:
    with pytest.raises(InputError, match="of_none"):
        accept(engine, "of_none", by="ann", at=LATER)


def test_every_status_has_its_moves_and_the_ends_have_none() -> None:
    assert set(MOVES) == set(OfferStatus)
    assert set(LIVE) == {"open", "shown", "clicked", "accepted"}


@given(st.lists(st.sampled_from(["show", "click", "accept", "decline", "withdraw", "convert"]), max_size=6))
@settings(max_examples=25)
def test_whatever_is_asked_an_offer_only_moves_as_the_table_allows(verbs: list[str]) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    tables.METADATA.create_all(engine)
    offer_id = opened(engine).offer.offer_id
    for verb in verbs:
        getattr(lifecycle, verb)(engine, offer_id, by="ann", at=LATER, why="test")
    written = changes(engine, offer_id)
    for before, after in pairwise(written):
        assert after.from_status == before.to_status
        assert after.to_status in MOVES[before.to_status]
    assert written[-1].to_status == lifecycle.read_offer(engine, offer_id).status
    engine.dispose()


def test_accepting_applies_the_quote_once_and_the_providers_event_converts(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    offer_id = opened(engine, quoted(biller)).offer.offer_id
    first = accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=LATER)
    again = accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=LATER + timedelta(days=30))
    assert first.applied is not None
    assert first.applied == again.applied
    assert lifecycle.read_offer(engine, offer_id).status == "accepted"
    events = biller.events_since(None)
    (converted,) = convert_applied(engine, events)
    assert (converted.status, converted.converted_at) == ("converted", LATER)
    assert convert_applied(engine, events) == []
    assert changes(engine, offer_id)[-1].why == f"billing event {events[0].event_id}"


def test_a_yes_to_a_price_that_was_replaced_meanwhile_is_refused(engine: sa.Engine, biller: SandboxBiller) -> None:
    offer = opened(engine, quoted(biller)).offer
    fresh = lifecycle.requote(engine, offer.offer_id, biller.preview(to_scale(), LATER), by="bob", at=LATER).offer
    assert fresh.quote_id != offer.quote_id
    with pytest.raises(QuoteError, match="its price has changed"):
        accept_and_apply(engine, biller, offer_id=offer.offer_id, by="ann", at=LATER, quote_id=offer.quote_id)
    assert lifecycle.read_offer(engine, offer.offer_id).status == "open"
    taken = accept_and_apply(engine, biller, offer_id=offer.offer_id, by="ann", at=LATER, quote_id=fresh.quote_id)
    assert taken.applied is not None


def test_an_accept_that_was_cut_off_is_finished_by_the_second_call(
    engine: sa.Engine, biller: SandboxBiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = opened(engine, quoted(biller)).offer.offer_id

    def down(*_: object, **__: object) -> None:
        raise OutsideError("no answer")

    with monkeypatch.context() as cut:
        cut.setattr(biller, "apply", down)
        with pytest.raises(OutsideError):
            accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=LATER)
    assert lifecycle.read_offer(engine, offer_id).status == "accepted"
    taken = accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=LATER + timedelta(days=10))
    assert taken.applied is not None


@pytest.mark.parametrize("changed_meanwhile", [False, True])
def test_accepted_offers_that_were_cut_off_are_found_and_finished(
    engine: sa.Engine, biller: SandboxBiller, *, changed_meanwhile: bool
) -> None:
    offer_id = opened(engine, quoted(biller)).offer.offer_id
    accept(engine, offer_id, by="ann", at=LATER)
    if changed_meanwhile:
        biller.apply(biller.preview(to_scale(amount_minor=9000), AT), "somebody else", at=AT)
    (taken,) = lifecycle.finish_accepted(engine, biller, now=LATER)
    assert (taken.applied is None) is changed_meanwhile
    assert taken.offer.status == ("withdrawn" if changed_meanwhile else "accepted")
    assert lifecycle.finish_accepted(engine, biller, now=LATER) == []
    assert len(biller.events_since(None)) == 1


def test_one_accepted_offer_that_gets_no_answer_holds_up_no_other(
    engine: sa.Engine, biller: SandboxBiller, monkeypatch: pytest.MonkeyPatch
) -> None:
    biller.seed([item_row(), item_row(item_id="si_2", subscription_id="sub_2", account_id="beta")])
    theirs = replace(to_scale(item_id="si_2"), account_id="beta", subscription_id="sub_2")
    for new in (quoted(biller), replace(NEW, account_id="beta", quote=biller.preview(theirs, AT), expires_at=None)):
        accept(engine, opened(engine, new).offer.offer_id, by="ann", at=LATER)
    make = biller.apply

    def half_down(quote: Quote, key: str, *, at: datetime) -> Answer:
        if quote.account_id == "acme":
            raise OutsideError("no answer for acme")
        return make(quote, key, at=at)

    monkeypatch.setattr(biller, "apply", half_down)
    with pytest.raises(OutsideError, match="no answer for acme"):
        lifecycle.finish_accepted(engine, biller, now=LATER)
    plans = {account: biller.subscriptions(account)[0].plan_id for account in ("acme", "beta")}
    assert plans == {"acme": "pro", "beta": "scale"}


def test_a_subscription_that_changed_withdraws_the_offer_with_the_reason(
    engine: sa.Engine, biller: SandboxBiller
) -> None:
    offer_id = opened(engine, quoted(biller)).offer.offer_id
    biller.apply(biller.preview(to_scale(amount_minor=9000), AT), "somebody else", at=AT)
    with pytest.raises(QuoteError, match="has changed since"):
        accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=LATER)
    assert lifecycle.read_offer(engine, offer_id).status == "withdrawn"
    assert "has changed since" in changes(engine, offer_id)[-1].why
    assert convert_applied(engine, biller.events_since(None)) == []


def test_a_quote_applied_without_a_click_counts_as_accepted_by_it(engine: sa.Engine, biller: SandboxBiller) -> None:
    from upstep.billing.apply import apply_quote

    offer = opened(engine, quoted(biller)).offer
    assert offer.quote_id is not None
    apply_quote(engine, biller, quote_id=offer.quote_id, by="operator", now=LATER)
    (converted,) = convert_applied(engine, biller.events_since(None))
    assert (converted.accepted_at, converted.converted_at) == (LATER, LATER)


def test_a_declined_offer_is_never_applied(engine: sa.Engine, biller: SandboxBiller) -> None:
    offer_id = opened(engine, quoted(biller)).offer.offer_id
    decline(engine, offer_id, by="ann", at=LATER)
    taken = accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=LATER)
    assert (taken.offer.status, taken.applied) == ("declined", None)
    assert biller.events_since(None) == []


def test_history_has_one_row_per_offer_that_was_seen_as_of_an_instant(engine: sa.Engine) -> None:
    seen = opened(engine).offer
    opened(engine, replace(NEW, step_id="st_2"))
    lifecycle.show(engine, seen.offer_id, by="email", at=LATER)
    decline(engine, seen.offer_id, by="ann", at=LATER + timedelta(days=1))
    shown = int(LATER.timestamp())
    row = {"account_id": "acme", "step_id": "st_1", "product_id": "sending", "target": "plan:scale"}
    row |= {"shown_at": shown, "declined_at": shown + 86_400, "not_now_at": None, "accepted_at": None}
    assert offer_history(engine).to_pylist() == [row | {"cools_own_step": True}]
    before = offer_history(engine, as_of=LATER)
    assert before.to_pylist() == [row | {"declined_at": None, "cools_own_step": False}]
    empty = offer_history(engine, as_of=AT)
    assert (empty.num_rows, empty.schema) == (0, offer_history(engine).schema)


def test_a_not_now_is_no_decline_to_those_who_count_days(engine: sa.Engine) -> None:
    seen = opened(engine).offer
    moved = decline(engine, seen.offer_id, by="ann", at=LATER, is_not_now=True)
    assert (moved.offer.status, moved.offer.declined_at, moved.offer.not_now_at) == ("declined", LATER, LATER)
    assert lifecycle.changes(engine, seen.offer_id)[-1].why == "said not now"
    (row,) = offer_history(engine).to_pylist()
    assert (row["declined_at"], row["not_now_at"]) == (None, int(LATER.timestamp()))
    assert not row["cools_own_step"]
    again = decline(engine, seen.offer_id, by="ann", at=LATER + timedelta(days=1))
    assert (again.is_changed, again.offer.not_now_at) == (False, LATER)
