"""Upsell and cross-sell have stages of their own; moves are kept, and the ones the rules forbid are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from upstep.planning import stages
from upstep.planning.stages import STAGES, Deed, New, Opportunity, Refused
from upstep.state.session import open_state, writing
from upstep.state.tables import audit

NOW = datetime(2026, 11, 20, tzinfo=UTC)
UPSELL = New(
    account_id="acme",
    play="limit_approaching",
    motion="upsell",
    product_id="sending",
    target="plan:scale",
    owner_id="ana",
    currency="usd",
    expected_minor=84_000,
    is_hygiene=False,
    goal_id=None,
    sponsor_contact_id=None,
    run_id="run",
    expected_at=NOW + timedelta(days=30),
)
CROSS = replace(UPSELL, motion="cross_sell", play="complement", product_id="audience", target="product:audience")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[sa.Connection]:
    with writing(open_state(tmp_path / "state.db")) as connection:
        yield connection


def deed(day: int = 0, contact: str | None = None) -> Deed:
    return Deed("ana", NOW + timedelta(days=day), "because", contact)


def opened(state: sa.Connection, new: New) -> Opportunity:
    answer = stages.open_opportunity(state, new, deed())
    assert not isinstance(answer, Refused)
    return answer[0]


def why(answer: Opportunity | Refused) -> str:
    assert isinstance(answer, Refused)
    return answer.why


def test_the_two_motions_share_no_stage() -> None:
    assert not set(STAGES["upsell"]) & set(STAGES["cross_sell"])
    assert list(STAGES["cross_sell"]) == ["discover", "champion", "evaluate", "business_case", "decide"]
    assert len(STAGES["upsell"]) < len(STAGES["cross_sell"])


def test_every_move_is_kept_with_who_when_and_why(state: sa.Connection) -> None:
    one = opened(state, UPSELL)
    ahead = stages.move(state, one.opportunity_id, "price", deed(3, "con_1"))
    back = stages.move(state, one.opportunity_id, "confirm", deed(4))

    assert isinstance(ahead, Opportunity)
    assert isinstance(back, Opportunity)
    assert [(m.from_stage, m.to_stage, m.who, m.why, m.contact_id) for m in back.moves] == [
        (None, "confirm", "ana", "because", None),
        ("confirm", "price", "ana", "because", "con_1"),
        ("price", "confirm", "ana", "because", None),
    ]
    assert len(state.execute(sa.select(audit)).all()) == 3


def test_the_same_step_is_opened_once_while_it_is_open(state: sa.Connection) -> None:
    one = opened(state, UPSELL)
    again = stages.open_opportunity(state, UPSELL, deed(1))
    assert again == (one, False)
    stages.close(state, one.opportunity_id, deed(2), won_minor=None)
    fresh = stages.open_opportunity(state, UPSELL, deed(3))
    assert not isinstance(fresh, Refused)
    assert fresh[1]
    assert fresh[0].opportunity_id != one.opportunity_id


def test_stages_are_not_skipped_or_borrowed(state: sa.Connection) -> None:
    upsell, cross = opened(state, UPSELL), opened(state, CROSS)

    assert "the next is price" in why(stages.move(state, upsell.opportunity_id, "agree", deed()))
    assert "is a stage of cross_sell" in why(stages.move(state, upsell.opportunity_id, "champion", deed()))
    assert "Did you mean 'discover'?" in why(stages.move(state, cross.opportunity_id, "discovr", deed()))
    assert "already" in why(stages.move(state, cross.opportunity_id, "discover", deed()))
    assert "Who is the champion?" in why(stages.move(state, cross.opportunity_id, "champion", deed()))


def test_a_move_before_the_last_one_is_refused(state: sa.Connection) -> None:
    one = opened(state, UPSELL)
    assert "are the dates reversed?" in why(stages.move(state, one.opportunity_id, "price", deed(-1)))


def test_it_is_won_from_its_last_stage_unless_the_limit_itself_asks_for_it(state: sa.Connection) -> None:
    upsell = opened(state, UPSELL)
    hygiene = opened(state, replace(UPSELL, target="plan:enterprise", is_hygiene=True))

    assert "it is won from agree" in why(stages.close(state, upsell.opportunity_id, deed(), won_minor=1))
    won = stages.close(state, hygiene.opportunity_id, deed(5), won_minor=7)
    assert isinstance(won, Opportunity)
    assert (won.stage, won.won_minor, won.closed_at) == ("won", 7, NOW + timedelta(days=5))


def test_nothing_is_won_inside_a_renewal(state: sa.Connection) -> None:
    for new in (replace(UPSELL, is_hygiene=True), replace(CROSS, is_hygiene=True)):
        one = opened(state, new)
        told = why(stages.close(state, one.opportunity_id, deed(), won_minor=1, paper="renewal"))
        assert "never signed inside a renewal" in told


def test_one_contract_does_not_hold_both_motions(state: sa.Connection) -> None:
    upsell = opened(state, replace(UPSELL, is_hygiene=True))
    more = opened(state, replace(UPSELL, target="more:seats", motion="volume", is_hygiene=True))
    cross = opened(state, replace(CROSS, is_hygiene=True))
    stages.close(state, upsell.opportunity_id, deed(), won_minor=1, contract="C-1")

    assert isinstance(stages.close(state, more.opportunity_id, deed(), won_minor=1, contract="C-1"), Opportunity)
    assert "never bundled" in why(stages.close(state, cross.opportunity_id, deed(), won_minor=1, contract="C-1"))
    assert isinstance(stages.close(state, cross.opportunity_id, deed(), won_minor=1, contract="C-2"), Opportunity)


def test_a_lost_one_may_be_lost_from_anywhere_and_stays_lost(state: sa.Connection) -> None:
    one = opened(state, CROSS)
    lost = stages.close(state, one.opportunity_id, deed(1), won_minor=None)
    assert isinstance(lost, Opportunity)
    assert (lost.stage, lost.won_minor) == ("lost", None)
    assert "a closed one does not move" in why(stages.move(state, one.opportunity_id, "champion", deed(2)))


def test_care_is_not_a_sale(state: sa.Connection) -> None:
    answer = stages.open_opportunity(state, replace(UPSELL, motion="adopt"), deed())
    assert isinstance(answer, Refused)
    assert "is not a sale" in answer.why


def test_an_unknown_one_is_a_look_up_that_fails(state: sa.Connection) -> None:
    with pytest.raises(LookupError):
        stages.read(state, "opp_none")
