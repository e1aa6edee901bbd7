"""Whom a task is about: told ids first, else what finds the company, and what is made of it at HubSpot's end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contracts.receivers import Hubspot, http_server
from upstep.cli import diagnosing
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.delivery.crm import About
from upstep.engine.contacting import sending
from upstep.engine.contacting.channels import close_channels, open_channels
from upstep.engine.contacting.companies import AboutTasks
from upstep.engine.contacting.mailboxes import Mailboxes, name_of_account, owner_of_account
from upstep.engine.contacting.people import publish_people
from upstep.engine.contacting.publishing import publish
from upstep.engine.deciding.decide import Run
from upstep.engine.project import Project, open_project_state
from upstep.errors import ConfigError
from upstep.state import tables
from upstep.state.session import reading, writing
from upstep.tables.sample import AS_OF
from upstep.tables.sample.life import OWNER_IDS

MORNING = AS_OF + timedelta(hours=9)
ACCOUNT, NAME = "lumenbrook-software", "Lumenbrook Software"
TASK = Message(
    idempotency_key="task:st_1:20260101",
    account_id=ACCOUNT,
    purpose=Purpose.TASK,
    channel="hubspot",
    recipient="owner:mina-farrow",
    subject="Lumenbrook: a larger plan",
    text="They use 92%.\n",
)


@pytest.fixture
def project(postline: Project, tmp_path: Path) -> Project:
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


@pytest.fixture
def state(project: Project) -> sa.Engine:
    made = open_project_state(project)
    publish_people(project, made, as_of=AS_OF, accounts=[ACCOUNT])
    return made


@pytest.fixture
def about(project: Project, state: sa.Engine) -> Callable[[str], About]:
    return lambda by: AboutTasks(project, state, Mailboxes(project, state), connector="hubspot", by=by).about(TASK)


def write_ids(project: Project, text: str) -> None:
    (project.folder / "data").mkdir(exist_ok=True)
    (project.folder / "data" / "account_ids.csv").write_text(text, encoding="utf-8")


def test_a_company_is_found_by_the_accounts_name_its_id_or_the_domain_that_its_people_share(
    about: Callable[[str], About], state: sa.Engine
) -> None:
    assert about("name").values == (NAME,)
    assert about("customer_id").values == about("hs_object_id").values == (ACCOUNT,)
    (domain,) = about("domain").values
    assert "@" not in domain
    with writing(state) as connection:
        fact = tables.contact_fact
        first = sa.select(sa.func.min(fact.c.contact_id)).where(fact.c.account_id == ACCOUNT).scalar_subquery()
        connection.execute(sa.update(fact).where(fact.c.contact_id == first).values(email="ann@other.example"))
    assert about("domain").values == ()


def test_ids_that_the_project_was_told_come_first_and_the_file_is_read_again_when_it_changes(
    about: Callable[[str], About], project: Project
) -> None:
    write_ids(project, f"connector,their_id,account_id\nzendesk,1,{ACCOUNT}\nhubspot,501,{ACCOUNT}\nhubspot,9,other\n")
    assert about("name") == About(("501",))
    write_ids(project, "their_id,account_id\n1,2\n")
    with pytest.raises(ConfigError, match="lacks the column connector"):
        about("name")


def test_a_task_reaches_its_company_and_person_and_one_without_a_company_is_told(
    project: Project, state: sa.Engine, postline_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(project, state, postline_run, now=MORNING)
    with reading(state) as connection:
        fact = tables.contact_fact.c
        of_account = sa.select(fact.contact_id, fact.email).where(fact.account_id == ACCOUNT).limit(1)
        contact_id, email = connection.execute(of_account).one()
    tied = Message(**{**vars(TASK), "contact_id": contact_id})
    alone = Message(**{**vars(TASK), "idempotency_key": "task:other", "account_id": "no-such-account"})
    with writing(state) as connection:
        for one in (tied, alone):
            outbox.queue(connection, one, now=MORNING)
    crm = Hubspot({"501": {"name": NAME}}, {"61": email})
    with http_server(crm) as server:
        settings = project.folder / "upstep.yaml"
        told = f"\nchannels: {{hubspot: {{token: '${{HUBSPOT_TOKEN}}', api_url: '{server.url}'}}, task: hubspot}}\n"
        settings.write_text(settings.read_text(encoding="utf-8") + told, encoding="utf-8")
        monkeypatch.setenv("HUBSPOT_TOKEN", "pat-1")
        channels = open_channels(Project(project.folder), is_live=True, state=state, clock=lambda: MORNING)
        sent = sending.deliver(project, now=MORNING, channels=channels, state=state, may_publish=False)
        close_channels(channels)
    notes = {one.message.account_id: one.detail.partition("; ")[2] for one in sent}
    untied = "tied to no company: nothing is known that a company's name would say"
    assert notes == {ACCOUNT: "", "no-such-account": untied}
    assert sorted(crm.ties) == [[], [("501", 192), ("61", 204)]]
    found = {one.subject: one.found for one in diagnosing._state(project.folder)}
    assert found["hubspot"].startswith("1 task made without a company")


def test_facts_name_an_account_and_who_looks_after_it(project: Project) -> None:
    assert name_of_account(project, ACCOUNT) == NAME
    assert owner_of_account(project, ACCOUNT) is None
    assert owner_of_account(project, "graniteford-capital") == OWNER_IDS[0]
    assert name_of_account(project, "no-such-account") is None
