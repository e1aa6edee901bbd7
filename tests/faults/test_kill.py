"""The process is killed at every step of an apply and started again: nothing is charged twice, nothing is lost.

What is killed is the program itself, ``upstep apply`` in a process of its own, at the points that the source names
(``faults.point``). The money is counted in the biller's own ledger.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import upstep
from tests.faults.test_sending import SENDING_POINTS
from upstep.billing.sandbox import SandboxBiller
from upstep.cli import main
from upstep.clock import iso
from upstep.engine.project import Project
from upstep.engine.quoting import reconciling
from upstep.engine.quoting.biller import sandbox
from upstep.faults import KILLED
from upstep.state import tables
from upstep.state.session import open_state, reading
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample

pytestmark = pytest.mark.faults

ACCOUNT = "lumenbrook-software"
MORNING = AS_OF + timedelta(hours=9, minutes=30)
LATER = MORNING + timedelta(minutes=5)

APPLY_POINTS = ("apply.intent_written", "apply.compared", "apply.made", "apply.answered", "apply.outcome_written")
OFFER_POINTS = ("offer.accepted", *APPLY_POINTS, "reconcile.finished", "reconcile.loaded", "reconcile.converted")
LOCK_POINTS = ("quote.locked",)
OPEN_POINTS = ("offers.written", "offers.opened")


def test_every_point_that_the_source_names_is_killed_here() -> None:
    named = {
        point
        for path in Path(upstep.__file__).parent.rglob("*.py")
        for point in re.findall(r'faults\.point\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert named == {*OFFER_POINTS, *LOCK_POINTS, *OPEN_POINTS, *SENDING_POINTS}


@dataclass(frozen=True)
class Prepared:
    """A project with an offer, a quote of another product and a scheduled downgrade, none of them applied."""

    folder: Path
    offer: dict[str, Any]
    upgrade: dict[str, Any]
    downgrade: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """A copy of it that may be killed."""

    project: Project
    named: str
    due: int

    def command(self, at: datetime = MORNING) -> list[str]:
        words = ["apply", self.named, "--by", "ana", "--at", iso(at), "--json"]
        return [*words, "--project", str(self.project.folder)]


def told(*words: str) -> dict[str, Any]:
    """A command of ours in this process, which must succeed, and what it printed."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = main([*words, "--json"])
    assert code == 0
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("postline")
    write_sample("postline", folder, accounts=20)
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    place = ("--project", str(folder), "--at", iso(MORNING))
    (offer,) = told("offers", "--account", ACCOUNT, *place)["offers"]
    # Of other products, so that the three do not touch one another.
    upgrade = told("quote", ACCOUNT, "--to", "plan=marketing_plus", *place)
    downgrade = told("quote", ACCOUNT, "--to", "plan=starter", *place)
    return Prepared(folder, offer, upgrade, downgrade)


@pytest.fixture
def offer(prepared: Prepared, tmp_path: Path) -> Story:
    return story(prepared, tmp_path, prepared.offer["offer_id"], prepared.offer["quote"]["due_now_minor"])


@pytest.fixture
def quote(prepared: Prepared, tmp_path: Path) -> Story:
    return story(prepared, tmp_path, prepared.upgrade["quote_id"], prepared.upgrade["due_now_minor"])


def story(prepared: Prepared, folder: Path, named: str, due: int) -> Story:
    shutil.copytree(prepared.folder, folder / "postline")
    return Story(Project(folder / "postline"), named, due)


def killed_at(point: str, words: list[str]) -> None:
    """Run a command of ours in a process of its own that ends, all at once, at that point."""
    ran = run(words, UPSTEP_FAULT=point)
    assert ran.returncode == KILLED, ran.stderr.decode()


def run(words: list[str], **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(program(words), env={**os.environ, **environment}, capture_output=True, check=False)


def program(words: list[str]) -> list[str]:
    return [sys.executable, "-c", "import sys; from upstep.cli import main; sys.exit(main(sys.argv[1:]))", *words]


def applied_again(one: Story) -> None:
    assert told(*one.command(LATER)[:-3], "--project", str(one.project.folder))["applied"]["amount_minor"] == one.due


def reconciled(one: Story) -> None:
    """Nobody asks again; the next run finds and finishes it."""
    biller = sandbox(one.project, as_of=AS_OF, accounts=[ACCOUNT])
    reconciling.reconcile(one.project, provider=biller, now=LATER)


def check_charged_once(one: Story) -> None:
    """The ledger, the state and the facts tell of one change that was paid once."""
    biller = SandboxBiller(one.project.sandbox_path)
    changes = [each for each in biller.invoices(ACCOUNT) if each.reason == "change"]
    assert [(each.due_minor, each.status.value) for each in changes] == [(one.due, "paid")]
    told_of = [event for event in biller.events_since(None) if event.quote_id]
    assert len(told_of) == 1
    movements = reconciling.account_movements(one.project, ACCOUNT, as_of=LATER + timedelta(hours=1))
    assert [each["moved_at"] >= iso(MORNING) for each in movements].count(True) == 1
    state = open_state(one.project.state_path)
    with reading(state) as connection:
        counted = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in (tables.billing_intent, tables.billing_outcome)
        ]
        status = connection.execute(
            sa.select(tables.quote.c.status).where(tables.quote.c.quote_id == told_of[0].quote_id)
        ).scalar()
        offers = list(connection.execute(sa.select(tables.offer.c.status)).scalars())
    state.dispose()
    assert (counted, status) == ([1, 1], "applied")
    assert offers == ["converted" if one.named.startswith("of_") else "open"]


@pytest.mark.parametrize("point", OFFER_POINTS)
def test_an_offer_that_was_cut_off_is_finished_by_saying_yes_again(offer: Story, point: str) -> None:
    killed_at(point, offer.command())
    applied_again(offer)
    check_charged_once(offer)


@pytest.mark.parametrize("point", APPLY_POINTS)
def test_a_quote_that_was_cut_off_is_finished_by_applying_it_again(quote: Story, point: str) -> None:
    killed_at(point, quote.command())
    applied_again(quote)
    check_charged_once(quote)


@pytest.mark.parametrize("point", ["offer.accepted", "apply.compared", "apply.answered"])
def test_what_was_cut_off_is_finished_although_nobody_asks_again(offer: Story, point: str) -> None:
    killed_at(point, offer.command())
    reconciled(offer)
    reconciled(offer)
    check_charged_once(offer)


def test_it_may_be_killed_again_and_again(quote: Story) -> None:
    for point in ("apply.intent_written", "apply.answered", "reconcile.loaded"):
        killed_at(point, quote.command())
    applied_again(quote)
    check_charged_once(quote)


def test_a_scheduled_change_that_was_cut_off_is_scheduled_once(prepared: Prepared, tmp_path: Path) -> None:
    one = story(prepared, tmp_path, prepared.downgrade["quote_id"], 0)
    killed_at("apply.answered", one.command())
    applied_again(one)
    biller = SandboxBiller(one.project.sandbox_path)
    assert [each.pending_plan_id for each in biller.subscriptions(ACCOUNT) if each.pending_plan_id] == ["starter"]
    assert [each for each in biller.invoices(ACCOUNT) if each.reason == "change"] == []
    biller.advance(datetime.fromisoformat(prepared.downgrade["effective_at"]) + timedelta(days=1))
    assert [each.due_minor for each in biller.invoices(ACCOUNT)] == [1500]


@pytest.mark.parametrize("point", OPEN_POINTS)
def test_a_group_of_offers_that_is_cut_off_is_open_as_a_whole_or_not_at_all(
    prepared: Prepared, tmp_path: Path, point: str
) -> None:
    one = story(prepared, tmp_path, "", 0)
    before = opened_with_messages(one)
    words = ["offers", "--at", iso(MORNING), "--project", str(one.project.folder)]
    killed_at(point, words)
    cut_off = opened_with_messages(one)
    told(*words)
    whole = opened_with_messages(one)
    told(*words)
    assert len(whole) > len(before)
    assert cut_off == (before if point == "offers.written" else whole)
    assert opened_with_messages(one) == whole


def opened_with_messages(one: Story) -> set[tuple[str, str | None, str]]:
    """Every offer with a price that is open, with its quote and the key of each of its messages.

    Help has none: it is opened after them, in a group of its own.
    """
    state = open_state(one.project.state_path)
    offer, message = tables.offer, tables.message
    found = sa.select(offer.c.offer_id, offer.c.quote_id, message.c.idempotency_key).join(
        message, message.c.offer_id == offer.c.offer_id
    )
    found = found.where(offer.c.quote_id.is_not(None))
    with reading(state) as connection:
        rows = {(row[0], row[1], row[2]) for row in connection.execute(found)}
    state.dispose()
    return rows


@pytest.mark.parametrize("point", LOCK_POINTS)
def test_a_quote_whose_asking_was_cut_off_is_the_same_quote_when_asked_again(
    prepared: Prepared, tmp_path: Path, point: str
) -> None:
    one = story(prepared, tmp_path, "", 0)
    words = ["quote", ACCOUNT, "--to", "plan=marketing_max", "--at", iso(MORNING), "--project", str(one.project.folder)]
    killed_at(point, words)
    answer = told(*words)
    state = open_state(one.project.state_path)
    with reading(state) as connection:
        locked = list(connection.execute(sa.select(tables.quote.c.quote_id)).scalars())
        noted = list(
            connection.execute(sa.select(tables.audit.c.subject).where(tables.audit.c.what == "quote")).scalars()
        )
    state.dispose()
    assert (locked.count(answer["quote_id"]), noted.count(answer["quote_id"])) == (1, 1)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of a test, all of them ended with it."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


def test_two_who_apply_the_same_quote_at_once_charge_once(quote: Story, started: list[subprocess.Popen[bytes]]) -> None:
    started += [
        subprocess.Popen(program(quote.command()), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in started]
    assert all(code == 0 for *_, code in ended), [err.decode() for _, err, _ in ended]
    check_charged_once(quote)


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_kill_at_any_moment_neither_charges_twice_nor_loses_it(
    quote: Story, started: list[subprocess.Popen[bytes]], share: float
) -> None:
    process = subprocess.Popen(program(quote.command()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started.append(process)
    time.sleep(share * 4)
    process.kill()
    process.wait()
    applied_again(quote)
    check_charged_once(quote)
