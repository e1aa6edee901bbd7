"""Business cases of the sample company: what is written, what is missing, and what comparable customers show."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from upstep.engine.planning.case import write_case
from upstep.engine.planning.evidence import Records
from upstep.engine.project import Project
from upstep.planning.business_case import Case, Incomplete, as_markdown, committee
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample
from upstep.wording import vendor_phrases

MERIDIAN, BOHM = "meridian-insurance", "bohm-and-sohne-gmbh"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_outcomes(data: Path) -> None:
    """Böhm's outcome becomes money, and others measured the same: those with data quality reached more."""
    items, outcomes = rows(data / "subscription_item.csv"), rows(data / "outcome.csv")
    own: dict[str, set[str]] = {}
    for item in items:
        if item["status"] == "active" and not item["valid_to"]:
            own.setdefault(item["account_id"], set()).add(item["product_id"])
    with_it = [name for name, owned in sorted(own.items()) if "data_quality" in owned][:12]
    without = [name for name, owned in sorted(own.items()) if owned & {"platform"} and "data_quality" not in owned]
    assert len(with_it) == 12
    metric = {"metric": "errors avoided", "unit": "usd", "currency": "usd", "product_id": "platform"}
    for one in outcomes:
        if one["account_id"] == BOHM:
            one.update(metric, target="400000", achieved="460000")
    dated = {"started_at": "2026-02-24T00:00:00Z", "measured_at": "2026-10-01T00:00:00Z", "source": "review"}
    for at, (names, base) in enumerate(((with_it, 130.0), ([one for one in without if one != BOHM][:12], 110.0))):
        for n, name in enumerate(names):
            reached = {"target": "100.0", "achieved": str(base + n)}
            outcomes.append({"outcome_id": f"made_{at}_{n:02}", "account_id": name, **metric, **reached, **dated})
    with (data / "outcome.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(outcomes[0]))
        writer.writeheader()
        writer.writerows(outcomes)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("databoard")
    write_sample("databoard", folder, accounts=120)
    add_outcomes(folder / "data")
    project = Project(folder)
    load(folder, now=AS_OF, through=AS_OF, known=project.known_ids)
    return project


def written(project: Project, account: str, play: str, **more: Any) -> Case:
    made = write_case(project, account, play, as_of=None, now=AS_OF + timedelta(hours=1), **more)
    assert isinstance(made, Case), made
    return made


def missing(project: Project, account: str, play: str) -> list[str]:
    made = write_case(project, account, play, as_of=None, now=AS_OF + timedelta(hours=1))
    assert isinstance(made, Incomplete)
    return [one.what for one in made.missing]


def test_a_hygiene_step_needs_use_and_price_only(project: Project) -> None:
    made = written(project, MERIDIAN, "limit_approaching")
    numbers = {name: one.value for name, one in made.numbers.items()}

    assert (numbers["used"], numbers["limit"], numbers["share"]) == (18_400_000_000, 20_000_000_000, 0.92)
    assert (numbers["old_price"], numbers["new_price"], numbers["cost"]) == (24_000_000, 39_000_000, 15_000_000)
    assert (numbers["achieved"], numbers["target"]) == (4_200_000, 3_000_000)
    assert "whose" not in {section.id for section in made.sections}
    assert "too few comparable customers" in as_markdown(made)  # nobody else measures what they measure


def test_a_cross_sell_without_a_sponsor_is_not_written(project: Project) -> None:
    assert missing(project, MERIDIAN, "complement") == ["a sponsor"]


def test_help_needs_no_case(project: Project) -> None:
    assert missing(project, "meadowgate-schools", "adoption_rescue") == ["a sale"]


def test_what_lacks_outcome_and_priority_says_both_with_who_could_say(project: Project) -> None:
    made = write_case(project, "yildiz-yazilim", "complement", as_of=None, now=AS_OF + timedelta(hours=1))
    assert isinstance(made, Incomplete)
    assert [one.what for one in made.missing] == [
        "an outcome that they met",
        "an executive priority that it advances",
    ]
    assert all(one.who and one.why for one in made.missing)


def test_the_case_says_whose_priority_what_it_brings_and_when_it_pays_back(project: Project) -> None:
    made = written(project, BOHM, "complement")
    numbers = {name: one.value for name, one in made.numbers.items()}
    text = as_markdown(made)

    assert (numbers["n_with"], numbers["n_without"]) == (12, 12)
    assert numbers["effect_middle"] == pytest.approx(0.2)
    assert float(numbers["gain_low"]) < float(numbers["gain_middle"]) < float(numbers["gain_high"])
    assert numbers["gain_middle"] == pytest.approx(80_000)
    assert numbers["payback"] == pytest.approx(1_188 / (80_000 * 365 / float(numbers["span"])) * 12)
    assert "“data trust”, said Björn Vogel (Chief Data Officer)" in text
    assert "12 customers comparable with it" in text or "12 customers" in text
    assert [section.id for section in made.sections] == [
        *("anchor", "framing", "ask", "whose", "economics", "risks", "stops")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("account", "play"), [(MERIDIAN, "limit_approaching"), (BOHM, "complement")])
def test_the_committee_recomputes_every_number_from_its_records(project: Project, account: str, play: str) -> None:
    made = written(project, account, play)
    records = Records(project, account, as_of=AS_OF, now=AS_OF + timedelta(hours=1))

    assert committee(made, records.read) == []
    for name, number in made.numbers.items():
        assert number.records or number.of
        if isinstance(number.value, str):
            continue
        wrong = replace(made, numbers={**made.numbers, name: replace(number, value=number.value + 1)})
        assert number.label in str(committee(wrong, records.read)[0]), name
    assert not vendor_phrases(as_markdown(made), "case")


def test_no_digit_of_the_prose_is_without_evidence(project: Project) -> None:
    made = written(project, MERIDIAN, "limit_approaching")
    prose = " ".join(text for section in made.sections for text in (*section.paragraphs, *section.points))
    assert not re.search(r"\d", prose)


def test_an_account_whose_play_does_not_fire_is_told_which_do(project: Project) -> None:
    from upstep.errors import SourceError

    with pytest.raises(SourceError, match="does not fire"):
        write_case(project, MERIDIAN, "right_size", as_of=None, now=AS_OF)
