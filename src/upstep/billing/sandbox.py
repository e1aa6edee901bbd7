"""The sandbox: a billing provider in one SQLite file, for demos, tests and trying a company's own catalog.

It prorates by the second as a real one does, applies once per key, refuses a subscription that has changed, and tells
of every change. It keeps its own file because a provider is outside: its answers come back as events only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from upstep.billing.change import Change, Incentive, Item, item_from_row
from upstep.billing.preview import changed_items, digest, preview
from upstep.billing.provider import Answer, Applied, Capabilities, Event
from upstep.billing.quote import Quote
from upstep.clock import to_seconds
from upstep.errors import BusyError, Fault, OutsideError, QuoteError

QUOTE_VALID = timedelta(days=7)
_FORM = """
CREATE TABLE IF NOT EXISTS item (
    item_id TEXT NOT NULL, valid_from INTEGER NOT NULL, account_id TEXT NOT NULL, subscription_id TEXT NOT NULL,
    is_live INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (item_id, valid_from)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_account ON item (account_id) WHERE is_live;
CREATE INDEX IF NOT EXISTS item_subscription ON item (subscription_id) WHERE is_live;
CREATE TABLE IF NOT EXISTS event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS applied (
    idempotency_key TEXT PRIMARY KEY, quote_id TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
"""


class SandboxBiller:
    """A ``Provider`` over the SQLite file at ``path``, which is created if it is not there."""

    name = "sandbox"

    def __init__(self, path: str | Path, *, quote_valid: timedelta = QUOTE_VALID) -> None:
        self.path = Path(path)
        self.quote_valid = quote_valid
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_FORM)

    def seed(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Take over items from rows like ``subscription_item``; those it has already are left as they are.

        Returns:
            How many were new.

        Raises:
            ValueError: A row is not one of ``subscription_item``.
        """
        items = [item_from_row(row) for row in rows]
        with self._writing() as connection:
            before = connection.total_changes
            connection.executemany("INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?, ?)", map(_stored, items))
            return connection.total_changes - before

    def subscriptions(self, account_id: str) -> Sequence[Item]:
        """The account's live items, by subscription and item id."""
        with self._connected() as connection:
            items = _live(connection, "account_id", account_id)
        return sorted(items, key=lambda item: (item.subscription_id, item.item_id))

    def preview(self, change: Change, at: datetime) -> Quote:
        """What the change would cost at that instant. Changes nothing."""
        with self._connected() as connection:
            live = _live(connection, "subscription_id", change.subscription_id)
        return preview(change, live, at=at, provider=self.name, valid_for=self.quote_valid)

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """Make the change exactly once per key. See ``Provider.apply``."""
        with self._writing() as connection:
            done = connection.execute(
                "SELECT quote_id, body FROM applied WHERE idempotency_key = ?", (idempotency_key,)
            ).fetchone()
            if done:
                return _repeated(quote, idempotency_key, *done)
            live = _live(connection, "subscription_id", quote.subscription_id)
            self._refuse(quote, live, at)
            reference = self._change(connection, quote, live, at=at)
            applied = Applied(reference, quote.due_now_minor, at)
            connection.execute(
                "INSERT INTO applied VALUES (?, ?, ?)", (idempotency_key, quote.quote_id, _text(applied))
            )
            return applied

    def events_since(self, cursor: str | None) -> Sequence[Event]:
        """What changed after that event, oldest first; None: everything."""
        with self._connected() as connection:
            found = connection.execute(
                "SELECT sequence, body FROM event WHERE sequence > ? ORDER BY sequence", (int(cursor or 0),)
            ).fetchall()
        return [
            msgspec.convert({**msgspec.json.decode(body), "cursor": str(n)}, Event, strict=False) for n, body in found
        ]

    @property
    def capabilities(self) -> Capabilities:
        """Everything."""
        return Capabilities()

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        """See ``Provider.find``."""
        raise NotImplementedError

    def schedule(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """See ``Provider.schedule``."""
        raise NotImplementedError

    def cancel_schedule(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Applied | None:
        """See ``Provider.cancel_schedule``."""
        raise NotImplementedError

    def start_trial(self, change: Change, idempotency_key: str, *, ends_at: datetime, at: datetime) -> Applied:
        """See ``Provider.start_trial``."""
        raise NotImplementedError

    def end_trial(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Answer:
        """See ``Provider.end_trial``."""
        raise NotImplementedError

    def apply_incentive(
        self, subscription_id: str, incentive: Incentive, idempotency_key: str, *, at: datetime
    ) -> Applied:
        """See ``Provider.apply_incentive``."""
        raise NotImplementedError

    def _refuse(self, quote: Quote, live: Sequence[Item], at: datetime) -> None:
        place = f"quote {quote.quote_id}"
        if quote.provider != self.name:
            raise QuoteError(Fault(place, f"is of provider {quote.provider!r}, not of {self.name!r}."))
        if digest(live) != quote.based_on:
            raise QuoteError(
                Fault(
                    place,
                    f"subscription {quote.subscription_id} has changed since {quote.at:%Y-%m-%d %H:%M:%S} UTC.",
                    "Nothing was changed. Ask for a new quote.",
                )
            )
        if at < quote.at:
            raise QuoteError(Fault(place, f"is of {quote.at.isoformat()} and cannot be applied at {at.isoformat()}."))

    def _change(self, connection: sqlite3.Connection, quote: Quote, live: Sequence[Item], *, at: datetime) -> str:
        """Write the items and their events; the last event's id is the reference."""
        reference = ""
        for before, after in changed_items(quote, live, at):
            # The new interval is written last: when it begins in the second in which the old one did, it replaces it.
            for item in filter(None, (before, after)):
                connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)", _stored(item))
            named = after or before
            assert named is not None
            reference = f"ev_{quote.quote_id}_{named.item_id}"
            event = Event("", reference, at, before, after, quote.quote_id)
            connection.execute("INSERT INTO event (body) VALUES (?)", (_text(event),))
        return reference

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise BusyError(f"{self.path}: another process is writing. Try again.", "another process") from error
            raise OutsideError(f"{self.path}: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _repeated(quote: Quote, idempotency_key: str, quote_id: str, body: str) -> Applied:
    if quote_id != quote.quote_id:
        raise QuoteError(
            Fault(f"quote {quote.quote_id}", f"key {idempotency_key!r} has been used for quote {quote_id}.")
        )
    return msgspec.json.decode(body, type=Applied)


def _live(connection: sqlite3.Connection, column: str, value: str) -> list[Item]:
    found = connection.execute(f"SELECT body FROM item WHERE is_live AND {column} = ?", (value,)).fetchall()
    return [msgspec.json.decode(body, type=Item) for (body,) in found]


def _stored(item: Item) -> tuple[object, ...]:
    is_live = item.valid_to is None
    return (item.item_id, to_seconds(item.valid_from), item.account_id, item.subscription_id, is_live, _text(item))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
