"""The facts of few accounts are those that the default engine opens, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.tables.project import ACCOUNTS, ITEMS, NOW, USAGE, Project
from upstep.errors import DamagedError, SourceError
from upstep.tables.few import FewFacts
from upstep.tables.query import CORE_TABLES, DuckEngine, core_schema
from upstep.tables.sqlite import SqliteEngine
from upstep.tables.standing import StandingEngine
from upstep.tables.warm import WarmEngine

LATER = NOW + timedelta(days=10)
LATEST = NOW + timedelta(days=20)
EVERYTHING = {name: set(core_schema(name)) for name in CORE_TABLES}
CONTACTS = "contact_id,account_id,name\nc1,a1,Ann\nc2,a1,Bo\nc3,a2,Cy\n"
SEATS = "seat_id,account_id,product_id,contact_id,assigned_at\ns1,a1,sending,c1,2026-01-03\ns2,a2,sending,,2026-02-01\n"
OWNERS = "owner_id,name\no1,Olga\n"
RATES = "rate_on,from_currency,to_currency,rate\n2026-01-04,eur,usd,1.1\n2026-03-01,eur,usd,1.2\n"


class Both:
    """One warm desk and the default engine, asked for the same."""

    def __init__(self, project: Project, *, is_wide: bool = False) -> None:
        self.project = project
        self.engine: StandingEngine = WarmEngine() if is_wide else SqliteEngine()
        self.few = FewFacts(self.engine, has_shelf=is_wide)

    def agree(self, *account_ids: str, as_of: datetime | None = None) -> int:
        """Every core table is the same; gives how many rows there are."""
        ours = self.few.open(self.project.folder, as_of=as_of, account_ids=account_ids, columns=EVERYTHING)
        duck = DuckEngine(threads=1)
        theirs = self.project.open(duck, as_of=as_of, account_ids=account_ids)
        assert ours == theirs
        count = 0
        for name in CORE_TABLES:
            wanted = rows(duck.read(name))
            if name == "usage_raw":
                found = rows(self.few.events({(row[0], row[3]) for row in wanted}))
            elif name == "contact_key":
                seen = set(duck.read("usage_contact")["contact_key"].to_pylist())
                wanted = [row for row in wanted if row[1] in seen]
                found = rows(self.engine.read(name))
            else:
                found = rows(self.engine.read(name))
                assert self.engine.read(name).schema == duck.read(name).schema, name
            assert found == wanted, name
            count += len(wanted)
        return count


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


@pytest.fixture(params=["narrow", "wide"])
def both(project: Project, request: pytest.FixtureRequest) -> Both:
    project.write_all()
    for name, text in {"contact": CONTACTS, "seat": SEATS, "owner": OWNERS, "fx_rate": RATES}.items():
        project.write(f"data/{name}.csv", text)
    return Both(project, is_wide=request.param == "wide")


LONG_AGO = datetime(2025, 12, 31, tzinfo=UTC)
WITHIN_A_DAY = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("as_of", [None, LONG_AGO, WITHIN_A_DAY, datetime(2026, 1, 31, tzinfo=UTC)])
def test_one_load_opens_alike_at_any_instant(both: Both, as_of: datetime | None) -> None:
    both.project.load()
    assert both.agree("a2", "a1", as_of=as_of) > 1


@pytest.mark.slow
def test_a_desk_opens_one_account_after_the_other_and_goes_back_in_time(both: Both) -> None:
    both.project.load()
    counts = [both.agree("a1"), both.agree("a2", as_of=WITHIN_A_DAY), both.agree("a1")]
    assert counts[0] == counts[2] > counts[1]


@pytest.mark.slow
def test_unknown_accounts_and_none_open_alike(both: Both) -> None:
    both.project.load()
    assert both.agree("unknown", "a2") > both.agree("unknown") == both.agree()


@pytest.mark.slow
def test_later_loads_are_seen_and_their_versions_open_alike(both: Both) -> None:
    both.project.load()
    both.agree("a1")
    both.project.write("data/account.csv", ACCOUNTS.replace("Acme", "Apex").replace("a2,Beta,2026-01-02,usd\n", ""))
    both.project.write("data/subscription_item.csv", ITEMS.replace("pro,1,2000", "pro,3,6000"))
    both.project.write("data/owner.csv", OWNERS.replace("Olga", "Olga R."))
    both.project.load(now=LATER)
    both.agree("a1", "a2")
    both.project.write("data/subscription_item.csv", ITEMS.split("\n")[0] + "\n")
    both.project.load(now=LATEST)
    for at in (WITHIN_A_DAY, NOW, LATER, LATEST):
        both.agree("a1", "a2", as_of=at)


@pytest.mark.slow
def test_usage_that_came_later_is_merged_alike(both: Both) -> None:
    both.project.load()
    more = (
        "m1,a1,emails,2026-01-05T11:00:00Z,9,c2\nm2,a1,emails,2026-01-05T23:00:00Z,2,c9\n"
        "m3,a2,emails,2026-02-09T01:00:00Z,4,c3\nm4,a1,emails,2026-02-09T01:00:00Z,70368744177664,\n"
    )
    both.project.write("data/usage.csv", USAGE + more)
    both.project.load(now=LATER)
    for at in (None, WITHIN_A_DAY, datetime(2026, 2, 9, 12, tzinfo=UTC)):
        both.agree("a1", "a2", as_of=at)


def test_rows_of_an_account_that_nobody_knows_open_alike(both: Both) -> None:
    both.project.write("data/usage.csv", USAGE + "e9,stranger,emails,2026-01-05,100,\n")
    both.project.load()
    assert both.agree("stranger", "a1") > both.agree("stranger")


def test_only_the_named_columns_are_read(both: Both) -> None:
    both.project.load()
    both.few.open(both.project.folder, as_of=None, account_ids=["a1"], columns={"account": {"account_key", "name"}})
    (account,) = both.engine.read("account").to_pylist()
    assert {name for name, value in account.items() if value is not None} == {"account_key", "name"}


def test_an_account_is_found_in_whichever_piece_of_a_file_it_lies(project: Project) -> None:
    ids = [f"a{number:05}" for number in range(20_000)]
    project.write("data/account.csv", "account_id,name,created_at\n" + "".join(f"{i},{i},2026-01-01\n" for i in ids))
    project.write("data/subscription_item.csv", ITEMS.split("\n")[0] + "\n")
    project.write("data/usage.csv", USAGE.split("\n")[0] + "\n")
    project.load()
    for is_wide in (False, True):
        both = Both(project, is_wide=is_wide)
        for _ in range(3):  # A copy is made when a file is asked for again.
            assert both.agree("a00000", "a08191", "a08192", "a19999") == 5  # Four accounts and the clock.


def test_nothing_loaded_has_no_default(project: Project) -> None:
    with pytest.raises(SourceError, match="neither subscription_item nor usage has been loaded"):
        Both(project).agree("a1")


def test_a_damaged_file_is_named(both: Both) -> None:
    both.project.load()
    (path,) = (both.project.folder / ".upstep" / "facts" / "account").glob("*.parquet")
    Path(path).write_bytes(b"PAR1 is not enough")
    with pytest.raises(DamagedError, match=path.name):
        both.few.open(both.project.folder, as_of=None, account_ids=["a1"], columns=EVERYTHING)
