"""Bars: nothing leaves the picture, marks stand where the limit is, and the words say what is drawn."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from upstep.catalog.model import Catalog, Meter
from upstep.web.pictures import period_bars, stacked, usage_bar

CATALOG = Catalog("saas", "usd", {"emails": Meter("emails", "e-mails sent", "sum", "flow", "billing_month")}, {})
WHOLE = st.integers(0, 10**12)


def _row(**facts: Any) -> dict[str, Any]:
    told = {name: {"value": value, "unit": None, "records": []} for name, value in facts.items()}
    return {"target": "plan:scale", "meter_id": "emails", "facts": told}


@given(used=WHOLE, limit=st.integers(1, 10**12), ahead=st.none() | WHOLE, in_list=st.booleans())
def test_a_bar_stays_inside_its_picture(used: int, limit: int, ahead: int | None, *, in_list: bool) -> None:
    bar = usage_bar(_row(used=used, limit_quantity=limit, forecast_use=ahead), CATALOG, in_list=in_list)
    assert bar is not None
    assert bar.used >= 0
    assert bar.over >= 0
    assert bar.ahead >= 0
    assert bar.ends + bar.ahead <= 100.02
    assert 0 < bar.marks[0].at < bar.marks[1].at < bar.marks[2].at <= 100


def test_the_limits_of_all_rows_of_a_list_stand_in_one_line() -> None:
    bars = [
        usage_bar(_row(used=used, limit_quantity=100, forecast_use=150), CATALOG, in_list=True) for used in (5, 500)
    ]
    assert {bar.marks[2].at for bar in bars if bar} == {71.43}


def test_what_is_over_the_limit_is_drawn_apart() -> None:
    bar = usage_bar(_row(used=120, limit_quantity=100, forecast_use=None), CATALOG)
    assert bar is not None
    assert (bar.used, bar.ahead) == (bar.marks[2].at, 0)
    assert bar.over > 0
    assert bar.says == "120 e-mails sent, 100 limit"


def test_a_limit_of_nothing_has_no_bar() -> None:
    assert usage_bar(_row(used=5, limit_quantity=0), CATALOG) is None
    assert usage_bar(_row(used=5, limit_quantity=None), CATALOG) is None
    assert usage_bar(_row(), CATALOG) is None


def test_help_with_use_is_drawn_by_the_last_complete_period() -> None:
    row = _row(used=1, limit_quantity=100, adoption=0.38) | {"target": "adopt:emails"}
    bar = usage_bar(row, CATALOG)
    assert bar is not None
    assert bar.says == "38% used of what is paid for"


def test_periods_are_drawn_oldest_first_under_the_limit() -> None:
    bars = period_bars(_row(used=46_000, used_1=42_000, used_2=35_000, used_3=None, limit_quantity=50_000))
    assert bars is not None
    assert [(column.label, column.value) for column in bars.columns] == [
        ("2 ago", "35k"),
        ("last", "42k"),
        ("now", "46k"),
    ]
    assert bars.limit_height == 56
    assert bars.says == "Use by period: 2 ago 35,000, last 42,000, now 46,000; the limit is 50,000"


def test_there_are_no_periods_before_the_first_complete_one() -> None:
    assert period_bars(_row(used=46_000, used_1=None, limit_quantity=50_000)) is None


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_segments_fill_the_bar_without_gap_or_overlap(counts: list[int]) -> None:
    segments = stacked([(str(index), "", count) for index, count in enumerate(counts)])
    assert [segment.count for segment in segments] == [count for count in counts if count]
    at = 0.0
    for segment in segments:
        assert abs(segment.x - at) < 0.01
        at = segment.x + segment.width
    assert not segments or abs(at - 100) < 0.01
