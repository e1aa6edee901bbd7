"""A planned quarter as values that JSON, CSV and the page show."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from upstep.clock import iso
from upstep.spreadsheet import cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upstep.config import Settings
    from upstep.engine.planning.quarter import Planned
    from upstep.planning.quarter import Taken

ACTIVITY_WORDS = {
    "upsell": "upsell",
    "volume": "more volume",
    "add_on": "add-on",
    "cross_sell": "cross-sell",
    "commit": "longer term",
    "adopt": "help them use it",
    "right_size": "pay less",
    "find_priority": "find the priority",
    "develop_sponsor": "develop the sponsor",
}
KIND_WORDS = {
    "no_hours": "The hours end before them",
    "held": "Waiting, with its reason",
    "held_out": "Never asked, as an experiment needs it",
    "self_serve": "They can do it alone",
    "unfit": "Better as they are",
    "quiet": "Nothing to say to them",
}

_STEP = (
    *("rank", "account_id", "name", "activity", "motion", "step", "play", "step_id", "signal_density", "value_minor"),
    *("estimated", "ready", "hours", "begins_on", "expected_on", "first", "why"),
)


def statement(planned: Planned, settings: Settings) -> dict[str, Any]:
    """The plan as ``plan --json`` prints it. Money is a year's, in minor units of ``currency``."""
    quarter = planned.quarter
    return {
        "company": settings.company,
        "owner_id": quarter.owner_id,
        "owner": planned.desk.name,
        "accounts": len(planned.desk.accounts),
        "run_id": quarter.run_id,
        "plan_id": quarter.plan_id,
        "as_of": iso(planned.run.as_of),
        "begins_on": quarter.begins_on.isoformat(),
        "ends_on": quarter.ends_on.isoformat(),
        "hours": quarter.hours,
        "planned_hours": quarter.planned_hours,
        "full": quarter.is_full,
        "currency": planned.currency,
        "value_minor": quarter.total_minor(),
        "committed_minor": quarter.total_minor(committed=True),
        "steps": [_step(taken) for taken in quarter.taken],
        "left_alone": [asdict(one) for one in quarter.left_alone],
        "look_after": [
            {"account_id": account, "priority": priority, "told": told}
            for account, priority, told in planned.look_after
        ],
    }


def _step(taken: Taken) -> dict[str, Any]:
    one = taken.candidate
    named = {**asdict(one), "rank": taken.rank, "estimated": one.is_estimated, "ready": one.is_ready}
    dates = {"begins_on": taken.begins_on.isoformat(), "expected_on": taken.expected_on.isoformat()}
    found = named | dates
    return {name: found[name] for name in _STEP}


def accounts_alone(told: Mapping[str, Any]) -> int:
    """How many of the owner's accounts have no step in the plan; one with a step may still have another left alone."""
    return int(told["accounts"]) - len({step["account_id"] for step in told["steps"]})


def as_csv(told: dict[str, Any]) -> str:
    """One row per step taken and per one left alone."""
    out = io.StringIO()
    names = ("part", *_STEP, "kind", "change")
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for step in told["steps"]:
        writer.writerow({"part": "taken", **{name: cell(value) for name, value in step.items()}})
    for alone in told["left_alone"]:
        writer.writerow({"part": "left_alone", **{name: cell(value) for name, value in alone.items()}})
    return out.getvalue()
