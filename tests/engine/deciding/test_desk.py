"""A few accounts are decided at a desk as the default engine decides them, cell by cell."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from tests.engine.conftest import loaded
from upstep.engine.deciding import decide as deciding
from upstep.engine.deciding.decide import Inputs, Run, decide
from upstep.engine.deciding.desk import FEW_ACCOUNTS
from upstep.engine.project import Project
from upstep.tables.sample import AS_OF, PLANTED


@pytest.fixture(scope="module", params=list(PLANTED))
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Project]:
    return request.param, loaded(request.param, tmp_path_factory.mktemp(request.param))


def by_default(project: Project, accounts: list[str], **told: object) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "FEW_ACCOUNTS", -1)
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
