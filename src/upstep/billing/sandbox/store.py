"""The sandbox's file: items, books, events and answers in SQLite. One transaction for each verb."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from upstep.billing.change import BillingMode, Item
from upstep.billing.naming import BY_ID, Names
from upstep.billing.provider import Answer, Applied, Declined, Event, NeedsConfirmation
from upstep.billing.sandbox.book import Book, take_over
from upstep.clock import to_seconds
from upstep.errors import BusyError, OutsideError

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
CREATE TABLE IF NOT EXISTS book (account_id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS awaiting (reference TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""
_ANSWERS: dict[str, type[Applied | Declined | NeedsConfirmation]] = {
    "applied": Applied,
    "declined": Declined,
    "needs_confirmation": NeedsConfirmation,
}


class Store:
    """The SQLite file at ``path``, which is created if it is not there."""

    def __init__(self, path: Path, *, mode: BillingMode, names: Names = BY_ID) -> None:
        self.path, self.mode, self.names = path, mode, names
        self._shared = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.reading() as view:
            view.connection.execute("PRAGMA journal_mode=WAL")
            view.connection.executescript(_FORM)

    @contextmanager
    def reading(self) -> Iterator[View]:
        """A view that never waits for a writer.

        Raises:
            BusyError: Another process has been writing for too long.
            OutsideError: The file cannot be read.
        """
        shared: View | None = getattr(self._shared, "view", None)
        if shared is not None:
            yield shared
            return
        try:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                yield View(connection, self.mode, self.names)
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise BusyError(f"{self.path}: another process is writing. Try again.", "another process") from error
            raise OutsideError(f"{self.path}: {error}") from error

    @contextmanager
    def together(self, account_ids: Iterable[str] = ()) -> Iterator[None]:
        """Within it this thread reads through one connection, as of one instant: for asking about many accounts.

        Of those named what is kept is read ahead, in a few statements for all of them.
        """
        with self.reading() as view:
            if getattr(self._shared, "view", None) is not None:
                yield
                return
            view.connection.execute("BEGIN")
            try:
                self._shared.view = view.reading_ahead(account_ids)
                yield
            finally:
                self._shared.view = None
                view.connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[View]:
        """A view in a transaction that writes all or nothing. Errors are those of ``reading``."""
        with self.reading() as view:
            view.connection.execute("BEGIN IMMEDIATE")
            try:
                yield view
            except BaseException:
                view.connection.execute("ROLLBACK")
                raise
            view.connection.execute("COMMIT")


@dataclass(frozen=True)
class Kept:
    """What is kept of one account: its book as it was written, None where there is none, and its live items."""

    book: str | None = None
    items: list[Item] = field(default_factory=list)


_AT_ONCE = 500
_NOT_KEPT = ("events", "names")
"""Of a book: events are rows of their own, and names are the catalog's."""


@dataclass(frozen=True)
class View:
    """What can be read and written within one transaction."""

    connection: sqlite3.Connection
    mode: BillingMode
    names: Names = BY_ID
    ahead: Mapping[str, Kept] = field(default_factory=dict)

    def reading_ahead(self, account_ids: Iterable[str]) -> View:
        """The same with what is kept of these accounts, read at once: for a view of one instant."""
        wanted = list(dict.fromkeys(account_ids))
        ahead = {account_id: Kept() for account_id in wanted}
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            among = f"account_id IN ({', '.join('?' * len(some))})"
            found = self.connection.execute(f"SELECT account_id, body FROM book WHERE {among}", some)
            ahead |= {account_id: Kept(body) for account_id, body in found}
            items = (
                f"SELECT account_id, body FROM item WHERE is_live AND {among} ORDER BY account_id, item_id, valid_from"
            )
            for account_id, body in self.connection.execute(items, some):
                ahead[account_id].items.append(msgspec.json.decode(body, type=Item))
        return replace(self, ahead=ahead)

    def add_items(self, items: Iterable[Item]) -> int:
        """Items that are not there yet; returns how many were new."""
        before = self.connection.total_changes
        self.connection.executemany("INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?, ?)", map(_stored, items))
        return self.connection.total_changes - before

    def items(self, *, account_id: str | None = None, subscription_id: str | None = None) -> list[Item]:
        """The live items of an account or of a subscription."""
        if subscription_id is None and account_id is not None and account_id in self.ahead:
            return list(self.ahead[account_id].items)
        column, value = ("account_id", account_id) if subscription_id is None else ("subscription_id", subscription_id)
        found = self.connection.execute(f"SELECT body FROM item WHERE is_live AND {column} = ?", (value,)).fetchall()
        return [msgspec.json.decode(body, type=Item) for (body,) in found]

    def is_known(self, account_id: str) -> bool:
        """Whether the account has a live item or a book."""
        found = "SELECT 1 FROM item WHERE is_live AND account_id = ? UNION SELECT 1 FROM book WHERE account_id = ?"
        return self.connection.execute(found, (account_id, account_id)).fetchone() is not None

    def accounts(self) -> list[str]:
        """Every account with a live item or a book."""
        found = "SELECT account_id FROM item WHERE is_live UNION SELECT account_id FROM book ORDER BY 1"
        return [account_id for (account_id,) in self.connection.execute(found)]

    def book(self, account_id: str, at: datetime | None) -> Book:
        """The account's book; of one that nobody has written in, as it was taken over at that instant.

        Args:
            account_id: Which account.
            at: None: taken over in the periods that its items name; it has some then.
        """
        body = self._body(account_id)
        items = self.items(account_id=account_id)
        if body is None:
            book = take_over(account_id, items, at=at, mode=self.mode)
        else:
            book = _with_new_items(msgspec.json.decode(body, type=Book), items, at=at, mode=self.mode)
        return replace(book, names=self.names)

    def _body(self, account_id: str) -> str | None:
        if account_id in self.ahead:
            return self.ahead[account_id].book
        row = self.connection.execute("SELECT body FROM book WHERE account_id = ?", (account_id,)).fetchone()
        return row[0] if row else None

    def keep(self, book: Book) -> None:
        """Write the book, and its events with the items they speak of."""
        for event in book.events:
            # The interval that begins is written last: when the old one began in the same second, it replaces it.
            for item in filter(None, (event.before, event.after)):
                self.connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)", _stored(item))
            self.connection.execute("INSERT INTO event (body) VALUES (?)", (_text(event),))
        body = _text({name: value for name, value in vars(book).items() if name not in _NOT_KEPT})
        self.connection.execute("INSERT OR REPLACE INTO book VALUES (?, ?)", (book.account_id, body))

    def events(self, cursor: str | None) -> Sequence[Event]:
        """The events after that one."""
        found = self.connection.execute(
            "SELECT sequence, body FROM event WHERE sequence > ? ORDER BY sequence", (int(cursor or 0),)
        ).fetchall()
        return [
            msgspec.convert({**msgspec.json.decode(body), "cursor": str(n)}, Event, strict=False) for n, body in found
        ]

    def answer(self, idempotency_key: str) -> tuple[str, Answer] | None:
        """What was answered to that key, with the subject it was for."""
        row = self.connection.execute(
            "SELECT quote_id, body FROM applied WHERE idempotency_key = ?", (idempotency_key,)
        ).fetchone()
        if row is None:
            return None
        body = msgspec.json.decode(row[1])
        kind = body.pop("kind", "applied")
        return row[0], msgspec.convert(body, _ANSWERS[kind], strict=False)

    def keep_answer(self, idempotency_key: str, subject: str, answer: Answer) -> None:
        """Keep an answer, in place of an earlier one to the same key."""
        kind = next(kind for kind, form in _ANSWERS.items() if isinstance(answer, form))
        body = _text({"kind": kind, **msgspec.to_builtins(answer)})
        self.connection.execute("INSERT OR REPLACE INTO applied VALUES (?, ?, ?)", (idempotency_key, subject, body))

    def keep_awaiting(self, reference: str, awaiting: object) -> None:
        """Keep what is done once it is confirmed."""
        self.connection.execute("INSERT OR REPLACE INTO awaiting VALUES (?, ?)", (reference, _text(awaiting)))

    def awaiting(self, reference: str) -> str | None:
        """What is done once that is confirmed, as it was written."""
        row = self.connection.execute("SELECT body FROM awaiting WHERE reference = ?", (reference,)).fetchone()
        return row[0] if row else None


def _with_new_items(book: Book, items: Sequence[Item], *, at: datetime | None, mode: BillingMode) -> Book:
    """Items that were seeded after the book was begun are taken over too."""
    known = {each.item.item_id for each in book.positions}
    new = [item for item in items if item.item_id not in known]
    if not new:
        return book
    taken = take_over(book.account_id, new, at=at, mode=mode)
    return replace(book.put(taken.positions), held=(*book.held, *taken.held))


def _stored(item: Item) -> tuple[object, ...]:
    is_live = item.valid_to is None
    return (item.item_id, to_seconds(item.valid_from), item.account_id, item.subscription_id, is_live, _text(item))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
