"""The sandbox keeps what it was seeded with, rolls periods on, and its rows are those of the canonical table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.change import Item, item_from_row
from upstep.billing.naming import Names
from upstep.billing.preview import current_period
from upstep.billing.provider import Applied
from upstep.billing.quote import differences
from upstep.billing.sandbox import SandboxBiller
from upstep.errors import OutsideError, QuoteError
from upstep.tables.schema import TABLES


def test_an_item_has_the_columns_of_subscription_item() -> None:
    assert set(item_from_row(item_row()).row()) == set(TABLES["subscription_item"].names)
    required = {column.name for column in TABLES["subscription_item"].columns if column.required}
    with pytest.raises(ValueError, match="subscription_item None: "):
        item_from_row({})
    assert required <= set(Item.__annotations__)


def test_a_row_may_hold_instants_as_text_or_seconds_and_columns_of_others() -> None:
    item = item_from_row(item_row(valid_from="2026-01-01T01:00:00+01:00", seen_from=7, trial_ends_at=None))
    assert item.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert item_from_row(item_row(valid_from=1_767_225_600)) == item_from_row(item_row())
    with pytest.raises(ValueError, match=r"si_1: .*quantity"):
        item_from_row(item_row(quantity="many"))


def test_seeding_twice_takes_over_once_and_never_undoes_a_change(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    rows = [item_row(), item_row(item_id="si_0", valid_to=AT)]
    assert biller.seed(rows) == 2
    biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    assert biller.seed(rows) == 0
    assert [item.plan_id for item in biller.subscriptions("acme")] == ["scale"]


def test_another_process_sees_the_change(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    assert SandboxBiller(tmp_path / "biller.db").subscriptions("acme") == biller.subscriptions("acme")


def test_a_period_that_has_ended_is_rolled_on(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    quote = biller.preview(to_scale(), datetime(2026, 6, 16, tzinfo=UTC))
    assert [line.amount_minor for line in quote.lines] == [-500, 1000]
    assert quote.next_invoice_at == datetime(2026, 7, 1, tzinfo=UTC)


def test_a_period_from_february_28_to_march_31_rolls_on_to_april_30() -> None:
    bounds = {"period_start": datetime(2026, 2, 28, tzinfo=UTC), "period_end": datetime(2026, 3, 31, tzinfo=UTC)}
    item = item_from_row(item_row(**bounds))
    assert current_period(item, datetime(2026, 4, 1, tzinfo=UTC)).end == datetime(2026, 4, 30, tzinfo=UTC)
    assert current_period(item, datetime(2026, 5, 1, tzinfo=UTC)).end == datetime(2026, 5, 31, tzinfo=UTC)


def test_an_item_without_a_period_is_billed_from_its_start() -> None:
    item = item_from_row(item_row(period_start=None, period_end=None, valid_from=datetime(2026, 1, 10, tzinfo=UTC)))
    assert current_period(item, AT).start == datetime(2026, 4, 10, tzinfo=UTC)


def test_a_quote_never_outlives_the_period_it_credits(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db", quote_valid=timedelta(days=7))
    biller.seed([item_row()])
    assert biller.preview(to_scale(), AT).expires_at == AT + timedelta(days=7)
    assert biller.preview(to_scale(), AT.replace(day=28)).expires_at == AT.replace(month=5, day=1)


def test_lines_say_what_they_are_for(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db", names=Names({"pro": "Professional"}, {("pro", "month"): "seats"}))
    biller.seed([item_row(quantity=10, amount_minor=15_000)])
    quote = biller.preview(to_scale(quantity=13, amount_minor=19_500), AT)
    assert [line.description for line in quote.lines] == [
        "Professional, monthly: 10 seats, April 16 to 30, 2026 (unused time)",
        "13 x scale, monthly: April 16 to 30, 2026 (remaining time)",
    ]
    assert quote.items[0].name == "scale"


def test_a_plan_that_got_another_name_is_sold_at_the_quote_that_was_shown(tmp_path: Path) -> None:
    before, after = (
        SandboxBiller(tmp_path / "biller.db", names=Names({"scale": name})) for name in ("Scale", "Scale Plus")
    )
    before.seed([item_row()])
    shown = before.preview(to_scale(), AT)
    fresh = after.preview(to_scale(), AT)
    assert [line.description for line in shown.lines] != [line.description for line in fresh.lines]
    assert differences(shown, fresh) == []
    assert isinstance(after.apply(shown, "key", at=AT), Applied)
    assert [line.description for line in after.invoices("acme")[0].lines] == [line.description for line in shown.lines]


def test_a_renewal_names_what_it_is_for(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db", names=Names({"pro": "Professional"}))
    biller.seed([item_row()])
    biller.advance(AT.replace(month=5, day=2))
    (renewal,) = biller.invoices("acme")
    assert [line.description for line in renewal.lines] == ["Professional, monthly: May 1 to 31, 2026"]


def test_a_change_in_the_second_of_the_last_one_leaves_no_empty_interval(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    biller.apply(biller.preview(to_scale(amount_minor=3000), AT), "key 2", at=AT)
    assert [item.amount_minor for item in biller.subscriptions("acme")] == [3000]


def test_a_quote_of_another_provider_and_one_from_the_future_are_refused(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    quote = biller.preview(to_scale(), AT)
    with pytest.raises(QuoteError, match="of provider 'stripe'"):
        biller.apply(replace(quote, provider="stripe"), "key 1", at=AT)
    with pytest.raises(QuoteError, match="cannot be applied at"):
        biller.apply(quote, "key 1", at=AT - timedelta(seconds=1))


def test_a_subscription_that_changed_after_the_instant_cannot_be_quoted_for_it(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row(valid_from=AT + timedelta(days=1))])
    with pytest.raises(QuoteError, match="changed at 2026-04-17"):
        biller.preview(to_scale(), AT)


def test_a_file_that_cannot_be_opened_is_outside(tmp_path: Path) -> None:
    (tmp_path / "biller.db").mkdir()
    with pytest.raises(OutsideError, match=r"biller\.db"):
        SandboxBiller(tmp_path / "biller.db")
