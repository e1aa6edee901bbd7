"""upstep learn: what the company's own past says, in words and as files for a person to review."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, AsOf, DryRun, ProjectFolder, instant
from upstep.cli.terminal import counted, grid, heading, indented, next_command, print_json, progress, show
from upstep.cli.trying import share_shape
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.engine.learning.affinity import Learned, LearnedPlay, Written
    from upstep.engine.learning.forecast_scores import ForecastScores
    from upstep.engine.learning.tiers import Tiers
    from upstep.engine.project import Project
    from upstep.learning.affinity import Compared
    from upstep.learning.chance import Share

app = typer.Typer(
    help="Learn from the past: what comes before a purchase, where plans pinch, how good forecasts were.",
    no_args_is_help=True,
)


@app.command()
def affinity(
    *,
    as_of: AsOf = None,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="So many findings at most, strongest first.")] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite a play of that name without asking.")] = False,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Find which heavy use comes before buying which product, and write each as a play to review."""
    from upstep.engine.learning.affinity import learn_affinities, write_plays
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings, opened.catalog
    with progress(quiet=as_json) as tell:
        tell("comparing use with what was bought", 0.1)
        found = learn_affinities(opened, as_of=instant(as_of, "--as-of"), most=most)
    if not as_json:
        _show_affinities(found, company=opened.settings.company)
    replace = frozenset() if dry_run else _to_replace(opened, found, yes=yes, may_ask=not as_json)
    written = [] if dry_run else write_plays(opened, found.plays, replace=replace)
    if as_json:
        print_json(_affinity_shape(found, written))
        return
    _show_written(written, found, dry_run=dry_run)
    if written:
        next_command("plays", "test", written[0].play_id, project=project, why="who would be asked today")
    else:
        next_command("plays", "list", project=project)


def _to_replace(project: Project, found: Learned, *, yes: bool, may_ask: bool) -> frozenset[str]:
    """Plays whose file stands there with other words and may be overwritten. Asked only on a terminal."""
    import sys

    replace = set()
    for play in found.plays:
        path = project.folder / "plays" / f"{play.play_id}.yaml"
        if not path.exists() or path.read_text(encoding="utf-8") == play.text:
            continue
        asks = may_ask and not yes and sys.stdin.isatty()
        if yes or (asks and typer.confirm(f"{path} stands there with other words. Overwrite it?", default=False)):
            replace.add(play.play_id)
    return frozenset(replace)


def _show_affinities(found: Learned, *, company: str) -> None:
    show(f"What came before a purchase at {company}, up to {found.as_of:%Y-%m-%d}.")
    if found.why_none is not None:
        show("", f"Nothing can be said yet. {found.why_none}")
        return
    first, last = found.snapshots[0], found.snapshots[-1]
    show(
        indented(
            f"{counted(found.accounts[0], 'account')} from {first:%Y-%m-%d} on to find, {found.accounts[1]:,} from"
            f" {last:%Y-%m-%d} to {last + timedelta(days=60):%Y-%m-%d} to confirm. {counted(found.tested, 'threshold')}"
            f" looked at; {counted(found.candidates, 'pair')} seemed to hold, {len(found.plays):,} did again.",
            2,
        )
    )
    if not found.plays:
        show("", "No use of one product comes before buying another, as far as so many accounts can tell.")
    for play in found.plays:
        _show_affinity(play)
    if found.plays:
        show(
            "",
            "This is association, not cause: a third thing, such as growth, may bring about both.",
        )


def _show_affinity(play: LearnedPlay) -> None:
    from upstep.engine.learning.affinity import said

    line = (
        f"at least {play.affinity.threshold:,} of {play.meter_name} in 28 days comes before buying {play.product_name}"
    )
    show("", heading(play.play_id, line))
    sentence = said(play.affinity)
    show(indented(sentence[0].upper() + sentence[1:] + ".", 2))


def _show_written(written: list[Written], found: Learned, *, dry_run: bool) -> None:
    if dry_run and found.plays:
        show("", *(f"Would write plays/{play.play_id}.yaml." for play in found.plays))
        show("Nothing was written (--dry-run).")
    if written:
        show("")
    for one in written:
        said = {"written": "Written for you to review", "same": "Stands there already", "kept": "Left as it is"}
        show(f"{said[one.outcome]}: plays/{one.path.name}")
    if any(one.outcome == "kept" for one in written):
        show(indented("A file with other words stands there. Give --yes to overwrite it.", 2))


def _affinity_shape(found: Learned, written: list[Written]) -> dict[str, Any]:
    from upstep.clock import iso

    outcomes = {one.play_id: one.outcome for one in written}
    return {
        "as_of": iso(found.as_of),
        "snapshots": [iso(at) for at in found.snapshots],
        "accounts_found": found.accounts[0],
        "accounts_confirmed": found.accounts[1],
        "thresholds_tested": found.tested,
        "candidates": found.candidates,
        "why_none": found.why_none,
        "found": [
            {
                "play": play.play_id,
                "meter_id": play.meter_id,
                "product_id": play.product_id,
                "threshold": play.affinity.threshold,
                "found": _compared(play.affinity.found),
                "confirmed": _compared(play.affinity.confirmed),
                "file": outcomes.get(play.play_id),
            }
            for play in found.plays
        ],
    }


def _compared(compared: Compared) -> dict[str, Any]:
    lift, low, high = compared.lift
    return {
        "above": share_shape(compared.above),
        "below": share_shape(compared.below),
        "lift": lift,
        "lift_low": low,
        "lift_high": high,
        "chance": compared.chance,
    }


# Where plans pinch


@app.command()
def tiers(
    *,
    as_of: AsOf = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell where plans pinch: who stands at each limit, pays overage, or leaves the allowance idle."""
    from upstep.engine.learning.tiers import learn_tiers
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings, opened.catalog
    found = learn_tiers(opened, as_of=instant(as_of, "--as-of"))
    if as_json:
        print_json(_tiers_shape(found))
        return
    _show_tiers(found, opened)
    next_command("plays", "test", "limit_approaching", project=project, why="who stands at a limit today")


def _tiers_shape(found: Tiers) -> dict[str, Any]:
    from upstep.clock import iso

    names = ("product_id", "plan_id", "meter_id", "enforcement", "limit", "accounts", "middle", "overage_minor")
    return {
        "as_of": iso(found.as_of),
        "currency": found.currency,
        "is_sample": found.is_sample,
        "tiers": [
            {
                **{name: getattr(tier, name) for name in names},
                **{name: share_shape(getattr(tier, name)) for name in ("near", "at", "habit", "idle")},
                "findings": list(tier.findings),
            }
            for tier in found.tiers
        ],
    }


def _show_tiers(found: Tiers, project: Project) -> None:
    from upstep.learning.tiers import ADVICE, GROUP_LEAST
    from upstep.money import format_minor

    sample = " of a sample of accounts" if found.is_sample else ""
    least = f"Plans with {GROUP_LEAST} accounts or more are told."
    show(f"Limits{sample} at {project.settings.company}, as of {found.as_of:%Y-%m-%d}. {least}", "")
    if not found.tiers:
        show("No plan with a limit has so many accounts.")
        return
    rows = [
        (
            tier.plan_id,
            tier.meter_id,
            f"{tier.limit:,}",
            f"{tier.accounts:,}",
            *(percentage(100 * (share.value or 0)) for share in (tier.near, tier.at, tier.habit, tier.idle)),
            "" if tier.overage_minor is None else format_minor(tier.overage_minor, found.currency),
        )
        for tier in found.tiers
    ]
    header = ("plan", "meter", "limit", "accounts", "near", "at", "over", "idle", "overage")
    show(grid(rows, header=header, right=range(2, len(header))), "")
    show(
        indented(
            "near: 90% of it in this period or one of the last three; at: all of it; over: beyond it in two of three;"
            " idle: never more than a quarter; overage: what it cost a period, of those who paid any.",
            2,
        )
    )
    told = [(tier, finding) for tier in found.tiers for finding in tier.findings]
    for tier, finding in told:
        show("", heading(f"{tier.plan_id}, {tier.meter_id}", finding), indented(ADVICE[finding], 2))
    if not told:
        show("", "Each limit does its work: some reach it, most have room.")


# How good forecasts were


@app.command()
def forecasts(
    *,
    weeks: Annotated[int, typer.Option(min=1, max=104, metavar="N", help="Forecasts of so many past weeks.")] = 13,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Score past forecasts: each limit's date and use as they would have been told, beside what happened."""
    from upstep.engine.learning.forecast_scores import score_forecasts
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings, opened.catalog
    with progress(quiet=as_json) as tell:
        found = score_forecasts(opened, weeks=weeks, progress=tell)
    if as_json:
        print_json(_scores_shape(found))
        return
    _show_scores(found, company=opened.settings.company)
    next_command("plays", "replay", "limit_forecast", project=project, why="whom these forecasts would have asked")


def _scores_shape(found: ForecastScores) -> dict[str, Any]:
    from upstep.clock import iso

    return {
        "as_of": iso(found.as_of),
        "weeks": [iso(at) for at in found.weeks],
        "is_sample": found.is_sample,
        "scores": [
            {
                "meter_id": score.meter_id,
                "use_error_share": score.use_error,
                "widen": score.widen,
                "days_error": score.days_error,
                **{name: share_shape(getattr(score, name)) for name in ("use_held", "date_held", "came", "expected")},
            }
            for score in found.scores
        ],
    }


def _show_scores(found: ForecastScores, *, company: str) -> None:
    from upstep.learning.forecast_scores import WELL

    first, last = found.weeks[0], found.weeks[-1]
    sample = ", a sample of accounts" if found.is_sample else ""
    show(f"Forecasts at {company} from {first:%Y-%m-%d} to {last:%Y-%m-%d}{sample}, beside what happened.", "")
    if not found.scores:
        show("No forecast of those weeks can be scored: no limit of a flow was open in a period that is over.")
        return
    rows = [
        (
            score.meter_id or "all",
            f"{score.use_held.of:,}",
            percentage(100 * score.use_error, 1),
            _held(score.use_held),
            f"{score.date_held.of:,}",
            "" if score.days_error is None else f"{score.days_error:.1f} days",
            _held(score.date_held),
            _held(score.came),
            _held(score.expected),
        )
        for score in found.scores
    ]
    header = ("meter", "forecasts", "off by", "held", "dates", "off by", "held", "came", "expected")
    show(grid(rows, header=header, right=range(1, len(header))), "")
    notes = (
        "held: how often the 80% interval held what happened; 75 to 85% is as good as its word.",
        "came: of the limits expected in the period, those that came. expected: of those that came, those expected.",
    )
    show(*(indented(note, 2) for note in notes))
    every = found.scores[0]
    low, high = WELL
    if not low <= (every.use_held.value or 0.0) <= high:
        show(indented(f"Intervals {every.widen:.1f} times as wide would have held 80% of what was used.", 2))


def _held(share: Share) -> str:
    return "" if share.value is None else percentage(100 * share.value)
