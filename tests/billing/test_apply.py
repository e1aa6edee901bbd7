"""A quote is applied exactly once: called twice, at once, or after a crash at any place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tests.billing.seeds import AT, item_row, to_scale
from upstep import faults
from upstep.billing.apply import apply_quote, finish_cut_off
from upstep.billing.change import Change, Incentive, Starts
from upstep.billing.provider import Answer, Applied, Declined, NeedsConfirmation
from upstep.billing.quote import Quote, lock, read
from upstep.billing.sandbox import Card, SandboxBiller
from upstep.errors import Fault, OutsideError, QuoteError
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

LATER = AT + timedelta(hours=1)


class Cut(SandboxBiller):
    """A sandbox whose line drops: before the change is made, or after it but before the answer is heard."""

    drops: str | None = None
    deaf_to: str | None = None

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        if quote.quote_id == self.deaf_to:
            raise OutsideError(f"no answer to {quote.quote_id}")
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


class Forgetful(SandboxBiller):
    """A sandbox whose line drops once, when the incentive is to be given."""

    drops = True

    def apply_incentive(
        self, subscription_id: str, incentive: Incentive, idempotency_key: str, *, at: datetime
    ) -> Applied:
        if self.drops:
            self.drops = False
            raise OutsideError("no answer")
        return super().apply_incentive(subscription_id, incentive, idempotency_key, at=at)


def test_an_incentive_that_was_cut_off_after_its_change_is_given_by_the_next_call_once(
    engine: sa.Engine, tmp_path: Path
) -> None:
    biller = Forgetful(tmp_path / "forgetful.db")
    biller.seed([item_row()])
    quote = biller.preview(replace(to_scale(), incentive=Incentive("ten", percent=10, periods=2)), AT)
    with writing(engine) as connection:
        lock(connection, quote, now=AT)
    with pytest.raises(OutsideError):
        apply_quote(engine, biller, quote_id=quote.quote_id, by="ana", now=LATER)
    assert outcomes(engine) == []
    (finished,) = finish_cut_off(engine, biller, now=LATER)
    assert finished.applied
    biller.advance(datetime(2026, 8, 2, tzinfo=UTC))
    renewals = [each.total_minor for each in biller.invoices("acme") if each.reason == "renewal"]
    assert renewals[:3] == [1800, 1800, 2000]
    assert quote.next_invoice_minor == 1800


class Refusing(Cut):
    """A sandbox that refuses every incentive, for good."""

    def apply_incentive(self, subscription_id: str, *_: object, **__: object) -> Applied:
        raise QuoteError(Fault(subscription_id, "no such coupon."))


def test_an_incentive_that_is_refused_leaves_the_change_applied_and_says_so(engine: sa.Engine, tmp_path: Path) -> None:
    biller = Refusing(tmp_path / "refusing.db")
    biller.seed([item_row()])
    quote_id = locked(engine, biller, replace(to_scale(), incentive=Incentive("ten", percent=10, periods=2)))
    answer = apply_quote(engine, biller, quote_id=quote_id, by="ana", now=LATER)
    assert isinstance(answer, Applied)
    assert apply_quote(engine, biller, quote_id=quote_id, by="ana", now=LATER) == answer
    with reading(engine) as connection:
        (outcome,) = connection.execute(sa.select(tables.billing_outcome))
        (noted,) = connection.execute(sa.select(tables.audit).where(tables.audit.c.what == "incentive refused"))
    assert (outcome.result, status(engine)) == ("applied", "applied")
    assert outcome.detail == "without its incentive: sub_1: no such coupon."
    assert (noted.subject, noted.details["why"]) == (quote_id, outcome.detail)
    assert finish_cut_off(engine, biller, now=LATER) == []


def test_one_quote_that_gets_no_answer_holds_up_no_other(engine: sa.Engine, tmp_path: Path) -> None:
    biller = Cut(tmp_path / "two.db")
    biller.seed([item_row(), item_row(item_id="si_2", subscription_id="sub_2", account_id="beta")])
    dead = locked(engine, biller)
    theirs = replace(to_scale(item_id="si_2"), account_id="beta", subscription_id="sub_2")
    good = locked(engine, biller, theirs)
    biller.drops = "before"
    for quote_id in (dead, good):
        with pytest.raises(OutsideError):
            apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    biller.drops, biller.deaf_to = None, dead
    with pytest.raises(OutsideError, match=dead):
        finish_cut_off(engine, biller, now=LATER)
    assert plans(biller) == ["pro"]
    assert [item.plan_id for item in biller.subscriptions("beta")] == ["scale"]


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
        def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
            with writing(engine) as connection:  # would wait for ever if the caller held the lock
                connection.execute(sa.update(tables.quote).values(status=tables.quote.c.status))
            return super().apply(quote, idempotency_key, at=at)

    biller = Writing(tmp_path / "biller.db")
    biller.seed([item_row()])
    apply_quote(engine, biller, quote_id=locked(engine, biller), by="ann", now=LATER)
    assert plans(biller) == ["scale"]


def attempts(engine: sa.Engine) -> list[tuple[object, ...]]:
    table = tables.billing_attempt
    columns = (table.c.number, table.c.idempotency_key, table.c.result, table.c.amount_minor)
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(table.c.number))]


def status(engine: sa.Engine) -> str | None:
    with reading(engine) as connection:
        return connection.execute(sa.select(tables.quote.c.status)).scalar()


def test_a_declined_payment_is_kept_and_tried_again_only_when_somebody_asks(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    biller.set_card("acme", Card.DECLINING, at=AT)
    first = apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    assert isinstance(first, Declined)
    assert (status(engine), outcomes(engine)) == ("declined", [])
    biller.set_card("acme", Card.GOOD, at=LATER)
    assert finish_cut_off(engine, biller, now=LATER) == []
    kept = apply_quote(engine, biller, quote_id=quote_id, by="upstep", now=LATER, tries_again=False)
    assert kept == first
    assert isinstance(apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER), Applied)
    assert attempts(engine) == [
        (1, f"apply:{quote_id}", "declined", 500),
        (2, f"apply:{quote_id}:2", "applied", 500),
    ]
    assert [invoice.due_minor for invoice in biller.invoices("acme")] == [500]


def test_a_declined_payment_is_not_tried_again_after_the_quote_has_expired(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    biller.set_card("acme", Card.DECLINING, at=AT)
    apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    with pytest.raises(QuoteError, match="expired"):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=AT + timedelta(days=8))
    assert len(attempts(engine)) == 1


def test_a_second_try_that_was_cut_off_is_finished(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    biller.set_card("acme", Card.DECLINING, at=AT)
    apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    biller.set_card("acme", Card.GOOD, at=LATER)
    biller.drops = "after"
    with pytest.raises(OutsideError):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    biller.drops = None
    (finished,) = finish_cut_off(engine, biller, now=LATER)
    assert finished.applied is not None
    assert [invoice.due_minor for invoice in biller.invoices("acme")] == [500]


def test_what_awaits_a_confirmation_is_asked_about_and_finished_when_it_was_given(
    engine: sa.Engine, biller: Cut
) -> None:
    quote_id = locked(engine, biller)
    biller.set_card("acme", Card.CONFIRMING, at=AT)
    asked = apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    assert isinstance(asked, NeedsConfirmation)
    assert (status(engine), outcomes(engine)) == ("needs_confirmation", [])
    assert apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER) == asked
    (waiting,) = finish_cut_off(engine, biller, now=LATER)
    assert (waiting.answer, waiting.applied) == (asked, None)
    biller.confirm(asked.reference, at=LATER)
    (finished,) = finish_cut_off(engine, biller, now=LATER)
    assert finished.applied is not None
    assert (status(engine), outcomes(engine), len(attempts(engine))) == ("applied", ["applied"], 1)


def test_what_nobody_confirmed_is_declined_and_can_be_tried_again(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    biller.set_card("acme", Card.CONFIRMING, at=AT)
    apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    tomorrow = LATER + timedelta(days=1)
    (finished,) = finish_cut_off(engine, biller, now=tomorrow)
    assert isinstance(finished.answer, Declined)
    assert isinstance(apply_quote(engine, biller, quote_id=quote_id, by="ann", now=tomorrow), NeedsConfirmation)
    assert biller.invoices("acme") == ()


def test_a_change_at_renewal_is_scheduled_once(engine: sa.Engine, biller: Cut) -> None:
    change = Change("acme", "sub_1", to_scale(amount_minor=300).items, starts=Starts.AT_RENEWAL)
    quote_id = locked(engine, biller, change)
    first = apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    assert isinstance(first, Applied)
    assert (first.amount_minor, first.effective_at) == (0, AT.replace(month=5, day=1))
    assert apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER) == first
    assert [item.pending_plan_id for item in biller.subscriptions("acme")] == ["scale"]


def test_a_provider_that_would_charge_otherwise_is_not_asked_and_the_person_is_told_how(
    engine: sa.Engine, tmp_path: Path
) -> None:
    class Dearer(Cut):
        by = 0

        def preview(self, change: Change, at: datetime) -> Quote:
            quote = super().preview(change, at)
            first, second = quote.lines
            lines = (first, replace(second, amount_minor=second.amount_minor + self.by))
            return replace(quote, lines=lines, due_now_minor=quote.due_now_minor + self.by)

        def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:  # noqa: ARG002
            raise AssertionError("it must not be asked")

    biller = Dearer(tmp_path / "dearer.db")
    biller.seed([item_row()])
    quote_id = locked(engine, biller)
    biller.by = 1
    with pytest.raises(QuoteError) as refused:
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    line = "line 2 was 'scale, monthly: April 16 to 30, 2026 (remaining time)' 1000"
    for said in (line, "1001", "due_now_minor was 500"):
        assert said in str(refused.value)
    assert (status(engine), biller.invoices("acme")) == ("refused", ())


def test_who_asks_again_while_the_first_call_is_answered_finds_it(engine: sa.Engine, tmp_path: Path) -> None:
    """The first look finds nothing, then the other call's change makes the preview differ: that is no refusal."""

    class Late(Cut):
        looks = 0

        def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
            self.looks += 1
            if self.looks == 1:
                super().apply(quote, idempotency_key, at=at)
                return None
            return super().find(quote, idempotency_key, at=at)

    biller = Late(tmp_path / "late.db")
    biller.seed([item_row()])
    quote_id = locked(engine, biller)
    biller.drops = "before"
    with pytest.raises(OutsideError):
        apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER)
    biller.drops = None
    assert isinstance(apply_quote(engine, biller, quote_id=quote_id, by="ann", now=LATER), Applied)
    assert (status(engine), outcomes(engine)) == ("applied", ["applied"])
    assert len(biller.invoices("acme")) == 1


KILLED = """
import sys
from datetime import datetime
from upstep.billing.apply import apply_quote
from upstep.billing.sandbox import SandboxBiller
from upstep.state.session import open_state
folder, quote_id, now = sys.argv[1:]
engine, biller = open_state(folder + "/state.db"), SandboxBiller(folder + "/biller.db")
apply_quote(engine, biller, quote_id=quote_id, by="ann", now=datetime.fromisoformat(now))
"""


@pytest.mark.sqlite
@pytest.mark.parametrize("point", ["intent_written", "compared", "answered", "outcome_written"])
def test_a_program_that_is_killed_at_any_step_has_charged_once_when_it_is_started_again(
    engine: sa.Engine, biller: Cut, tmp_path: Path, point: str
) -> None:
    quote_id = locked(engine, biller)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, quote_id, LATER.isoformat()],
        env={**os.environ, "UPSTEP_FAULT": f"apply.{point}"},
        check=False,
    )
    assert killed.returncode == faults.KILLED
    finished = finish_cut_off(engine, biller, now=LATER)
    assert len(finished) == (0 if point == "outcome_written" else 1)
    assert (status(engine), outcomes(engine), plans(biller)) == ("applied", ["applied"], ["scale"])
    assert [invoice.due_minor for invoice in biller.invoices("acme")] == [500]
    assert finish_cut_off(engine, biller, now=LATER) == []


def test_a_clock_that_is_behind_the_quotes_applies_it_at_the_quotes_instant(engine: sa.Engine, biller: Cut) -> None:
    quote_id = locked(engine, biller)
    answer = apply_quote(engine, biller, quote_id=quote_id, by="ann", now=AT - timedelta(seconds=90))
    assert isinstance(answer, Applied)
    assert (answer.effective_at, answer.amount_minor) == (AT, 500)


@pytest.mark.sqlite
@pytest.mark.parametrize("was_done", [False, True])
def test_a_quote_that_an_older_version_locked_and_was_cut_off_with_is_finished(
    tmp_path: Path, biller: Cut, *, was_done: bool
) -> None:
    """State of the first form: no attempts, and a quote without its later columns."""
    old = sa.create_engine(sa.URL.create("sqlite", database=str(tmp_path / "old.db")))
    settings = Config()
    settings.set_main_option("script_location", "upstep.state:migrations")
    quote = biller.preview(to_scale(), AT)
    with old.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
        known = {column["name"] for column in sa.inspect(connection).get_columns("quote")}
        values = {name: getattr(quote, name) for name in known if hasattr(quote, name)}
        values |= {"change": msgspec.to_builtins(quote.change), "lines": msgspec.to_builtins(quote.lines)}
        connection.execute(sa.insert(tables.quote).values(**values, status="locked", locked_at=AT))
        intent = {"quote_id": quote.quote_id, "idempotency_key": f"apply:{quote.quote_id}"}
        connection.execute(sa.insert(tables.billing_intent).values(**intent, requested_by="ann", requested_at=AT))
    old.dispose()
    if was_done:
        biller.apply(quote, f"apply:{quote.quote_id}", at=LATER)
    engine = open_state(tmp_path / "old.db")
    (finished,) = finish_cut_off(engine, biller, now=LATER)
    assert finished.applied is not None
    assert (outcomes(engine), len(biller.invoices("acme"))) == (["applied"], 1)
