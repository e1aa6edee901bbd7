"""docs/planning.md names every stage, every column of a file of goals, and what a plan's hours go to."""

from __future__ import annotations

from pathlib import Path

from upstep.config import ACTIVITIES
from upstep.planning.business_case import GROUP_MIN
from upstep.planning.goals import COLUMNS
from upstep.planning.stages import STAGES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "planning.md").read_text(encoding="utf-8")


def test_every_stage_of_every_motion_is_on_the_page_in_its_order() -> None:
    for motion, stages in STAGES.items():
        assert motion in PAGE
        assert ", ".join(stages) in PAGE, f"tell the stages of {motion} in docs/planning.md"


def test_every_column_of_a_file_of_goals_is_on_the_page() -> None:
    assert ", ".join(COLUMNS) in PAGE


def test_every_activity_is_among_the_settings() -> None:
    settings = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    assert all(f"{one.id} {one.hours} h, {one.days} days" in settings for one in ACTIVITIES)


def test_the_least_group_is_the_one_that_counts() -> None:
    assert f"at least {GROUP_MIN} who own what the step brings" in PAGE
