"""Going live, owners' tasks and the channels of a project: in shadow all is files, and what was reached is no news."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contracts.receivers import mail_server
from upstep.billing.sandbox import SandboxBiller
from upstep.delivery import sender
from upstep.delivery.channel import Message, Purpose
from upstep.delivery.file import FileChannel
from upstep.engine.contacting.channels import NAMES, close_channels, is_live, live_since, open_channels
from upstep.engine.contacting.links import OFFER, UNSUBSCRIBE, Links, read_link
from upstep.engine.contacting.mailboxes import Mailboxes
from upstep.engine.contacting.showing import Person
from upstep.engine.deciding.decide import Run
from upstep.engine.live.going_live import go_dark, go_live, sendable
from upstep.engine.offering import helping
from upstep.engine.offering.helping import ask_for_help, open_help
from upstep.engine.offering.notices import queue_notices
from upstep.engine.offering.opening import open_offers
from upstep.engine.offering.tasks import queue_tasks
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.biller import sandbox
from upstep.errors import ConfigError
from upstep.offers import lifecycle
from upstep.offers.model import OfferStatus
from upstep.state import tables
from upstep.state.session import open_state, reading
from upstep.tables.sample import AS_OF

LATER = AS_OF + timedelta(hours=1)


@pytest.fixture
def project(postline: Project, tmp_path: Path) -> Project:
    folder = tmp_path / "copy"
    shutil.copytree(postline.folder, folder, ignore=shutil.ignore_patterns("state.db*", "sandbox.db*", "live"))
    return Project(folder)


@pytest.fixture
def state(project: Project) -> Iterator[sa.Engine]:
    engine = open_project_state(project)
    yield engine
    engine.dispose()


def biller(project: Project) -> SandboxBiller:
    return sandbox(project, as_of=AS_OF)


def send_to_files(project: Project, state: sa.Engine) -> None:
    channels = open_channels(project, is_live=False)
    sender.send_waiting(sender.Run(state, channels, lambda _connection, _waiting: {}, lambda: AS_OF))


def messages(state: sa.Engine, **values: str) -> list[sa.Row[tuple[object, ...]]]:
    found = sa.select(tables.message).where(*(tables.message.c[name] == value for name, value in values.items()))
    with reading(state) as connection:
        return list(connection.execute(found))


def settings(project: Project, text: str) -> Project:
    file = project.folder / "upstep.yaml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
    return Project(project.folder)


EMAIL = """
serve: {public_url: "https://upstep.postline.example"}
channels:
  email: {host: mail.postline.example, from: "Postline <hello@postline.example>"}
"""


def test_in_shadow_every_channel_writes_files(project: Project) -> None:
    channels = open_channels(project, is_live=False)
    assert set(channels) == set(NAMES)
    assert all(isinstance(channel, FileChannel) for channel in channels.values())


def test_live_the_named_channels_and_the_app_are_open(project: Project, state: sa.Engine) -> None:
    channels = open_channels(settings(project, EMAIL), is_live=True, state=state)
    assert set(channels) == {"email", "file", "in_app", "task"}
    assert isinstance(channels["task"], FileChannel)


def test_a_secret_that_is_not_set_is_told_before_anything_leaves(project: Project, state: sa.Engine) -> None:
    slack = settings(project, "\nchannels: {slack: {token: '${NO_SUCH_TOKEN}', channel: C1}}\n")
    with pytest.raises(ConfigError, match=r"channels\.slack\.token.*NO_SUCH_TOKEN"):
        open_channels(slack, is_live=True, state=state)


def test_mail_with_links_that_lead_nowhere_is_refused(project: Project, postline_run: Run) -> None:
    without = settings(project, EMAIL.replace("serve: {public_url: ", "# "))
    with pytest.raises(ConfigError, match=r"serve\.public_url"):
        sendable(without, postline_run)


def test_what_would_leave_is_counted_before_it_does(project: Project, postline_run: Run) -> None:
    found = sendable(settings(project, EMAIL), postline_run)
    assert found.channels == ("email", "file", "in_app")
    assert found.tasks == 3
    assert found.notices == sum(row["path"] == "notice" for row in postline_run.decisions.to_pylist())
    assert ("limit_approaching", "in_app") in found.offers or ("limit_approaching", "email") in found.offers
    assert found.unconnected == ()


def test_owners_tasks_are_given_once_per_step_with_who_and_why(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    assert queue_tasks(project, state, postline_run, now=AS_OF) == 3
    assert queue_tasks(project, state, postline_run, now=AS_OF + timedelta(days=5)) == 0
    found = {row.account_id: row for row in messages(state, purpose=Purpose.TASK)}
    task = found["graniteford-capital"]
    assert (task.channel, task.recipient, task.contact_id) == ("file", "owner:mina-farrow", None)
    assert task.subject.startswith("Graniteford Capital: ")
    assert "Why: " in task.text
    assert "Nothing was sent to the customer" in task.text
    assert task.records["used"]
    later = AS_OF + timedelta(days=project.settings.declined_days + 1)
    assert queue_tasks(project, state, postline_run, now=later, accounts=["graniteford-capital"]) == 1


def test_help_is_offered_once_to_those_who_use_it_and_a_yes_is_the_owners_task(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    assert open_help(project, state, postline_run, now=AS_OF, accounts=["gauthier-conseil"]) == 1
    assert open_help(project, state, postline_run, now=LATER, accounts=["gauthier-conseil"]) == 0
    sent = messages(state, account_id="gauthier-conseil", purpose=Purpose.CARE)
    assert {message.contact_id for message in sent} == {"con_000010", "con_000011", "con_000012"}
    assert "nothing to buy" in sent[0].text
    offer = lifecycle.read_offer(state, str(sent[0].offer_id))
    person = Person("con_000010", "gauthier-conseil", may_buy=False)
    for _ in range(2):
        taken = ask_for_help(project, state, person, offer, owner="mina-farrow", now=LATER)
    assert taken.status is OfferStatus.ACCEPTED
    (task,) = messages(state, account_id="gauthier-conseil", purpose=Purpose.TASK)
    assert task.recipient == "owner:mina-farrow"


def test_help_is_opened_in_groups_as_one_by_one_and_another_run_opens_no_more(
    project: Project, postline_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = open_state(tmp_path / "alone.db"), open_state(tmp_path / "together.db")
    for account in sorted(set(postline_run.decisions["account_id"].to_pylist())):
        open_help(project, alone, postline_run, now=AS_OF, accounts=[account])
    monkeypatch.setattr(helping, "AT_ONCE", 2)
    assert open_help(project, together, postline_run, now=AS_OF) > 2
    assert open_help(project, together, replace(postline_run, run_id="another"), now=LATER) == 0
    written = [sorted(repr(row[1:]) for row in messages(one)) for one in (alone, together)]  # without their numbers
    assert written[0] == written[1]


def test_live_a_mail_reaches_its_reader_and_its_links_are_theirs(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    with mail_server() as box:
        host = f'host: 127.0.0.1, port: {box.port}, security: none, from: "Postline <hello@postline.example>"'
        named = settings(project, f'\nserve: {{public_url: "https://u.example"}}\nchannels: {{email: {{{host}}}}}\n')
        open_help(named, state, postline_run, now=AS_OF, accounts=["gauthier-conseil"])
        channels = open_channels(named, is_live=True, state=state, clock=lambda: AS_OF)
        sent = sender.send_waiting(sender.Run(state, channels, lambda _connection, _waiting: {}, lambda: AS_OF))
        close_channels(channels)
    assert [one.result.value for one in sent] == ["sent"] * 3
    mail = box.mails[0]
    assert mail["To"].addresses[0].username
    leave = mail["List-Unsubscribe"].strip("<>")
    assert leave.startswith("https://u.example/u/")
    contact, purpose = read_link(state, UNSUBSCRIBE, leave.rpartition("/")[2], now=LATER) or ("", "")
    assert (contact[:4], purpose) == ("con_", "service")
    body = mail.get_body(("html",))
    assert body is not None
    assert "https://u.example/o/" in body.get_content()
    assert "upstep:" not in body.get_content()


def test_going_live_counts_what_was_reached_as_seen_and_takes_back_what_only_files_had(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    opened = open_offers(project, postline_run, provider=biller(project), now=AS_OF)
    send_to_files(project, state)
    first = opened[0].offer
    lifecycle.show(state, first.offer_id, by=lifecycle.PROGRAM, at=AS_OF)

    went = go_live(project, state, postline_run, by="ann", now=LATER)

    assert is_live(project)
    assert live_since(project) == ("2026-11-20T01:00:00Z", "ann")
    assert (went.is_new, went.offers_withdrawn) == (True, len({one.offer.offer_id for one in opened}))
    assert went.notices_seen > 10
    offer = lifecycle.read_offer(state, first.offer_id)
    assert (offer.status, offer.shown_at) == (OfferStatus.WITHDRAWN, None)
    assert messages(state, status="sent") == []
    assert queue_notices(project, state, postline_run, now=LATER) == 0
    with reading(state) as connection:
        (line,) = connection.execute(sa.select(tables.audit).where(tables.audit.c.what == "live"))
    assert (line.who, line.details["notices_seen"]) == ("ann", went.notices_seen)


def test_going_live_twice_changes_nothing_and_back_is_possible(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    go_live(project, state, postline_run, by="ann", now=AS_OF)
    assert not go_live(project, state, postline_run, by="bob", now=LATER).is_new
    assert live_since(project) == ("2026-11-20T00:00:00Z", "ann")
    assert go_dark(project, state, by="bob", now=LATER)
    assert not is_live(project)
    assert not go_dark(project, state, by="bob", now=LATER)


def test_what_left_while_it_was_live_is_not_taken_back_later(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    go_live(project, state, postline_run, by="ann", now=AS_OF)
    open_offers(project, postline_run, provider=biller(project), now=AS_OF)
    send_to_files(project, state)
    sent = len(messages(state, status="sent"))
    go_dark(project, state, by="ann", now=LATER)
    went = go_live(project, state, postline_run, by="ann", now=LATER + timedelta(hours=1))
    assert (went.offers_withdrawn, went.messages_withdrawn) == (0, 0)
    assert len(messages(state, status="sent")) == sent > 0


def test_a_person_is_found_in_the_facts_and_an_owner_by_their_id(project: Project, state: sa.Engine) -> None:
    boxes = Mailboxes(project, state)
    message = Message("k", "gauthier-conseil", Purpose.CARE, "email", "con_000010", "s", "t", contact_id="con_000010")
    assert "@" in (boxes.person(message).email or "")
    assert boxes.person(replace(message, recipient="nobody", contact_id="nobody")).email is None
    owner = boxes.owner_of(replace(message, recipient="owner:mina-farrow"))
    assert (owner.name, "@" in (owner.email or "@")) == ("Mina Farrow", True)
    assert boxes.owner_of(replace(message, recipient="owner:unknown")).email is None


def test_links_are_signed_for_one_reader_and_one_use(project: Project, state: sa.Engine) -> None:
    links = Links(settings(project, EMAIL), state, clock=lambda: AS_OF)
    message = Message("k", "acme", Purpose.SALES, "email", "ann", "s", "t", contact_id="ann")
    yes = links.to(message, "upstep:offers/of_1/accept") or ""
    assert yes.startswith("https://upstep.postline.example/o/")
    token = yes.rpartition("/")[2]
    assert read_link(state, OFFER, token, now=LATER) == ("of_1", "ann")
    assert read_link(state, UNSUBSCRIBE, token, now=LATER) is None
    assert links.to(message, "upstep:offers/of_1/decline") == f"{yes}?answer=no"
    assert links.to(message, "upstep:elsewhere/x/accept") is None
    assert links.to(replace(message, contact_id=None), "upstep:offers/of_1/accept") is None
    leave = (links.unsubscribe(message) or "").rpartition("/")[2]
    assert read_link(state, UNSUBSCRIBE, leave, now=LATER + timedelta(days=3_650)) == ("ann", "sales")
    assert links.unsubscribe(replace(message, purpose=Purpose.TASK)) is None
    assert read_link(state, UNSUBSCRIBE, f"{leave}x", now=LATER) is None
