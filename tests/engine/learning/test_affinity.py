"""Affinities learned from a loaded project: snapshots, at-risk accounts, and a play that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.engine.learning.learned import AS_OF, write_company
from upstep.engine.learning.affinity import learn_affinities, write_plays
from upstep.engine.learning.trial import matched
from upstep.engine.project import Project
from upstep.tables.load import load


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("learned")
    write_company(folder)
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    return Project(folder)


def test_what_comes_before_a_purchase_is_learned_and_letters_are_not(project: Project) -> None:
    found = learn_affinities(project)
    (play,) = found.plays

    assert (play.meter_id, play.product_id, play.play_id) == ("emails", "marketing", "affinity_emails_marketing")
    assert 30 <= play.affinity.threshold <= 70
    assert play.affinity.confirmed.lift[1] > 2


def test_the_last_snapshot_has_sixty_days_after_it_and_the_first_four_weeks_of_use_before(project: Project) -> None:
    found = learn_affinities(project)
    assert found.snapshots[-1] == AS_OF - timedelta(days=60)
    assert {later - earlier for earlier, later in zip(found.snapshots, found.snapshots[1:], strict=False)} == {
        timedelta(days=60)
    }
    assert found.accounts[0] <= 1_500
    assert found.accounts[1] == 1_500


def test_a_learned_play_runs_and_fires_for_heavy_users_without_the_product(project: Project) -> None:
    (play,) = learn_affinities(project).plays
    (written,) = write_plays(project, [play])
    opened = Project(project.folder)
    found = opened.playbook.play(play.play_id)
    assert found is not None
    accounts = matched(opened, found).accounts
    written.path.unlink()

    assert found.source.startswith("Learned, an association: of ")
    assert 200 < len(accounts) < 700
    assert all(int(name.removeprefix("a")) % 2 == 0 for name in accounts)


def test_a_file_with_other_words_is_kept_unless_it_may_be_replaced(project: Project) -> None:
    (play,) = learn_affinities(project).plays
    path = project.folder / "plays" / f"{play.play_id}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# reviewed\n" + play.text)

    assert write_plays(project, [play])[0].outcome == "kept"
    assert path.read_text().startswith("# reviewed")
    assert write_plays(project, [play], replace=frozenset([play.play_id]))[0].outcome == "written"
    assert write_plays(project, [play])[0].outcome == "same"
    path.unlink()


def test_a_short_past_is_said_to_be_too_short(project: Project) -> None:
    found = learn_affinities(project, as_of=AS_OF - timedelta(days=150))
    assert found.plays == ()
    assert found.why_none is not None
    assert "148 days" in found.why_none
