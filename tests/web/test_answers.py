"""The pages behind links of messages: unsubscribing with one click, and an offer answered without a script."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.web.asking import Asker
from tests.web.conftest import NOW, served
from upstep.billing.change import Incentive
from upstep.billing.quote import read
from upstep.delivery.channel import Message, Purpose
from upstep.engine.contacting.links import OFFER, Links, read_link
from upstep.engine.contacting.publishing import publish
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.inputs import gather
from upstep.engine.offering.opening import open_offers
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.biller import open_biller
from upstep.money import format_minor
from upstep.offers import lifecycle
from upstep.offers.model import OfferStatus
from upstep.state import tables
from upstep.state.consents import consents_of
from upstep.state.holds import record_hold
from upstep.state.session import reading, writing

ANN = Message("k", "acme", Purpose.SALES, "email", "ann", "s", "t", contact_id="ann")


@pytest.fixture
def state(service: Asker) -> sa.Engine:
    engine: sa.Engine = service.app.state.upstep.state
    return engine


def leave(service: Asker, state: sa.Engine, message: Message = ANN) -> str:
    url = Links(service.project, state, clock=service.clock).unsubscribe(message)
    assert url is not None
    return url.removeprefix(service.project.settings.serving.public_url)


def consent(service: Asker, state: sa.Engine) -> dict[str, bool]:
    with reading(state) as connection:
        return dict(consents_of(connection, ["ann"], now=service.clock()).get("ann", {}))


def test_looking_at_the_page_changes_nothing_and_one_click_does(service: Asker, state: sa.Engine) -> None:
    path = leave(service, state)
    page = service.client.get(path)
    assert (page.status_code, consent(service, state)) == (200, {})
    assert "Stop offers" in page.text
    assert "<script" not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"

    answer = service.client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert consent(service, state) == {"sales": False}
    assert "You are unsubscribed" in service.client.get(path).text


def test_the_click_is_audited_once_and_may_be_undone(service: Asker, state: sa.Engine) -> None:
    path = leave(service, state)
    for _ in range(3):
        service.client.post(path, data={"List-Unsubscribe": "One-Click"})
    with reading(state) as connection:
        lines = connection.execute(sa.select(tables.audit).where(tables.audit.c.what == "consent")).all()
    assert [(line.subject, line.details["is_given"]) for line in lines] == [("ann", False)]
    service.clock.now += timedelta(minutes=1)
    service.client.post(path, data={"answer": "again"})
    assert consent(service, state) == {"sales": True}


def test_a_body_is_not_needed_and_a_strange_one_does_no_harm(service: Asker, state: sa.Engine) -> None:
    for body in (b"", b"\xff\xfe=&&==", b"a" * 3_000):
        assert service.client.post(leave(service, state), content=body).status_code == 200
    assert consent(service, state) == {"sales": False}


def test_a_link_works_years_later_and_only_as_it_was_signed(service: Asker, state: sa.Engine) -> None:
    path = leave(service, state)
    service.clock.now += timedelta(days=2_000)
    for wrong in (path[:-1], path + "x", "/u/" + "a" * 2_000, "/u/a.b", path.replace("/u/", "/o/")):
        answer = service.client.post(wrong, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 404
    assert consent(service, state) == {}
    assert service.client.post(path).status_code == 200
    assert consent(service, state) == {"sales": False}


def test_a_notice_is_ended_by_its_own_purpose(service: Asker, state: sa.Engine) -> None:
    path = leave(service, state, Message("k", "acme", Purpose.NOTICE, "email", "ann", "s", "t", contact_id="ann"))
    service.client.post(path)
    assert consent(service, state) == {"service": False}


@dataclass(frozen=True)
class Offered:
    service: Asker
    state: sa.Engine
    offer_id: str
    path: str

    def get(self, query: str = "") -> str:
        return self.service.client.get(self.path + query).text

    def post(self, **said: str) -> str:
        return self.service.client.post(self.path, data=said).text

    @property
    def quote_id(self) -> str:
        found = re.search(r'name="quote_id" value="([^"]+)"', self.get())
        assert found is not None
        return found[1]

    @property
    def account(self) -> str:
        return lifecycle.read_offer(self.state, self.offer_id).account_id

    @property
    def status(self) -> OfferStatus:
        return lifecycle.read_offer(self.state, self.offer_id).status


@pytest.fixture(scope="session")
def offering(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A project with an open offer, its id, and where its mail leads."""
    folder = Path(shutil.copytree(loaded, tmp_path_factory.mktemp("offering") / "project"))
    project, now = Project(folder), NOW
    state = open_project_state(project)
    run = decide(project, inputs=gather(project, at=now))
    row = next(
        row
        for row in run.decisions.to_pylist()
        if row["is_winner"] and row["path"] == row["lane"] == "self_serve" and row["play"] == "limit_approaching"
    )
    account, person = row["account_id"], row["recipients"][0]
    provider = open_biller(project, as_of=now, accounts=[account])
    (opened,) = open_offers(project, run, provider=provider, now=now, accounts=[account])
    publish(project, state, run, now=now)
    message = Message("k", account, Purpose.SALES, "email", person, "s", "t", contact_id=person)
    url = Links(project, state, clock=lambda: now).to(message, f"upstep:offers/{opened.offer.offer_id}/accept") or ""
    state.dispose()
    return folder, opened.offer.offer_id, url.removeprefix(project.settings.serving.public_url)


@pytest.fixture
def offered(offering: tuple[Path, str, str], tmp_path: Path) -> Offered:
    """The offer of a planted account, as its mail links to it, in a copy that a test may write to."""
    folder, offer_id, path = offering
    asker = served(Path(shutil.copytree(folder, tmp_path / "offered")))
    return Offered(asker, asker.app.state.upstep.state, offer_id, path)


@pytest.mark.slow
def test_an_offer_is_taken_on_its_page_at_the_price_it_shows(offered: Offered) -> None:
    page = offered.get()
    assert "Before and after" in page
    assert "Due today" in page
    assert offered.status is OfferStatus.OPEN
    done = offered.post(answer="yes", quote_id=offered.quote_id)
    assert "Done: you have" in done
    assert offered.status in {OfferStatus.ACCEPTED, OfferStatus.CONVERTED}
    assert "Done" in offered.post(answer="yes", quote_id="whatever") or "Your yes is noted" in offered.get()


@pytest.mark.slow
def test_a_trial_says_on_its_page_that_it_is_free_until_when_and_what_it_costs_then(offered: Offered) -> None:
    now, project = offered.service.clock(), offered.service.app.state.upstep.project
    offer = lifecycle.read_offer(offered.state, offered.offer_id)
    biller = open_biller(project, as_of=now, accounts=[offer.account_id])
    with reading(offered.state) as connection:
        shown = read(connection, offer.quote_id or "")
    free = biller.preview(replace(shown.change, incentive=Incentive("free", trial_days=2)), now)
    lifecycle.requote(offered.state, offered.offer_id, free, by="test", at=now)
    page = offered.get()
    assert "Free for 2 days: nothing is charged for it today. It is charged from" in page
    assert format_minor(free.next_invoice_minor, free.currency) in page
    assert "free</button>" in page
    done = offered.post(answer="yes", quote_id=offered.quote_id)
    assert "Done: you can try" in done
    assert "nothing is charged for it today" in done
    assert "nothing is charged for it today" in offered.get()


def test_a_yes_to_another_price_is_shown_the_price_first(offered: Offered) -> None:
    assert "The price is another by now" in offered.post(answer="yes", quote_id="quote_of_yesterday")
    assert offered.status is OfferStatus.OPEN


def test_a_no_is_asked_for_by_the_link_and_taken_by_the_button(offered: Offered) -> None:
    page = offered.get("?answer=no")
    assert page.index("No, thank you") < page.index("Change to")
    assert offered.status is OfferStatus.OPEN
    assert "All right" in offered.post(answer="no")
    assert offered.status is OfferStatus.DECLINED
    assert "All right" in offered.get()


def test_an_account_that_is_held_by_now_cannot_buy(offered: Offered) -> None:
    quote_id = offered.quote_id
    account = lifecycle.read_offer(offered.state, offered.offer_id).account_id
    with writing(offered.state) as connection:
        record_hold(
            connection,
            account,
            contact_id=None,
            kind="reply",
            why="asked a question",
            by="test",
            now=offered.service.clock(),
        )
    assert "Not at this moment" in offered.get()
    assert "Not at this moment" in offered.post(answer="yes", quote_id=quote_id)
    assert offered.status is OfferStatus.OPEN


@dataclass(frozen=True)
class Case:
    """What has happened since the message with the link was sent, and what its page shows."""

    happens: Callable[[Offered, str], None]
    shows: str
    has_price: bool = False


def _unsubscribe(offered: Offered, person: str) -> None:
    message = Message("k", offered.account, Purpose.SALES, "email", person, "s", "t", contact_id=person)
    offered.service.client.post(leave(offered.service, offered.state, message))


def _hold(kind: str, *, of_person: bool = False) -> Callable[[Offered, str], None]:
    def hold(offered: Offered, person: str) -> None:
        now, who = offered.service.clock(), person if of_person else None
        with writing(offered.state) as connection:
            record_hold(connection, offered.account, contact_id=who, kind=kind, why="a word", by="test", now=now)

    return hold


def _gate(name: str) -> Callable[[Offered, str], None]:
    def gate(offered: Offered, _person: str) -> None:
        offer = lifecycle.read_offer(offered.state, offered.offer_id)
        row = {"account_id": offer.account_id, "step_id": offer.step_id, "gate": name, "is_unknown": False, "why": "x"}
        with writing(offered.state) as connection:
            connection.execute(sa.insert(tables.fact_hold).values(**row, as_of=NOW))

    return gate


def _withdraw(offered: Offered, _person: str) -> None:
    lifecycle.withdraw(offered.state, offered.offer_id, by="test", at=NOW, why="no longer fits")


def _accept(offered: Offered, person: str) -> None:
    lifecycle.accept(offered.state, offered.offer_id, by=person, at=NOW)


def _expire(offered: Offered, _person: str) -> None:
    offered.service.clock.now += timedelta(days=400)


def _both(*each: Callable[[Offered, str], None]) -> Callable[[Offered, str], None]:
    def happen(offered: Offered, person: str) -> None:
        for one in each:
            one(offered, person)

    return happen


CASES = {
    "nothing": Case(lambda _offered, _person: None, "Due today", has_price=True),
    "unsubscribed": Case(_unsubscribe, "Due today", has_price=True),
    "outranked by another step": Case(_gate("outcome"), "Due today", has_price=True),
    "their address bounced": Case(_hold("bounce", of_person=True), "Due today", has_price=True),
    "held by a reply": Case(_hold("reply"), "Not at this moment"),
    "held by a complaint": Case(_hold("complaint", of_person=True), "Not at this moment"),
    "held by a gate": Case(_gate("overdue_invoice"), "Not at this moment"),
    "unsubscribed and held": Case(_both(_unsubscribe, _hold("reply")), "Not at this moment"),
    "withdrawn": Case(_withdraw, "We have taken this offer back"),
    "expired": Case(_expire, "This offer is over"),
    "accepted": Case(_accept, "Your yes is noted"),
    "accepted and held": Case(_both(_accept, _hold("reply")), "Your yes is noted"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_link_that_was_sent_shows_a_price_only_to_whom_a_yes_would_be_taken(offered: Offered, case: Case) -> None:
    said = read_link(offered.state, OFFER, offered.path.removeprefix("/o/"), now=NOW)
    assert said is not None
    case.happens(offered, said[1])
    for page in (offered.get(), offered.get("?answer=no")):
        assert case.shows in page
        assert ("Due today" in page, "<button" in page, "$" in page) == (case.has_price,) * 3


def test_whoever_unsubscribed_may_still_say_no(offered: Offered) -> None:
    said = read_link(offered.state, OFFER, offered.path.removeprefix("/o/"), now=NOW)
    assert said is not None
    _unsubscribe(offered, said[1])
    assert "All right" in offered.post(answer="no")
    assert offered.status is OfferStatus.DECLINED


def test_no_button_of_an_older_page_asks_for_help_while_the_account_is_held(offered: Offered) -> None:
    with writing(offered.state) as connection:
        connection.execute(sa.update(tables.offer).values(lane="care"))
    assert "we show you where to start" in offered.get()
    _hold("reply")(offered, "")
    assert "This has to wait" in offered.get()
    assert "This has to wait" in offered.post(answer="yes")
    assert offered.status is OfferStatus.OPEN


def test_in_shadow_the_page_sells_nothing_that_a_real_provider_charges(offered: Offered) -> None:
    quote_id, project = offered.quote_id, offered.service.app.state.upstep.project
    project.__dict__["settings"] = replace(project.settings, billing_provider="stripe")
    assert "Not at this moment" in offered.get()
    assert "Not at this moment" in offered.post(answer="yes", quote_id=quote_id)
    assert offered.status is OfferStatus.OPEN


def test_a_link_that_is_not_ours_says_so_and_a_price_of_yesterday_is_over(offered: Offered) -> None:
    assert offered.service.client.get(offered.path[:-2]).status_code == 404
    offered.service.clock.now += timedelta(days=400)
    assert "This offer is over" in offered.get()
