"""upstep plays: the rules that run, one of them, what would come of it, and the SQL it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli import trying
from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.cli.terminal import grid, next_command, print_json, show
from upstep.errors import ConfigError, Fault, did_you_mean

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.plays.play import Play

app = typer.Typer(
    help="List the plays, show one, try it on today or on past weeks, or print its SQL.", no_args_is_help=True
)
app.command("test")(trying.try_out)
app.command("replay")(trying.replay)

PlayId = Annotated[str, typer.Argument(metavar="PLAY", help="The play's id, as 'plays list' names it.")]


@app.command("list")
def list_plays(*, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List the plays that run: those shipped and the company's own, without those named under plays.off."""
    from upstep.plays.play import plain

    opened = _open(project)
    if as_json:
        print_json({"plays": [{**plain(play), "shipped": _is_shipped(play)} for play in opened.playbook.plays]})
        return
    rows = [
        (play.id, play.motion, play.each, play.what + ("" if _is_shipped(play) else " (your own)"))
        for play in opened.playbook.plays
    ]
    show(grid(rows, header=("play", "motion", "each", "fires when")), "")
    next_command("plays", "show", opened.playbook.plays[0].id, project=project)


@app.command("show")
def show_play(play: PlayId, *, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Show a play as it is written, with where its rule comes from."""
    from upstep.plays.play import plain

    opened = _open(project)
    found = _find(opened, play)
    if as_json:
        print_json({**plain(found), "shipped": _is_shipped(found), "clauses": list(found.condition.clauses)})
        return
    show(Path(found.file).read_text(encoding="utf-8").rstrip(), "")
    next_command("plays", "sql", found.id, project=project, why="the query it becomes")


@app.command("sql")
def print_sql(
    play: PlayId,
    *,
    project: ProjectFolder = HERE,
    dialect: Annotated[str, typer.Option(help="duckdb, postgres, spark, snowflake or bigquery.")] = "duckdb",
    whole: Annotated[bool, typer.Option("--all", help="Also every signal query that it stands on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the SQL that a play becomes, with the profile it reads."""
    from upstep.tables.query import DIALECTS

    if dialect not in DIALECTS:
        raise ConfigError(Fault("--dialect", f"'{dialect}' is not known.", did_you_mean(dialect, DIALECTS)))
    opened = _open(project)
    found = _find(opened, play)
    stages = _stages(opened, found, dialect, whole=whole)
    if as_json:
        print_json({"play": found.id, "dialect": dialect, "stages": [{"name": n, "sql": s} for n, s in stages.items()]})
        return
    for name, sql in stages.items():
        show(f"-- {name}", sql + ";", "")


def _open(folder: Path) -> Project:
    from upstep.engine.project import Project

    opened = Project(folder)
    _ = opened.settings, opened.catalog
    return opened


def _find(project: Project, play_id: str) -> Play:
    found = project.playbook.play(play_id)
    if found is None:
        known = [play.id for play in project.playbook.plays]
        raise ConfigError(Fault("PLAY", f"'{play_id}' is not known.", did_you_mean(play_id, known)))
    return found


def _is_shipped(play: Play) -> bool:
    from upstep.plays.play import LIBRARY

    return Path(play.file).parent == LIBRARY


def _stages(project: Project, play: Play, dialect: str, *, whole: bool) -> dict[str, str]:
    """The stages of one play alone, by name: its profile, what it reads of it, and who fires."""
    import ibis
    import sqlglot

    from upstep.plays.evaluate import add_conditions
    from upstep.plays.grain import GRAINS
    from upstep.plays.play import Playbook
    from upstep.tables.query import compile_select

    program = project.profiles()
    tables: dict[str, Any] = {name: ibis.table(select.schema(), name=name) for name, select in program.stages.items()}
    before = set(program.stages)
    add_conditions(program, Playbook((play,), ""), tables)
    wanted = {"account_profile", GRAINS[play.each].stage}
    names = [name for name in program.stages if whole or name in wanted or name not in before]
    spoken = "databricks" if dialect == "spark" else dialect
    return {
        name: sqlglot.transpile(compile_select(program.stages[name], dialect), read=spoken, write=spoken, pretty=True)[
            0
        ]
        for name in names
    }
