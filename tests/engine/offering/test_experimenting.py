"""Holdouts and tests around the cycle: who is kept back, what an arm changes, who was exposed, who may know."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from upstep.config.measuring import Experiments, Incentive
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.deciding.holdouts import hold_out, rules
from upstep.engine.deciding.inputs import gather
from upstep.engine.offering import experimenting
from upstep.engine.offering.experimenting import Arms, drawn, expose_tests, listed, live_tests, membership
from upstep.engine.offering.notices import queue_notices
from upstep.engine.offering.opening import open_offers
from upstep.engine.offering.testing import Wanted, add_test, end_test
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.biller import sandbox
from upstep.errors import ConfigError, InputError
from upstep.experiments.assign import point
from upstep.experiments.exposure import exposures
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.sample import AS_OF

NEAR_LIMIT = "lumenbrook-software"
PLAY = "limit_approaching"


def with_settings(project: Project, experiments: Experiments, **more: object) -> Project:
    settings = replace(project.settings, experiments=experiments, **more)  # type: ignore[arg-type]
    opened = Project(project.folder)
    opened.__dict__["settings"] = settings
    return opened


@pytest.fixture
def shop(postline: Project, tmp_path: Path) -> Project:
    """A loaded company of its own, in which nobody is held out."""
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


def salt_for(account: str, *, is_out: bool, percent: int = 50, word: str = "all") -> str:
    salts = (f"salt{index}" for index in range(100))
    return next(salt for salt in salts if (point(f"{salt}:{word}", account) < percent * 100) is is_out)


def test_a_held_out_account_gets_no_offer_but_its_notice_and_its_exposure_is_kept(shop: Project) -> None:
    out = Experiments(salt=salt_for(NEAR_LIMIT, is_out=True), holdout_percent=50)
    project = with_settings(shop, out)
    run = decide(project, accounts=[NEAR_LIMIT], inputs=gather(project, at=AS_OF))
    steps = [row for row in run.decisions.to_pylist() if row["is_winner"] and row["lane"] == "self_serve"]
    assert [row["outcome"] for row in steps] == ["held_out"]
    biller = sandbox(project, as_of=AS_OF, accounts=[NEAR_LIMIT])
    assert not open_offers(project, run, provider=biller, now=AS_OF).opened
    state = open_project_state(project)
    assert queue_notices(project, state, run, now=AS_OF) == 1
    with reading(state) as connection:
        purposes = [row.purpose for row in connection.execute(tables.message.select())]
        (seen,) = exposures(connection)["holdout-all-1"]
    assert set(purposes) == {"notice"}
    assert (seen.account_id, seen.arm, seen.step_id) == (NEAR_LIMIT, "held_out", steps[0]["step_id"])


def test_an_account_that_is_asked_is_exposed_in_the_other_arm_once(shop: Project) -> None:
    project = with_settings(shop, Experiments(salt=salt_for(NEAR_LIMIT, is_out=False), holdout_percent=50))
    run = decide(project, accounts=[NEAR_LIMIT], inputs=gather(project, at=AS_OF))
    biller = sandbox(project, as_of=AS_OF, accounts=[NEAR_LIMIT])
    later = AS_OF + timedelta(hours=1)
    for now in (AS_OF, later):
        assert len(open_offers(project, run, provider=biller, now=now).opened) == 1
    with reading(open_project_state(project)) as connection:
        (seen,) = exposures(connection)["holdout-all-1"]
    assert (seen.arm, seen.exposed_at) == ("offered", AS_OF)


@pytest.mark.slow
def test_everybody_is_drawn_as_the_hash_says_and_only_eligible_winners_of_the_lane_are_replaced(
    shop: Project, postline_run: Run
) -> None:
    project = with_settings(shop, Experiments(holdout_percent=50))
    run = decide(project, inputs=gather(project, at=AS_OF))
    before = {row["step_id"]: row for row in postline_run.decisions.to_pylist()}
    kept_back = 0
    for row in run.decisions.to_pylist():
        was = before[row["step_id"]]
        is_drawn = point("upstep:all", row["account_id"]) < 5_000
        could = was["is_winner"] and was["outcome"] == "eligible" and was["lane"] == "self_serve"
        assert row["outcome"] == ("held_out" if could and is_drawn else was["outcome"])
        assert (row["is_winner"], row["lane"], row["target"]) == (was["is_winner"], was["lane"], was["target"])
        kept_back += row["outcome"] == "held_out"
    assert kept_back
    assert run.coverage["held_out"] == kept_back
    assert run.run_id != postline_run.run_id


def row(account: str, **more: object) -> dict[str, object]:
    plain = {"account_id": account, "lane": "self_serve", "motion": "upsell", "outcome": "eligible", "is_winner": True}
    return {**plain, **more}


def test_a_motions_holdout_keeps_back_that_motion_alone() -> None:
    told = rules(Experiments(motion_percent=(("cross_sell", 100),)))
    assert told is not None
    rows = pa.Table.from_pylist([row("a"), row("a", motion="cross_sell"), row("a", motion="cross_sell", lane="care")])
    assert hold_out(rows, {"holdout_rule": told})["outcome"].to_pylist() == ["eligible", "held_out", "eligible"]


def test_care_notices_and_steps_that_are_not_eligible_winners_are_never_held_out() -> None:
    told = rules(Experiments(holdout_percent=100, holdout_paths=("self_serve", "assisted")))
    assert told is not None
    others = [
        row("a", lane="care", motion="adopt"),
        row("a", lane=None, outcome=None, is_winner=None),
        row("a", outcome="held", is_winner=False),
        row("a", outcome="unconfirmed"),
        row("a", lane="assisted"),
    ]
    outcomes = hold_out(pa.Table.from_pylist(others), {"holdout_rule": told})["outcome"].to_pylist()
    assert outcomes == ["eligible", None, "held", "unconfirmed", "held_out"]
    assert rules(Experiments()) is None


def test_a_larger_percent_ends_one_holdout_and_begins_the_next_which_keeps_whom_it_had(
    shop: Project, postline_run: Run
) -> None:
    state = open_project_state(shop)
    for percent in (10, 10, 20, 0):
        project = with_settings(shop, Experiments(holdout_percent=percent))
        experimenting.expose_steps(project, state, postline_run, now=AS_OF, accounts=[])
    known = listed(with_settings(shop, Experiments()), state, now=AS_OF)
    assert [(one.experiment_id, one.arms[0].share, one.ends_at) for one in known] == [
        ("holdout-all-1", 1_000, AS_OF),
        ("holdout-all-2", 2_000, AS_OF),
    ]
    assert known[0].salt == known[1].salt


def test_whether_an_account_is_held_out_and_by_what_is_told_with_the_reason(shop: Project) -> None:
    project = with_settings(shop, Experiments(holdout_percent=10, motion_percent=(("upsell", 5),)))
    told = membership(project, None, "acme", now=AS_OF)
    assert [one.experiment.experiment_id for one in told] == ["holdout-all-1", "holdout-upsell-1"]
    place = point("upstep:all", "acme")
    assert f"is {place:,} of 10,000" in told[0].why
    assert told[0].is_held_out is (place < 1_000)
    assert told[0].since is None
    assert membership(with_settings(shop, Experiments()), None, "acme", now=AS_OF) == []


# Tests of arms


OWN = "Subject: {{ account_name }}\n\nShort words for {{ account_name }}.\n"


def begun(shop: Project, *arms: str, varies: str = "message", play: str | None = PLAY) -> str:
    state = open_project_state(shop)
    made = add_test(shop, state, Wanted("short-words", varies, arms, play=play), who="ana", now=AS_OF)
    state.dispose()
    return made.experiment_id


def test_an_arm_sends_other_words_and_the_message_says_which(shop: Project, postline_run: Run) -> None:
    (shop.folder / "messages").mkdir(exist_ok=True)
    (shop.folder / "messages" / "short.md").write_text(OWN, encoding="utf-8")
    state = open_project_state(shop)
    add_test(shop, state, Wanted("words", "message", ("control", "short=short")), who="ana", now=AS_OF)
    biller = sandbox(shop, as_of=AS_OF)
    opened = open_offers(shop, postline_run, provider=biller, now=AS_OF).opened
    (test,) = live_tests(state, now=AS_OF)
    with reading(state) as connection:
        rows = list(connection.execute(tables.message.select()))
        seen = {one.account_id: one.arm for one in exposures(connection)["words"]}
    assert rows
    for one in rows:
        arm = test.arm_of(one.account_id).name
        assert one.arms == {"words": arm}
        assert one.text.startswith("Short words") is (arm == "short")
    assert seen == {one.offer.account_id: test.arm_of(one.offer.account_id).name for one in opened}


def test_an_arm_sends_by_another_channel(shop: Project, postline_run: Run) -> None:
    state = open_project_state(shop)
    wanted = Wanted("in-the-app", "channel", ("control", "app=in_app"))
    test = add_test(shop, state, wanted, who="ana", now=AS_OF)
    open_offers(shop, postline_run, provider=sandbox(shop, as_of=AS_OF), now=AS_OF)
    with reading(state) as connection:
        rows = list(connection.execute(tables.message.select()))
    switched = [one.channel for one in rows if test.arm_of(one.account_id).name == "app"]
    assert set(switched) == {"in_app"}


def test_a_test_that_ended_changes_nothing_any_more_and_is_not_begun_again_under_its_id(shop: Project) -> None:
    state = open_project_state(shop)
    named = begun(shop, "control", "email=email", varies="channel")
    assert end_test(state, named, who="ana", now=AS_OF)[1]
    assert not end_test(state, named, who="ana", now=AS_OF)[1]
    assert live_tests(state, now=AS_OF) == []
    assert begun(shop, "control", "email=email", varies="channel") == "short-words-2"


def test_what_a_running_test_varies_no_other_may_vary_for_the_same_offers(shop: Project) -> None:
    state = open_project_state(shop)
    begun(shop, "control", "app=in_app", varies="channel")
    for rival in (Wanted("b", "channel", ("x", "y=email")), Wanted("c", "channel", ("x", "y=email"), motion="upsell")):
        with pytest.raises(ConfigError, match="varies already"):
            add_test(shop, state, rival, who="ana", now=AS_OF)
    add_test(shop, state, Wanted("d", "channel", ("x", "y=email"), play="annual_commit"), who="ana", now=AS_OF)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted("a", "price", ("x", "y=1")), "cannot vary 'price'"),
        (Wanted("a", "channel", ("x",)), "has 1 arms"),
        (Wanted("a", "channel", ("x", "x=email")), "has arm 'x' twice"),
        (Wanted("a", "channel", ("x", "y")), "do not differ"),
        (Wanted("a", "channel", ("x", "y=fax")), "channel 'fax' is not known"),
        (Wanted("a", "message", ("x", "y=nowhere")), "message 'nowhere': is not known"),
        (Wanted("a", "message", ("x", "y=../../secret")), "is not known"),
        (Wanted("a", "channel", ("x", "y=email"), play="limit_aproaching"), "Did you mean"),
        (Wanted("a", "channel", ("x", "y=email"), motion="adopt"), "does not sell"),
        (Wanted("a", "channel", ("x", "y=email"), play=PLAY, motion="upsell"), "a play and a motion"),
        (Wanted("Holdout!", "channel", ("x", "y=email")), "is no name"),
        (Wanted("a", "incentive", ("x", "y=percent:10"), play=PLAY), "no incentive to vary"),
    ],
)
def test_a_test_that_cannot_run_is_refused_with_the_reason(shop: Project, wanted: Wanted, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        add_test(shop, open_project_state(shop), wanted, who="ana", now=AS_OF)


def test_an_incentives_arm_must_be_one_that_can_be_given(shop: Project) -> None:
    project = with_settings(shop, Experiments(), incentives=(Incentive(PLAY, "percent", 100_000, percent=10),))
    state = open_project_state(project)
    with pytest.raises(ConfigError, match="is no incentive"):
        add_test(project, state, Wanted("a", "incentive", ("x", "y=half"), play=PLAY), who="ana", now=AS_OF)
    arms = ("nothing=none", "ten=percent:10")
    assert (
        add_test(project, state, Wanted("a", "incentive", arms, play=PLAY), who="ana", now=AS_OF).varies == "incentive"
    )


def test_a_holdout_is_ended_by_its_setting_and_what_is_not_known_is_said(shop: Project, postline_run: Run) -> None:
    project = with_settings(shop, Experiments(holdout_percent=10))
    state = open_project_state(project)
    experimenting.expose_steps(project, state, postline_run, now=AS_OF, accounts=[])
    with pytest.raises(ConfigError, match="holdout_percent"):
        end_test(state, "holdout-all", who="ana", now=AS_OF)
    with pytest.raises(InputError, match="is not known"):
        end_test(state, "nothing", who="ana", now=AS_OF)


def test_without_tests_nothing_is_drawn_and_nothing_logged(shop: Project) -> None:
    state = open_project_state(shop)
    assert drawn([], "acme", play=PLAY, motion="upsell") == Arms()
    assert expose_tests(state, [("acme", "step", Arms())], now=AS_OF) == 0
