"""A copy on the shelf gives the rows of some keys, and is gone with its file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.tables import shelf as shelves
from upstep.tables.shelf import Shelf


def rows_of(keys: list[int]) -> pa.Table:
    return pa.table({"account_key": pa.array(keys, pa.int32()), "word": [f"{key}-{n}" for n, key in enumerate(keys)]})


@given(st.lists(st.integers(0, 30)), st.sets(st.integers(-2, 33)))
def test_the_rows_of_some_keys_are_those_that_a_look_through_all_finds(keys: list[int], asked: set[int]) -> None:
    shelf = Shelf(Path(tempfile.gettempdir()))
    shelf.put("file", rows_of(keys), "account_key")
    found = shelf.rows("file", ["word", "account_key"], np.array(sorted(asked), np.int32)).to_pylist()
    wanted = [row for row in rows_of(keys).to_pylist() if row["account_key"] in asked]
    assert sorted(found, key=lambda row: row["word"]) == sorted(wanted, key=lambda row: row["word"])


def test_a_copy_is_wanted_from_the_second_time_on_and_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path)
    assert [shelf.is_wanted("a"), shelf.is_wanted("a"), shelf.is_wanted("b")] == [False, True, False]
    shelf.put("a", rows_of([1]), "account_key")
    monkeypatch.setattr(shelves, "SHELF_BYTES", 1)
    assert not shelf.is_wanted("b")
    shelf.keep({"b"})
    assert shelf.is_wanted("b")


def test_a_copy_has_no_name_and_goes_with_its_file(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "spill")
    for path in ("a", "b"):
        shelf.put(path, rows_of([1, 2]), "account_key")
    shelf.keep({"b"})
    assert not shelf.has("a", ["word"])
    assert shelf.has("b", ["word"])
    assert not shelf.has("b", ["word", "other"])
    assert list((tmp_path / "spill").iterdir()) == []
