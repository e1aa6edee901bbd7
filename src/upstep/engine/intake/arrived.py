"""What has arrived and is no fact: events that wait, that no setting explains, that were put aside; and once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upstep.engine.intake.arriving import RefusedEventError, decode_event

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.state.inbox import Inbox, Parked, Refused, Unknown, Waiting

SHOWN_MOST = 20


@dataclass(frozen=True)
class Arrived:
    """The state of the inbox.

    Args:
        waiting: Events that the worker has yet to load.
        oldest_at: When the one arrived that has waited longest (seconds).
        unknown: Names that ``ingest.track`` does not have.
        parked: How many events were put aside, by reason.
        examples: Some of those put aside.
        refused: What pages said of people and accounts and may not say; the rest of those events stands.
    """

    waiting: int
    oldest_at: int | None
    unknown: tuple[Unknown, ...]
    parked: dict[str, int]
    examples: tuple[Parked, ...]
    refused: tuple[Refused, ...] = ()


def arrived(inbox: Inbox) -> Arrived:
    """Look into the inbox."""
    parked = inbox.parked_counts()
    return Arrived(
        inbox.depth(),
        inbox.oldest(),
        tuple(inbox.unknown()),
        parked,
        tuple(inbox.parked(limit=SHOWN_MOST)),
        tuple(inbox.refused()),
    )


def once_more(project: Project, inbox: Inbox) -> int:
    """Let events wait again that were put aside, or whose name a setting explains by now. Gives their number.

    Those that are facts already are known by their ids, so nothing is counted twice.
    """
    explained = {one.name for one in inbox.unknown()} & set(project.settings.ingest.track)

    def is_wanted(event: Waiting) -> bool:
        try:
            return event.kind == "track" and decode_event(event.body).named in explained
        except RefusedEventError:
            return False

    many = inbox.again(is_wanted)
    inbox.forget_unknown(sorted(explained))
    return many
