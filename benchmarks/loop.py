"""The live loop's figures: an event acknowledged until its decision can be read, and offers opened. See ``live.py``.

``latency`` works on the made-up company of ``generate.py quick`` (100,000 accounts, 48 plays), loaded once by
``decide.py quick load``; ``opening`` on a Postline sample of its own.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import sys
import threading
import time
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generate import CUT, WORK

from upstep import clock
from upstep.clock import iso, to_seconds
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.live.cycle import Cycle, told
from upstep.engine.live.loop import Worker
from upstep.engine.offering.opening import open_offers
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.biller import sandbox
from upstep.state.inbox import Inbox, Received, open_inbox
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample

LATENCY_RATE = int(os.environ.get("UPSTEP_BENCH_RATE", "1000"))
LATENCY_SECONDS = int(os.environ.get("UPSTEP_BENCH_SECONDS", "20"))
OPENED = int(os.environ.get("UPSTEP_BENCH_ACCOUNTS", "10000"))


def latency(folder: Path, source: Path | None = None) -> None:
    """Events at a steady rate over all accounts: from the inbox's commit to the published decision that counts them."""
    place = folder / "company"
    _copied(source or WORK / "quick", place)
    with (place / "upstep.yaml").open("a", encoding="utf-8") as file:
        file.write("ingest: {track: {Mail Sent: {meter: mail_sent, quantity: count}}}\n")
    project = Project(place, extra_plays=sorted((place / "plays_bench").glob("*.yaml")))
    state, inbox = open_project_state(project), open_inbox(place / ".upstep" / "inbox.db")
    shift = clock.now() - CUT  # The company's last day is today.
    worker = _Watched(project, state=state, inbox=inbox, clock=lambda: clock.now() - shift)
    began = time.perf_counter()
    print("first cycle:", told(worker.cycle()), f"{time.perf_counter() - began:.1f} s", flush=True)
    while worker.cycle().sent:
        pass  # What everybody's first decisions gave to say has left.
    sender = _Sender(inbox, _accounts(place), shift)
    sender.start()
    worker.cycles.clear()
    worker.followed.clear()
    used = time.process_time()
    done = _measured(worker, sender)
    cycles = worker.cycles
    used = (time.process_time() - used) / len(cycles)
    ordered = sorted(done)
    steps: dict[str, float] = defaultdict(float)
    for cycle in [*cycles, *worker.followed]:
        for name, value in cycle.seconds.items():
            steps[name] += value / len(cycles)
    print(
        f"latency: {len(sender.sent):,} events at {LATENCY_RATE:,}/s over {len(sender.accounts):,} accounts,"
        f" {len(done):,} decided in {len(cycles)} cycles; s p50 {_at(ordered, 0.5):.2f} p95 {_at(ordered, 0.95):.2f}"
        f" p99 {_at(ordered, 0.99):.2f}; load {os.getloadavg()[0]:.1f}"
    )
    touched = sum(cycle.accounts or 0 for cycle in cycles) / len(cycles)
    print(
        f"  a cycle: {touched:,.0f} accounts, {used:.2f} CPU s;",
        {name: round(value, 3) for name, value in steps.items()},
    )


def _measured(worker: _Watched, sender: _Sender) -> list[float]:
    """Until everything that was sent is decided: for each event the seconds from its commit to its decision."""
    worker.sender, end = sender, time.perf_counter() + LATENCY_SECONDS
    thread = threading.Thread(target=worker.run)
    thread.start()
    time.sleep(LATENCY_SECONDS)
    sender.end()
    while len(worker.done) < len(sender.sent) and thread.is_alive():
        if time.perf_counter() > end + 60:
            print("gave up: it does not keep up")
            break
        time.sleep(0.05)
    worker.stop()
    thread.join()
    return worker.done


class _Watched(Worker):
    """Notes of each event when the decision that counts it could be read."""

    sender: _Sender | None = None

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self.cycles: list[Cycle] = []
        self.followed: list[Cycle] = []
        self.done: list[float] = []
        self._events: list[tuple[float, str]] = []
        self._taken = 0

    def _drain(self, now: datetime) -> int:
        events = super()._drain(now)
        if self.sender is not None:
            self._events += self.sender.sent[self._taken : self._taken + events]
            self._taken += events
        return events

    def _decide(self, *words: Any) -> Run:
        run = super()._decide(*words)
        left, at = self.waiting, time.perf_counter()
        self.done += [at - since for since, account in self._events if account not in left]
        self._events = [one for one in self._events if one[1] in left]
        return run

    def _cycle(self, *words: Any) -> Cycle:
        self.cycles.append(super()._cycle(*words))
        return self.cycles[-1]

    def _follow(self, *words: Any) -> Cycle:
        self.followed.append(super()._follow(*words))
        return self.followed[-1]


class _Sender(threading.Thread):
    """Puts events into the inbox at a steady rate, and remembers when each was acknowledged."""

    def __init__(self, inbox: Inbox, accounts: list[str], shift: timedelta) -> None:
        super().__init__(daemon=True)
        self.accounts = accounts
        self.sent: list[tuple[float, str]] = []
        self._inbox = inbox
        self._shift = shift
        self._over = threading.Event()

    def run(self) -> None:
        """Send until it is ended."""
        number, begin = 0, time.perf_counter()
        while not self._over.is_set():
            if (wait := begin + number / LATENCY_RATE - time.perf_counter()) > 0:
                time.sleep(wait)
            batch = [_event(number + n, self.accounts, clock.now() - self._shift) for n in range(50)]
            self._inbox.add([one for one, _ in batch])
            self.sent += [(time.perf_counter(), account) for _, account in batch]
            number += 50

    def end(self) -> None:
        """Stop sending; what was sent is in the inbox."""
        self._over.set()
        self.join()


def opening(folder: Path) -> None:
    """Offers opened and queued, billing asked of each: a whole run of a Postline sample.

    Two accounts of three get an offer: ``UPSTEP_BENCH_ACCOUNTS=146000`` gives 100,000. ``UPSTEP_BENCH_KEEP`` names a
    folder where the loaded sample stays for the next run.
    """
    place = Path(os.environ.get("UPSTEP_BENCH_KEEP", folder)) / f"postline-{OPENED}"
    if not (place / ".upstep" / "facts").exists():
        write_sample("postline", place, accounts=OPENED)
        load(place, now=AS_OF, through=AS_OF, known=Project(place).known_ids)
    for written in (*place.glob(".upstep/state.db*"), *place.glob(".upstep/sandbox.db*")):
        written.unlink()
    project = Project(place)
    state, now = open_project_state(project), AS_OF + timedelta(hours=9)
    run = decide(project)
    provider = sandbox(project, as_of=AS_OF)
    began, used = time.perf_counter(), time.process_time()
    found = open_offers(project, run, provider=provider, now=now, state=state)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    children = resource.getrusage(resource.RUSAGE_CHILDREN)  # the second process, where there is one
    used += children.ru_utime + children.ru_stime
    with sqlite3.connect(project.folder / ".upstep" / "state.db") as connection:
        messages = connection.execute("SELECT count(*) FROM message").fetchone()[0]
    each = used / max(len(found), 1)
    print(
        f"opening: {len(found):,} offers and {messages:,} messages of {OPENED:,} accounts in {seconds:.1f} s,"
        f" {used:.1f} CPU s: {len(found) / seconds:,.0f}/s, {each * 1e6:.0f} CPU µs each, so 100,000 in"
        f" {seconds / max(len(found), 1) * 100_000:.0f} s ({each * 100_000:.0f} CPU s); load {os.getloadavg()[0]:.1f}"
    )
    began = time.perf_counter()
    again = open_offers(project, run, provider=provider, now=now, state=state)
    print(f"  again: {again.new} new in {time.perf_counter() - began:.1f} s")


def _copied(source: Path, place: Path) -> None:
    """The loaded company without its source files, which are not read again."""
    place.mkdir(parents=True)
    for name in ("catalog.yaml", "upstep.yaml"):
        shutil.copyfile(source / name, place / name)
    for name in ("plays_bench", ".upstep"):
        shutil.copytree(source / name, place / name)


def _accounts(place: Path) -> list[str]:
    import duckdb

    from upstep.tables.lake import open_snapshot

    found = duckdb.connect().execute(
        f"SELECT account_id FROM ({open_snapshot(place).select('account_key')}) ORDER BY 1"
    )
    return [row[0] for row in found.fetchall()]


def _event(number: int, accounts: list[str], now: datetime) -> tuple[Received, str]:
    account = accounts[number * 7_919 % len(accounts)]
    body: dict[str, Any] = {
        "type": "track",
        "event": "Mail Sent",
        "messageId": f"b{number}",
        "timestamp": iso(now),
        "properties": {"count": 3},
        "context": {"groupId": account},
    }
    seconds = to_seconds(now)
    return Received(f"b{number}", "track", seconds, seconds, json.dumps(body).encode()), account


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")
