"""Cells of a CSV: nobody's name is a formula."""

from __future__ import annotations

import csv
import io

import pytest

from upstep.engine.planning.planned import as_csv
from upstep.spreadsheet import cell


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_text(sign: str) -> None:
    for name in (f"{sign}HYPERLINK(1)", f"{sign}cmd|' /C calc'!A0", f"{sign}1+1"):
        assert cell(name) == f"'{name}"


@pytest.mark.parametrize("value", ["Acme", "-12.50", "-3", "5", "a=b", "", 7, 0.5, True])
def test_names_and_numbers_stand_as_they_are(value: object) -> None:
    assert cell(value) == value


def test_a_plan_calls_no_account_by_a_formula() -> None:
    evil = '=HYPERLINK("https://evil.example","Acme")'
    told = {"steps": [{"account_id": "a1", "name": evil}], "left_alone": [{"account_id": evil, "kind": "quiet"}]}
    rows = list(csv.DictReader(io.StringIO(as_csv(told))))
    assert [rows[0]["name"], rows[1]["account_id"]] == [f"'{evil}"] * 2
