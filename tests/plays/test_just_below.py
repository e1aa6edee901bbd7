"""The easier condition that finds near misses."""

from __future__ import annotations

import pytest

from upstep.plays.expression import parse
from upstep.plays.just_below import easier

KINDS = {"used": "number", "limit_quantity": "number", "adoption": "number", "segment": "text", "in_trial": "flag"}


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("used >= 200", "used >= 180"),
        ("used > 1.5", "used > 1.35"),
        ("adoption <= 0.4", "adoption <= 0.44"),
        ("used >= 2", "used >= 1"),
        ("50 < used", "45 < used"),
        ("reached(0.8)", "REACHED(0.72)"),
        ("meter('emails').used_28d >= 40", "METER('emails').used_28d >= 36"),
        ("segment = 'smb' and used >= 100", "segment = 'smb' AND used >= 90"),
        ("not used >= 100 and adoption < 0.5", "NOT used >= 100 AND adoption < 0.55"),
    ],
)
def test_each_threshold_moves_outward_by_a_tenth_and_a_small_count_by_one(written: str, made: str) -> None:
    tree = easier(parse(written, KINDS))
    assert tree is not None
    assert tree.sql(dialect="duckdb") == made


@pytest.mark.parametrize("written", ["in_trial", "segment = 'smb'", "used > 0", "used > limit_quantity", "used = 5"])
def test_without_a_threshold_nobody_is_just_below(written: str) -> None:
    assert easier(parse(written, KINDS)) is None


def test_the_play_itself_is_left_as_it_is() -> None:
    condition = parse("used >= 200", KINDS)
    easier(condition)
    assert condition.tree.sql() == "used >= 200"
