"""How many peers have what is proposed: real counts, by segment, and of fewer than ten nothing."""

from __future__ import annotations

from datetime import timedelta

from upstep.engine.peers import PeerCounts, Peers, count_peers
from upstep.engine.project import Project
from upstep.tables.sample import AS_OF


def test_of_fewer_than_ten_peers_nothing_is_known() -> None:
    def counts(have: int) -> PeerCounts:
        return PeerCounts({"acme": "smb"}, {("smb", "sending", "scale"): have}, {("smb", "sending"): 41})

    assert counts(9).of("acme", "sending", "scale") is None
    assert counts(10).of("acme", "sending", "scale") == Peers("smb", 10, 41)
    assert counts(10).of("acme", "sending", "scale").percent == 24  # type: ignore[union-attr]
    assert counts(10).of("acme", "sending", "pro") is None
    assert counts(10).of("unknown", "sending", "scale") is None
    assert counts(10).of("acme", None, None) is None


def test_live_accounts_are_counted_once_by_segment_and_kept_while_the_facts_are_the_same(postline: Project) -> None:
    project = Project(postline.folder)
    first = count_peers(project, ["gauthier-conseil"], as_of=AS_OF)
    again = count_peers(project, ["sjoberg-handel-ab"], as_of=AS_OF + timedelta(hours=1))
    assert set(first.segments) == {"gauthier-conseil"}
    assert set(again.segments) == {"sjoberg-handel-ab"}
    assert again.plans is first.plans
    for (segment, product), accounts in first.products.items():
        plans = [count for (of, owned, _), count in first.plans.items() if (of, owned) == (segment, product)]
        assert max(plans) <= accounts <= sum(plans)
    assert count_peers(project, [], as_of=AS_OF + timedelta(days=2)).key != first.key
