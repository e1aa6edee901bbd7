"""What billing says of each step that may be offered, and the messages that carry it: worked out, nothing written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.billing.sandbox import SandboxBiller
from upstep.clock import iso
from upstep.delivery.channel import Message, Purpose
from upstep.engine.messages.facts import Sources, message_facts, with_facts, words_of
from upstep.engine.messages.records import records_of
from upstep.engine.offering.experimenting import Arms, drawn
from upstep.engine.offering.giving import Sweetened, incentive_of, with_given
from upstep.engine.quoting.change import NoChange, change_of, item_of
from upstep.errors import Fault, PlayError, QuoteError
from upstep.experiments.experiment import Experiment
from upstep.offers import lifecycle
from upstep.offers.message import render
from upstep.offers.model import NewOffer, Offer
from upstep.plays.rank import SALES

if TYPE_CHECKING:
    from upstep.billing.change import Change, Item
    from upstep.billing.provider import Provider
    from upstep.billing.quote import Quote
    from upstep.engine.project import Project
    from upstep.offers.incentive import Grant
    from upstep.offers.lifecycle import Opening
    from upstep.offers.message import Rendered

TOO_EARLY = "no rung of its ladder is reached yet, so nothing is said."


@dataclass(frozen=True)
class Occasion:
    """Which run's steps are offered, by which tests, and when.

    Args:
        run_id: The run that decided them.
        as_of: Its instant, from which days are counted.
        now: When they are offered.
        tests: Those that run.
    """

    run_id: str
    as_of: datetime
    now: datetime
    tests: tuple[Experiment, ...] = ()


@dataclass(frozen=True)
class Asked:
    """One row after billing was asked: a new offer, or the one that stands, with the messages that are due."""

    account_id: str
    step_id: str
    arms: Arms
    quote: Quote | None
    messages: Sequence[Message]
    new: NewOffer | None
    offer: Offer | None


@dataclass(frozen=True)
class Answers:
    """What became of some rows, by their places.

    Args:
        asked: Those that can be offered.
        alone: Those that may be given something: each is opened by itself.
        refused: Those that cannot be offered, and why.
    """

    asked: list[Asked]
    alone: list[int]
    refused: dict[int, str]

    def opening(self, occasion: Occasion) -> list[Opening]:
        """The new offers among them."""
        since = f"was eligible as of {iso(occasion.as_of)}"
        return [(one.new, one.messages, f"{one.new.play} {since}") for one in self.asked if one.new is not None]


class Asker:
    """Asks billing about many rows and words what it says. It reads no state, so it may work in another process."""

    def __init__(self, project: Project, provider: Provider, occasion: Occasion) -> None:
        self.project = project
        self.provider = provider
        self.occasion = occasion
        self._sources = Sources(project)

    def ask(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        standing: Mapping[tuple[str, str], Offer] | None = None,
        locked: Mapping[str, Quote] | None = None,
    ) -> Answers:
        """Ask about rows of decisions.

        Args:
            rows: As they are kept, their JSON not read.
            standing: The offers that their steps have already, by account and step.
            locked: The quotes of these, by id.

        Raises:
            OutsideError: The provider could not be asked.
        """
        answers = Answers([], [], {})
        with _at_once(self.provider, [row["account_id"] for row in rows]):
            for place, row in enumerate(rows):
                if not channels_due(self.project, row):
                    answers.refused[place] = TOO_EARLY
                    continue
                arms = drawn(self.occasion.tests, row["account_id"], play=row["play"], motion=row["motion"])
                if incentive_of(self.project, row["play"], arms.incentive):
                    answers.alone.append(place)
                    continue
                offer = (standing or {}).get((row["account_id"], row["step_id"]))
                quote = (locked or {}).get(offer.quote_id or "") if offer else None
                try:
                    answers.asked.append(self._asked(with_facts(row), arms, offer, quote))
                except (QuoteError, PlayError) as error:
                    answers.refused[place] = str(error)
        return answers

    def _asked(self, row: Mapping[str, Any], arms: Arms, offer: Offer | None, quote: Quote | None) -> Asked:
        """What billing says of one row, and its messages."""
        project, occasion = self.project, self.occasion
        live = self.provider.subscriptions(row["account_id"])
        item, change = wanted(project, live, row, now=occasion.now)
        new = None
        if offer is None:
            given = Sweetened(self.provider.preview(change, occasion.now))
            new = sweetened(row, occasion.run_id, given)
            quote = new.quote
        offer_id = new.offer_id if new else offer.offer_id if offer else ""
        paid: dict[str, Any] = {"item": item, "change": change, "quote": quote}
        facts = message_facts(project, row, offer_id=offer_id, as_of=occasion.as_of, **paid)
        source = self._sources.of(row["play"], arms.message)
        rendered = None if source is None else render(source, facts)
        messages = messages_of(project, offer_id, row, rendered, arms=arms, paid=paid)
        return Asked(row["account_id"], row["step_id"], arms, quote, with_given(messages, quote), new, offer)


@contextmanager
def _at_once(provider: Provider, accounts: Iterable[str]) -> Iterator[None]:
    """The sandbox reads through one connection, and ahead, while it is asked about many accounts."""
    with provider.together(accounts) if isinstance(provider, SandboxBiller) else nullcontext():
        yield


def wanted(
    project: Project, live: Sequence[Item], row: Mapping[str, Any], *, now: datetime
) -> tuple[Item | None, Change]:
    """What the account has of it, and what billing is asked for.

    Raises:
        QuoteError: It is nothing that billing can be asked for.
    """
    change = change_of(project, live, row, on=now)
    if isinstance(change, NoChange):
        raise QuoteError(Fault(f"account {row['account_id']}", f"{change.why}."))
    named = change.items[0].item_id
    item = next((one for one in live if one.item_id == named), None) if named else item_of(project.catalog, live, row)
    assert not isinstance(item, NoChange), "a change has one item or none"
    return item, change


def new_offer(
    row: Mapping[str, Any],
    run_id: str,
    *,
    expires_at: datetime | None,
    quote: Quote | None = None,
    grant: Grant | None = None,
) -> NewOffer:
    """What a decision, its facts read, is about to offer."""
    return NewOffer(
        account_id=row["account_id"],
        step_id=row["step_id"],
        run_id=run_id,
        play=row["play"],
        motion=row["motion"],
        path=row["path"],
        lane=row["lane"],
        target=row["target"],
        product_id=row["step_product_id"],
        decision_id=row["decision_id"],
        quote=quote,
        expires_at=expires_at,
        facts=row["facts"],
        grant=grant,
    )


def sweetened(row: Mapping[str, Any], run_id: str, given: Sweetened) -> NewOffer:
    """The same with a quote, and with what is given."""
    expires_at = given.grant.expires_at if given.grant else given.quote.expires_at
    return new_offer(row, run_id, expires_at=expires_at, quote=given.quote, grant=given.grant)


def channels_due(project: Project, row: Mapping[str, Any]) -> list[str]:
    """The channels whose rung is reached; e-mail for a play without a ladder. Empty: too early to say anything."""
    play = project.playbook.play(row["play"])
    if play is None or not play.ladder:
        return ["email"]
    return [rung.channel for index, rung in enumerate(play.ladder) if (row["rungs"] or 0) >> index & 1]


def messages_of(
    project: Project,
    offer_id: str,
    row: Mapping[str, Any],
    rendered: Rendered | None,
    *,
    arms: Arms,
    paid: Mapping[str, Any],
) -> list[Message]:
    """A message for each channel and recipient. ``paid``: the item, change and quote that its prices come from."""
    if rendered is None:
        return []
    records = records_of(project, row, rendered.facts, **paid)
    drawn_arms = dict(arms.by_id) or None
    return [
        Message(
            idempotency_key=lifecycle.message_key(offer_id, channel, recipient),
            account_id=row["account_id"],
            purpose=Purpose.SALES if row["motion"] in SALES else Purpose.CARE,
            channel=channel,
            recipient=recipient,
            offer_id=offer_id,
            arms=drawn_arms,
            contact_id=recipient,
            records=records,
            **words,
        )
        for channel in ([arms.channel] if arms.channel else channels_due(project, row))
        for words in [words_of(rendered, row, channel, style=_style(project, row, channel))]
        for recipient in row["recipients"]
    ]


def _style(project: Project, row: Mapping[str, Any], channel: str) -> str:
    """How the app shows it: a rung that prompts is a modal, any other a banner."""
    play = project.playbook.play(row["play"])
    rungs = [rung for rung in play.ladder if rung.channel == channel] if play else []
    return "modal" if any(rung.style == "prompt" for rung in rungs) else "banner"
