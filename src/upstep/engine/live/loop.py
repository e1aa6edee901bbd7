"""The live loop: what has arrived becomes facts, touched accounts are decided, published, offered to and written to.

One cycle is a straight line of steps, each safe to run twice, so a cycle that fails is simply tried again: what was
drained stays known as touched until it was decided and published, and a worker that starts decides everything. A worker
that runs lets a thread act on what was decided (notices, tasks, offers, messages) while it decides what arrives
meanwhile. Beside it stands what happens by the clock: a whole run, ends of offers, billing events.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from upstep.delivery.outbox import Delivered
from upstep.engine.contacting.channels import close_channels, is_live, open_channels
from upstep.engine.contacting.publishing import publish
from upstep.engine.contacting.sending import Pace, deliver, publish_newer, show_sent
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.deciding.desk import WIDE_FROM
from upstep.engine.deciding.inputs import gather
from upstep.engine.deciding.ledger import keep
from upstep.engine.keeping.retention import apply_retention
from upstep.engine.live.acting import Acting
from upstep.engine.live.cycle import Cycle, Schedule, Steps, told
from upstep.engine.live.noticing import Noticed
from upstep.engine.measuring.following import follow_up
from upstep.engine.offering.beside import queue_beside
from upstep.engine.offering.opening import expose, open_offers, to_offer
from upstep.engine.quoting.biller import bare_sandbox, sandbox, stripe_biller
from upstep.engine.quoting.reconciling import reconcile
from upstep.errors import BusyError, OutsideError
from upstep.offers import lifecycle
from upstep.state import requests
from upstep.tables.lake import read_manifest
from upstep.tables.live import tell_time
from upstep.tables.lock import writer_lock

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.billing.provider import Provider
    from upstep.delivery.channel import Channel
    from upstep.engine.project import Project
    from upstep.state.inbox import Inbox

LOG = logging.getLogger("upstep.worker")
TOUCHED_MOST = 5_000
"""So many accounts are decided in one cycle, as many as a wide desk takes; the others wait for the next.

Each of many costs less than each of a few, so that a burst is worked off sooner by large cycles than by small ones.
"""

SEND_SECONDS_MOST = 1.0
"""So long each channel sends in one cycle, so that what arrives meanwhile is acted on soon."""
SEND_SECONDS_WAITED_FOR = 0.25
"""The same while events or touched accounts wait: a backlog of messages leaves a little in each cycle."""

WARMED = 500
MANY_ACCOUNTS = 5_000
"""A company with as many gets ready for many touched accounts; for few that takes longer than it will spare."""

AGAIN = timedelta(minutes=5)
"""What is done once a day is tried again after so long when it has failed."""

IDLE_SECONDS = 0.05
BESIDE_SECONDS = 0.5
BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Worker:
    """Runs cycles over one project. Several may be started: one works, the others wait for it to end.

    Args:
        project: Whose.
        state: The operational database.
        inbox: Where events arrive; None: nothing arrives here.
        clock: What time it is.
        provider: Billing; None: the project's own.
        channels: By name; None: those that the project has.
        schedule: How often happens what happens by the clock.
    """

    def __init__(
        self,
        project: Project,
        *,
        state: sa.Engine,
        inbox: Inbox | None,
        clock: Callable[[], datetime],
        provider: Provider | None = None,
        channels: Mapping[str, Channel] | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self.project = project
        self.state = state
        self.inbox = inbox
        self.clock = clock
        self.channels = channels
        self.schedule = schedule or Schedule()
        self.last = Cycle()
        self.failures = 0
        self._provider = provider
        self._touched: dict[str, None] = {}  # In the order in which they were touched.
        self._noticed = Noticed(state)
        self._due: dict[str, datetime] = {}
        self._known: Any = None
        self._people: Any = None
        self._items: Any = None
        self._seeded: set[str] = set()
        self._opened: tuple[bool, Mapping[str, Channel]] | None = None
        self._billing = threading.Lock()
        self._acted_upon: frozenset[str] = frozenset()
        self._is_warm = False
        self._beside_at = 0.0
        self._stop = threading.Event()

    # Running

    def run(self) -> None:
        """Cycle until ``stop`` is called: the step at hand is finished, then it returns.

        A second worker of the same project waits here until the first one has ended.
        """
        while not self._stop.is_set():
            try:
                with self._lease(), Acting(_tell, self._owe) as acting:
                    LOG.info("working")
                    self._cycles(acting)
                    self._finish(acting)
            except BusyError as error:
                LOG.info("waiting: %s", error)
                self._stop.wait(BACK_OFF_SECONDS[1])

    @property
    def waiting(self) -> frozenset[str]:
        """Touched accounts that are not decided yet."""
        return frozenset(self._touched)

    def stop(self) -> None:
        """End after the step at hand; may be called by a signal's handler or another thread."""
        self._stop.set()

    def cycle(self) -> Cycle:
        """One cycle, now, with all that follows from it.

        Raises:
            BusyError: Another worker runs, or another process writes facts.
            OutsideError: Something outside failed; what was touched is decided by the next cycle.
        """
        with self._lease():
            return self._cycle()

    @contextmanager
    def _lease(self) -> Iterator[None]:
        folder = self.project.folder / ".upstep" / "worker"
        with writer_lock(folder, command="upstep worker", now=self.clock()):
            yield

    def _cycles(self, acting: Acting[_Accounts, Cycle]) -> None:
        while not self._stop.is_set():
            if acting.is_free:
                self._acted_upon = frozenset()
            if self._may_rest():
                self._stop.wait(IDLE_SECONDS)
                continue
            try:
                cycle = self._cycle(acting)
            except OutsideError as error:
                seconds = BACK_OFF_SECONDS[min(self.failures, len(BACK_OFF_SECONDS) - 1)]
                self.failures += 1
                LOG.warning("trying again in %s s: %s", seconds, error)
                self._stop.wait(seconds)
                continue
            except Exception:
                # Nobody is left to start a worker that has ended; what fails again is told again.
                self.failures += 1
                LOG.exception("this cycle failed and is tried again in %s s", BACK_OFF_SECONDS[-1])
                self._stop.wait(BACK_OFF_SECONDS[-1])
                continue
            self.failures = 0
            _tell(cycle)

    def _finish(self, acting: Acting[_Accounts, Cycle]) -> None:
        """Wait for what is being done; a worker that starts decides everything, so nothing is owed to who is left."""
        try:
            acting.settle()
        except Exception:
            LOG.exception("what followed from the last decisions failed; the next worker does it")

    def _may_rest(self) -> bool:
        """Nothing has arrived or is left, and what happens beside was looked after a moment ago."""
        is_quiet = self._touched.keys() <= self._acted_upon and (self.inbox is None or not self.inbox.depth())
        return is_quiet and time.monotonic() < self._beside_at + BESIDE_SECONDS

    # One cycle

    def _cycle(self, acting: Acting[_Accounts, Cycle] | None = None) -> Cycle:
        """Decide what was touched, and do what follows from it; ``acting``: have it done while the next are decided."""
        steps, now = Steps(), self.clock()
        self._beside_at = time.monotonic()
        if acting is not None:
            acting.look()
        self._see_loads()
        with steps("drain"):
            events = self._drain(now)
        with steps("notice"):
            self._touch(self._noticed.since())
        with steps("billing"):
            self._bill(now)
        accounts = self._next(now)
        if acting is not None and accounts is None:
            acting.settle()
        run = self._decide(steps, accounts, now) if accounts is None or accounts else None
        with self._owed_if_cut_off(accounts), steps("ends"):
            self._end(now)
        made = Cycle()
        if acting is None:
            with self._owed_if_cut_off(accounts):
                made = self._follow(run, accounts, now)
        elif run is not None or acting.is_free:
            self._give(acting, run, accounts, now)
        with steps("warm"):
            self._warm(run)
        self.last = Cycle(
            events,
            None if accounts is None else len(accounts),
            run.decisions.num_rows if run is not None else 0,
            made.offers,
            made.notices,
            made.sent,
            len(self._touched),
            {**steps.seconds, **made.seconds},
        )
        return self.last

    def _end(self, now: datetime) -> None:
        """What ends or begins by the clock alone."""
        if self._is_due("ends", now):
            lifecycle.expire_due(self.state, now=now)
        if self._is_due("looks", now):
            looked = follow_up(self.project, self.state, now=now)
            self._touch(one.look.account_id for one in looked)
        if self._is_due("retention", now):
            self._due["retention"] = now + AGAIN  # Where somebody loads at the moment, it is not put off for a day.
            apply_retention(self.project, now=now, by="worker")
            requests.remove_old(self.state, now=now)
            self._due["retention"] = now + self.schedule.retention

    def _drain(self, now: datetime) -> int:
        if self.inbox is None:
            return 0
        from upstep.engine.intake.ingesting import drain

        drained = drain(self.project, self.inbox, now=now)
        self._touch(drained.accounts)
        self._remember()
        return drained.events

    def _bill(self, now: datetime) -> None:
        """Read what billing told, each minute and as soon as somebody has said yes."""
        if self._noticed.has_accepted() or self._is_due("billing", now):
            told = reconcile(self.project, provider=self._biller(now, ()), now=now, state=self.state)
            self._touch(told.accounts)
            for said in told.unanswered:
                LOG.warning("billing: %s", said)
            if told.accounts and self.inbox is not None and not self.inbox.depth():
                # What was bought counts from this instant on, whether or not another event ever comes.
                tell_time(self.project.folder, now=self.clock())
            self._remember()

    def _next(self, now: datetime) -> _Accounts:
        """The accounts to decide now; who is acted upon at the moment waits until that is done."""
        if self._is_due("whole", now):
            if self.inbox is not None and not self.inbox.depth():
                tell_time(self.project.folder, now=now)
                self._remember()
            return None
        # Else an offer might be opened for a step that has ended meanwhile, and nothing would hold its message back.
        return sorted(islice((one for one in self._touched if one not in self._acted_upon), TOUCHED_MOST))

    def _touch(self, accounts: Iterable[str]) -> None:
        """They wait for being decided; who waits already keeps their place."""
        self._touched |= dict.fromkeys(sorted(set(accounts) - self._touched.keys()))

    def _decide(self, steps: Steps, accounts: _Accounts, now: datetime) -> Run:
        """Decide, and publish what was decided."""
        with steps("decide"):
            inputs = gather(self.project, at=now, state=self.state, accounts=accounts)
            run = decide(self.project, accounts=accounts, inputs=inputs)
        with steps("keep"):
            keep(self.project, run, accounts=accounts, now=now)
        with steps("publish"):
            people = read_manifest(self.project.folder).tables.get("contact")
            has_people = accounts is None or people != self._people
            publish(self.project, self.state, run, now=now, accounts=accounts, with_people=has_people)
            # Whoever was told of is among the touched, of which some may be left for the next cycle.
            if accounts is None or self._touched.keys() <= set(accounts):
                self._people = people
        for account in list(self._touched if accounts is None else accounts):
            self._touched.pop(account, None)
        if accounts is None:
            self._due["whole"] = now + self.schedule.whole
        return run

    def _give(self, acting: Acting[_Accounts, Cycle], run: Run | None, accounts: _Accounts, now: datetime) -> None:
        """Have done beside what follows; until that is done, nothing newer is decided of whom it is about."""
        acting.give(partial(self._follow, run, accounts, now), accounts)
        self._acted_upon = frozenset() if run is None else _acted_upon(run)

    @contextmanager
    def _owed_if_cut_off(self, accounts: _Accounts) -> Iterator[None]:
        """They are decided by now, and no longer among the touched: what fails here must not lose what follows."""
        try:
            yield
        except BaseException:
            self._owe(accounts)
            raise

    def _owe(self, accounts: _Accounts) -> None:
        """What follows from their decisions was not done: they are decided again."""
        self._acted_upon = frozenset()
        if accounts is None:
            self._due.pop("whole", None)
        self._touch(accounts or ())

    def _follow(self, run: Run | None, accounts: _Accounts, now: datetime) -> Cycle:
        """What follows from decisions: notices, tasks, help and offers; then send what waits."""
        steps, offers, notices, sent = Steps(), 0, 0, 0
        if run is not None:
            with steps("notices"):
                notices = queue_beside(self.project, self.state, run, now=now)["notices"]
            if notices and accounts is not None:
                # Somebody may be looking at the page that a notice is for; offers take longer, and can wait.
                with steps("send"):
                    sent = self._send(now)
            with steps("open"):
                offers = self._open(run, now)
                if accounts is None:
                    # Also of what was opened just now: a ticket may be newer than all that was decided.
                    publish_newer(self.project, self.state, now=now)
                    show_sent(self.state)
        with steps("send"):
            sent += self._send(now)
        return Cycle(offers=offers, notices=notices, sent=sent, seconds=steps.seconds)

    def _warm(self, run: Run | None) -> None:
        """Decide one account, once, so that the first event need not wait for its queries to be compiled.

        Where many are touched at a time, the plans for many are made as well, and the files that they need copied.
        """
        some = [] if run is None or self._is_warm else run.decisions["account_id"].slice(0, WARMED).unique().to_pylist()
        if not some:
            return
        decide(self.project, accounts=some[:1])
        stored = read_manifest(self.project.folder).tables.get("account_key")
        if stored is not None and stored.rows >= MANY_ACCOUNTS:
            for _ in range(WIDE_FROM + 1):  # Each file is copied the second time that it is read.
                decide(self.project, accounts=some)
        self._is_warm = True

    def _open(self, run: Run, now: datetime) -> int:
        wanted = to_offer(run)
        if not wanted:
            expose(self.project, self.state, run, now=now)
            return 0
        provider = self._biller(run.as_of, wanted)
        found = open_offers(self.project, run, provider=provider, now=now, accounts=wanted, state=self.state)
        return found.new

    def _send(self, now: datetime) -> int:
        sent = deliver(
            self.project,
            now=now,
            clock=self.clock,
            channels=self._ways(),
            state=self.state,
            may_publish=False,
            pace=self._pace(),
        )
        return sum(one.result is Delivered.SENT for one in sent)

    def _pace(self) -> Pace:
        """How long each channel may send now."""
        is_waited_for = bool(self._touched) or (self.inbox is not None and self.inbox.depth() > 0)
        return Pace(self.schedule.held, SEND_SECONDS_WAITED_FOR if is_waited_for else SEND_SECONDS_MOST)

    def _ways(self) -> Mapping[str, Channel]:
        """The channels, opened once, and anew when the project goes live."""
        if self.channels is not None:
            return self.channels
        live = is_live(self.project)
        if self._opened is None or self._opened[0] != live:
            if self._opened is not None:
                close_channels(self._opened[1])
            self._opened = live, open_channels(self.project, is_live=live, state=self.state, clock=self.clock)
        return self._opened[1]

    def _biller(self, as_of: datetime, accounts: Iterable[str]) -> Provider:
        """The provider; the sandbox holds these accounts."""
        if self._provider is not None:
            return self._provider
        if self.project.settings.billing_provider == "stripe":
            return stripe_biller(self.project)
        items = read_manifest(self.project.folder).tables.get("subscription_item")
        with self._billing:
            if items != self._items:
                self._items, self._seeded = items, set()
            new = set(accounts) - self._seeded
            self._seeded |= new
            return sandbox(self.project, as_of=as_of, accounts=new) if new else bare_sandbox(self.project)

    def _is_due(self, what: str, now: datetime) -> bool:
        """Whether its time has come; the next time is set, but for a whole run, which must first succeed."""
        if what in self._due and now < self._due[what]:
            return False
        if what != "whole":
            self._due[what] = now + getattr(self.schedule, what)
        return True

    def _see_loads(self) -> None:
        """When somebody else has loaded, every account may say something else."""
        stored = read_manifest(self.project.folder)
        if self._known is not None and stored != self._known:
            self._due.pop("whole", None)
        self._known = stored

    def _remember(self) -> None:
        """These facts were written here."""
        self._known = read_manifest(self.project.folder)


_Accounts = list[str] | None
"""Accounts by id; None is all of them."""


def _acted_upon(run: Run) -> frozenset[str]:
    """The accounts for which something may follow from a run: a notice, or the step that came first."""
    rows = run.decisions
    is_due = pc.or_(pc.equal(rows["path"], "notice"), pc.and_(rows["is_winner"], pc.equal(rows["outcome"], "eligible")))
    return frozenset(rows.filter(is_due)["account_id"].unique().to_pylist())


def _tell(cycle: Cycle) -> None:
    if not cycle.is_idle or cycle.offers or cycle.notices:
        LOG.info("cycle %s", told(cycle))
