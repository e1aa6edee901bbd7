"""upstep incentives: what each play may give away, what it has promised, and what was taken."""

from __future__ import annotations

from typing import Any

from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.cli.terminal import grid, indented, next_command, print_json, show


def incentives(*, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List the budgets of incentives: given, promised, left; and what returned because it was not taken."""
    from dataclasses import asdict

    from upstep.engine.offering.giving import read_budgets
    from upstep.engine.project import Project, open_project_state
    from upstep.money import format_minor

    opened = Project(project)
    settings = opened.settings
    state = open_project_state(opened) if opened.has_state else None
    found = read_budgets(opened, state)
    told: list[dict[str, Any]] = [{**asdict(one), "left_minor": one.left_minor} for one in found]
    if as_json:
        print_json({"currency": settings.currency, "incentives": told})
        return
    if not told:
        show("No play gives anything away.")
        show(indented("incentives: {annual_commit: {kind: percent, percent: 10, budget: 500000}} in upstep.yaml.", 2))
    else:
        money = ("budget_minor", "used_minor", "promised_minor", "left_minor")
        rows = [
            (one["play"], one["kind"], *(format_minor(one[name], settings.currency) for name in money), one["grants"])
            for one in told
        ]
        header = ("play", "gives", "budget", "taken", "promised", "left", "grants")
        show(grid(rows, header=header, right=(2, 3, 4, 5, 6)))
    next_command("offers", project=project)
