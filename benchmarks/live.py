"""Measures the service: how quickly it answers and takes in, while a client asks at a steady rate.

Run ``.venv/bin/python benchmarks/live.py lookup``. The client stands in a process of its own and asks on a schedule, so
that an answer which comes late is counted from when it was due and not from when the client got around to asking.

Settings, from the environment: ``UPSTEP_BENCH_SECONDS``; ``UPSTEP_BENCH_RATE`` (events, look-ups or requests a second);
``UPSTEP_BENCH_PROFILE`` (a file that cProfile writes of the service's event loop; the figures are then too high).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import loop
from steady import Asked, at_rate, steady

from upstep.engine.project import Project, open_project_state
from upstep.state import keys
from upstep.state.session import writing
from upstep.state.tables import published_decision

ACCOUNTS = 100_000
CONNECTIONS = 32
BATCH = 100
SECONDS = int(os.environ.get("UPSTEP_BENCH_SECONDS", "20"))
PROFILE = os.environ.get("UPSTEP_BENCH_PROFILE")


# A service to measure


@contextlib.contextmanager
def service(folder: Path, *words: str) -> Iterator[tuple[int, int]]:
    """A service over a project folder, in a process of its own. Yields its port and the process's id."""
    program = Path(sys.executable).with_name("upstep")
    profiled = [sys.executable, "-m", "cProfile", "-o", PROFILE] if PROFILE else []
    command = [*profiled, str(program), "serve", "--listen", "127.0.0.1:0", "--project", str(folder), *words]
    log = (folder / "serve.log").open("w")
    with subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield _port(folder / "serve.log", process), process.pid
        finally:
            process.terminate()
            process.wait(60)


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(600):
        if found := re.search(r'"port":(\d+)', log.read_text()):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start: {log.read_text()[-500:]}")


def settings(folder: Path) -> None:
    """The files that a project needs to be served."""
    (folder / "upstep.yaml").write_text("version: 1\ncompany: Bench\ncurrency: usd\n", encoding="utf-8")
    catalog = (
        "version: 1\nbusiness: saas\ncurrency: usd\nmeters: [{id: emails, name: e-mails, aggregate: sum, kind: flow,"
        " period: billing_month}]\nproducts: [{id: mail, name: Mail, plans: [{id: pro, name: Pro,"
        " prices: [{id: pro_month, interval: month, amount: 2000}], limits: {emails: 50000}}]}]\n"
    )
    (folder / "catalog.yaml").write_text(catalog, encoding="utf-8")


def key(folder: Path, scope: str) -> str:
    """A key with that scope."""
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        secret = keys.make_key(connection, "bench", [scope], by="bench", now=datetime.now(UTC))[1]
    state.dispose()
    return secret


def cpu_seconds(process_id: int) -> float:
    """What a process has used of the processors so far."""
    words = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


# Asking


def quantiles(took: list[float]) -> dict[str, float]:
    """Milliseconds: the median, the 95th, the 99th and 99.9th percentile, the worst."""
    ordered = sorted(took)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) for name, share in at.items()}


def get(path: str, secret: str) -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {secret}\r\n\r\n".encode()


def post(path: str, secret: str, body: bytes) -> bytes:
    """A request with a body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {secret}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


# What is measured


def lookup(folder: Path) -> None:
    """1,000 look-ups a second of published decisions over 100,000 accounts, by key, alone."""
    settings(folder)
    _publish(folder)
    secret, rate = key(folder, "read"), rate_of(1_000)
    requests = list(_lookups(secret, rate * SECONDS))
    with service(folder, "--no-worker") as (port, process_id):
        steady(port, at_rate("look-up", _lookups(secret, 1_000), 500), connections=CONNECTIONS)
        used = cpu_seconds(process_id)
        asked = steady(port, at_rate("look-up", requests, rate), connections=CONNECTIONS)
        used = cpu_seconds(process_id) - used
    took = asked.took["look-up"]
    print(f"look-up: {len(took):,} at {rate:,}/s, ms {quantiles(took)}; aim: p99 < 5; refused {asked.refused}")
    print(f"  {used / len(took) * 1e6:.0f} CPU µs each; the client's {_client(asked)}; {load()}")


def ingest(folder: Path) -> None:
    """10,000 events a second in batches of 100, acknowledged after the commit, 2% of them sent again."""
    settings(folder)
    secret = key(folder, "ingest")
    rate = rate_of(10_000) // BATCH
    requests = SECONDS * rate
    with service(folder, "--no-worker") as (port, process_id):
        steady(port, at_rate("batch", _batches(secret, rate, first=-rate), rate), connections=CONNECTIONS)
        used = cpu_seconds(process_id)
        batches = _batches(secret, requests, first=0)
        with _done(folder):
            asked = steady(port, at_rate("batch", batches, rate), connections=CONNECTIONS)
        used = cpu_seconds(process_id) - used
    with contextlib.closing(sqlite3.connect(Project(folder).inbox_address)) as inbox:
        kept, distinct = inbox.execute("SELECT count(*), count(DISTINCT message_id) FROM inbox_event").fetchone()
    sent = (requests + rate) * BATCH
    wanted = sum(not _is_repeated(number) for number in range(-rate * BATCH, requests * BATCH))
    assert kept == distinct == wanted, (kept, distinct, wanted)
    assert not asked.refused, asked.refused
    events = requests * BATCH
    print(f"ingest: {events:,} events in {asked.seconds:.1f} s, {events / asked.seconds:,.0f}/s; of {sent:,} sent")
    print(f"  {kept:,} are kept, each once; ms to the answer {quantiles(asked.took['batch'])}")
    print(f"  {used / events * 1e6:.1f} CPU µs an event; the client's {_client(asked)} a batch; {load()}")


def _client(asked: Asked) -> str:
    """What the asking cost, so that nobody takes it for the service's."""
    many = sum(map(len, asked.took.values()))
    return f"{asked.cpu_seconds / many * 1e6:.0f} CPU µs"


def load() -> str:
    """How busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def rate_of(usual: int) -> int:
    """So many a second, where the environment says nothing else."""
    return int(os.environ.get("UPSTEP_BENCH_RATE", usual))


def _lookups(secret: str, many: int) -> Iterator[bytes]:
    chosen = random.Random(1)
    return (get(f"/v1/accounts/acc_{chosen.randrange(ACCOUNTS):06}/decisions", secret) for _ in range(many))


@contextlib.contextmanager
def _done(folder: Path) -> Iterator[None]:
    """Note each five seconds that what came is done, as the worker would: a full inbox would turn clients away."""
    over = threading.Event()

    def note() -> None:
        with contextlib.closing(sqlite3.connect(Project(folder).inbox_address, timeout=60)) as inbox:
            while not over.wait(5):
                newest = "SELECT max(seq) FROM inbox_event"
                inbox.execute(f"UPDATE inbox_cursor SET seq = ({newest}) WHERE name = 'done'")
                inbox.commit()

    noting = threading.Thread(target=note)
    noting.start()
    try:
        yield
    finally:
        over.set()
        noting.join()


def _is_repeated(number: int) -> bool:
    """Whether the event has the id of one that was sent a batch before."""
    return number >= 0 and number % 50 == 0


def _batches(secret: str, many: int, *, first: int) -> Iterator[bytes]:
    """Requests as Segment's library for Node makes them."""
    sent = datetime.now(UTC).isoformat()
    one = (
        f'{{"type":"track","messageId":"node-next-%016x-%d","userId":"user_%d","event":"Email Sent",'
        f'"properties":{{"count":3,"template":"welcome"}},"context":{{"groupId":"acc_%06d",'
        f'"library":{{"name":"@segment/analytics-node","version":"2.3.0"}}}},"timestamp":"{sent}",'
        f'"integrations":{{}},"_metadata":{{"nodeVersion":"20.20.2","jsRuntime":"node"}}}}'
    )
    form = f'{{"batch":[{",".join([one] * BATCH)}],"sentAt":"{sent}"}}'
    for batch in range(first, first + many):
        said: list[int] = []
        for number in range(batch * BATCH, (batch + 1) * BATCH):
            key_of = number - BATCH + 1 if _is_repeated(number) else number
            # As random as a library's own: each stands elsewhere in the index.
            said += (key_of * 2654435761 % 2**64, key_of, number % 300_000, number % ACCOUNTS)
        yield post("/v1/batch", secret, (form % tuple(said)).encode())


def _publish(folder: Path) -> None:
    """A row per account, with two decisions of the usual size."""
    decision = {name: f"{name}-value" for name in "decision_id step_id play motion path lane outcome".split()}
    decision |= {"holds": [{"gate": "open_issue", "why": "ticket 12 is open", "lifts": "when it is closed"}] * 2}
    decision |= {"facts": {f"fact_{n}": {"value": n, "unit": "emails", "records": ["usage?x=1"]} for n in range(8)}}
    body = json.dumps([decision, decision], separators=(",", ":"))
    now = datetime.now(UTC)
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        rows = [
            {"account_id": f"acc_{n:06}", "run_id": "run", "as_of": now, "published_at": now, "body": body}
            for n in range(ACCOUNTS)
        ]
        connection.execute(published_decision.insert(), rows)
    state.dispose()


def _look_beside(folder: Path) -> None:
    # It needs what stands here.
    import beside

    beside.beside(folder)


MEASURES = {
    "lookup": lookup,
    "ingest": ingest,
    "beside": _look_beside,
    "latency": loop.latency,
    "opening": loop.opening,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURES:
        with tempfile.TemporaryDirectory() as place:
            MEASURES[name](Path(place))
