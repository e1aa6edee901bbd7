"""Plays: what a file may say, every fault with its place at once, and whose play runs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from tests.company import profiles, project
from upstep.errors import PlayError
from upstep.plays.gates import GATES
from upstep.plays.play import LIBRARY, Play, Playbook, kinds_of, load_playbook, plain
from upstep.tables.schema import MOTIONS

TEMPLATES = {"affinity"}
"""Shipped to be read: what is learned writes plays of this kind."""

GOOD = """\
play: storage_full
what: Storage is nearly full.
motion: from_proposal
each: limit
when: meter_kind = 'stock' and reached(0.9)
propose: fit
source: our own support desk
"""


def book(folder: Path, *, off: Collection[str] = (), **files: str) -> Playbook:
    """The shipped plays and these of the company's own."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return load_playbook(project().catalog, kinds_of(profiles()), own=folder, off=off)


def refused(folder: Path, text: str) -> list[str]:
    """The faults of one play file, as they are told."""
    with pytest.raises(PlayError) as error:
        book(folder, own=text)
    return [str(fault).replace(f"{folder}/", "") for fault in error.value.faults]


def changed(**values: str) -> str:
    """The good play with some lines written otherwise."""
    lines = [line for line in GOOD.splitlines() if line.split(":")[0] not in values]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in values.items())]) + "\n"


def test_a_play_of_ones_own_runs_beside_those_shipped(tmp_path: Path) -> None:
    plays = book(tmp_path, own=GOOD)
    own = plays.play("storage_full")
    assert own is not None
    assert (own.each, own.propose, own.prior, own.lever) == ("limit", "fit", 0.1, 1.0)
    assert own.condition.columns == ("meter_kind", "used", "limit_quantity")
    assert len(plays.plays) == len(list(LIBRARY.glob("*.yaml"))) - len(TEMPLATES) + 1


def test_every_shipped_play_says_what_it_is_and_where_its_rule_comes_from(tmp_path: Path) -> None:
    shipped = book(tmp_path).plays
    assert {play.id for play in shipped} == {path.stem for path in LIBRARY.glob("*.yaml")} - TEMPLATES
    for play in shipped:
        assert play.what.endswith(".")
        assert play.source
        assert play.message
        assert play.motion in ("from_proposal", *MOTIONS)
        assert 0 < play.prior < 1


FAULTS = {
    "when: used >": ("own.yaml:7:7", "is not a SQL condition"),
    "when: usd > 1": ("own.yaml:7:7", "column 'usd' is not known here. Did you mean 'used'?"),
    "when: recurring_units > 1": ("own.yaml:7:7", "column 'recurring_units' is not known here."),
    "when: mrr_units > 1": ("own.yaml:7:7", "column 'mrr_units' is not known here."),
    "when: used > (select 1)": ("own.yaml:7:7", "is not allowed in a condition"),
    "when: read_text('x') = 'y'": ("own.yaml:7:7", "function 'read_text' is not known"),
    "when: meter('emials').used > 1": ("own.yaml:7:7", "meter 'emials' is not in the catalog. Did you mean 'emails'?"),
    "motion: upsel": ("own.yaml:7:9", "Did you mean 'upsell'?"),
    "each: limits": ("own.yaml:7:7", "Did you mean 'limit'?"),
    "propose: fitt": ("own.yaml:7:10", "Did you mean 'fit'?"),
    "moments: [limit_reached, onborded]": ("own.yaml:8:26", "Did you mean 'onboarded'?"),
    "gates: {add: [open_isue]}": ("own.yaml:8:15", "Did you mean 'open_issue'?"),
    "gates: {remove: [{gate: leavin, because: x}]}": ("own.yaml:8:25", "Did you mean 'leaving'?"),
    "gates: {remove: [{gate: leaving}]}": ("own.yaml:8:18", "because"),
    "gates: {drop: [leaving]}": ("own.yaml:8:9", "drop"),
    "ladder: [{at: 0.9, channel: mail}]": ("own.yaml:8:29", "Did you mean 'email'?"),
    "ladder: [{at: 0.9, channel: email, if: usedd > 1}]": ("own.yaml:8:40", "Did you mean 'used'?"),
    "notice: {at: 1.5}": ("own.yaml:8:14", "1.5"),
    "prior: 2": ("own.yaml:8:8", "2"),
    "gaets: {}": ("own.yaml:8:1", "Did you mean 'gates'?"),
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_fault_is_told_with_its_place_and_the_nearest_word(tmp_path: Path, line: str) -> None:
    key, value = line.split(": ", 1)
    (told,) = refused(tmp_path, changed(**{key: value}))
    place, found = FAULTS[line]
    assert found in told
    assert told.startswith(f"{place}: ")


@pytest.mark.parametrize("key", ["play", "motion", "each", "when", "propose", "source"])
def test_what_a_play_must_say_is_missed(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{key}:"))
    assert any(key in told for told in refused(tmp_path, text))


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(changed(play="other", each="plans", propose="more"))
    told = refused(tmp_path, changed(when="usd > 1", motion="upsel", gates="{remove: [{gate: leaving}]}"))
    assert len(told) == 5
    assert sum(line.startswith("own.yaml") for line in told) == 3


def test_a_removed_gate_keeps_its_reason(tmp_path: Path) -> None:
    own = only(book(tmp_path, own=changed(gates="{remove: [{gate: leaving, because: they asked for it}]}")))
    assert own.gates_removed == {"leaving": "they asked for it"}
    assert set(own.gates_removed) <= set(GATES)


def only(plays: Playbook) -> Play:
    own = plays.play("storage_full")
    assert own is not None
    return own


def test_a_play_with_a_shipped_plays_id_takes_its_place(tmp_path: Path) -> None:
    plays = book(tmp_path, mine=changed(play="limit_approaching"))
    mine = [play for play in plays.plays if play.id == "limit_approaching"]
    assert [play.source for play in mine] == ["our own support desk"]


def test_a_play_that_is_off_does_not_run(tmp_path: Path) -> None:
    plays = book(tmp_path, off=["complement", "right_size"])
    assert plays.play("complement") is None
    assert plays.play("annual_commit") is not None


def test_plays_off_that_names_no_play_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlayError, match=r"names 'complment', which is no play\. Did you mean 'complement'"):
        book(tmp_path, off=["complment"])


def test_the_playbook_is_known_by_its_content(tmp_path: Path) -> None:
    plain_hash = book(tmp_path).hash
    assert book(tmp_path).hash == plain_hash
    assert book(tmp_path, off=["complement"]).hash != plain_hash
    own = book(tmp_path, own=GOOD).hash
    assert own != plain_hash
    assert book(tmp_path, own=GOOD.replace("0.9", "0.8")).hash != own


def test_a_play_is_listed_in_plain_values(tmp_path: Path) -> None:
    assert plain(only(book(tmp_path, own=GOOD))) == {
        "play": "storage_full",
        "what": "Storage is nearly full.",
        "motion": "from_proposal",
        "each": "limit",
        "when": "meter_kind = 'stock' and reached(0.9)",
        "propose": "fit",
        "moments": [],
        "prior": 0.1,
        "source": "our own support desk",
    }
