"""A yes in the app, with real facts behind it: charged as shown and once, declined, confirmed at the bank, held."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.web.counter import SECRET
from tests.web.serving import serving
from upstep.billing import quote as quotes
from upstep.billing.sandbox import SandboxBiller
from upstep.billing.sandbox.book import Card
from upstep.engine.contacting import responding
from upstep.engine.contacting.publishing import publish
from upstep.engine.contacting.showing import who_is
from upstep.engine.deciding.decide import decide
from upstep.engine.offering import opening
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting import reconciling
from upstep.engine.quoting.biller import sandbox
from upstep.offers import lifecycle
from upstep.offers.model import Offer
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample
from upstep.web.app import create_app
from upstep.web.identity import sign_token

pytestmark = pytest.mark.slow

ACCOUNT = "lumenbrook-software"
NOON = AS_OF + timedelta(hours=12)
DUE = 1525


@dataclass
class Desk:
    """The account's offer, at a locked price, and the service that a page asks."""

    project: Project
    state: sa.Engine
    biller: SandboxBiller
    offer: Offer
    buyer: str
    now: datetime = NOON
    http: httpx.Client | None = None

    def ask(self, method: str, path: str, **body: Any) -> httpx.Response:
        assert self.http is not None
        token = sign_token(ACCOUNT, self.buyer, secret=SECRET, now=self.now, lasts=timedelta(minutes=5))
        sent = {"json": body} if body else {}
        return self.http.request(method, f"/embed{path}", headers={"Authorization": f"Bearer {token}"}, **sent)

    def accept(self) -> httpx.Response:
        return self.ask("POST", f"/offers/{self.offer.offer_id}/accept", quote_id=self.offer.quote_id)

    def charged(self) -> list[int]:
        return [each.due_minor for each in self.biller.invoices(ACCOUNT) if each.status == "paid" and each.due_minor]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("postline")
    write_sample("postline", folder, accounts=0)
    settings = folder / "upstep.yaml"
    settings.write_text(settings.read_text() + "serve: {token_secret: '${UPSTEP_TEST_TOKEN}'}\n", encoding="utf-8")
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    return folder


@pytest.fixture
def desk(loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("UPSTEP_TEST_TOKEN", SECRET)
    shutil.copytree(loaded, tmp_path / "postline")
    project = Project(tmp_path / "postline")
    state = open_project_state(project)
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    run = decide(project, accounts=[ACCOUNT])
    (opened,) = opening.open_offers(project, run, provider=biller, now=AS_OF)
    publish(project, state, run, now=AS_OF, accounts=[ACCOUNT])
    person = tables.contact_fact
    with reading(state) as connection:
        buyer = connection.execute(
            sa.select(person.c.contact_id).where(person.c.account_id == ACCOUNT, person.c.may_buy)
        ).scalar()
    assert buyer is not None
    here = Desk(project, state, biller, opened.offer, buyer)
    app = create_app(project, state=state, clock=lambda: here.now)
    with serving(app) as url, httpx.Client(base_url=url, timeout=60) as here.http:
        yield here
    state.dispose()


def test_a_yes_is_charged_as_it_was_shown_and_once(desk: Desk) -> None:
    first, again = desk.accept(), desk.accept()

    assert (first.status_code, first.json()["state"]) == (200, "applied")
    told = first.json()
    assert (told["amount_minor"], told["currency"], told["plan"]) == (DUE, "USD", "Scale")
    assert again.json() == told
    assert desk.charged() == [DUE]
    assert lifecycle.read_offer(desk.state, desk.offer.offer_id).accepted_at == NOON
    reconciling.reconcile(desk.project, provider=desk.biller, now=NOON)
    assert lifecycle.read_offer(desk.state, desk.offer.offer_id).status == "converted"
    with reading(desk.state) as connection:
        said = connection.execute(sa.select(tables.audit.c.who).where(tables.audit.c.what == "offer.yes")).scalars()
        assert list(said) == [desk.buyer]


def test_a_declined_card_is_told_and_may_be_tried_again(desk: Desk) -> None:
    desk.biller.set_card(ACCOUNT, Card.DECLINING, at=NOON)
    assert desk.accept().json()["state"] == "declined"
    assert desk.charged() == []

    desk.biller.set_card(ACCOUNT, Card.GOOD, at=NOON)
    assert desk.accept().json()["state"] == "applied"
    assert desk.charged() == [DUE]


def test_who_must_confirm_goes_to_the_provider_and_comes_back(desk: Desk) -> None:
    desk.biller.set_card(ACCOUNT, Card.CONFIRMING, at=NOON)
    waits = desk.accept().json()
    assert (waits["state"], waits["url"].startswith("https://sandbox.invalid/pay/")) == ("confirm", True)
    (item,) = desk.ask("GET", "/items").json()["items"]
    assert (item["kind"], item["offer"]["url"]) == ("confirm", waits["url"])
    assert desk.charged() == []

    desk.biller.confirm(waits["url"].rpartition("/")[2], at=NOON)
    assert desk.accept().json()["state"] == "applied"
    assert desk.ask("GET", "/items").json()["items"] == []
    assert desk.charged() == [DUE]


def test_a_price_that_was_replaced_while_they_said_yes_is_shown_first(desk: Desk) -> None:
    with reading(desk.state) as connection:
        person = who_is(connection, ACCOUNT, desk.buyer)
        shown = quotes.read(connection, desk.offer.quote_id or "")
    assert person is not None
    fresh = desk.biller.preview(shown.change, NOON)
    lifecycle.requote(desk.state, desk.offer.offer_id, fresh, by="another tab", at=NOON)

    answered = responding.say_yes(
        desk.project,
        desk.state,
        person,
        desk.offer,
        quote_id=desk.offer.quote_id,
        provider_for=lambda: desk.biller,
        now=NOON,
    )

    assert (answered.state, answered.offer.quote_id) == ("requoted", fresh.quote_id)
    assert desk.charged() == []


def test_a_ticket_since_the_offer_was_shown_stops_the_yes(desk: Desk) -> None:
    path = desk.project.folder / "data" / "ticket.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    ticket = {"ticket_id": "t_new", "account_id": ACCOUNT, "kind": "problem", "severity": "urgent"}
    row = ",".join((ticket | {"opened_at": f"{NOON:%Y-%m-%dT%H:%M:%SZ}"}).get(name, "") for name in header)
    path.write_text(path.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    desk.now = NOON + timedelta(hours=1)
    load(desk.project.folder, now=desk.now, through=desk.now, known=desk.project.known_ids)

    answered = desk.accept()

    assert (answered.status_code, answered.json()["state"]) == (409, "held")
    assert "open_issue" not in answered.text
    assert desk.charged() == []


def test_an_unchanged_subscription_keeps_its_price_and_the_meters_are_there(desk: Desk) -> None:
    told = desk.ask("GET", "/items").json()
    emails = next(meter for meter in told["meters"] if meter["id"] == "emails")
    assert (emails["used"], emails["limit"]) == (46_000, 50_000)
    assert desk.ask("POST", f"/offers/{desk.offer.offer_id}/quote").status_code == 200
    assert lifecycle.read_offer(desk.state, desk.offer.offer_id).quote_id == desk.offer.quote_id
