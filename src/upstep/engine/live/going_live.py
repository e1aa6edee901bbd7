"""From shadow to live and back: what would leave, what was reached already counts as seen, and who decided it.

In shadow every message became a file. Going live makes that undone: offers that nobody has seen neither cool an account
down nor count as contact, and a limit that was crossed long ago is not told as news.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.clock import iso
from upstep.delivery.channel import Purpose
from upstep.delivery.outbox import MessageStatus
from upstep.engine.contacting.channels import close_channels, is_live, live_file, open_channels
from upstep.engine.deciding.explain import parsed
from upstep.engine.offering.notices import once_key
from upstep.engine.offering.opening import channels_due
from upstep.engine.offering.tasks import is_task
from upstep.errors import ConfigError, Fault
from upstep.offers import lifecycle
from upstep.offers.model import LIVE
from upstep.state import once, tables
from upstep.state.audit import note
from upstep.state.session import reading, writing

if TYPE_CHECKING:
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

_SHADOW = "it went to a file only: the project was in shadow"


@dataclass(frozen=True)
class Sendable:
    """What a run would send.

    Args:
        channels: Those that are connected.
        offers: How many offers would be made, by play and channel.
        notices: How many limits were reached already: they count as seen.
        tasks: How many owners' tasks there would be.
        unconnected: Channels that offers or tasks want and that are not connected.
    """

    channels: tuple[str, ...]
    offers: Mapping[tuple[str, str], int]
    notices: int
    tasks: int
    unconnected: tuple[str, ...]


@dataclass(frozen=True)
class WentLive:
    """What going live changed; False and zeros when the project was live already."""

    is_new: bool
    notices_seen: int = 0
    offers_withdrawn: int = 0
    messages_withdrawn: int = 0


def sendable(project: Project, run: Run) -> Sendable:
    """What would leave if the project were live.

    Raises:
        ConfigError: A channel's settings cannot be used as they are.
    """
    channels = _connected(project)
    rows = run.decisions.to_pylist()
    offers: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["is_winner"] and row["outcome"] == "eligible" and row["path"] == row["lane"] == "self_serve":
            offers.update((row["play"], channel) for channel in channels_due(project, row))
    tasks = sum(map(is_task, rows))
    wanted = {channel for _, channel in offers} | ({project.settings.channels.task} if tasks else set())
    return Sendable(
        channels=channels,
        offers=dict(sorted(offers.items())),
        notices=sum(row["path"] == "notice" for row in rows),
        tasks=tasks,
        unconnected=tuple(sorted(wanted - set(channels))),
    )


def _connected(project: Project) -> tuple[str, ...]:
    channels = open_channels(project, is_live=True)
    close_channels(channels)
    settings = project.settings
    if settings.channels.email and _is_local(settings.serving.public_url):
        raise ConfigError(
            Fault(
                "upstep.yaml: serve.public_url",
                f"is {settings.serving.public_url}, so links in e-mails would lead nowhere.",
                "Write where customers reach the service: serve: {public_url: https://upstep.example.com}.",
            )
        )
    return tuple(sorted({channel.name for channel in channels.values()}))


def _is_local(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0].rpartition(":")[0] or url.partition("://")[2].partition("/")[0]
    return host in {"127.0.0.1", "localhost", "[::1]", "0.0.0.0"}  # noqa: S104 - compared, not bound


def go_live(project: Project, state: sa.Engine, run: Run, *, by: str, now: datetime) -> WentLive:
    """Mark the project live. Doing it twice changes nothing.

    Args:
        project: Whose.
        state: Its operational database.
        run: The decisions of this moment.
        by: Who decided so.
        now: When.
    """
    if is_live(project):
        return WentLive(is_new=False)
    seen = _mark_seen(state, run, now=now)
    offers, messages = _undo_shadow(state, now=now)
    with writing(state) as connection:
        details = {"notices_seen": seen, "offers_withdrawn": offers, "messages_withdrawn": messages}
        note(connection, "live", subject=project.settings.company, who=by, at=now, details=details)
    _write(project, by=by, now=now)
    return WentLive(is_new=True, notices_seen=seen, offers_withdrawn=offers, messages_withdrawn=messages)


def go_dark(project: Project, state: sa.Engine, *, by: str, now: datetime) -> bool:
    """Back to shadow: what waits becomes files from now on. Returns whether the project was live."""
    if not is_live(project):
        return False
    with writing(state) as connection:
        note(connection, "live off", subject=project.settings.company, who=by, at=now)
    live_file(project).unlink(missing_ok=True)
    return True


def _write(project: Project, *, by: str, now: datetime) -> None:
    path = live_file(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name("live.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"at": iso(now), "by": by}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _mark_seen(state: sa.Engine, run: Run, *, now: datetime) -> int:
    """Take the once-keys of every notice that is due: those limits were reached before anybody was told anything."""
    due = [parsed(row) for row in run.decisions.to_pylist() if row["path"] == "notice"]
    with writing(state) as connection:
        return sum(once.take(connection, once_key(row), at=now, taken_for="live") for row in due)


def _undo_shadow(state: sa.Engine, *, now: datetime) -> tuple[int, int]:
    """Take back what only went to files: how many offers and how many messages."""
    offer, message = tables.offer, tables.message
    since = _shadow_since(state)
    in_files = sa.and_(message.c.status == MessageStatus.SENT, message.c.sent_at >= since)
    waiting = message.c.status.in_((MessageStatus.QUEUED, MessageStatus.HELD))
    with reading(state) as connection:
        told = sa.select(message.c.offer_id).where(message.c.offer_id.is_not(None), in_files | waiting)
        offers = connection.execute(
            sa.select(offer.c.offer_id).where(
                offer.c.offer_id.in_(told),
                offer.c.status.in_([status for status in LIVE if status.value != "accepted"]),
                offer.c.clicked_at.is_(None),
                offer.c.offer_id.not_in(_seen_by_somebody()),
            )
        )
        unseen = list(offers.scalars())
    for offer_id in unseen:
        lifecycle.withdraw(state, offer_id, by=lifecycle.PROGRAM, at=now, why=_SHADOW)
    with writing(state) as connection:
        for some in _chunks(unseen):
            connection.execute(sa.update(offer).where(offer.c.offer_id.in_(some)).values(shown_at=None))
        taken = connection.execute(
            sa.update(message)
            .where(in_files | (waiting & message.c.purpose.in_((Purpose.NOTICE, Purpose.CARE))))
            .where(message.c.message_id.not_in(sa.select(tables.exposure.c.message_id)))
            .values(status=MessageStatus.WITHDRAWN, reason=_SHADOW, sent_at=None)
        )
    return len(unseen), taken.rowcount


def _seen_by_somebody() -> sa.Select[Any]:
    seen = tables.exposure.c.offer_id
    return sa.select(seen).where(seen.is_not(None))


def _shadow_since(state: sa.Engine) -> datetime:
    """When the project went back to shadow last; the beginning of time if it never was live."""
    audit = tables.audit
    with reading(state) as connection:
        last = connection.execute(
            sa.select(sa.func.max(audit.c.happened_at)).where(audit.c.what == "live off")
        ).scalar()
    return last or datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _chunks(ids: list[str]) -> Iterable[list[str]]:
    return (ids[begin : begin + 500] for begin in range(0, len(ids), 500))
