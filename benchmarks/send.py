"""Measures the sender: sales messages through signed webhooks, each checked by the contact policy in its claim.

Run ``.venv/bin/python benchmarks/send.py [MESSAGES] [THREADS]``. The receiver stands in a process of its own, reads each
request whole, and notes whose id it has seen. Every message is a sale to another account, with its published decisions, its
person and its offer, so nothing of the check is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from live import cpu_seconds

from upstep.config.contact import ContactPolicy
from upstep.delivery.sender import Run, send_waiting
from upstep.delivery.webhook import WebhookChannel
from upstep.engine.contacting.clearance import Clearance
from upstep.state import tables
from upstep.state.session import open_state, writing

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

RECEIVER = """
import select, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
ready, lines, seen, doubled = select.epoll(), {}, set(), 0
for one in (listener, sys.stdin):
    ready.register(one, select.EPOLLIN)
while True:
    for number, _ in ready.poll():
        if number == sys.stdin.fileno():
            print(len(seen), doubled, flush=True)
            sys.exit()
        if number == listener.fileno():
            line, _ = listener.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines[line.fileno()] = [line, b""]
            ready.register(line, select.EPOLLIN)
            continue
        line, had = lines[number]
        some = line.recv(262144)
        if not some:
            ready.unregister(number)
            del lines[number]
            continue
        text, answers = had + some, 0
        while (end := text.find(b"\\r\\n\\r\\n")) > 0:
            at = text.find(b"content-length: ", 0, end) + 16
            whole = end + 4 + int(text[at : text.find(b"\\r", at)])
            if len(text) < whole:
                break
            at = text.find(b"webhook-id: ", 0, end)
            name = text[at : text.find(b"\\r", at)]
            doubled += name in seen
            seen.add(name)
            text, answers = text[whole:], answers + 1
        lines[number][1] = text
        if answers:
            line.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n" * answers)
"""


def fill(engine: sa.Engine, count: int) -> None:
    """One account, person, offer, publication and queued message each."""
    facts = {"used": {"value": 46_000, "unit": "emails", "records": ["usage?meter_id=emails"]}}
    facts |= {f"fact_{n}": {"value": n, "unit": "emails", "records": ["usage?x=1"]} for n in range(7)}
    rows: dict[sa.Table, list[dict[str, Any]]] = {}
    for n in range(count):
        account, contact, offer = f"acc_{n:06}", f"con_{n:06}", f"of_{n:06}"
        decision = {"step_id": f"step_{n}", "outcome": "eligible", "facts": facts, "proposal": None, "holds": []}
        body = json.dumps([decision, {**decision, "step_id": "another"}])
        at = {"account_id": account, "as_of": NOW}
        _put(rows, tables.published_decision, **at, run_id="run", published_at=NOW, body=body)
        _put(rows, tables.contact_fact, **at, contact_id=contact, may_buy=True, consents=["sales"], time_zone="UTC")
        what = {"motion": "upsell", "path": "self_serve", "lane": "self_serve", "target": "plan:x", "facts": {}}
        named = {"offer_id": offer, "account_id": account, "play": "limit_approaching"}
        _put(rows, tables.offer, **named, **what, step_id=f"step_{n}", run_id="run", status="open", opened_at=NOW)
        text = "You have used 46,000 of 50,000 e-mails this month. " * 12
        words = {"subject": "46,000 of 50,000", "text": text, "facts": {"used": 46_000}}
        to = {"channel": "webhook", "recipient": contact, "contact_id": contact, "purpose": "sales"}
        key = {"idempotency_key": f"offer:{offer}:webhook:{contact}", "status": "queued", "queued_at": NOW}
        _put(rows, tables.message, **named, **words, **to, **key)
    with writing(engine) as connection:
        connection.execute(sa.insert(tables.watermark).values(account_id="", as_of=NOW, published_at=NOW))
        for table in (tables.published_decision, tables.contact_fact, tables.offer, tables.message):
            connection.execute(sa.insert(table), rows[table])


def _put(rows: dict[sa.Table, list[dict[str, Any]]], table: sa.Table, **row: Any) -> None:
    rows.setdefault(table, []).append(row)


def measure(folder: Path, *, count: int, threads: int) -> None:
    """Send all of it, once."""
    engine = open_state(folder / "state.db")
    fill(engine, count)
    with subprocess.Popen(
        [sys.executable, "-c", RECEIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline())
        url = f"http://127.0.0.1:{port}/hook"
        channel = WebhookChannel(url, secret=SECRET, clock=lambda: NOW, allow_private=True)
        ways = {"webhook": channel}
        check = Clearance(ContactPolicy(), "UTC", ways, timedelta(days=3), lambda: NOW)
        begun, used = time.perf_counter(), time.process_time()
        sent = send_waiting(Run(engine, ways, check, lambda: NOW, threads=threads))
        took, used = time.perf_counter() - begun, time.process_time() - used
        theirs = cpu_seconds(receiver.pid)
        told = receiver.communicate("", timeout=60)[0].split()
    left = sum(one.result == "sent" for one in sent)
    print(
        f"{left:,} of {count:,} sent in {took:.2f} s: {left / took:,.0f} a second with {threads} threads; "
        f"{used / count * 1e6:.0f} CPU µs each, the receiver's {theirs / count * 1e6:.0f}; received {told[0]}, of them "
        f"twice {told[1]}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measure(
            Path(place),
            count=int(sys.argv[1]) if len(sys.argv) > 1 else 20_000,
            threads=int(sys.argv[2]) if len(sys.argv) > 2 else 8,
        )
