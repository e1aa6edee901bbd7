"""A page's other side: one account with an offer in the app, and the routes that the widget asks. No facts are loaded.

``ana`` may buy, ``ben`` may not; ``zoe`` is of another account.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from tests.billing.seeds import AT, item_row, to_scale
from tests.company import CATALOG, SETTINGS
from tests.web.serving import serving
from upstep.billing.sandbox import SandboxBiller
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.engine.project import Project, open_project_state
from upstep.offers import lifecycle
from upstep.offers.model import NewOffer, Offer
from upstep.state import tables
from upstep.state.session import reading, writing
from upstep.web.identity import sign_token

SECRET = "a-secret-of-the-tests-that-is-long-enough"  # noqa: S105 - of the tests
ORIGIN = "https://app.example.com"
SERVE = (
    f"serve: {{token_secret: '${{UPSTEP_TEST_TOKEN}}', origins: ['{ORIGIN}'], public_url: 'http://up.example.com'}}\n"
)
PEOPLE = (
    {
        "contact_id": "ana",
        "account_id": "acme",
        "name": "Ana Lima",
        "may_buy": True,
        "role": "admin",
        "consents": ["sales", "service"],
    },
    {"contact_id": "ben", "account_id": "acme", "name": "Ben Okoro", "may_buy": False, "role": "user"},
    {"contact_id": "zoe", "account_id": "globex", "name": "Zoe Ito", "may_buy": True, "role": "admin"},
)


@dataclass
class Counter:
    """The service at an instant that a test may move."""

    project: Project
    state: sa.Engine
    now: datetime = AT
    url: str = ""
    http: httpx.Client = field(init=False)

    @property
    def app(self) -> FastAPI:
        from upstep.web.app import create_app

        return create_app(self.project, state=self.state, clock=lambda: self.now)

    def token(self, contact: str = "ana", account: str = "acme", *, lasts: timedelta = timedelta(minutes=10)) -> str:
        return sign_token(account, contact, secret=SECRET, now=self.now, lasts=lasts)

    def ask(self, method: str, path: str, *, as_: str = "ana", token: str | None = None, **more: Any) -> Any:
        account = "globex" if as_ == "zoe" else "acme"
        headers = {"Authorization": f"Bearer {token or self.token(as_, account)}", **more.pop("headers", {})}
        return self.http.request(method, f"/embed{path}", headers=headers, **more)

    def items(self, as_: str = "ana") -> list[dict[str, Any]]:
        return list(self.ask("GET", "/items", as_=as_).json()["items"])

    def give_notice(self, recipient: str = "ana", **facts: Any) -> int:
        """A notice that the channel has made available."""
        message = Message(
            idempotency_key=f"notice:{recipient}:{self.now}",
            account_id="acme",
            purpose=Purpose.NOTICE,
            channel="in_app",
            recipient=recipient,
            subject="You have used 80% of your e-mails",
            text="8,000 of 10,000 are sent.",
            facts=facts,
        )
        return self._send(message)

    def open_offer(self, style: str = "modal") -> Offer:
        """An offer of the next plan at a locked price, its prompt available to ana."""
        biller = SandboxBiller(self.project.sandbox_path)
        biller.seed([item_row()])
        quote = biller.preview(to_scale(), self.now)
        new = NewOffer(
            account_id="acme",
            step_id="st_1",
            run_id="run_1",
            play="limit_approaching",
            motion="upsell",
            path="self_serve",
            lane="self_serve",
            target="plan:scale",
            product_id="sending",
            quote=quote,
        )
        lifecycle.open_offer(self.state, new, messages=[], by="upstep", at=self.now, why="at its limit")
        message = Message(
            idempotency_key=lifecycle.message_key(new.offer_id, "in_app", "ana"),
            account_id="acme",
            purpose=Purpose.SALES,
            channel="in_app",
            recipient="ana",
            subject="More room to send",
            text="Your team has sent **10,000** of 10,000 e-mails.\n\n| | Today |\n|---|---|\n| Plan | Pro |\n",
            facts={"used": 10_000, "limit": 10_000, "meter_name": "e-mails sent"},
            offer_id=new.offer_id,
            style=style,
        )
        self._send(message)
        return lifecycle.read_offer(self.state, new.offer_id)

    def status(self, offer: Offer) -> str:
        return lifecycle.read_offer(self.state, offer.offer_id).status.value

    def rows(self, table: sa.Table) -> list[Any]:
        with reading(self.state) as connection:
            return list(connection.execute(sa.select(table)))

    def add(self, table: sa.Table, **row: Any) -> None:
        with writing(self.state) as connection:
            connection.execute(sa.insert(table).values(**row))

    def _send(self, message: Message) -> int:
        with writing(self.state) as connection:
            outbox.queue(connection, message, now=self.now)
            same = tables.message.c.idempotency_key == message.idempotency_key
            sent = {"status": "sent", "sent_at": self.now}
            connection.execute(sa.update(tables.message).where(same).values(**sent))
            return int(connection.execute(sa.select(tables.message.c.message_id).where(same)).scalar_one())


def prepare(folder: Path) -> Path:
    """A project folder with its state, to be copied."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (folder / "upstep.yaml").write_text(SETTINGS + SERVE, encoding="utf-8")
    project = Project(folder)
    open_project_state(project).dispose()
    return folder


@contextmanager
def open_counter(prepared: Path, folder: Path, *, origin: str = ORIGIN) -> Iterator[Counter]:
    """The service over a copy of a prepared folder, for pages of one origin."""
    shutil.copytree(prepared, folder)
    settings = folder / "upstep.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(ORIGIN, origin), encoding="utf-8")
    project = Project(folder)
    counter = Counter(project, open_project_state(project))
    for person in PEOPLE:
        counter.add(tables.contact_fact, **person, as_of=AT)
    counter.add(tables.watermark, account_id="", as_of=AT, published_at=AT)
    with serving(counter.app) as counter.url, httpx.Client(base_url=counter.url, timeout=10) as counter.http:
        yield counter
    counter.state.dispose()
