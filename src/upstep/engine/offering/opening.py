"""Opening offers: every eligible self-serve winner becomes an offer at a locked price, with its messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import sqlalchemy as sa

from upstep.billing import quote as quotes
from upstep.clock import iso
from upstep.delivery.channel import Message
from upstep.engine.messages.facts import message_facts, message_of, with_facts
from upstep.engine.offering.asking import (
    Answers,
    Asker,
    Occasion,
    channels_due,
    messages_of,
    new_offer,
    sweetened,
    wanted,
)
from upstep.engine.offering.experimenting import Arms, drawn, expose_steps, expose_tests, live_tests
from upstep.engine.offering.giving import Sweetened, incentive_of, sweeten, with_given
from upstep.engine.offering.second import AHEAD, GoneError, Made, Second, second_process
from upstep.engine.peers import count_peers
from upstep.engine.project import open_project_state
from upstep.errors import PlayError, QuoteError
from upstep.garbage import rarely_collected
from upstep.offers import lifecycle
from upstep.offers.incentive import NotGrantedError
from upstep.offers.model import NewOffer, Offer
from upstep.state.session import reading

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.billing.provider import Provider
    from upstep.billing.quote import Quote
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project
    from upstep.offers.lifecycle import Moved

__all__ = ["AT_ONCE", "Opened", "Openings", "Refused", "channels_due", "expose", "new_offer", "open_offers", "to_offer"]


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
class Group:
    """What became of some rows: how many offers there are, how many of them are new, and the offers when looked at."""

    many: int
    new: int
    look: Callable[[], Sequence[Opened]]
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class Openings(Sequence[Opened]):
    """The offers of one run, and the steps that could not be offered.

    Of a large run many are read from state only when somebody looks at them.
    """

    groups: tuple[Group, ...]

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The steps that could not be offered."""
        return tuple(one for group in self.groups for one in group.refused)

    @property
    def new(self) -> int:
        """How many were opened."""
        return sum(group.new for group in self.groups)

    @cached_property
    def opened(self) -> tuple[Opened, ...]:
        """Every offer, in the order of the run."""
        return tuple(one for group in self.groups for one in group.look())

    @overload
    def __getitem__(self, index: int) -> Opened: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Opened]: ...
    def __getitem__(self, index: int | slice) -> Opened | Sequence[Opened]:
        return self.opened[index]

    def __len__(self) -> int:
        return sum(group.many for group in self.groups)


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
    together = _Together(
        project, engine, provider, Occasion(run.run_id, run.as_of, now, tuple(live_tests(engine, now=now)))
    )
    fresh = together.fresh(rows)
    with rarely_collected(), second_process(project, provider, engine, together.occasion, rows=fresh) as second:
        together.open(rows, second)
    found = Openings(tuple(together.groups[place] for place in sorted(together.groups)))
    if state is None:
        engine.dispose()
    return found


AT_ONCE = 300
"""So many offers are opened in one transaction: it is short enough that the sender and the widget hardly wait."""

_READ = (
    *("account_id", "name", "step_id", "decision_id", "play", "motion", "path", "lane", "target", "product_id"),
    *("step_product_id", "meter_id", "feature_id", "grain", "plan_id", "to_plan_id", "to_add_on_id", "to_quantity"),
    *("to_interval", "currency", "recurring_change_minor", "overage_replaced_minor", "customer_saving_minor"),
    *("facts", "recipients", "rungs"),
)
"""What is read of a decision that is offered, where it has it."""


class _Together:
    """Opens offers in groups: billing is asked outside any transaction, then one transaction opens them all."""

    def __init__(self, project: Project, engine: sa.Engine, provider: Provider, occasion: Occasion) -> None:
        self.project = project
        self.engine = engine
        self.provider = provider
        self.occasion = occasion
        self.groups: dict[int, Group] = {}
        self._standing: set[tuple[str, str]] = set()
        self._asker = Asker(project, provider, occasion)

    def fresh(self, rows: pa.Table) -> int:
        """How many of these rows' steps have no offer yet: of an hourly run hardly any."""
        steps = self._steps(rows)
        with reading(self.engine) as connection:
            self._standing = lifecycle.steps_standing(connection, steps)
        return len(steps) - len(self._standing)

    def open(self, rows: pa.Table, second: Second | None) -> None:
        """Offer what these rows decided; with a second process, that one works out some groups meanwhile."""
        rows = rows.select([name for name in rows.column_names if name in _READ])
        waiting = deque((begin, rows.slice(begin, AT_ONCE)) for begin in range(0, len(rows), AT_ONCE))
        given: deque[tuple[int, pa.Table, Future[Made]]] = deque()
        while waiting or given:
            while second and waiting and len(given) < AHEAD:
                begin, group = waiting.popleft()
                if any(step.step_key in self._standing for step in self._steps(group)):
                    self._open(begin, group)
                else:
                    given.append((begin, group, second.ask(group)))
            if given and (given[0][2].done() or not waiting):
                begin, group, future = given.popleft()
                try:
                    self._take(begin, group, future.result())
                except GoneError:
                    second = None
                    self._open(begin, group)
            elif waiting:
                self._open(*waiting.popleft())

    def _steps(self, group: pa.Table) -> list[lifecycle.Step]:
        keys = (group["account_id"].to_pylist(), group["step_id"].to_pylist())
        return [lifecycle.Step(account, step, self.occasion.run_id) for account, step in zip(*keys, strict=True)]

    def _open(self, place: int, group: pa.Table) -> None:
        """Open a group here; offers that stand already climb the rungs reached since."""
        rows = group.to_pylist()
        with reading(self.engine) as connection:
            standing = lifecycle.standing_in(connection, self._steps(group))
            ids = [offer.quote_id for offer in standing.values() if offer.quote_id]
            locked = quotes.read_many(connection, ids)
        answers = self._asker.ask(rows, standing=standing, locked=locked)
        opened = self._write(answers)
        expose_tests(self.engine, [(one.account_id, one.step_id, one.arms) for one in answers.asked], now=self._now)
        self._finish(place, rows, alone=answers.alone, refused=answers.refused, opened=opened)

    def _take(self, place: int, group: pa.Table, made: Made) -> None:
        """Open what the second process has made ready. A step of which an offer stands by now is opened here."""
        known = lifecycle.open_ready(self.engine, made.ready)
        steps = [step for step in made.ready.steps if step.step_key not in known]
        exposed = [(account, step, Arms(arms)) for account, step, arms in made.exposed if (account, step) not in known]
        expose_tests(self.engine, exposed, now=self._now)
        rows = group.to_pylist() if made.alone or made.refused else []
        self._finish(place, rows, alone=made.alone, refused=made.refused, opened=_Kept(self.engine, steps))
        if known:
            is_known = [step.step_key in known for step in self._steps(group)]
            self._open(place + 1, group.filter(is_known))

    @property
    def _now(self) -> datetime:
        return self.occasion.now

    def _write(self, answers: Answers) -> list[Opened]:
        """Open what is new, and queue further messages of what stands, in the order of the rows."""
        new = answers.opening(self.occasion)
        moved = iter(lifecycle.open_many(self.engine, new, by=lifecycle.PROGRAM, at=self._now) if new else ())
        more = [(one.offer.offer_id, one.messages) for one in answers.asked if one.offer is not None]
        if more:
            lifecycle.add_many(self.engine, more, at=self._now)
        opened = []
        for one in answers.asked:
            if one.offer is not None:
                opened.append(Opened(one.offer, one.quote, is_new=False))
                continue
            done = next(moved)
            quote = one.quote if done.is_changed else _locked(self.engine, done.offer)
            opened.append(Opened(done.offer, quote, done.is_changed))
        return opened

    def _finish(
        self,
        place: int,
        rows: Sequence[Mapping[str, Any]],
        *,
        alone: Collection[int],
        refused: Mapping[int, str],
        opened: Sequence[Opened] | _Kept,
    ) -> None:
        """Open by themselves those that may be given something, and keep what became of the group."""
        told = [self._open_alone(rows[index]) for index in alone]
        refusals = [_refused(rows[index], why) for index, why in refused.items()]
        refusals += [one for one in told if isinstance(one, Refused)]
        more = [one for one in told if isinstance(one, Opened)]
        new = len(opened) if isinstance(opened, _Kept) else sum(one.is_new for one in opened)
        many, new = len(opened) + len(more), new + sum(one.is_new for one in more)
        self.groups[place] = Group(many, new, lambda: [*opened, *more], tuple(refusals))

    def _open_alone(self, row: Mapping[str, Any]) -> Opened | Refused:
        """One that may be given something: what that costs is reserved with it, so it is opened by itself."""
        arms = drawn(self.occasion.tests, row["account_id"], play=row["play"], motion=row["motion"])
        try:
            made = _open(self.project, self.engine, self.provider, with_facts(row), occasion=self.occasion, arms=arms)
        except (QuoteError, PlayError) as error:
            return _refused(row, str(error))
        expose_tests(self.engine, [(row["account_id"], row["step_id"], arms)], now=self._now)
        return made


def _refused(row: Mapping[str, Any], why: str) -> Refused:
    return Refused(row["account_id"], row["step_id"], row["play"], row["target"], why)


@dataclass(frozen=True)
class _Kept(Iterable[Opened]):
    """Offers that were opened, read when somebody looks at them."""

    engine: sa.Engine
    steps: Sequence[lifecycle.Step]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Opened]:
        with reading(self.engine) as connection:
            offers = lifecycle.standing_in(connection, self.steps)
            locked = quotes.read_many(connection, [offer.quote_id for offer in offers.values() if offer.quote_id])
        for step in self.steps:
            if (offer := offers.get(step.step_key)) is not None:
                yield Opened(offer, locked.get(offer.quote_id or ""), is_new=True)


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
    occasion: Occasion,
    arms: Arms,
) -> Opened:
    now, run_id = occasion.now, occasion.run_id
    live = provider.subscriptions(row["account_id"])
    item, change = wanted(project, live, row, now=now)

    def messages(offer_id: str, quote: Quote | None) -> list[Message]:
        paid: dict[str, Any] = {"item": item, "change": change, "quote": quote}
        facts = message_facts(project, row, offer_id=offer_id, as_of=occasion.as_of, **paid)
        rendered = message_of(project, row, facts, name=arms.message)
        return messages_of(project, offer_id, row, rendered, arms=arms, paid=paid)

    plain = provider.preview(change, now)
    incentive = incentive_of(project, row["play"], arms.incentive)
    given = sweeten(project, provider, plain, incentive, live=live, now=now) if incentive else Sweetened(plain)
    why = f"{row['play']} was eligible as of {iso(occasion.as_of)}"
    try:
        moved = _put(engine, sweetened(row, run_id, given), messages, why=_why(why, given), now=now)
    except NotGrantedError as error:
        given = Sweetened(plain, why_not=error.faults[0].found.rstrip("."))
        moved = _put(engine, sweetened(row, run_id, given), messages, why=_why(why, given), now=now)
    quote = _locked(engine, moved.offer)
    if not moved.is_changed:
        # The offer stands already: it climbs the rungs that have been reached since.
        further = with_given(messages(moved.offer.offer_id, quote), quote)
        lifecycle.add_messages(engine, moved.offer.offer_id, further, at=now)
    return Opened(moved.offer, quote, moved.is_changed)


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


def _locked(engine: sa.Engine, offer: Offer) -> Quote | None:
    """The quote as it was locked: of an offer that stood already it is another than today's."""
    if offer.quote_id is None:
        return None
    with reading(engine) as connection:
        return quotes.read(connection, offer.quote_id)
