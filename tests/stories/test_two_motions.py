"""One account to its end: a capacity upsell closes in 30 days, a cross-sell waits for its sponsor and runs five months.

Meridian Insurance has used 92% of its contract, and its outcome is 4.2 million against a target of 3.0.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.samples import loaded_sample
from upstep.engine.deciding.naming import fact_value
from upstep.engine.planning import goals, selling
from upstep.engine.planning.selling import Wanted
from upstep.engine.project import Project
from upstep.planning.goals import Asked
from upstep.planning.stages import Deed, Opportunity, Refused
from upstep.tables.sample import AS_OF

ACCOUNT = "meridian-insurance"
OMAR, ELENA, THEO = "con_000100", "con_000101", "con_000103"  # the executive, the budget owner, the champion
UPSELL, CROSS = Wanted(ACCOUNT, ("limit_approaching",)), Wanted(ACCOUNT, ("complement",))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(loaded_sample("databoard", tmp_path_factory.mktemp("databoard"), tmp_path_factory, accounts=20))


def on(day: int, why: str, contact: str | None = None) -> Deed:
    return Deed("mina", AS_OF + timedelta(days=day, hours=9), why, contact)


def opened(project: Project, wanted: Wanted, deed: Deed) -> Opportunity:
    answer = selling.open_step(project, wanted, deed)
    assert not isinstance(answer, Refused), answer.why
    return answer[0]


def refusal(answer: object) -> str:
    assert isinstance(answer, Refused)
    return answer.why


def moved(project: Project, one: Opportunity, *moves: tuple[int, str, str | None]) -> None:
    for day, stage, contact in moves:
        answer = selling.move(project, one.opportunity_id, stage, on(day, f"now {stage}", contact))
        assert not isinstance(answer, Refused), answer.why


@pytest.mark.slow
def test_the_upsell_closes_in_30_days_and_the_cross_sell_lands_five_months_later(project: Project) -> None:
    # The account stands at 92%, its outcome is met, and nobody sponsors the priority that data quality would serve.
    _, rows = selling.account_rows(project, ACCOUNT, as_of=None, now=AS_OF)
    capacity = selling.row_of(project, rows, ACCOUNT, "limit_approaching")
    assert fact_value(capacity, "used") * 100 == fact_value(capacity, "limit_quantity") * 92
    assert selling.is_hygiene(capacity)

    # Both at once is refused; the cross-sell alone waits for a sponsor.
    both = replace(UPSELL, plays=(*UPSELL.plays, *CROSS.plays))
    assert "never bundled" in refusal(selling.open_step(project, both, on(0, "both")))
    waits = refusal(selling.open_step(project, CROSS, on(0, "they own no data quality")))
    assert "The priority has no sponsor yet (no_sponsor)" in waits

    # The upsell is a hygiene step: same budget owner, no priority, three short stages.
    upsell = opened(project, replace(UPSELL, amount_minor=20_000_000), on(0, "92% of the contract is used"))
    assert (upsell.stage, upsell.is_hygiene, upsell.owner_id) == ("confirm", True, "mina-farrow")
    assert opened(project, UPSELL, on(1, "again")).opportunity_id == upsell.opportunity_id
    assert (upsell.expected_at - upsell.opened_at).days == 30
    moved(project, upsell, (7, "price", ELENA), (20, "agree", ELENA))

    # Day 25: the executive's priority gains a sponsor, so the cross-sell may be opened, apart.
    asked = Asked(
        "register",
        ACCOUNT,
        contact=OMAR,
        priority="Trust in the claims data",
        source="executive call",
        stated_on="2026-12-14",
        advances=("data_quality",),
        sponsor=ELENA,
    )
    goals.add(project, [asked], who="mina", now=AS_OF + timedelta(days=25), dry_run=False)
    cross = opened(project, CROSS, on(26, "Elena Okafor sponsors it"))
    assert (cross.stage, cross.sponsor_contact_id) == ("discover", ELENA)
    assert (cross.expected_at - cross.opened_at).days == 150

    # Day 30: the upsell is signed on its own paper; inside the renewal it is refused.
    for_upsell = {"won_minor": 20_000_000, "contract": "C-200"}
    renewal = selling.close(project, upsell.opportunity_id, on(30, "signed"), **for_upsell, paper="renewal")
    assert "never signed inside a renewal" in refusal(renewal)
    won = selling.close(project, upsell.opportunity_id, on(30, "signed"), **for_upsell, paper="amendment")
    assert isinstance(won, Opportunity)
    assert (won.stage, (won.closed_at - won.opened_at).days if won.closed_at else None) == ("won", 30)

    # The cross-sell takes its own way: no stage is skipped, the champion has a name, and no stage of an upsell fits.
    assert "the next is champion" in refusal(selling.move(project, cross.opportunity_id, "evaluate", on(40, "eager")))
    assert "Who is the champion?" in refusal(selling.move(project, cross.opportunity_id, "champion", on(40, "x")))
    assert "a stage of upsell" in refusal(selling.move(project, cross.opportunity_id, "price", on(40, "x")))
    moved(project, cross, (45, "champion", THEO), (75, "evaluate", None))
    early = selling.close(project, cross.opportunity_id, on(80, "x"), won_minor=48_000_000, contract="C-480")
    assert "it is won from decide" in refusal(early)
    moved(project, cross, (120, "business_case", ELENA), (150, "decide", None))

    # Five months after it began it lands at 480 K, on a contract of its own.
    bundled = selling.close(project, cross.opportunity_id, on(176, "x"), won_minor=48_000_000, contract="C-200")
    assert "never bundled" in refusal(bundled)
    landed = selling.close(project, cross.opportunity_id, on(176, "signed"), won_minor=48_000_000, contract="C-480")
    assert isinstance(landed, Opportunity)
    assert landed.closed_at
    assert (landed.closed_at - landed.opened_at).days == 150

    # Together 680 K a year, by two motions, two contracts, two buyers.
    both_won = selling.read_opportunities(project, account_id=ACCOUNT)
    assert {one.motion: one.won_minor for one in both_won} == {"upsell": 20_000_000, "cross_sell": 48_000_000}
    assert sum(one.won_minor or 0 for one in both_won) == 68_000_000
    assert len({one.contract for one in both_won}) == 2
    assert all(step.who == "mina" and step.why and step.changed_at for one in both_won for step in one.moves)
    assert [step.to_stage for step in landed.moves] == [
        *("discover", "champion", "evaluate", "business_case", "decide", "won")
    ]
    assert "a closed one does not move" in refusal(selling.move(project, cross.opportunity_id, "decide", on(200, "x")))
