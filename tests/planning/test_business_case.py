"""The committee: every number is what its records give, and none stands in the text without being in the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.planning.business_case import (
    GROUP_MIN,
    Case,
    Number,
    Section,
    Value,
    as_markdown,
    committee,
    computed,
    effect,
    value_words,
)

STORED: Mapping[str, Value] = {
    "outcome/o1/achieved": 4_200_000.0,
    "outcome/o1/target": 3_000_000.0,
    "outcome/o1/measured_at": "2026-11-01",
    "price/p1/1/yearly": 39_000_000,
    "item/i1/yearly": 24_000_000,
}
NUMBERS = (
    Number("achieved", "outcome achieved", 4_200_000.0, "major:usd", "read", ("outcome/o1/achieved",)),
    Number("target", "their target", 3_000_000.0, "major:usd", "read", ("outcome/o1/target",)),
    Number("above", "above the target", 1_200_000.0, "major:usd", "difference", (), ("achieved", "target")),
    Number("new", "price a year", 39_000_000, "minor:usd", "read", ("price/p1/1/yearly",)),
    Number("old", "paid a year now", 24_000_000, "minor:usd", "read", ("item/i1/yearly",)),
    Number("cost", "cost a year more", 15_000_000, "minor:usd", "difference", (), ("new", "old")),
)


def case(text: str = "It costs [[cost]] a year more.", *, names: tuple[str, ...] = (), **changed: Number) -> Case:
    numbers = {one.name: one for one in NUMBERS} | changed
    sections = (Section("ask", "The ask", (text,)),)
    return Case("acme", "Acme", "complement", "upsell", "Pro → Scale", "2026-11-20", "d1", sections, numbers, names)


def read(record: str) -> Value:
    return STORED[record]


def told(made: Case) -> str:
    return "\n".join(map(str, committee(made, read)))


def test_a_case_whose_numbers_are_what_its_records_give_passes() -> None:
    assert told(case()) == ""


def test_a_number_that_its_records_do_not_give_is_found() -> None:
    wrong = replace(NUMBERS[5], value=14_000_000)
    assert "cost a year more: says 14000000, and its records give 15000000" in told(case(cost=wrong))


def test_a_record_that_changed_since_is_found() -> None:
    found = committee(case(), lambda record: 5.0 if record == "outcome/o1/target" else read(record))
    assert {fault.place for fault in found} == {"case acme: their target", "case acme: above the target"}


def test_a_number_without_a_record_or_whose_record_is_gone_is_found() -> None:
    assert "has no record" in told(case(cost=replace(NUMBERS[5], of=())))
    assert "cannot be recomputed" in told(case(cost=replace(NUMBERS[0], name="cost", records=("outcome/o9/x",))))


@pytest.mark.parametrize("text", ["It saves 30 hours.", "Up by [[cost]] or 12%.", "Version2 of it."])
def test_digits_that_are_no_number_of_the_evidence_are_found(text: str) -> None:
    assert "has no record" in told(case(text))


def test_a_name_may_hold_digits() -> None:
    assert told(case("Pro 365 costs [[cost]].", names=("Pro 365",))) == ""


def test_the_sellers_goals_are_found_and_the_customers_own_are_fine() -> None:
    assert "the seller's concern" in told(case("Sign before our quarter ends."))
    assert told(case("Your quota is met. “Our quarter must close well”, said their executive.")) == ""


def test_the_text_of_a_number_is_decided_by_its_value_alone() -> None:
    assert value_words(15_000_000, "minor:usd") == "$150,000.00"
    assert value_words(1_200_000.0, "major:jpy") == "¥1,200,000"
    assert value_words("2026-11-01", "date") == "1 November 2026"
    assert value_words(0.125, "share") == "12.5%"
    assert value_words(7.04, "months") == "7 months"


def test_the_markdown_lists_every_number_with_its_record() -> None:
    text = as_markdown(case())
    assert all(one.label in text and one.text in text for one in NUMBERS)
    assert "`price/p1/1/yearly`" in text
    assert "It costs $150,000.00 a year more." in text


def test_too_few_comparable_customers_say_nothing() -> None:
    assert effect([1.0, 1.2] * 5, [1.0, 1.1] * 5) is not None
    assert effect([1.0] * (GROUP_MIN - 1), [1.0] * 100) is None
    assert effect([1.0] * 100, [1.0] * (GROUP_MIN - 1)) is None


@given(st.lists(st.floats(0, 3), min_size=GROUP_MIN, max_size=30), st.lists(st.floats(0, 3), min_size=GROUP_MIN))
def test_the_interval_holds_the_difference_of_the_means(one: list[float], other: list[float]) -> None:
    found = effect(one, other)
    assert found is not None
    assert found.low <= found.middle <= found.high
    assert found.middle == pytest.approx(sum(one) / len(one) - sum(other) / len(other))


def test_an_effect_is_recomputed_from_the_outcomes_it_names() -> None:
    stored = {f"outcome/w{n}/achieved": 130.0 + n for n in range(10)} | {
        f"outcome/w{n}/target": 100.0 for n in range(10)
    }
    stored |= {f"outcome/v{n}/achieved": 110.0 + n for n in range(10)}
    stored |= {f"outcome/v{n}/target": 100.0 for n in range(10)}
    groups = {
        kind: Number(kind, kind, 10, "customers", "count", tuple(f"outcome/{kind}{n}" for n in range(10)))
        for kind in ("w", "v")
    }
    middle = Number("m", "middle", 0, "share", "effect_middle", (), ("w", "v"))
    low = replace(middle, how="effect_low")

    assert computed(middle, stored.__getitem__, groups) == pytest.approx(0.2)
    assert 0.1 < float(computed(low, stored.__getitem__, groups)) < 0.2


def test_payback_is_a_years_cost_by_a_years_gain() -> None:
    numbers = {
        "cost": Number("cost", "cost", 15_000_000, "minor:usd", "read", ("c",)),
        "gain": Number("gain", "gain", 150_000.0, "major:usd", "read", ("g",)),
        "span": Number("span", "days", 182.5, "days", "read", ("d",)),
    }
    stored = {"c": 15_000_000, "g": 150_000.0, "d": 182.5}
    payback = Number("payback", "payback", 0, "months", "payback", (), ("cost", "gain", "span"))
    assert computed(payback, stored.__getitem__, numbers) == pytest.approx(6.0)
