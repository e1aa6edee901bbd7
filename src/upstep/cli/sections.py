"""Parts of a page for the terminal that several commands print: lanes, holds, questions, those left alone, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.cli.terminal import command, counted, grid, heading, indented, show

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from upstep.catalog.model import Catalog
    from upstep.cli.digest import Digest, Held, Lane

LANE_WORDS = {
    "self_serve": ("SELF-SERVE", "they can do it alone"),
    "assisted": ("ASSISTED", "a task for the owner; no machine writes to them"),
    "care": ("CARE", "not a sale: help them use it, or pay less"),
}
BECAUSE = "asked their admin"
"""The reason in a printed confirm command; whoever knows it otherwise writes that."""


def show_lane(lane: Lane, catalog: Catalog) -> None:
    """A lane's first steps, two lines each: the step with its price, and why."""
    from rich.cells import cell_len

    from upstep.engine.deciding.why import why_sentence

    word, rest = LANE_WORDS[lane.name]
    total = lane.eligible + lane.unconfirmed
    shown = (
        f"the first {len(lane.rows)} of {total:,}" if len(lane.rows) < total else f"all {total:,}" if total > 1 else ""
    )
    show("", heading(word, f"{rest}; {shown}" if shown else rest))
    if not lane.rows:
        show("  Nothing here today.")
    widest = max((cell_len(row["name"]) for row in lane.rows), default=0)
    for row in lane.rows:
        owner = f"For {row['owner_id']}. " if row["path"] == "assisted" and row["owner_id"] else ""
        show(_step_line(row, catalog, widest), indented(owner + why_sentence(row, catalog), 6))


def _step_line(row: Mapping[str, Any], catalog: Catalog, widest: int) -> Table:
    """Rank, name and step; a long step goes on under itself."""
    from rich.table import Table
    from rich.text import Text

    mark = {"unconfirmed": "unconfirmed: ", "held_out": "held out: "}.get(row["outcome"], "")
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=4, justify="right")
    line.add_column(width=min(widest, 40), overflow="fold")
    line.add_column()
    line.add_row(
        str(row["rank"]), row["name"], Text.assemble((mark, "yellow"), (step_with_price(row, catalog), "bold"))
    )
    return line


def step_with_price(row: Mapping[str, Any], catalog: Catalog) -> str:
    """``Pro → Scale, +$55.00 a month``."""
    from upstep.engine.deciding.telling import figures, step_words

    told = {figure.label: figure.text for figure in figures(row) if figure.text}
    saving = told.get("Customer's saving")
    parts = [step_words(row, catalog)]
    if saving:
        parts.append(f"saves them {saving}")
    elif "Recurring change" in told:
        parts.append(told["Recurring change"])
    if "Overage that disappears" in told:
        parts.append(f"in place of {told['Overage that disappears']} of overage")
    if row["to_interval"] == "year" and row["motion"] in ("upsell", "volume", "cross_sell", "add_on"):
        parts.append("billed yearly")
    return ", ".join(parts)


def show_held(held: Sequence[Held], *, steps: int) -> None:
    """What waits, by gate, with a few names."""
    verb = "waits" if steps == 1 else "wait"
    show("", heading("HELD", f"{counted(steps, 'step')} {verb}, each with its reason"))
    if held:
        show(grid([(_gate(one), f"{one.steps:,}", _names(one)) for one in held], right=(1,)))


def _gate(one: Held) -> Text:
    from rich.text import Text

    return Text(one.gate, style="bold")


def _names(one: Held) -> Text:
    from rich.text import Text

    more = one.accounts - len(one.names)
    names = ", ".join(one.names) + (f" and {more:,} more" if more > 0 else "")
    return Text.assemble(names, "\n", (f"e.g. {one.why}; lifts {one.lifts}", "dim"))


def show_unconfirmed(rows: Sequence[Mapping[str, Any]], *, steps: int, project: Path) -> None:
    """Questions that only a person can answer, and the command that answers each."""
    if not steps:
        return
    from upstep.engine.deciding.telling import questions

    verb = "waits" if steps == 1 else "wait"
    told = f"{counted(steps, 'step')} {verb} for an answer that no table gives; for a no, swap clear and holds"
    show("", heading("UNCONFIRMED", told))
    for row in rows:
        asked, *more = questions(row)
        also = f" (and {counted(len(more), 'more question')})" if more else ""
        show(f"  {asked.question}{also}", f"    yes: {confirm_command(row, project)}")


def confirm_command(row: Mapping[str, Any], project: Path) -> str:
    """The command that answers the first question of a step with yes."""
    from upstep.engine.deciding.telling import questions

    asked = questions(row)[0]
    said = "holds" if f" {asked.gate} holds " in asked.if_yes else "clear"
    return command("confirm", row["account_id"], asked.gate, said, "--because", BECAUSE, project=project)


def show_left_alone(found: Digest, catalog: Catalog) -> None:
    """Those whose best answer is to stay."""
    from upstep.engine.deciding.why import why_sentence

    if not found.left_alone:
        return
    told = f"{counted(found.left_alone_accounts, 'account')} where what they have serves them best"
    show("", heading("LEFT ALONE", told))
    show(grid([(row["name"], why_sentence(row, catalog)) for row in found.left_alone]))


def coverage_line(coverage: Mapping[str, Any]) -> str:
    """What came of all steps, in one line.

    >>> none = dict.fromkeys(("eligible", "held", "unfit", "outranked", "held_out"), 0)
    >>> coverage_line({**none, "steps": 3, "unconfirmed": 3, "connecting_would_settle": {"invoice": 2}})
    '3 steps: 0 eligible, 3 unconfirmed, 0 held; connecting invoice would settle 2'
    """
    parts = [f"{coverage[word]:,} {word}" for word in ("eligible", "unconfirmed", "held")]
    words = {"outranked": "outranked", "unfit": "unfit", "held_out": "held out"}
    parts += [f"{coverage[key]:,} {word}" for key, word in words.items() if coverage[key]]
    settles = sorted(coverage["connecting_would_settle"].items(), key=lambda item: (-item[1], item[0]))
    would = "".join(f"; connecting {table} would settle {count:,}" for table, count in settles[:2])
    return f"{counted(coverage['steps'], 'step')}: {', '.join(parts)}{would}"
