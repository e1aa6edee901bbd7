"""upstep report as people and programs read it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults


@pytest.fixture(scope="module")
def printed(upstep: Upstep, loaded: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        ran = upstep("report", "--month", "2026-10", "--project", loaded)
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def cents(text: str) -> int:
    return int(re.sub(r"[^\d-]", "", text))


def test_the_printed_bridge_adds_up_and_so_do_the_causes_under_each_line(printed: str) -> None:
    block = printed.partition("\nMRR ")[2].partition("\n  of it")[0]
    found = re.findall(r"^  ( *)(\w[\w ]*?) {2,}([+-]?\$[\d,.]+|-)", block, re.MULTILINE)
    amounts = {name: 0 if amount == "-" else cents(amount) for indent, name, amount in found if not indent}
    moved = sum(
        amounts[name] for name in ("New", "Expansion", "Reactivation", "Contraction", "Churn", "Exchange rates")
    )
    assert amounts["Start"] + moved == amounts["End"]
    under = [name for name, _ in enumerate(found) if found[name][0]]
    assert under


def test_no_line_is_wider_than_the_terminal(printed: str) -> None:
    # The next command may be longer: it names the folder, and is copied whole.
    lines = printed.partition("\nNext: ")[0].splitlines()
    assert max(len(line) for line in lines) <= 100


def test_every_part_of_the_page_has_its_heading(printed: str) -> None:
    for heading in ("MRR", "RETENTION", "BY SEGMENT", "WHAT OFFERS EARNED", "TWELVE MONTHS"):
        assert f"\n{heading}  " in printed
    assert printed.rstrip().splitlines()[-1].startswith("Next: upstep ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [(), ("--from", "2026-08", "--to", "2026-11"), ("--policy", "stripe", "--view", "event")]
)
def test_the_json_is_as_its_schema_says(upstep: Upstep, loaded: Path, words: tuple[str, ...]) -> None:
    ran = upstep("report", "--json", "--project", loaded, *words)
    assert ran.code == 0
    told = json.loads(ran.out)
    assert faults(told, "report") == []
    assert len(told["months"]) == 12


def test_csv_and_page_are_written_where_they_were_asked_for(upstep: Upstep, loaded: Path, tmp_path: Path) -> None:
    ran = upstep("report", "--project", loaded, "--csv", tmp_path / "a" / "r.csv", "--html", tmp_path / "r.html")
    assert ran.code == 0
    assert (tmp_path / "a" / "r.csv").read_text(encoding="utf-8").startswith("table,period,cut,part,line,")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert ran.out.count("Written: file://") == 2


def test_what_is_wrong_with_the_options_is_told_at_once(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("report", "--month", "2026-10", "--to", "2026-11", "--by", "plans", "--project", loaded)
    assert ran.code == 2
    assert "--month: names one month" in ran.err
    assert "Did you mean 'plan'" in ran.err


def test_a_project_without_facts_says_what_to_do(upstep: Upstep, tmp_path: Path) -> None:
    (tmp_path / "upstep.yaml").write_text("version: 1\ncompany: New\ncurrency: usd\n", encoding="utf-8")
    (tmp_path / "catalog.yaml").write_text(_CATALOG, encoding="utf-8")
    ran = upstep("report", "--project", tmp_path)
    assert ran.code in (2, 3)
    assert "upstep load" in ran.err


_CATALOG = """
version: 1
business: saas
currency: usd
meters: [{id: emails, name: e-mails, aggregate: sum, kind: flow, period: billing_month}]
products:
  - id: mail
    name: Mail
    plans: [{id: pro, prices: [{id: pro_month, interval: month, amount: 3500}], limits: {emails: 50000}}]
"""


def test_a_month_that_is_none_is_told_of_the_option_that_named_it(upstep: Upstep, project: Path) -> None:
    ran = upstep("report", "--month", "2026-13", "--project", project)
    assert ran.code == 2
    assert ran.err.count("is no month") == 1
    assert "--month: '2026-13' is no month" in ran.err
