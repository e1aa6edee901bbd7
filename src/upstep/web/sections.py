"""What stands where on the page: a run's decisions sorted into lanes, holds, questions, those left alone, and traces.

Only what is shown is turned into Python values, so that a run of a million decisions costs what its page costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from upstep.engine.deciding import naming, telling, why
from upstep.engine.deciding.counting import LaneCount, account_count, lane_count, left_alone
from upstep.engine.deciding.explain import parsed
from upstep.plays.gates import GATES
from upstep.web.pictures import PeriodBars, Segment, UsageBar, period_bars, stacked, usage_bar

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

LANES: Mapping[str, tuple[str, str]] = {
    "self_serve": ("Self-serve", "The customer can take these alone."),
    "assisted": ("Assisted", "These are a person’s task: nothing reaches the customer by machine."),
    "care": ("Care", "Nothing is sold here: help with what they pay for, or a smaller plan."),
}
OUTCOMES: Mapping[str, str] = {
    "eligible": "on today’s list",
    "unconfirmed": "need an answer",
    "held": "wait",
    "unfit": "best as they are",
    "outranked": "gave way to a better step",
    "held_out": "kept back to measure",
}
BADGES: Mapping[str, str] = {
    "eligible": "on today’s list",
    "unconfirmed": "to confirm",
    "held": "waits",
    "unfit": "best as it is",
    "outranked": "gave way to a better step",
    "held_out": "kept back to measure",
}
_WINNING = {"eligible": 0, "held_out": 1, "unconfirmed": 2, "held": 3, "outranked": 4, "unfit": 5}


@dataclass(frozen=True)
class Room:
    """How much one page holds, so that its size is bounded whatever the run. Rows, accounts or steps."""

    lane: int = 200
    first: int = 12
    gate: int = 24
    questions: int = 60
    quiet: int = 80
    notices: int = 80
    traces: int = 40


@dataclass(frozen=True)
class StepRow:
    """One decision in words.

    Args:
        anchor: Its account's trace on this page, or None.
        figures: Recurring change, overage that disappears, customer's saving; then committed, if any.
        bar: Its use to the scale of all lists; ``picture`` is the same to its own scale.
    """

    account_id: str
    name: str
    anchor: str | None
    rank: int | None
    step: str
    product: str
    play: str
    motion: str
    path: str
    lane: str
    outcome: str
    why: str
    moment: str
    price: str
    price_record: str
    figures: tuple[telling.Figure, ...]
    likelihood: str
    priority: str
    density: int
    bar: UsageBar | None
    picture: UsageBar | None
    periods: PeriodBars | None
    facts: tuple[naming.Fact, ...]
    records: tuple[str, ...]
    holds: tuple[telling.Hold, ...]
    questions: tuple[telling.Question, ...]
    evidence: tuple[str, ...]
    recipients: tuple[str, ...]
    owner_id: str | None
    has_open_invoice: bool
    decision_id: str

    @property
    def sources(self) -> tuple[str, ...]:
        """What the money figures come from: the price, and the records of the facts."""
        return (self.price_record, *self.records) if self.price_record else self.records


@dataclass(frozen=True)
class Lane:
    """A ranked list: how long it is, what else is in its lane, its first rows, and those behind a fold."""

    name: str
    label: str
    about: str
    count: int
    others: str
    first: tuple[StepRow, ...]
    rest: tuple[StepRow, ...]


@dataclass(frozen=True)
class GateGroup:
    """The steps that one gate holds; a step that two gates hold stands under both.

    Args:
        width: Percent of the longest group.
        rows: Each step with what this gate says of it.
    """

    gate: str
    label: str
    count: int
    width: float
    rows: tuple[tuple[StepRow, telling.Hold], ...]

    @property
    def common(self) -> telling.Hold | None:
        """What the gate says of all of them, when it is the same."""
        said = {hold for _, hold in self.rows}
        return next(iter(said)) if len(said) == 1 else None


@dataclass(frozen=True)
class Quiet:
    """An account to leave alone, and why: steps that wait for the same reason stand together."""

    name: str
    account_id: str
    anchor: str | None
    reasons: tuple[tuple[tuple[str, ...], StepRow], ...]


@dataclass(frozen=True)
class Trace:
    """One account in the framework's six words. ``lead`` None: only what came of an earlier offer is known."""

    anchor: str
    account_id: str
    name: str
    lead: StepRow | None
    others: tuple[StepRow, ...]
    notices: tuple[StepRow, ...]
    story: Any | None


@dataclass(frozen=True)
class Sections:
    """All that the page says. Counts are of the whole run, rows are those there is room for."""

    outcomes: tuple[Segment, ...]
    lanes: tuple[Lane, ...]
    gates: tuple[GateGroup, ...]
    held_count: int
    unconfirmed: tuple[StepRow, ...]
    unconfirmed_count: int
    served: tuple[Quiet, ...]
    served_count: int
    waiting: tuple[Quiet, ...]
    waiting_count: int
    silent_count: int
    account_count: int
    notices: tuple[StepRow, ...]
    notice_count: int
    traces: tuple[Trace, ...]


def sections(project: Project, run: Run, stories: Mapping[str, Any], *, room: Room | None = None) -> Sections:
    """Sort a run's decisions into the sections of the page."""
    return _Sorting(project, run, stories, room or Room()).sections()


class _Sorting:
    """The work of one page; the table is filtered column by column, rows are read where they are shown."""

    def __init__(self, project: Project, run: Run, stories: Mapping[str, Any], room: Room) -> None:
        self.catalog = project.catalog
        self.currency = project.settings.currency
        self.stories = stories
        self.room = room
        self.on = run.as_of.date()
        decisions = run.decisions
        is_notice = pc.equal(decisions["path"], "notice")
        self.notices = decisions.filter(is_notice).sort_by([("name", "ascending"), ("target", "ascending")])
        self.steps = decisions.filter(pc.invert(is_notice))
        self.account_count = account_count(run)
        self.decisions = decisions
        self.anchors: dict[str, str] = {}
        self.told: dict[tuple[str, str], StepRow] = {}

    def sections(self) -> Sections:
        """Choose the traces first: rows link to them."""
        winners = self.steps.filter(self.steps["is_winner"])
        eligible = winners.filter(pc.equal(winners["outcome"], "eligible"))
        unconfirmed = winners.filter(pc.equal(winners["outcome"], "unconfirmed"))
        held = self._by_priority(self.steps.filter(pc.equal(self.steps["outcome"], "held")))
        alone = left_alone(self.steps, accounts=self.account_count)
        served, waiting = alone.served, alone.waiting
        chosen = self._chosen(eligible, unconfirmed, held, served)
        self.anchors = {account_id: f"account-{index + 1}" for index, account_id in enumerate(chosen)}
        return Sections(
            outcomes=self._outcomes(),
            lanes=tuple(self._lane(name, eligible) for name in LANES),
            gates=self._gates(held),
            held_count=held.num_rows,
            unconfirmed=self._rows(unconfirmed.slice(0, self.room.questions)),
            unconfirmed_count=unconfirmed.num_rows,
            served=self._quiet_accounts(served),
            served_count=len(served),
            waiting=self._quiet_accounts(waiting),
            waiting_count=len(waiting),
            silent_count=alone.silent,
            account_count=self.account_count,
            notices=self._rows(self.notices.slice(0, self.room.notices)),
            notice_count=self.notices.num_rows,
            traces=self._traces(chosen),
        )

    def _outcomes(self) -> tuple[Segment, ...]:
        counted = {row["values"]: row["counts"] for row in pc.value_counts(self.steps["outcome"]).to_pylist()}
        return stacked([(name, label, counted.get(name, 0)) for name, label in OUTCOMES.items()])

    def _lane(self, name: str, eligible: pa.Table) -> Lane:
        mine = eligible.filter(pc.equal(eligible["lane"], name)).sort_by("rank")
        rows = self._rows(mine.slice(0, self.room.lane))
        label, about = LANES[name]
        # A fold that hides one or two rows costs more than it spares.
        first = self.room.first if len(rows) > self.room.first + 2 else len(rows)
        count = lane_count(self.steps, name)
        return Lane(name, label, about, count.eligible, _others(count), rows[:first], rows[first:])

    def _gates(self, held: pa.Table) -> tuple[GateGroup, ...]:
        by_gate = [(gate, held.filter(_mentions(held["holds"], gate))) for gate in GATES]
        by_gate = sorted(((gate, rows) for gate, rows in by_gate if rows.num_rows), key=lambda one: -one[1].num_rows)
        most = by_gate[0][1].num_rows if by_gate else 1
        groups = []
        for gate, table in by_gate:
            rows = self._rows(table.slice(0, self.room.gate))
            told = tuple((row, next(hold for hold in row.holds if hold.gate == gate)) for row in rows)
            width = round(table.num_rows * 100 / most, 2)
            groups.append(GateGroup(gate, telling.gate_words(gate), table.num_rows, width, told))
        return tuple(groups)

    def _quiet_accounts(self, accounts: Sequence[str]) -> tuple[Quiet, ...]:
        shown = accounts[: self.room.quiet]
        by_account = self._grouped(self.steps, shown)
        return tuple(
            Quiet(rows[0].name, account_id, self.anchors.get(account_id), _reasons(rows))
            for account_id, rows in by_account
        )

    def _chosen(self, eligible: pa.Table, unconfirmed: pa.Table, held: pa.Table, served: Sequence[str]) -> list[str]:
        """The accounts that are traced: those with a story, the top of each lane, and examples of the rest."""
        tops = [eligible.filter(pc.equal(eligible["lane"], lane)).sort_by("rank") for lane in LANES]
        examples = [held.filter(_mentions(held["holds"], gate)).slice(0, 2) for gate in GATES]
        # Shares of the room: the lanes as people read them, then at least one example of everything that waits.
        wanted: list[Iterable[str]] = [
            sorted(self.stories),
            *(_accounts(top, count) for top, count in zip(tops, (12, 8, 5), strict=True)),
            *(_accounts(example, 2) for example in examples),
            _accounts(unconfirmed, 3),
            served[:2],
        ]
        ordered = dict.fromkeys(account for accounts in wanted for account in accounts)
        return list(ordered)[: max(self.room.traces, len(self.stories))]

    def _traces(self, chosen: Sequence[str]) -> tuple[Trace, ...]:
        steps = dict(self._grouped(self.steps, chosen))
        notices = dict(self._grouped(self.notices, chosen))
        traces = []
        for account_id in chosen:
            story = self.stories.get(account_id)
            rows = sorted(steps.get(account_id, ()), key=lambda row: _WINNING.get(row.outcome, 9))
            told = notices.get(account_id, ())
            name = next((row.name for row in (*rows, *told)), getattr(story, "name", "") or account_id)
            lead = rows[0] if rows else None
            traces.append(Trace(self.anchors[account_id], account_id, name, lead, tuple(rows[1:]), tuple(told), story))
        return tuple(traces)

    def _grouped(self, table: pa.Table, accounts: Sequence[str]) -> list[tuple[str, tuple[StepRow, ...]]]:
        """Rows of these accounts, in the order in which the accounts are named."""
        mine = table.filter(pc.is_in(table["account_id"], pa.array(accounts, pa.string())))
        by_account: dict[str, list[StepRow]] = {}
        for row in self._rows(mine):
            by_account.setdefault(row.account_id, []).append(row)
        return [(one, tuple(by_account[one])) for one in accounts if one in by_account]

    def _by_priority(self, table: pa.Table) -> pa.Table:
        keys = [("priority", "descending"), ("account_id", "ascending"), ("target", "ascending")]
        return table.sort_by(keys)

    def _rows(self, table: pa.Table) -> tuple[StepRow, ...]:
        return tuple(self._row(row) for row in table.to_pylist())

    def _row(self, row: Mapping[str, Any]) -> StepRow:
        """A row in words; told once, however many sections show it."""
        key = (row["decision_id"], row["play"])
        if key not in self.told:
            self.told[key] = self._tell(parsed(row))
        return self.told[key]

    def _tell(self, row: Mapping[str, Any]) -> StepRow:
        catalog: Catalog = self.catalog
        facts = naming.facts(row, catalog)
        return StepRow(
            account_id=row["account_id"],
            name=row["name"],
            anchor=self.anchors.get(row["account_id"]),
            rank=row["rank"],
            step=telling.step_words(row, catalog),
            product=telling.product_words(row, catalog),
            play=telling.play_words(row["play"]),
            motion=(row["motion"] or "").replace("_", " "),
            path=row["path"],
            lane=row["lane"] or "",
            outcome=row["outcome"],
            why=why.why_sentence(row, catalog),
            moment=why.moment_words(row, catalog),
            price=telling.price_words(row, catalog, on=self.on),
            price_record=telling.price_record(row, catalog, on=self.on),
            figures=telling.figures(row),
            likelihood=telling.likelihood_words(row),
            priority=telling.priority_words(row, self.currency),
            density=row["signal_density"] or 0,
            bar=usage_bar(row, catalog, in_list=True),
            picture=usage_bar(row, catalog),
            periods=period_bars(row),
            facts=facts,
            records=tuple(dict.fromkeys(record for fact in facts for record in fact.records)),
            holds=telling.holds(row),
            questions=telling.questions(row),
            evidence=tuple(telling.play_words(play) for play in row["evidence"] or ()),
            recipients=tuple(row.get("recipients") or ()),
            owner_id=row["owner_id"],
            has_open_invoice=bool(row["has_open_invoice"]),
            decision_id=row["decision_id"],
        )


def _reasons(rows: Iterable[StepRow]) -> tuple[tuple[tuple[str, ...], StepRow], ...]:
    """Steps and what is said of them: held steps by their holds, every other step by itself."""
    together: dict[object, list[StepRow]] = {}
    for row in rows:
        together.setdefault(row.holds if row.outcome == "held" else row.decision_id, []).append(row)
    return tuple((tuple(row.step for row in same), same[0]) for same in together.values())


def _others(count: LaneCount) -> str:
    """What else is in the lane: ``3 more are kept back to measure, 5 wait for an answer``; empty where nothing is."""
    told = []
    if count.held_out:
        told.append(f"{count.held_out:,} more {'is' if count.held_out == 1 else 'are'} kept back to measure")
    if count.unconfirmed:
        more = "" if told else " more"
        told.append(f"{count.unconfirmed:,}{more} {'waits' if count.unconfirmed == 1 else 'wait'} for an answer")
    return ", ".join(told)


def _mentions(holds: pa.ChunkedArray, gate: str) -> pa.ChunkedArray:
    return pc.match_substring_regex(holds, f'"gate": ?"{gate}"')


def _accounts(table: pa.Table, count: int) -> list[str]:
    """The first so many different accounts, in the table's order."""
    return list(dict.fromkeys(table["account_id"].slice(0, count * 2).to_pylist()))[:count]
