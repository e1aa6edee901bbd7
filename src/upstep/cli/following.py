"""upstep follow-up: is what was bought used? Looks at 14 and at 30 days after the purchase."""

from __future__ import annotations

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, indented, next_command, print_json, show


def follow_up(*, project: ProjectFolder = HERE, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Look at what was bought 14 and 30 days ago: is it used? Where it is not, help is offered."""
    from upstep.clock import now
    from upstep.engine.measuring import following
    from upstep.engine.project import Project, open_project_state

    opened = Project(project)
    _ = opened.settings, opened.catalog  # their faults come before any work
    state = open_project_state(opened) if opened.has_state else None
    taken = [] if dry_run or state is None else following.follow_up(opened, state, now=now())
    helped = following.help_where_idle(opened, state, taken, now=now()) if state is not None else 0
    looks = following.read_looks(opened, state)
    if as_json:
        print_json({"taken": len(taken), "queued": helped, "looks": looks})
        return
    if not looks:
        show("Nothing that an offer sold has been bought yet.")
    for one in looks:
        show(f"{one['account_id']}", indented(following.sentence(one), 2))
    if helped:
        show(f"{counted(helped, 'account')} offered help.")
    next_command("deliver", project=project) if helped else next_command("offers", project=project)
