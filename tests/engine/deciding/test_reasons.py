"""Why a step waits: the gate's words over the row, as JSON."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from upstep.engine.deciding import reasons
from upstep.plays.gates import GATES, Answer


@pytest.mark.parametrize(("adoption", "told"), [(0.389, "38"), (0.0, "0"), (None, "at most 40")])
def test_little_use_that_was_not_measured_is_not_told_as_none(adoption: float | None, told: str) -> None:
    rows = pa.table(
        {
            **{f"gate_{gate}": pa.array([int(Answer.CLEAR)]) for gate in GATES},
            "gate_low_adoption": pa.array([int(Answer.HOLDS)]),
            "meter_adoption": pa.array([None], pa.float64()),
            "adoption": pa.array([adoption], pa.float64()),
            "product_name": pa.array(["Sending"]),
        }
    )
    (hold,) = json.loads(reasons.holds(rows)[0].as_py())
    assert hold["why"] == f"used {told}% of what it pays for in Sending"
