"""A play's message as it would be read: for one account, with its numbers, and as the page of the e-mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.delivery.channel import Message, Purpose
from upstep.delivery.rendering import render
from upstep.engine.contacting.channels import frame_of
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.inputs import gather
from upstep.engine.messages.facts import message_facts, message_of
from upstep.engine.messages.records import records_of
from upstep.engine.peers import count_peers
from upstep.engine.quoting.biller import open_biller
from upstep.engine.quoting.change import NoChange, change_of, item_of
from upstep.errors import Fault, PlayError, QuoteError
from upstep.offers.facts import stored
from upstep.offers.message import load_message
from upstep.plays.rank import SALES

if TYPE_CHECKING:
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

_NOWHERE = "https://example.com/"


@dataclass(frozen=True)
class Preview:
    """What would be read. ``place`` is the file that its words come from; ``html`` the whole page of the e-mail."""

    play: str
    account_id: str
    place: str
    subject: str
    title: str
    line: str
    text: str
    html: str
    facts: Mapping[str, Any]
    records: Mapping[str, Sequence[str]]


def preview(project: Project, play: str, *, account: str | None, now: datetime) -> Preview:
    """The message of a play for an account; None: for the best one that the play would ask.

    Raises:
        PlayError: The play fires for none, has no message, or its message prints what is not known.
        SourceError: Nothing was loaded.
        OutsideError: The billing provider could not be asked for a price.
    """
    run = decide(project, accounts=None if account is None else [account], inputs=gather(project, at=now))
    row = _row(run, play, account)
    count_peers(project, [row["account_id"]], as_of=run.as_of)
    paid = _paid(project, row, now=now)
    facts = message_facts(project, row, offer_id="of_preview", as_of=run.as_of, **paid)
    if row["path"] == "notice":
        facts = {name: value for name, value in facts.items() if name not in ("accept_url", "decline_url")}
    rendered = message_of(project, row, facts)
    if rendered is None:
        raise PlayError(Fault(f"play {play}", "has no message.", "Name one in its file: message: NAME."))
    named = project.playbook.play(play)
    assert named is not None, "it fired"
    purpose = Purpose.NOTICE if row["path"] == "notice" else Purpose.SALES if row["motion"] in SALES else Purpose.CARE
    message = Message("preview", row["account_id"], purpose, "email", "", rendered.subject, rendered.text, facts=facts)
    page = render(
        rendered.text,
        subject=rendered.subject,
        frame=frame_of(project, message, leave=f"{_NOWHERE}unsubscribe"),
        link_to=lambda address: _NOWHERE + address.removeprefix("upstep:"),
    )
    return Preview(
        play=play,
        account_id=row["account_id"],
        place=load_message(named.message or "", project.folder / "messages").place,
        subject=rendered.subject,
        title=rendered.title,
        line=rendered.line,
        text=rendered.text,
        html=page.html,
        facts=stored(rendered.facts),
        records=records_of(project, row, rendered.facts, **paid),
    )


def _row(run: Run, play: str, account: str | None) -> dict[str, Any]:
    """The play's best decision: what would be asked before what is held."""
    rows = [row for row in run.decisions.to_pylist() if row["play"] == play]
    if not rows:
        whom = f"account {account}" if account else "any account"
        raise PlayError(Fault(f"play {play}", f"does not fire for {whom} today.", "See 'upstep plays test'."))
    order = {"eligible": 0, "outranked": 1, "unconfirmed": 2, "held": 3}
    path = {"self_serve": 0, "assisted": 1}
    best = min(rows, key=lambda row: (order.get(row["outcome"], 9), path.get(row["path"], 2), row["rank"] or 10**9))
    return parsed(best)


def _paid(project: Project, row: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """What is paid today, what is asked of billing, and what it answers; None where nothing is bought."""
    if row["path"] == "notice":
        return {"item": None, "change": None, "quote": None}
    provider = open_biller(project, as_of=now, accounts=[row["account_id"]])
    live = provider.subscriptions(row["account_id"])
    item, change = item_of(project.catalog, live, row), change_of(project, live, row, on=now)
    quote = None
    if not isinstance(change, NoChange):
        try:
            quote = provider.preview(change, now)
        except QuoteError:
            quote = None
    return {
        "item": None if isinstance(item, NoChange) else item,
        "change": None if isinstance(change, NoChange) else change,
        "quote": quote,
    }
