"""A quote is applied exactly once: called twice, at once, or after a crash at any place."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.apply import apply_quote, finish_cut_off
from upstep.billing.change import Change
from upstep.billing.provider import Applied
from upstep.billing.quote import Quote, lock, read
from upstep.billing.sandbox import SandboxBiller
from upstep.errors import OutsideError, QuoteError
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

LATER = AT + timedelta(hours=1)


class Cut(SandboxBiller):
    """A sandbox whose line drops: before the change is made, or after it but before the answer is heard."""

    drops: str | None = None

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        if self.drops == "before":
            raise OutsideError("no answer")
        applied = super().apply(quote, idempotency_key, at=at)
        if self.drops == "after":
            raise OutsideError("no answer")
        return applied


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


@pytest.fixture
def biller(tmp_path: Path) -> Cut:
    biller = Cut(tmp_path / "biller.db")
    biller.seed([item_row()])
    return biller


def locked(engine: sa.Engine, biller: Cut, change: Change | None = None) -> str:
    quote = biller.preview(change or to_scale(), AT)
    with writing(engine) as connection:
        lock(connection, quote, now=AT)
    return quote.quote_id


def outcomes(engine: sa.Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(tables.billing_outcome.c.result)).scalars())


def plans(biller: Cut) -> Sequence[str | None]:
    return [item.plan_id for item in biller.subscriptions("acme")]


def test_a_quote_is_read_as_it_was_locked_and_locking_twice_keeps_one(engine: sa.Engine, biller: Cut) -> None:
    quote = biller.preview(to_scale(), AT)
    for _ in range(2):
        with writing(engine) as connection:
            lock(connection, quote, now=AT)
    with reading(engine) as connection:
        assert read(connection, quote.quote_id) == quote
        assert connection.execute(sa.select(tables.quote.c.status)).scalars().all() == ["locked"]


def test_a_quote_that_is_not_known_is_refused(engine: sa.Engine, biller: Cut) -> None:
    with pytest.raises(QuoteError, match="q_none"):
        apply_quote(engine, biller, quote_id="q_none", by="ann", now=LATER)


def test_applying_changes_the_subscription_and_keeps_intent_and_outcome(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    applied = apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    assert (applied.amount_minor, applied.effective_at) == (500, LATER)
    assert plans(biller) == ["scale"]
    with reading(engine) as connection:
        intent = connection.execute(sa.select(tables.billing_intent)).one()
        status = connection.execute(sa.select(tables.quote.c.status)).scalar()
    assert (intent.requested_by, intent.requested_at, status) == ("ann", LATER, "applied")


def test_applying_twice_is_applying_once(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    first = apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    again = apply_quote(engine, biller, quote_id=quote_id, by="bob", now=LATER + timedelta(days=30))
    assert first == again
    assert len(biller.events_since(None)) == 1
    assert outcomes(engine) == ["applied"]


def test_applying_from_many_sides_at_once_is_applying_once(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    with ThreadPoolExecutor(6) as pool:
        ask = lambda n: apply_quote(engine, biller, quote_id=quote_id, by=f"clicker {n}", now=LATER)  # noqa: E731
        answers = list(pool.map(ask, range(6)))
    assert len(set(answers)) == 1
    assert len(biller.events_since(None)) == 1
    assert outcomes(engine) == ["applied"]


@pytest.mark.parametrize("drops", ["before", "after"])
def test_an_apply_that_was_cut_off_is_finished_by_the_second_call(engine: sa.Engine, biller: Cut, drops: str) -> None:
    quote_id = locked(engine, biller)
    biller.drops = drops
    with pytest.raises(OutsideError):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    assert outcomes(engine) == []
    biller.drops = None
    # It was accepted in time, so it is finished even when the quote has expired since.
    apply_quote(engine, biller, quote_id=quote_id, by="ann", now=AT + timedelta(days=10))
    assert plans(biller) == ["scale"]
    assert len(biller.events_since(None)) == 1
    assert outcomes(engine) == ["applied"]


@pytest.mark.parametrize("drops", ["before", "after"])
def test_what_was_cut_off_is_found_and_finished(engine: sa.Engine, biller: Cut, drops: str) -> None:
    quote_id = locked(engine, biller)
    biller.drops = drops
    with pytest.raises(OutsideError):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    biller.drops = None
    (finished,) = finish_cut_off(engine, biller, now=LATER)
    assert (finished.quote_id, finished.refused) == (quote_id, None)
    assert finish_cut_off(engine, biller, now=LATER) == []
    assert len(biller.events_since(None)) == 1


def test_what_was_cut_off_and_can_no_longer_be_done_is_refused_for_good(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    biller.drops = "before"
    with pytest.raises(OutsideError):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    biller.drops = None
    biller.apply(biller.preview(to_scale(amount_minor=9000), LATER), "somebody else", at=LATER)
    (finished,) = finish_cut_off(engine, biller, now=LATER)
    assert finished.applied is None
    assert finished.refused is not None
    assert "has changed since" in finished.refused
    with pytest.raises(QuoteError, match="refused before"):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)


def test_an_expired_quote_is_refused_and_the_provider_never_asked(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    with pytest.raises(QuoteError, match=r"expired at 2026-04-23.*new quote"):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=AT + timedelta(days=7))
    assert plans(biller) == ["pro"]
    with reading(engine) as connection:
        assert connection.execute(sa.select(tables.billing_intent)).all() == []


def test_a_changed_subscription_is_refused_with_both_instants_kept(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    biller.apply(biller.preview(to_scale(amount_minor=9000), AT), "somebody else", at=AT)
    with pytest.raises(QuoteError, match="has changed since"):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    assert outcomes(engine) == ["refused"]
    assert [item.amount_minor for item in biller.subscriptions("acme")] == [9000]


def test_no_transaction_is_open_while_the_provider_is_asked(engine: sa.Engine, tmp_path: Path) -> None:
    class Writing(Cut):
        def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
            with writing(engine) as connection:  # would wait for ever if the caller held the lock
                connection.execute(sa.update(tables.quote).values(status=tables.quote.c.status))
            return super().apply(quote, idempotency_key, at=at)

    biller = Writing(tmp_path / "biller.db")
    biller.seed([item_row()])
    apply_quote(engine, biller, quote_id=locked(engine, biller), by="ann", now=LATER)
    assert plans(biller) == ["scale"]
