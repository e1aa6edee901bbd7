"""Quiet hours by the clock on the wall: across midnight, at weekends, and when it is put forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.config.contact import QuietHours
from upstep.delivery.quiet import is_quiet, next_allowed

NIGHT = QuietHours(time(20), time(8))
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "allowed"),
    [
        (BERLIN, "2026-11-20T06:59:59", "2026-11-20T07:00:00"),
        (BERLIN, "2026-11-20T07:00:00", "2026-11-20T07:00:00"),
        (BERLIN, "2026-11-20T18:59:59", "2026-11-20T18:59:59"),
        (BERLIN, "2026-11-20T19:00:00", "2026-11-21T07:00:00"),
        ("America/New_York", "2026-11-20T12:59:00", "2026-11-20T13:00:00"),
        ("Asia/Kathmandu", "2026-11-20T02:14:59", "2026-11-20T02:15:00"),
        # The nights in which the clock is put forward and back: eight o'clock is an hour earlier, then later.
        (BERLIN, "2026-03-28T22:00:00", "2026-03-29T06:00:00"),
        (BERLIN, "2026-10-24T22:00:00", "2026-10-25T07:00:00"),
    ],
)
def test_a_night_ends_at_eight_on_the_persons_own_clock(zone: str, now: str, allowed: str) -> None:
    assert next_allowed(NIGHT, zone, at(now)) == at(allowed)


def test_a_quiet_weekend_lasts_until_monday_morning() -> None:
    quiet = QuietHours(time(20), time(8), weekends=True)
    assert next_allowed(quiet, BERLIN, at("2026-11-20T19:30:00")) == at("2026-11-23T07:00:00")
    assert next_allowed(QuietHours(time(0), time(0), weekends=True), BERLIN, at("2026-11-21T12:00:00")) == at(
        "2026-11-22T23:00:00"
    )


def test_an_end_that_the_clock_skips_comes_after_the_jump_and_one_that_it_shows_twice_counts_twice() -> None:
    quiet = QuietHours(time(1), time(2, 30))
    assert next_allowed(quiet, BERLIN, at("2026-03-29T00:30:00")) == at("2026-03-29T01:30:00")
    assert next_allowed(quiet, BERLIN, at("2026-10-25T00:10:00")) == at("2026-10-25T00:30:00")
    assert next_allowed(quiet, BERLIN, at("2026-10-25T01:10:00")) == at("2026-10-25T01:30:00")


def test_hours_that_begin_when_they_end_are_none() -> None:
    assert not is_quiet(QuietHours(time(8), time(8)), BERLIN, at("2026-11-20T07:00:00"))


@given(
    begins=st.times(),
    ends=st.times(),
    weekends=st.booleans(),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone follows
)
def test_the_next_allowed_instant_is_allowed_and_soon(
    begins: time,
    ends: time,
    weekends: bool,  # noqa: FBT001 - drawn
    zone: str,
    now: datetime,
) -> None:
    quiet = QuietHours(
        begins.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0), weekends=weekends
    )
    allowed = next_allowed(quiet, zone, now)
    assert not is_quiet(quiet, zone, allowed)
    assert now <= allowed <= now + timedelta(days=4)
    # Nothing before it is allowed, but for the hour that the clock skips.
    minutes = range(0, int((allowed - now).total_seconds()) // 60 - 61, 37)
    assert all(is_quiet(quiet, zone, now + timedelta(minutes=minute)) for minute in minutes)
