"""Look-ups at a steady rate while events come in and the loop works on them, each in a process of its own. See ``live.py``.

It works on the made-up company of ``generate.py quick`` (100,000 accounts, 48 plays), loaded once by ``decide.py quick
load``; ``UPSTEP_BENCH_COMPANY`` names another (``tiny``: 10,000 accounts). The worker decides everybody before anything
is measured.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import live
from generate import CUT, WORK
from steady import at_rate, steady

from upstep import clock
from upstep.clock import iso
from upstep.engine.live.loop import Worker
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.web.logs import set_up_logs

COMPANY = os.environ.get("UPSTEP_BENCH_COMPANY", "quick")
EVENTS = 1_000  # a second
BATCH = 50
READY_SECONDS = 1_200


def beside(folder: Path) -> None:
    """1,000 look-ups a second while 1,000 events a second come in and the loop runs."""
    place = _company(folder)
    reads, sends, rate = live.key(place, "read"), live.key(place, "ingest"), live.rate_of(1_000)
    with live.service(place, "--no-worker") as (port, service_id), _working(place) as worker_id:
        accounts = _ready(place)
        steady(port, at_rate("look-up", _lookups(reads, accounts, 1_000), 500), connections=live.CONNECTIONS)
        used = [live.cpu_seconds(one) for one in (service_id, worker_id)]
        asked = steady(
            port,
            at_rate("look-up", _lookups(reads, accounts, rate * live.SECONDS), rate),
            at_rate("batch", _batches(sends, accounts, EVENTS * live.SECONDS // BATCH), EVENTS / BATCH),
            connections=live.CONNECTIONS,
        )
        used = [live.cpu_seconds(one) - before for one, before in zip((service_id, worker_id), used, strict=True)]
    cycles = sum('"cycle ' in line for line in (place / "worker.log").read_text().splitlines())
    took = asked.took
    print(
        f"beside: {len(took['look-up']):,} look-ups at {rate:,}/s, ms {live.quantiles(took['look-up'])}; aim: p99 < 25"
    )
    print(f"  {EVENTS:,} events/s in batches of {BATCH}, ms to the answer {live.quantiles(took['batch'])}")
    print(f"  refused {asked.refused}; {cycles} cycles of the loop since its start")
    print(
        f"  CPU s of {asked.seconds:.0f}: service {used[0]:.1f}, worker {used[1]:.1f}, client {asked.cpu_seconds:.1f};"
    )
    print(f"  {live.load()}")


def work(folder: Path) -> None:
    """The worker of such a company, until a SIGTERM; its last day is today."""
    set_up_logs()
    project, shift = _project(folder), clock.now() - CUT
    state, inbox = open_project_state(project), open_project_inbox(project)
    worker = Worker(project, state=state, inbox=inbox, clock=lambda: clock.now() - shift)
    signal.signal(signal.SIGTERM, lambda _number, _frame: worker.stop())
    worker.run()
    inbox.close()


def _project(folder: Path) -> Project:
    return Project(folder, extra_plays=sorted((folder / "plays_bench").glob("*.yaml")))


def _company(folder: Path) -> Path:
    """A copy of the loaded company, without its source files, which are not read again."""
    source, place = WORK / COMPANY, folder / "company"
    place.mkdir(parents=True)
    for name in ("catalog.yaml", "upstep.yaml"):
        shutil.copyfile(source / name, place / name)
    for name in ("plays_bench", ".upstep"):
        shutil.copytree(source / name, place / name)
    with (place / "upstep.yaml").open("a", encoding="utf-8") as file:
        file.write("ingest: {track: {Mail Sent: {meter: mail_sent, quantity: count}}}\n")
    return place


@contextlib.contextmanager
def _working(place: Path) -> Iterator[int]:
    command = [sys.executable, __file__, str(place)]
    with (place / "worker.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(300)


def _ready(place: Path) -> list[str]:
    """Accounts of which something is published, once the worker has decided everybody."""
    end = time.perf_counter() + READY_SECONDS
    while time.perf_counter() < end:
        if '"cycle ' in (place / "worker.log").read_text():
            with contextlib.closing(sqlite3.connect(place / ".upstep" / "state.db")) as state:
                return [row[0] for row in state.execute("SELECT account_id FROM published_decision ORDER BY 1")]
        time.sleep(1)
    raise TimeoutError((place / "worker.log").read_text()[-2_000:])


def _lookups(secret: str, accounts: list[str], many: int) -> list[bytes]:
    chosen = random.Random(1)
    return [live.get(f"/v1/accounts/{chosen.choice(accounts)}/decisions", secret) for _ in range(many)]


def _batches(secret: str, accounts: list[str], many: int) -> Iterator[bytes]:
    shift = clock.now() - CUT
    for batch in range(many):
        now = iso(clock.now() - shift)
        events = [
            f'{{"type":"track","event":"Mail Sent","messageId":"b{number}","timestamp":"{now}","properties":{{"count":3}},'
            f'"context":{{"groupId":"{accounts[number * 7_919 % len(accounts)]}"}}}}'
            for number in range(batch * BATCH, (batch + 1) * BATCH)
        ]
        yield live.post("/v1/batch", secret, f'{{"batch":[{",".join(events)}]}}'.encode())


if __name__ == "__main__":
    work(Path(sys.argv[1]))
