"""upstep explain: one account's trace under six headings, down to why a play did not fire, clause by clause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, AsOf, ProjectFolder, instant
from upstep.cli.sections import step_with_price
from upstep.cli.terminal import counted, grid, heading, next_command, print_json, progress, show
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.engine.deciding.explain import Asked, Explanation
    from upstep.engine.offering.experimenting import Membership
    from upstep.engine.project import Project

Row = Mapping[str, Any]

_SIGNALS = ("usage", "outcome", "strategic", "intent")
_PATHS = {
    "notice": "shown in the app to those who used it; service information, so no hold silences it",
    "self_serve": "offered to those who may buy; one click applies it at the price shown",
    "assisted": "a task for the owner; nothing reaches the customer by machine",
}


def explain(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")],
    *,
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Tell one account's story: what is known, what fits, what is in the way, and why other plays did not fire."""
    from upstep.clock import now
    from upstep.engine.deciding import explain as engine
    from upstep.engine.deciding.inputs import gather
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings, opened.catalog
    at = instant(as_of, "--as-of")
    with progress(quiet=as_json) as tell:
        tell("recomputing", 0.2)
        found = engine.find_account(opened, account)
        told = engine.explain(opened, found, as_of=at, inputs=gather(opened, at=at or now()))
    if as_json:
        from upstep.cli import shapes
        from upstep.engine.measuring.findings import member_shape

        print_json(shapes.explanation(told, [member_shape(one) for one in _members(told, opened)]))
        return
    _show(told, opened)


def _show(told: Explanation, project: Project) -> None:
    catalog = project.catalog
    steps = [row for row in told.decisions if row["path"] != "notice"]
    show(f"{told.account.get('name', told.account_id)} ({told.account_id}), as of {told.as_of:%Y-%m-%d %H:%M} UTC")
    show("", heading("UNDERSTAND", "what is going on"), f"  {_who(told.account, catalog)}")
    members = _members(told, project)
    for one in members:
        if one.is_held_out and one.experiment.ends_at is None:
            what = f"{one.experiment.experiment_id} ({one.experiment.scope})"
            show(_indent(f"Held out of {what}: such steps are not asked, so that what asking changes can be measured."))
    _show_limits(told, catalog)
    _show_position(steps, catalog)
    _show_time(told, steps, catalog)
    _show_propose(steps, catalog)
    _show_deliver(told, catalog)
    _show_measure(told, steps, project, members)
    _show_quiet(told)
    show("")
    _next(told, steps, project)


def _who(account: Row, catalog: Catalog) -> str:
    from upstep.money import format_minor, units_to_minor

    parts = [str(account[name]).replace("_", " ") for name in ("segment", "industry", "country") if account.get(name)]
    if account.get("employees"):
        parts.append(f"{account['employees']:,} people")
    if account.get("tenure_days") is not None:
        parts.append(f"a customer for {counted(account['tenure_days'], 'day')}")
    if account.get("mrr_units") is not None:
        currency = account.get("account_currency") or catalog.currency
        parts.append(f"pays {format_minor(units_to_minor(int(account['mrr_units'])), currency)} a month")
    if account.get("owner_id"):
        parts.append(f"owned by {account['owner_id']}")
    if account.get("journey_stage"):
        parts.append(f"stage: {account['journey_stage'].replace('_', ' ')}")
    present = [name for name in _SIGNALS if account.get(f"has_{name}_signal")]
    signals = f"Signals present: {', '.join(present)}" if present else "No signal is present"
    return f"{', '.join(parts)}.\n  {signals} ({len(present)} of 4 kinds)."


def _show_limits(told: Explanation, catalog: Catalog) -> None:
    rows = []
    for limit in told.limits:
        meter = catalog.meters.get(limit["meter_id"])
        plan = catalog.plan(limit["plan_id"] or "")
        share = limit["utilisation"]
        rows.append(
            (
                meter.name if meter else limit["meter_id"],
                plan.name if plan else limit["plan_id"] or "-",
                _number(limit["used"]),
                "unlimited" if limit["is_unlimited"] else _number(limit["limit_quantity"]),
                "-" if share is None else percentage(int(share * 100 + 1e-6)),
                _number(limit["forecast_use"]),
                _days(limit),
            )
        )
    if rows:
        header = ("meter", "plan", "used", "limit", "share", "forecast", "limit reached in")
        show(grid(rows, header=header, right=(2, 3, 4, 5)))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{round(value):,}"


def _days(limit: Row) -> str:
    from math import ceil, floor

    days = limit["days_to_limit"]
    if days is None or days > 366:
        return "-"
    low, high = limit["days_to_limit_low"], limit["days_to_limit_high"]
    between = (
        f" ({floor(low)} to {ceil(high)})" if low is not None and high is not None and ceil(high) > floor(low) else ""
    )
    return f"{round(days)} days{between}"


def _show_position(steps: list[Row], catalog: Catalog) -> None:
    from upstep.engine.deciding.telling import play_words
    from upstep.engine.deciding.why import why_sentence

    show("", heading("POSITION", "which need a step would serve"))
    if not steps:
        show("  No play fired: nothing they do calls for a step.")
    for row in steps:
        also = f" (also {', '.join(play_words(play).lower() for play in row['evidence'])})" if row["evidence"] else ""
        show(_indent(f"{play_words(row['play'])}{also}: {why_sentence(row, catalog)}."))


def _indent(text: str, columns: int = 2) -> Any:
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(text), (0, 0, 0, columns))


def _show_time(told: Explanation, steps: list[Row], catalog: Catalog) -> None:
    from upstep.engine.deciding.telling import holds, questions, step_words
    from upstep.engine.deciding.why import moment_words

    show("", heading("TIME", "what is in the way, and until when"))
    if not steps:
        show("  Nothing is proposed, so nothing waits.")
    by_id = {row["decision_id"]: row for row in told.decisions}
    for row in steps:
        show(_indent(f"{step_words(row, catalog)}: {_outcome(row, by_id, catalog)}"))
        if row["moments"]:
            show(_indent(f"{moment_words(row, catalog)}.", 6))
        for hold in holds(row):
            show(_indent(f"{hold.gate}: {hold.why}. Lifts {hold.lifts[:1].lower()}{hold.lifts[1:]}.", 6))
        for asked in questions(row):
            show(_indent(f"{asked.gate}: {asked.question}", 6))
        if row["assumed"]:
            show(_indent(f"assumed by upstep.yaml: {', '.join(row['assumed'])}", 6))


def _outcome(row: Row, by_id: Mapping[str, Row], catalog: Catalog) -> str:
    from upstep.engine.deciding.telling import step_words

    words = {
        "eligible": "eligible, nothing is in the way",
        "held": "held",
        "unconfirmed": "unconfirmed, a person must answer",
        "unfit": "unfit, better left alone",
        "held_out": "held out, to measure what happens without asking",
    }
    if row["outcome"] == "outranked":
        winner = by_id.get(row["outranked_by"])
        return f"outranked by {step_words(winner, catalog)}" if winner else "outranked by a better step"
    rank = f", {row['lane']} lane" if row["is_winner"] else ""
    return f"{words.get(row['outcome'], row['outcome'])}{rank}"


def _show_propose(steps: list[Row], catalog: Catalog) -> None:
    from upstep.engine.deciding.telling import price_words

    show("", heading("PROPOSE", "the step, exactly priced"))
    priced = [row for row in steps if row["outcome"] != "unfit"]
    if not priced:
        show("  Nothing: what they have serves them best." if steps else "  Nothing.")
    for row in priced:
        price = price_words(row, catalog)
        show(_indent(f"{step_with_price(row, catalog)}" + (f" ({price})" if price else "")))


def _show_deliver(told: Explanation, catalog: Catalog) -> None:
    from upstep.engine.deciding.telling import step_words

    show("", heading("DELIVER", "who is told, and how"))
    live = [
        row for row in told.decisions if row["outcome"] == "eligible" and (row["is_winner"] or row["path"] == "notice")
    ]
    if not live:
        show("  Nobody is written to.")
    for row in live:
        path = row["path"] if row["lane"] != "care" else "care"
        how = _PATHS.get(path, "a word to those who use it or run it; not a sale")
        to = f" To {', '.join(row['recipients'])}." if row["recipients"] else " Nobody on record fits."
        show(_indent(f"{step_words(row, catalog)}: {how}.{to}"))


def _show_measure(told: Explanation, steps: list[Row], project: Project, members: list[Membership]) -> None:
    from upstep.clock import from_seconds
    from upstep.engine.deciding.ledger import history
    from upstep.engine.deciding.telling import likelihood_words, step_words

    show("", heading("MEASURE", "what we expect, and what was decided before"))
    for row in steps:
        if row["is_winner"]:
            show(_indent(f"{step_words(row, project.catalog)}: likelihood {likelihood_words(row)}."))
    _show_tried(told, project, members)
    known = history(project, told.account_id)
    if not known:
        show("  The ledger has no decision of this account yet.")
    for entry in known[-5:]:
        day = f"{from_seconds(int(str(entry['as_of']))):%Y-%m-%d}"
        show(_indent(f"{day}  {entry['play']}, {entry['target']}: {entry['outcome']}"))


def _members(told: Explanation, project: Project) -> list[Membership]:
    """The experiments that the account is in."""
    from upstep.engine.offering.experimenting import membership
    from upstep.engine.project import open_project_state

    state = open_project_state(project) if project.has_state else None
    try:
        return membership(project, state, told.account_id, now=told.as_of)
    finally:
        if state is not None:
            state.dispose()


def _show_tried(told: Explanation, project: Project, members: list[Membership]) -> None:
    """Which experiments the account is in, and whether what it bought is used."""
    from upstep.engine.measuring.following import read_looks, sentence
    from upstep.engine.project import open_project_state

    for one in members:
        words = "held out of" if one.is_held_out else f"'{one.arm}' in"
        since = f" since {one.since:%Y-%m-%d}" if one.since else ""
        show(_indent(f"{words.capitalize()} {one.experiment.experiment_id}{since}."))
    state = open_project_state(project) if project.has_state else None
    for look in read_looks(project, state, accounts=[told.account_id]):
        show(_indent(sentence(look)))
    if state is not None:
        state.dispose()


def _show_quiet(told: Explanation) -> None:
    """Plays that did not fire for any subject, with the first clause that was not true."""
    fired = {asked.play for asked in told.asked if asked.fired}
    rows = [(asked.play, _subject(asked), _because(asked)) for asked in told.asked if asked.play not in fired]
    rows += [(play, "-", "nothing of this account to ask it of") for play in told.without_subject]
    if rows:
        # Several subjects of one name, such as a product's bundles, may fall at the same clause.
        show("", heading("DID NOT FIRE", "the first clause that was not true"), grid(list(dict.fromkeys(rows))))


def _subject(asked: Asked) -> str:
    names = ("meter_id", "feature_id", "add_on_id", "plan_id", "product_id")
    return next((str(asked.subject[name]) for name in names if asked.subject.get(name)), "-")


def _because(asked: Asked) -> str:
    """The first clause that was not true, with what it read."""
    clause = next(clause for clause in asked.clauses if clause.answer is not True)
    values = [f"{name} is {_shown(value)}" for name, value in asked.values.items() if name in clause.text]
    unknown = " is not known" if clause.answer is None else ""
    return clause.text + unknown + (f" ({', '.join(values)})" if values else "")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "not known"}[value]
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _next(told: Explanation, steps: list[Row], project: Project) -> None:
    from upstep.cli.sections import confirm_command

    for row in steps:
        if row["outcome"] == "unconfirmed":
            show(f"Next: {confirm_command(row, project.folder)}")
            return
    first = next((row["play"] for row in steps if row["is_winner"]), told.asked[0].play if told.asked else "complement")
    next_command("plays", "show", first, project=project.folder, why="the rule behind it")
