"""Some accounts are decided at a desk, narrow or wide, as the default engine decides them, cell by cell."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.samples import loaded_sample
from upstep.clock import iso, to_seconds
from upstep.engine.deciding import decide as deciding
from upstep.engine.deciding.decide import Inputs, Run, decide
from upstep.engine.deciding.desk import FEW_ACCOUNTS
from upstep.engine.keeping.forgetting import forget_somebody
from upstep.engine.project import Project
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, PLANTED


@pytest.fixture(scope="module", params=list(PLANTED))
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Project]:
    folder = loaded_sample(request.param, tmp_path_factory.mktemp(request.param), tmp_path_factory)
    return request.param, Project(folder)


@pytest.fixture(autouse=True, params=["narrow", "wide"])
def _desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "wide":
        monkeypatch.setattr(deciding, "FEW_ACCOUNTS", -1)
        monkeypatch.setattr(deciding, "WIDE_FROM", 0)


def by_default(project: Project, accounts: list[str], **told: object) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FEW_ACCOUNTS", "SOME_ACCOUNTS"):
            patch.setattr(deciding, name, -1)
        return decide(project, accounts=accounts, **told)  # type: ignore[arg-type]


def same(project: Project, accounts: list[str], **told: object) -> Run:
    ours, theirs = decide(project, accounts=accounts, **told), by_default(project, accounts, **told)  # type: ignore[arg-type]
    assert ours.decisions.schema == theirs.decisions.schema
    for a, b in zip(ours.decisions.to_pylist(), theirs.decisions.to_pylist(), strict=True):
        assert a == b
    assert ours == theirs
    return ours


@pytest.mark.slow
def test_every_planted_account_is_decided_alike(company: tuple[str, Project]) -> None:
    name, project = company
    accounts = sorted(planted.account_id for planted in PLANTED[name].values())
    rounds = [accounts[start : start + FEW_ACCOUNTS] for start in range(0, len(accounts), FEW_ACCOUNTS)]
    # Some must not be spoken of at all.
    assert all(same(project, group).decisions.num_rows * 3 > len(group) for group in rounds)


@pytest.mark.slow
def test_every_planted_account_is_decided_alike_alone(company: tuple[str, Project]) -> None:
    name, project = company
    for planted in PLANTED[name].values():
        same(project, [planted.account_id])


@pytest.mark.slow
def test_an_earlier_instant_and_what_is_told_from_outside_count_alike(company: tuple[str, Project]) -> None:
    name, project = company
    accounts = sorted(planted.account_id for planted in PLANTED[name].values())[:FEW_ACCOUNTS]
    answered = {"account_id": accounts, "gate": ["open_issue"] * len(accounts), "answer": ["holds"] * len(accounts)}
    plain = same(project, accounts, as_of=AS_OF - timedelta(days=40, hours=7))
    told = same(
        project, accounts, as_of=AS_OF - timedelta(days=40, hours=7), inputs=Inputs({"confirmed": pa.table(answered)})
    )
    assert told.run_id != plain.run_id
    assert told.decisions["outcome"].to_pylist().count("held") > plain.decisions["outcome"].to_pylist().count("held")


@pytest.mark.slow
def test_nobody_and_a_stranger_have_no_decisions(company: tuple[str, Project]) -> None:
    _, project = company
    assert same(project, []).decisions.num_rows == same(project, ["nobody"]).decisions.num_rows == 0


@pytest.mark.slow
def test_what_changes_between_runs_is_decided_alike(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = Project(loaded_sample("postline", tmp_path, tmp_path_factory))
    accounts = sorted(planted.account_id for planted in PLANTED["postline"].values())[:FEW_ACCOUNTS]
    before = [same(project, accounts) for _ in range(3)][-1]  # By the third time files are copied and plans are kept.
    _tell_more(tmp_path, accounts)
    load(tmp_path, now=AS_OF + timedelta(days=1), known=project.known_ids)
    later = AS_OF + timedelta(hours=23, minutes=59, seconds=59)
    # Over midnight and over the ends of months, forth and back.
    moments = [later, later + timedelta(seconds=1), datetime(2026, 11, 30, 23, 59, tzinfo=UTC), LEAP, later]
    after = [same(project, accounts, as_of=moment) for moment in moments]
    assert len({before.run_id, *(run.run_id for run in after)}) == 5
    forget_somebody(project, "account", accounts[3], by="lea", now=later)
    assert accounts[3] not in same(project, accounts, as_of=later).decisions["account_id"].to_pylist()
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        re.sub(r"amount: (\d+)", r"amount: \g<1>0", catalog.read_text(encoding="utf-8")), encoding="utf-8"
    )
    assert same(Project(tmp_path), accounts, as_of=later).run_id != after[-1].run_id


LEAP = datetime(2028, 3, 1, tzinfo=UTC)


def _tell_more(folder: Path, accounts: list[str]) -> None:
    """More seats, a subscription that vanished, a new account's first, and use on the day that follows."""
    path = folder / "data" / "subscription_item.csv"
    head, *items = path.read_text(encoding="utf-8").splitlines()
    of_first = next(row for row in items if accounts[0] in row)
    gone = next(row for row in items if accounts[1] in row)
    fresh = of_first.replace(of_first.split(",")[0], "item-new").replace(accounts[0], accounts[2])
    path.write_text("\n".join([head, *(row for row in items if row != gone), fresh, ""]), encoding="utf-8")
    usage = pq.read_table(folder / "data" / "usage.parquet")
    rows = usage.filter(pc.is_in(usage["account_id"], pa.array(accounts))).slice(0, 5_000).to_pylist()
    more = [
        {**row, "event_id": f"more-{n}", "occurred_at": _later(row["occurred_at"], n)} for n, row in enumerate(rows)
    ]
    pq.write_table(
        pa.concat_tables([usage, pa.Table.from_pylist(more, usage.schema)]), folder / "data" / "usage.parquet"
    )


def _later(at: object, number: int) -> object:
    """An instant of the day after the first load, of the kind that the file has."""
    moment = AS_OF + timedelta(seconds=number * 17)
    return moment if isinstance(at, datetime) else type(at)(iso(moment)) if isinstance(at, str) else to_seconds(moment)


def test_a_desk_that_failed_is_not_used_again(company: tuple[str, Project]) -> None:
    _, project = company
    decider = deciding.decider_of(project, owners_connected=True)
    with pytest.raises(ZeroDivisionError), decider.desk() as failed:
        1 / 0  # noqa: B018
    with decider.desk() as one, decider.desk() as other:
        assert failed not in (one, other)
        assert one is not other
    with decider.desk() as again:
        assert again in (one, other)


def test_a_wide_desk_is_set_up_for_who_decides_again(
    company: tuple[str, Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "WIDE_FROM", 2)
    decider = deciding.Decider(company[1], owners_connected=False)
    decider._asked_for_some = 0
    assert [decider.is_wide_desk_worth_it() for _ in range(3)] == [False, True, True]
