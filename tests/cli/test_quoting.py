"""upstep quote and apply QUOTE, command by command."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from upstep.billing.sandbox import SandboxBiller
from upstep.billing.sandbox.book import Card
from upstep.errors import BusyError, Fault, SourceError

WHEN = ("--at", "2026-11-20T09:30:00Z")
SCALE = ("quote", "lumenbrook", "--to", "plan=scale", *WHEN)


@pytest.mark.slow
def test_a_quote_is_locked_applied_once_and_said_to_have_been_applied(upstep: Upstep, project: Path) -> None:
    place = ("--project", project)
    quote = json.loads(upstep(*SCALE, "--json", *place).out)
    applied = json.loads(upstep("apply", quote["quote_id"], *WHEN, "--json", *place).out)
    again = json.loads(upstep("apply", quote["quote_id"], *WHEN, "--json", *place).out)
    said = upstep("apply", quote["quote_id"], *WHEN, *place)

    assert (faults(quote, "quote"), faults(applied, "apply"), faults(again, "apply")) == ([], [], [])
    assert quote["is_locked"]
    assert sum(line["amount_minor"] for line in quote["lines"]) == quote["due_now_minor"] == 1455
    assert (applied["result"], applied["applied"]["amount_minor"]) == ("applied", quote["due_now_minor"])
    assert (again["result"], again["applied"], again["offer"]) == ("applied_before", applied["applied"], None)
    assert "had been applied before, at 2026-11-20 09:30:00 UTC: $14.55 then" in said.out
    assert "MRR of the account: $60.00 -> $115.00 (expansion, upsell)." in said.out


def test_a_quote_is_shown_with_both_prices_and_the_command_that_applies_it(upstep: Upstep, project: Path) -> None:
    shown = upstep(*SCALE, "--project", project).out
    for text in ("Pro, $35.00 a month  Scale, $90.00 a month", "+$23.81", "Due now", "$14.55", "+$660.00"):
        assert text in shown
    assert "Locked until 2026-11-27 09:30 UTC." in shown
    assert "Next: upstep apply q_" in shown


def test_a_dry_run_shows_the_same_and_writes_nothing(upstep: Upstep, project: Path) -> None:
    before = {path for path in project.rglob("*") if "cache" not in path.parts}
    quote = json.loads(upstep(*SCALE, "--dry-run", "--json", "--project", project).out)
    assert (quote["due_now_minor"], quote["is_locked"]) == (1455, False)
    assert {path for path in project.rglob("*") if "cache" not in path.parts} == before
    assert upstep("apply", quote["quote_id"], *WHEN, "--project", project).code == 2


@pytest.mark.slow
def test_a_declined_payment_and_one_to_confirm_are_answers_that_are_no(upstep: Upstep, project: Path) -> None:
    place = ("--project", project)
    quote_id = json.loads(upstep(*SCALE, "--json", *place).out)["quote_id"]
    biller = SandboxBiller(project / ".upstep" / "sandbox.db")
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)

    biller.set_card("lumenbrook-software", Card.DECLINING, at=at)
    declined = upstep("apply", quote_id, *WHEN, *place)
    assert (declined.code, "the payment of $14.55 was declined (card_declined)" in declined.out) == (1, True)

    biller.set_card("lumenbrook-software", Card.MISSING, at=at)
    waits = upstep("apply", quote_id, *WHEN, "--json", *place)
    told = json.loads(waits.out)
    assert (waits.code, faults(told, "apply"), told["result"]) == (1, [], "needs_confirmation")
    assert told["refused"]["url"].startswith("https://")
    assert biller.invoices("lumenbrook-software") == ()


@pytest.mark.parametrize(
    "fault",
    [
        BusyError("another process loads facts.", "load"),
        SourceError(Fault("usage", "cannot be read.")),
        OSError(28, "No space left on device"),
        ValueError("a fault of ours"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_whatever_goes_wrong_in_reading_back_the_change_is_said_to_be_made(
    upstep: Upstep, project: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    place = ("--project", project)
    quote_id = json.loads(upstep(*SCALE, "--json", *place).out)["quote_id"]
    monkeypatch.setattr("upstep.engine.quoting.reconciling.reconcile", fail)
    made = upstep("apply", quote_id, *WHEN, "--json", *place)
    assert (made.code, json.loads(made.out)["result"]) == (0, "applied")
    assert "The change was made. It is not read back yet" in made.err
    assert "'upstep worker' or the next apply does it" in made.err

    monkeypatch.undo()
    later = upstep("apply", quote_id, *WHEN, *place)
    assert "MRR of the account: $60.00 -> $115.00" in later.out
    assert "The change was made" not in later.err


def test_options_that_are_not_as_they_are_written_are_told_all_at_once(upstep: Upstep, project: Path) -> None:
    wrong = ("--to", "plans=pro", "--quantity", "seats=many", "--add", "plan=x", "--when", "soon")
    ran = upstep("quote", "lumenbrook", *wrong, "--project", project)
    assert ran.code == 2
    assert len(ran.err.splitlines()) >= 4
    assert "Write --to plan=ID." in ran.err
    assert "Write --quantity seats=13." in ran.err


def test_a_quote_that_nobody_asked_for_is_told(upstep: Upstep, project: Path) -> None:
    ran = upstep("apply", "q_0", "--project", project)
    assert (ran.code, ran.err.strip()) == (
        2,
        "quote q_0: is not known here. 'upstep quote' makes one, 'upstep offers' others.",
    )
