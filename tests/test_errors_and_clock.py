"""Errors say where, what and what to do; time is whole seconds and days, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep import errors
from upstep.clock import DAY_SECONDS, from_day, from_seconds, iso, now, parse_instant, to_day, to_seconds
from upstep.errors import BusyError, Fault, InputError, OutsideError, PlayError, UpstepError, did_you_mean

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UpstepError)]


def test_a_fault_says_where_what_and_what_to_do() -> None:
    assert str(Fault("a.yaml:3:1", "x is not known.", "Write y.")) == "a.yaml:3:1: x is not known. Write y."
    assert str(Fault("a.csv:3", "'x' is no number", "Correct it.")) == "a.csv:3: 'x' is no number. Correct it."
    assert str(Fault("a.yaml:3:1", "x is not known.")) == "a.yaml:3:1: x is not known."


def test_an_error_of_input_tells_all_its_faults() -> None:
    error = PlayError([Fault("a", "one."), Fault("b", "two.")])
    assert str(error) == "a: one.\nb: two."
    assert len(error.faults) == 2
    assert PlayError(Fault("a", "one.")).faults == (Fault("a", "one."),)


@pytest.mark.parametrize("kind", ALL)
def test_input_ends_with_2_and_the_outside_with_3(kind: type[UpstepError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, InputError) else 3)
    assert kind.__doc__


def test_a_busy_error_names_who_holds_the_lock() -> None:
    error = BusyError("load is writing. Wait.", "load")
    assert isinstance(error, OutsideError)
    assert (str(error), error.holder) == ("load is writing. Wait.", "load")


def test_advice_names_the_nearest_word_then_at_most_twelve() -> None:
    assert did_you_mean("seets", ["seats", "emails"]) == "Did you mean 'seats'? Known: emails, seats."
    assert did_you_mean("zzz", ["seats"]) == "Known: seats."
    assert did_you_mean("zzz", []) == "None is known."
    assert did_you_mean("zzz", [f"w{index:02}" for index in range(13)]).endswith("w11, ….")


def test_an_instant_is_read_in_its_zone_and_kept_in_utc() -> None:
    assert iso(parse_instant("2026-11-01T09:30:00+01:00")) == "2026-11-01T08:30:00Z"
    assert iso(parse_instant(" 2026-11-01 ")) == "2026-11-01T00:00:00Z"
    assert parse_instant("2026-11-01T00:00:00.999Z").microsecond == 0
    with pytest.raises(ValueError, match="Invalid isoformat"):
        parse_instant("yesterday")


def test_another_zone_is_shown_in_utc() -> None:
    assert iso(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T22:00:00Z"


@given(st.integers(-(10**10), 10**11))
def test_seconds_and_back_are_the_same(seconds: int) -> None:
    assert to_seconds(from_seconds(seconds)) == seconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_fractions_of_a_second_are_dropped_downwards(instant: datetime) -> None:
    assert timedelta(0) <= instant - from_seconds(to_seconds(instant)) < timedelta(seconds=1)


@given(st.dates())
def test_days_and_back_are_the_same(day: date) -> None:
    assert from_day(to_day(day)) == day
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert to_seconds(midnight) == to_day(day) * DAY_SECONDS


def test_the_wall_clock_is_in_whole_seconds_of_utc() -> None:
    read = now()
    assert (read.microsecond, read.tzinfo) == (0, UTC)
