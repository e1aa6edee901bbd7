"""A play: a rule with a proposal. Read from YAML, checked whole, every fault told at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.errors import Fault, PlayError, did_you_mean
from upstep.plays.expression import Condition, ExpressionError, parse
from upstep.plays.gates import GATES
from upstep.plays.grain import GRAINS, column_kinds
from upstep.tables.schema import MOMENT_KINDS, MOTIONS
from upstep.yaml_file import read_yaml

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.tables.query import Program
    from upstep.yaml_file import Node

LIBRARY = Path(__file__).parent / "library"
Kinds = dict[str, dict[str, str]]
"""Grain to its visible columns and their kinds: number, text or flag."""

_SUITS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fit": (("limit",), ("from_proposal",)),
    "seats": (("limit",), ("from_proposal",)),
    "room": (("limit",), ("from_proposal",)),
    "higher": (("limit", "plan"), ("from_proposal", "upsell")),
    "highest": (("plan",), ("from_proposal", "upsell")),
    "trial": (("plan",), ("from_proposal", "upsell")),
    "feature": (("feature",), ("from_proposal",)),
    "add_on": (("add_on",), ("from_proposal", "add_on")),
    "term": (("plan",), ("commit",)),
    "longer": (("plan",), ("commit",)),
    "commit": (("plan",), ("commit",)),
    "product": (("product",), ("cross_sell",)),
    "bundle": (("bundle",), ("cross_sell",)),
    "package": (("product",), ("upsell",)),
    "retainer": (("product",), ("commit",)),
    "adopt": (("limit",), ("adopt",)),
    "learn": (("use_case",), ("adopt",)),
    "cheaper": (("plan",), ("right_size",)),
}
"""Which grains a proposal can be made for, and which motion it is."""

PROPOSALS = tuple(_SUITS)
"""What a play may propose; ``docs/plays.md`` says what each looks for."""

DERIVED_MOMENTS = (
    "limit_reached",
    "feature_requested",
    "renewal_window",
    "onboarded_60d",
    "outcome_met",
    "product_released",
    "checkout",
)
_KEYS = [
    "play",
    "what",
    "motion",
    "each",
    "when",
    "moments",
    "propose",
    "notice",
    "ladder",
    "gates",
    "message",
    "source",
    "prior",
    "lever",
    "template",
]


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: at which share of the limit, through which channel, under which condition."""

    percent: int
    channel: str
    style: str | None = None
    condition: Condition | None = None


@dataclass(frozen=True)
class Play:
    """One play as read.

    Args:
        motion: A motion, or ``from_proposal``.
        prior: Likelihood before there is history: share of such offers that convert; see ``docs/plays.md``.
        lever: A company's own weight; 1 leaves the rank as it is.
        is_template: It shows how plays of its kind are written and never runs itself.
    """

    id: str
    what: str
    motion: str
    each: str
    condition: Condition
    propose: str
    moments: tuple[str, ...] = ()
    notice_percent: int | None = None
    ladder: tuple[Rung, ...] = ()
    gates_added: tuple[str, ...] = ()
    gates_removed: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    source: str = ""
    prior: float = 0.1
    lever: float = 1.0
    file: str = ""
    is_template: bool = False


@dataclass(frozen=True)
class Playbook:
    """All plays that run, in a fixed order; ``hash`` identifies their content."""

    plays: tuple[Play, ...]
    hash: str

    def play(self, play_id: str) -> Play | None:
        """The play of that id, or None."""
        return self._by_id.get(play_id)

    @cached_property
    def _by_id(self) -> dict[str, Play]:
        return {play.id: play for play in self.plays}


def load_playbook(
    catalog: Catalog,
    kinds: Kinds,
    *,
    own: Path | None = None,
    off: Collection[str] = (),
    extra: Sequence[Path] = (),
) -> Playbook:
    """Read the shipped plays and a company's own.

    Args:
        kinds: From ``kinds_of``.
        own: Folder of the company's plays; one with a shipped play's id takes its place.
        off: Ids of plays that do not run.
        extra: More files, as a benchmark uses.

    Raises:
        PlayError: With every fault of every file.
    """
    faults: list[Fault] = []
    plays: dict[str, Play] = {}
    digest = hashlib.blake2b(digest_size=16)
    files = [*sorted(LIBRARY.glob("*.yaml")), *(sorted(own.glob("*.yaml")) if own and own.is_dir() else []), *extra]
    for file in files:
        node = read_yaml(file, faults)
        play = _read(node, catalog, kinds, file=file) if node else None
        if play:
            plays[play.id] = play
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    faults += [
        Fault("upstep.yaml", f"plays.off names '{word}', which is no play.", did_you_mean(word, plays))
        for word in off
        if word not in plays
    ]
    if faults:
        raise PlayError(faults)
    digest.update("\0".join(sorted(off)).encode())
    kept = tuple(play for name, play in sorted(plays.items()) if name not in off and not play.is_template)
    return Playbook(kept, digest.hexdigest())


def read_library(catalog: Catalog, kinds: Kinds) -> tuple[Play, ...]:
    """Every play that ships, templates among them, by id.

    Raises:
        PlayError: With every fault of every file.
    """
    faults: list[Fault] = []
    nodes = [(file, read_yaml(file, faults)) for file in sorted(LIBRARY.glob("*.yaml"))]
    found = [_read(node, catalog, kinds, file=file) for file, node in nodes if node]
    if faults:
        raise PlayError(faults)
    return tuple(play for play in found if play)


def _read(node: Node, catalog: Catalog, kinds_by_grain: Kinds, *, file: Path) -> Play | None:
    before = len(node.faults)
    node.unknown_keys(_KEYS)
    play_id = node.text("play")
    node = node.called(f"play '{play_id}'")
    each = node.text("each", allowed=tuple(GRAINS))
    kinds = kinds_by_grain.get(each, {})
    condition = _condition(node, "when", kinds, catalog)
    added, removed = _gates(node)
    play = Play(
        id=play_id,
        what=node.text("what", ""),
        motion=node.text("motion", allowed=("from_proposal", *MOTIONS)),
        each=each,
        condition=condition,  # type: ignore[arg-type]  # None only beside a fault, and then nothing is returned
        propose=node.text("propose", allowed=PROPOSALS),
        moments=node.words("moments", (), allowed=(*MOMENT_KINDS, *DERIVED_MOMENTS)),
        notice_percent=_notice(node),
        ladder=tuple(_rungs(node, kinds, catalog)),
        gates_added=added,
        gates_removed=removed,
        message=node.text("message", None),
        source=node.text("source"),
        prior=node.number("prior", 0.1, minimum=0.0, maximum=1.0),
        lever=node.number("lever", 1.0, minimum=0.0, maximum=100.0),
        file=str(file),
        is_template=node.flag("template", default=False),
    )
    _tell_misfits(node, play)
    return play if len(node.faults) == before else None


def _tell_misfits(node: Node, play: Play) -> None:
    """A proposal that cannot be made for the grain, a motion that it is not, an id that is no word."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", play.id or "x"):
        node.fault(f"'{play.id}' is no play id.", "Use small letters, digits and underscores, as in seats_nearly_full.")
    if play.ladder and play.each != "limit":
        node.fault(f"a ladder climbs a limit, and this is each: {play.each}.", "Use each: limit, or remove the ladder.")
    grains, motions = _SUITS.get(play.propose, ((), ()))
    if grains and play.each in GRAINS and play.each not in grains:
        node.fault(
            f"propose: {play.propose} cannot be made for each: {play.each}.", f"Use each: {' or '.join(grains)}."
        )
    if motions and play.motion and play.motion not in motions:
        found = f"motion: {play.motion} does not go with propose: {play.propose}."
        node.fault(found, f"Write motion: {' or '.join(motions)}.")


def _condition(node: Node, key: str, kinds: Mapping[str, str], catalog: Catalog) -> Condition | None:
    text = node.text(key)
    child = node.child(key)
    if not text or not kinds or child is None:
        return None
    try:
        return parse(text, kinds, meters=catalog.meters)
    except ExpressionError as error:
        child.fault(f"{key}: {error}")
        return None


def _notice(node: Node) -> int | None:
    notice = node.mapping("notice")
    if notice is None:
        return None
    notice.unknown_keys(("at",))
    return _percent(notice.number("at", minimum=0.01, maximum=1.0))


def _percent(share: float) -> int:
    return round(share * 100)


def _rungs(node: Node, kinds: Mapping[str, str], catalog: Catalog) -> list[Rung]:
    rungs = []
    for rung in node.mappings("ladder"):
        rung.unknown_keys(("at", "channel", "style", "if"))
        condition = _condition(rung, "if", kinds, catalog) if "if" in rung else None
        rungs.append(
            Rung(
                _percent(rung.number("at", minimum=0.01, maximum=1.0)),
                rung.text("channel", allowed=("in_app", "email", "task")),
                rung.text("style", None, allowed=("banner", "modal", "prompt")),
                condition,
            )
        )
    return rungs


def _gates(node: Node) -> tuple[tuple[str, ...], dict[str, str]]:
    """Gates added, and those removed with the reason that the ledger shows."""
    gates = node.mapping("gates")
    if gates is None:
        return (), {}
    gates.unknown_keys(("add", "remove"))
    removed: dict[str, str] = {}
    for entry in gates.mappings("remove"):
        entry.unknown_keys(("gate", "because"))
        removed[entry.text("gate", allowed=tuple(GATES))] = entry.text("because")
    return gates.words("add", (), allowed=tuple(GATES)), removed


def kinds_of(program: Program) -> Kinds:
    """The columns that conditions may read, by grain, and their kinds. They do not depend on what is sold."""
    return {grain: column_kinds(program, grain) for grain in GRAINS}


def plain(play: Play) -> dict[str, Any]:
    """A play as plain values, for ``plays list --json``."""
    return {
        "play": play.id,
        "what": play.what,
        "motion": play.motion,
        "each": play.each,
        "when": play.condition.text,
        "propose": play.propose,
        "moments": list(play.moments),
        "prior": play.prior,
        "source": play.source,
    }
