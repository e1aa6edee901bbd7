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
    from upstep.engine.deciding.counting import LaneCount

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
    shown = _shown(len(lane.rows), lane.count)
    show("", heading(word, f"{rest}; {shown}" if shown else rest))
    if not lane.rows:
        show("  Nothing here today.")
    widest = max((cell_len(row["name"]) for row in lane.rows), default=0)
    for row in lane.rows:
        owner = f"For {row['owner_id']}. " if row["path"] == "assisted" and row["owner_id"] else ""
        show(_step_line(row, catalog, widest), indented(owner + why_sentence(row, catalog), 6))


def _shown(rows: int, count: LaneCount) -> str:
    """``the first 5 of 130: 127 on today's list, 3 kept back to measure``; what a lane is made of where it is mixed."""
    if count.total < 2 and rows == count.total:
        return ""
    told = f"the first {rows} of {count.total:,}" if rows < count.total else f"all {count.total:,}"
    kinds = (
        (count.eligible, "on today's list"),
        (count.held_out, "kept back to measure"),
        (count.unconfirmed, "to confirm"),
    )
    parts = [f"{number:,} {words}" for number, words in kinds if number]
    return f"{told}: {', '.join(parts)}" if count.total > count.eligible else told


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
    """Those that nobody turns to today; of those whose best answer is to stay, the first."""
    from upstep.engine.deciding.why import why_sentence

    alone = found.alone
    if not alone.total:
        return
    verb = "gives" if alone.silent == 1 else "give"
    kinds = (
        (len(alone.served), "where what they have serves them best"),
        (len(alone.waiting), "where every step waits"),
        (alone.silent, f"that {verb} no reason to speak"),
    )
    told = ", ".join(f"{number:,} {words}" for number, words in kinds if number)
    show("", heading("LEFT ALONE", f"{counted(alone.total, 'account')}: {told}"))
    if found.left_alone:
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
