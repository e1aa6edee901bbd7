"""Opening offers: every eligible self-serve winner becomes an offer at a locked price, with its messages."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

import sqlalchemy as sa

from upstep.billing import quote as quotes
from upstep.billing.sandbox import SandboxBiller
from upstep.clock import iso
from upstep.delivery.channel import Message, Purpose
from upstep.engine.deciding.explain import parsed
from upstep.engine.messages.facts import message_facts, message_of, source_of, words_of
from upstep.engine.messages.records import records_of
from upstep.engine.offering.experimenting import Arms, drawn, expose_steps, expose_tests, live_tests
from upstep.engine.offering.giving import Sweetened, incentive_of, sweeten, with_given
from upstep.engine.peers import count_peers
from upstep.engine.project import open_project_state
from upstep.engine.quoting.change import NoChange, change_of, item_of
from upstep.errors import Fault, PlayError, QuoteError
from upstep.offers import lifecycle
from upstep.offers.incentive import Grant, NotGrantedError
from upstep.offers.message import render
from upstep.offers.model import NewOffer, Offer
from upstep.plays.rank import SALES
from upstep.state.session import reading

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.billing.change import Change, Item
    from upstep.billing.provider import Provider
    from upstep.billing.quote import Quote
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project
    from upstep.experiments.experiment import Experiment
    from upstep.offers.lifecycle import Moved
    from upstep.offers.message import MessageSource, Rendered


@dataclass(frozen=True)
class Opened:
    """An offer that was opened, or the live one that stood already, with its locked quote."""

    offer: Offer
    quote: Quote | None
    is_new: bool


@dataclass(frozen=True)
class Refused:
    """A step that could not be offered, and why: billing refuses, a person must do it, or its message lacks a fact."""

    account_id: str
    step_id: str
    play: str
    target: str
    why: str


@dataclass(frozen=True)
class Openings(Sequence[Opened]):
    """The offers of one run, and the steps that could not be offered."""

    opened: tuple[Opened, ...]
    refused: tuple[Refused, ...]

    @overload
    def __getitem__(self, index: int) -> Opened: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Opened]: ...
    def __getitem__(self, index: int | slice) -> Opened | Sequence[Opened]:
        return self.opened[index]

    def __len__(self) -> int:
        return len(self.opened)


def open_offers(
    project: Project,
    run: Run,
    *,
    provider: Provider,
    now: datetime,
    accounts: Iterable[str] | None = None,
    state: sa.Engine | None = None,
) -> Openings:
    """Open an offer for every eligible self-serve winner of a run. Doing it twice opens nothing more.

    What cannot be offered stops nobody else: it is among the refused, with the reason. ``accounts`` None is all;
    ``state`` is the state, where it is open already.

    Raises:
        OutsideError: The provider could not be asked; what was opened before stays open.
    """
    wanted = None if accounts is None else set(accounts)
    engine = state or open_project_state(project)
    expose(project, engine, run, now=now)
    rows = _offered(run, wanted)
    count_peers(project, set(rows["account_id"].to_pylist()), as_of=run.as_of)
    together = _Together(project, engine, provider, run, live_tests(engine, now=now), now)
    with _rarely_collected():
        for begin in range(0, len(rows), AT_ONCE):
            together.open(rows.slice(begin, AT_ONCE).to_pylist())
    if state is None:
        engine.dispose()
    return Openings(tuple(together.opened), tuple(together.refused))


AT_ONCE = 300
"""So many offers are opened in one transaction: it is short enough that the sender and the widget hardly wait."""

_COLLECTED_AFTER = 50_000


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Python looks for cycles after so many new objects, not after every 700: an offer has hundreds, all without any.

    Looking at all that was opened so far, again and again, took a sixth of the time.
    """
    usual = gc.get_threshold()
    if usual[0] >= _COLLECTED_AFTER or not gc.isenabled():
        yield
        return
    gc.set_threshold(_COLLECTED_AFTER, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


TOO_EARLY = "no rung of its ladder is reached yet, so nothing is said."


class _Together:
    """Opens offers in groups: billing is asked outside any transaction, then one transaction opens them all."""

    def __init__(
        self,
        project: Project,
        engine: sa.Engine,
        provider: Provider,
        run: Run,
        tests: Sequence[Experiment],
        now: datetime,
    ) -> None:
        self.project = project
        self.engine = engine
        self.provider = provider
        self.run = run
        self.tests = tests
        self.now = now
        self.opened: list[Opened] = []
        self.refused: list[Refused] = []
        self._sources: dict[tuple[str, str | None], MessageSource | None] = {}

    def open(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Offer what these rows decided; those that stand already climb the rungs reached since."""
        steps = [lifecycle.Step(row["account_id"], row["step_id"], self.run.run_id) for row in rows]
        with reading(self.engine) as connection:
            standing = lifecycle.standing_in(connection, steps)
            ids = [offer.quote_id for offer in standing.values() if offer.quote_id]
            locked = quotes.read_many(connection, ids)
        asked: list[_Asked] = []
        alone: list[tuple[Mapping[str, Any], Arms]] = []
        with _at_once(self.provider, [row["account_id"] for row in rows]):
            for row, step in zip(rows, steps, strict=True):
                if not channels_due(self.project, row):
                    self._refuse(row, TOO_EARLY)
                    continue
                offer = standing.get(step.step_key)
                arms = drawn(self.tests, row["account_id"], play=row["play"], motion=row["motion"])
                if incentive_of(self.project, row["play"], arms.incentive):
                    alone.append((row, arms))
                    continue
                try:
                    quote = locked.get(offer.quote_id or "") if offer else None
                    asked.append(self._asked(parsed(row), arms, offer, quote))
                except (QuoteError, PlayError) as error:
                    self._refuse(row, str(error))
        since = f"was eligible as of {iso(self.run.as_of)}"
        new = [(one.new, one.messages, f"{one.new.play} {since}") for one in asked if one.new is not None]
        moved = iter(lifecycle.open_many(self.engine, new, by=lifecycle.PROGRAM, at=self.now) if new else ())
        more = [(one.offer.offer_id, one.messages) for one in asked if one.offer is not None]
        if more:
            lifecycle.add_many(self.engine, more, at=self.now)
        for one in asked:
            if one.offer is not None:
                self.opened.append(Opened(one.offer, one.quote, is_new=False))
            else:
                done = next(moved)
                quote = one.quote if done.is_changed else _locked(self.engine, done.offer)
                self.opened.append(Opened(done.offer, quote, done.is_changed))
        expose_tests(self.engine, [(one.account_id, one.step_id, one.arms) for one in asked], now=self.now)
        for row, arms in alone:
            self._open_alone(row, arms)

    def _asked(self, row: Mapping[str, Any], arms: Arms, offer: Offer | None, quote: Quote | None) -> _Asked:
        """What billing says of one row, and its messages."""
        project, now = self.project, self.now
        live = self.provider.subscriptions(row["account_id"])
        item, change = _wanted(project, live, row, now=now)
        new = None if offer else _sweetened(row, self.run, Sweetened(self.provider.preview(change, now)))
        quote = new.quote if new else quote
        offer_id = new.offer_id if new else offer.offer_id if offer else ""
        paid: dict[str, Any] = {"item": item, "change": change, "quote": quote}
        facts = message_facts(project, row, offer_id=offer_id, as_of=self.run.as_of, **paid)
        source = self._source(row["play"], arms.message)
        rendered = None if source is None else render(source, facts)
        messages = _messages(project, offer_id, row, rendered, arms=arms, paid=paid)
        messages = with_given(messages, quote)
        return _Asked(row["account_id"], row["step_id"], arms, quote, messages, new, offer)

    def _source(self, play: str, name: str | None) -> MessageSource | None:
        """A play's words, read once."""
        if (play, name) not in self._sources:
            self._sources[play, name] = source_of(self.project, play, name=name)
        return self._sources[play, name]

    def _open_alone(self, row: Mapping[str, Any], arms: Arms) -> None:
        """One that may be given something: what that costs is reserved with it, so it is opened by itself."""
        try:
            made = _open(self.project, self.engine, self.provider, parsed(row), run=self.run, arms=arms, now=self.now)
        except (QuoteError, PlayError) as error:
            self._refuse(row, str(error))
            return
        self.opened.append(made)
        expose_tests(self.engine, [(row["account_id"], row["step_id"], arms)], now=self.now)

    def _refuse(self, row: Mapping[str, Any], why: str) -> None:
        self.refused.append(Refused(row["account_id"], row["step_id"], row["play"], row["target"], why))


@dataclass(frozen=True)
class _Asked:
    """One row after billing was asked: a new offer, or the one that stands, with the messages that are due."""

    account_id: str
    step_id: str
    arms: Arms
    quote: Quote | None
    messages: Sequence[Message]
    new: NewOffer | None
    offer: Offer | None


@contextmanager
def _at_once(provider: Provider, accounts: Iterable[str]) -> Iterator[None]:
    """The sandbox reads through one connection, and ahead, while it is asked about many accounts."""
    with provider.together(accounts) if isinstance(provider, SandboxBiller) else nullcontext():
        yield


def _offered(run: Run, accounts: Collection[str] | None = None) -> pa.Table:
    """The rows to offer; told apart by columns, for nearly all rows of a whole run are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = run.decisions
    wanted = rows["is_winner"]
    for name, value in (("outcome", "eligible"), ("path", "self_serve"), ("lane", "self_serve")):
        wanted = pc.and_(wanted, pc.equal(rows[name], value))
    if accounts is not None:
        wanted = pc.and_(wanted, pc.is_in(rows["account_id"], pa.array(sorted(accounts), pa.string())))
    return rows.filter(wanted)


def expose(project: Project, state: sa.Engine, run: Run, *, now: datetime) -> int:
    """Log whom a holdout concerns in this run, asked or held out, by the same rule; see ``experimenting``.

    Of all the run's accounts, whoever is then offered to: a comparison of those asked with those held out must not
    leave out the latter.
    """
    return expose_steps(project, state, run, now=now, is_due=lambda row: channels_due(project, row))


def to_offer(run: Run) -> list[str]:
    """The accounts that ``open_offers`` would ask billing about."""
    return sorted(set(_offered(run)["account_id"].to_pylist()))


def _open(
    project: Project,
    engine: sa.Engine,
    provider: Provider,
    row: Mapping[str, Any],
    *,
    run: Run,
    arms: Arms,
    now: datetime,
) -> Opened:
    live = provider.subscriptions(row["account_id"])
    item, change = _wanted(project, live, row, now=now)

    def messages(offer_id: str, quote: Quote | None) -> list[Message]:
        paid: dict[str, Any] = {"item": item, "change": change, "quote": quote}
        facts = message_facts(project, row, offer_id=offer_id, as_of=run.as_of, **paid)
        return _messages(
            project, offer_id, row, message_of(project, row, facts, name=arms.message), arms=arms, paid=paid
        )

    plain = provider.preview(change, now)
    wanted = incentive_of(project, row["play"], arms.incentive)
    given = sweeten(project, provider, plain, wanted, live=live, now=now) if wanted else Sweetened(plain)
    why = f"{row['play']} was eligible as of {iso(run.as_of)}"
    try:
        moved = _put(engine, _sweetened(row, run, given), messages, why=_why(why, given), now=now)
    except NotGrantedError as error:
        given = Sweetened(plain, why_not=error.faults[0].found.rstrip("."))
        moved = _put(engine, _sweetened(row, run, given), messages, why=_why(why, given), now=now)
    quote = _locked(engine, moved.offer)
    if not moved.is_changed:
        # The offer stands already: it climbs the rungs that have been reached since.
        further = with_given(messages(moved.offer.offer_id, quote), quote)
        lifecycle.add_messages(engine, moved.offer.offer_id, further, at=now)
    return Opened(moved.offer, quote, moved.is_changed)


def _wanted(
    project: Project, live: Sequence[Item], row: Mapping[str, Any], *, now: datetime
) -> tuple[Item | None, Change]:
    """What the account has of it, and what billing is asked for.

    Raises:
        QuoteError: It is nothing that billing can be asked for.
    """
    change = change_of(project, live, row, on=now)
    if isinstance(change, NoChange):
        raise QuoteError(Fault(f"account {row['account_id']}", f"{change.why}."))
    item = item_of(project.catalog, live, row)
    assert not isinstance(item, NoChange), "a change has one item or none"
    return item, change


def _put(
    engine: sa.Engine,
    new: NewOffer,
    messages: Callable[[str, Quote | None], list[Message]],
    *,
    why: str,
    now: datetime,
) -> Moved:
    first = with_given(messages(new.offer_id, new.quote), new.quote)
    return lifecycle.open_offer(engine, new, messages=first, by=lifecycle.PROGRAM, at=now, why=why)


def _why(why: str, given: Sweetened) -> str:
    """Why an offer was opened; also why nothing is given with it, where something might have been."""
    return f"{why}; without its incentive: {given.why_not}" if given.why_not else why


def new_offer(
    row: Mapping[str, Any],
    run: Run,
    *,
    expires_at: datetime | None,
    quote: Quote | None = None,
    grant: Grant | None = None,
) -> NewOffer:
    """What a decision, parsed, is about to offer."""
    return NewOffer(
        account_id=row["account_id"],
        step_id=row["step_id"],
        run_id=run.run_id,
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


def _sweetened(row: Mapping[str, Any], run: Run, given: Sweetened) -> NewOffer:
    expires_at = given.grant.expires_at if given.grant else given.quote.expires_at
    return new_offer(row, run, expires_at=expires_at, quote=given.quote, grant=given.grant)


def channels_due(project: Project, row: Mapping[str, Any]) -> list[str]:
    """The channels whose rung is reached; e-mail for a play without a ladder. Empty: too early to say anything."""
    play = project.playbook.play(row["play"])
    if play is None or not play.ladder:
        return ["email"]
    return [rung.channel for index, rung in enumerate(play.ladder) if (row["rungs"] or 0) >> index & 1]


def _messages(
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


def _locked(engine: sa.Engine, offer: Offer) -> Quote | None:
    """The quote as it was locked: of an offer that stood already it is another than today's."""
    if offer.quote_id is None:
        return None
    with reading(engine) as connection:
        return quotes.read(connection, offer.quote_id)
