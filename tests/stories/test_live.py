"""From a usage event to a paid upgrade: events arrive in the inbox, and the worker does the rest, each thing once."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from upstep.clock import iso, to_seconds
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.file import FileChannel
from upstep.delivery.widget import WidgetChannel
from upstep.engine.live import loop
from upstep.engine.live.loop import Cycle, Worker
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting import accepting, reconciling
from upstep.engine.quoting.biller import sandbox
from upstep.errors import OutsideError
from upstep.plays.play import LIBRARY
from upstep.state import tables
from upstep.state.inbox import Inbox, Received, open_inbox
from upstep.state.session import reading
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample

pytestmark = pytest.mark.slow

ACCOUNT = "harbormont-systems"
OTHER = "lumenbrook-software"
USED, LIMIT = 35_000, 50_000
MORNING = AS_OF + timedelta(hours=9, minutes=30)
# Any other play might speak before the ladder does.
OFF = sorted(path.stem for path in LIBRARY.glob("*.yaml") if path.stem != "limit_approaching")
SETTINGS = f"""
plays: {{off: [{", ".join(OFF)}]}}
ingest:
  track:
    Email Sent: {{meter: emails, quantity: count}}
    List Counted: {{meter: contacts, quantity: count}}
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample company, loaded, with a worker that has decided everybody; each story goes on from a copy."""
    folder = tmp_path_factory.mktemp("postline") / "p"
    write_sample("postline", folder, accounts=40)
    with (folder / "upstep.yaml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    first = open_story(folder)
    first.worker.cycle()
    first.close()
    return folder


@dataclass
class Story:
    project: Project
    state: sa.Engine
    inbox: Inbox
    now: datetime = MORNING
    events: int = 0
    repeats: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        folder = self.project.folder / ".upstep" / "messages"
        channels = {"in_app": WidgetChannel(), "email": FileChannel(folder), "task": FileChannel(folder)}
        clock = lambda: self.now  # noqa: E731 - a clock that the story moves
        self.worker = Worker(self.project, state=self.state, inbox=self.inbox, clock=clock, channels=channels)

    def close(self) -> None:
        self.inbox.close()
        self.state.dispose()

    def track(
        self, quantity: int, *, event: str = "Email Sent", at: datetime | None = None, account: str = ACCOUNT
    ) -> None:
        """An event as a client library sends it; it happened now, or at some time before."""
        self.events += 1
        happened = at or self.now
        body = {
            "type": "track",
            "event": event,
            "messageId": f"m{self.events}",
            "timestamp": iso(happened),
            "properties": {"count": quantity},
            "context": {"groupId": account},
        }
        seconds = to_seconds(happened), to_seconds(self.now)
        self.repeats.append(Received(f"m{self.events}", "track", *seconds, json.dumps(body).encode()))
        self.inbox.add(self.repeats[-1:])

    def cycle(self, minutes: int = 1) -> Cycle:
        """Some time later the worker looks."""
        self.now += timedelta(minutes=minutes)
        return self.worker.cycle()

    def said(self) -> Counter[tuple[str, str]]:
        """What left for the account, as (purpose, channel), to how many people."""
        message = tables.message
        wanted = sa.select(message).where(message.c.account_id == ACCOUNT, message.c.status == "sent")
        with reading(self.state) as connection:
            rows = connection.execute(wanted).mappings().all()
        return Counter((row["purpose"], row["channel"]) for row in rows)

    def given(self, meter: str) -> list[tuple[str, int]]:
        """The notices that were given: basis of the limit and threshold, one for each time."""
        key = tables.once_key
        wanted = sa.select(key).where(key.c.account_id == ACCOUNT, key.c.meter_id == meter).order_by(key.c.taken_at)
        with reading(self.state) as connection:
            return [(row.basis, row.threshold) for row in connection.execute(wanted)]

    def offer(self) -> Any:
        offer = tables.offer
        with reading(self.state) as connection:
            found = sa.select(offer).where(offer.c.account_id == ACCOUNT, offer.c.status != "withdrawn")
            return connection.execute(found).one()


def open_story(folder: Path) -> Story:
    project = Project(folder)
    return Story(project, open_project_state(project), open_inbox(folder / ".upstep" / "inbox.db"))


@pytest.fixture
def story(loaded: Path, tmp_path: Path) -> Any:
    shutil.copytree(loaded, tmp_path / "p")
    opened = open_story(tmp_path / "p")
    opened.worker.cycle()
    yield opened
    opened.close()


def test_a_notice_at_80_percent_an_email_at_90_a_prompt_at_100_and_one_click_is_paid(story: Story) -> None:
    assert story.said() == {}

    story.track(40_000 - USED)
    cycle = story.cycle()
    assert (cycle.events, cycle.accounts, cycle.notices) == (1, 1, 1)
    assert set(story.said()) == {("notice", "in_app")}
    # Somebody may be looking at the page: the notice does not wait for what is opened for others.
    assert list(cycle.seconds).index("send") < list(cycle.seconds).index("open")

    story.track(5_000)
    story.cycle()
    assert set(story.said()) == {("notice", "in_app"), ("sales", "email")}

    story.track(5_000)
    story.cycle()
    assert set(story.said()) == {("notice", "in_app"), ("sales", "email"), ("sales", "in_app")}

    biller = sandbox(story.project, as_of=AS_OF, accounts=[ACCOUNT])
    offer, applied = accepting.accept_offer(
        story.project, story.offer().offer_id, provider=biller, by="ana", now=story.now
    )
    assert applied is not None
    story.cycle()

    assert story.offer().status == "converted"
    assert story.offer().offer_id == offer.offer_id
    movement = reconciling.account_movements(story.project, ACCOUNT, as_of=story.now)[-1]
    assert (movement["category"], movement["cause"]) == ("expansion", "upsell")


def test_the_published_decision_counts_the_newest_event_in_the_same_cycle(story: Story) -> None:
    story.track(10_000)
    story.cycle()

    assert used_by(story) == {USED + 10_000}
    assert published(story).as_of == story.now


class _Slow(WidgetChannel):
    """A channel that takes as long as it is let."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def send(self, message: Message) -> SendResult:
        self.began.set()
        self.may_end.wait(60)
        return super().send(message)


def test_what_arrives_while_a_message_is_sent_is_decided_meanwhile(story: Story) -> None:
    slow = _Slow()
    story.worker.channels = {**(story.worker.channels or {}), "in_app": slow}
    working = threading.Thread(target=story.worker.run)
    story.track(40_000 - USED)
    working.start()
    try:
        assert slow.began.wait(60)
        story.now += timedelta(minutes=1)
        story.track(1_000, account=OTHER)
        story.track(1_000)
        assert _in_time(lambda: published(story, OTHER).as_of == story.now)
        assert story.said() == {}
        # Of whom something is being said, the next word waits: it might be that nothing is to be said any more.
        assert used_by(story) == {40_000}
    finally:
        slow.may_end.set()
        assert _in_time(lambda: bool(story.said()))
        story.worker.stop()
        working.join()
    assert set(story.said()) == {("notice", "in_app")}
    story.cycle()
    assert used_by(story) == {41_000}


def test_what_could_not_follow_from_a_decision_is_decided_again(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    failed, queue = threading.Event(), loop.queue_beside

    def once(*words: Any, **named: Any) -> dict[str, int]:
        if failed.is_set():
            return queue(*words, **named)
        failed.set()
        raise OutsideError("the state cannot be reached")

    monkeypatch.setattr(loop, "queue_beside", once)
    working = threading.Thread(target=story.worker.run)
    story.track(40_000 - USED)
    working.start()
    try:
        assert _in_time(lambda: bool(story.said()))
    finally:
        story.worker.stop()
        working.join()
    assert failed.is_set()
    assert set(story.said()) == {("notice", "in_app")}


def _in_time(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so within a minute."""
    ends = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def published(story: Story, account: str = ACCOUNT) -> Any:
    """What can be read of an account."""
    row = tables.published_decision
    with reading(story.state) as connection:
        return connection.execute(sa.select(row).where(row.c.account_id == account)).one()


def used_by(story: Story) -> set[int]:
    """The use that the published decision tells."""
    return {one["facts"]["used"]["value"] for one in json.loads(published(story).body) if "used" in one["facts"]}


def test_a_jump_over_all_rungs_speaks_once_on_each(story: Story) -> None:
    story.track(LIMIT - USED)
    for _ in range(3):
        story.cycle()

    said = story.said()
    assert set(said) == {("notice", "in_app"), ("sales", "email"), ("sales", "in_app")}
    assert said["sales", "email"] == said["sales", "in_app"] == 2  # to both who may buy
    assert story.offer().status in ("open", "shown")


def test_what_arrives_twice_or_late_says_nothing_again(story: Story) -> None:
    story.track(LIMIT - USED)
    story.cycle()
    said = story.said()

    story.inbox.add(story.repeats)
    story.track(10, at=story.now - timedelta(days=3))
    story.cycle()
    # The next day the service is started anew.
    again = open_story(story.project.folder)
    again.now = story.now + timedelta(days=1)
    again.worker.cycle()
    again.close()

    assert story.said() == said


def test_a_stock_that_falls_back_and_returns_is_spoken_of_once(story: Story) -> None:
    for level in (4_100, 3_700, 4_100, 4_300):
        story.track(level, event="List Counted")
        story.cycle()

    assert [threshold for _, threshold in story.given("contacts")] == [80]


def test_a_new_limit_is_a_new_basis_and_is_spoken_of_anew(story: Story) -> None:
    story.track(LIMIT - USED)
    story.cycle()
    (before,) = story.given("emails")
    path = story.project.folder / "data" / "entitlement_override.csv"
    header = "override_id,account_id,meter_id,limit_quantity,valid_from\n"
    path.write_text(f"{header}ov_1,{ACCOUNT},emails,60000,2026-11-01\n", encoding="utf-8")
    load(story.project.folder, now=story.now, through=story.now, known=story.project.known_ids)

    cycle = story.cycle()

    assert cycle.accounts is None  # somebody loaded, so everybody is decided
    first, second = story.given("emails")
    assert first == before
    assert second[0] != before[0]


def test_an_urgent_problem_keeps_the_sale_back_and_lets_the_notice_pass(story: Story) -> None:
    path = story.project.folder / "data" / "ticket.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    row = {"ticket_id": "t_new", "account_id": ACCOUNT, "kind": "problem", "severity": "urgent"}
    row["opened_at"] = iso(MORNING - timedelta(hours=1))
    with path.open("a", encoding="utf-8") as file:
        file.write(",".join(row.get(name, "") for name in header) + "\n")
    load(story.project.folder, now=story.now, through=story.now, known=story.project.known_ids)

    story.track(LIMIT - USED)
    story.cycle()

    assert set(story.said()) == {("notice", "in_app")}
