"""Who is who: to which account a person belongs, whose an anonymous id is, and what events told of people and accounts.

What an event repeats is no news. So a trait that says again and again what it always said never overwrites what the
company's own table says meanwhile, and most identify calls change no fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from upstep.clock import from_seconds, iso
from upstep.engine.intake.arriving import Event, Id
from upstep.engine.intake.pages import OWN, fill
from upstep.engine.intake.traits import TRUSTED, columns_of
from upstep.state.inbox import Inbox
from upstep.tables.current import current_rows

_TABLES = ("contact", "account")
_TELLING = ("identify", "group")
_SEEN = "seen_account_id"
_PAGE = "page_account_id"


class Heard(NamedTuple):
    """An event, and who says it.

    It is public where a page sent it, whose key anybody can read; then a token may prove that its person speaks, for
    ``account``.
    """

    event: Event
    is_public: bool = False
    account: str | None = None


class Identities:
    """What is known of the people and accounts that some events name.

    Args:
        project: The project's folder.
        inbox: Remembers what events told before.
        events: All that will be heard; what they name is looked up at once.
        is_trusted: Whether events of other keys may tell who may buy, and another email than is known.
    """

    def __init__(self, project: Path, inbox: Inbox, events: Sequence[Heard], *, is_trusted: bool) -> None:
        self._project = project
        self._is_trusted = is_trusted
        self._heard: dict[tuple[str, str], dict[str, Any]] = {}
        self._facts: dict[str, dict[str, dict[str, Any]]] = {table: {} for table in _TABLES}
        contacts, accounts, anonymous = set(), set(), set()
        for event, _, _ in events:
            contacts.add(_text(event.user_id))
            anonymous |= {_text(event.anonymous_id), _text(event.previous_id)}
            accounts.add(_text(event.group_id))
        self._before: dict[tuple[str, str], dict[str, Any]] = {}
        for kind, keys in (("alias", anonymous), ("account", accounts)):
            self._remember(inbox, kind, keys)
        contacts |= {row["contact_id"] for (kind, _), row in self._before.items() if kind == "alias"}
        self._remember(inbox, "contact", contacts)
        self._look_before(events)

    def _look_before(self, events: Sequence[Heard]) -> None:
        """Find what must be known of people and accounts before anything is heard of them."""
        wanted: dict[str, set[str]] = {table: set() for table in _TABLES}
        for event, is_public, _ in events:
            contact, account = _text(event.user_id), event.group
            if contact and event.type in _TELLING and (is_public or self._is_mail(event, contact)):
                wanted["contact"].add(contact)
            if account and event.type == "group" and is_public:
                wanted["account"].add(account)
        for table, keys in wanted.items():
            self._find(table, keys)

    def _is_mail(self, event: Event, contact: str) -> bool:
        """Whether an email is told that may not be believed."""
        is_told = event.type == "identify" and "email" in event.all_traits
        return is_told and not self._is_trusted and not self._row("contact", contact).get("email")

    def _remember(self, inbox: Inbox, kind: str, keys: set[str | None]) -> None:
        wanted = sorted(key for key in keys if key is not None)
        for key, row in inbox.told(kind, wanted).items():
            self._before[(kind, key)] = row

    # What events tell

    def hear(self, event: Event, *, at: int, is_public: bool = False, account: str | None = None) -> list[str]:
        """Take in what an event tells of a person or an account; the rest is as ``Heard`` says.

        Returns:
            What a public event may not say and said, such as "account.owner_id".
        """
        if is_public:
            return self._hear_page(event, at=at, proven=account)
        contact, account, anonymous = _text(event.user_id), event.group, _anonymous(event)
        if contact and anonymous and contact != anonymous:
            self._hear("alias", anonymous, {"contact_id": contact})
        if event.type == "identify" and contact:
            self._hear("contact", contact, self._believed(contact, columns_of("contact", event.all_traits)))
        if event.type == "group" and account:
            told = columns_of("account", event.traits or {})
            self._hear("account", account, {**told, "first_at": self._first_at(account, at)})
        if contact and account:
            # Who works for several accounts is seen in each; where they belong is said by group and identify calls.
            said = "account_id" if event.type in _TELLING else _SEEN
            if said != _SEEN or _SEEN not in self._row("contact", contact):
                self._hear("contact", contact, {said: account})
        return []

    def _hear_page(self, event: Event, *, at: int, proven: str | None) -> list[str]:
        """Let a page fill gaps: it changes nothing that is known, and moves nobody to another account.

        Whom a token proves to speak may change what people say of themselves, and is seen with the account it names.
        """
        contact, account, anonymous = _text(event.user_id), event.group, _anonymous(event)
        refused: list[str] = []
        if contact and anonymous and contact != anonymous:
            whose = self._row("alias", anonymous).setdefault("contact_id", contact)
            self._hear("alias", anonymous, {"contact_id": whose})
            refused += ["alias.contact_id"] if whose != contact else []
        if event.type == "identify" and contact:
            told = columns_of("contact", event.all_traits)
            if proven:
                self._hear("contact", contact, {column: told.pop(column) for column in OWN & told.keys()})
            refused += self._fill("contact", contact, told)
        if event.type == "group" and account:
            refused += self._fill("account", account, columns_of("account", event.traits or {}))
            if account not in self._facts["account"]:
                self._hear("account", account, {"first_at": self._first_at(account, at)})
        if contact and proven and _SEEN not in self._row("contact", contact):
            # Your server signed it, so it saw them; it does not move whom your server or your table put elsewhere.
            self._hear("contact", contact, {_SEEN: proven})
        if contact and account:
            if not self._row("contact", contact).keys() & {"account_id", _SEEN, _PAGE}:
                self._hear("contact", contact, {_PAGE: account})
            is_elsewhere = self._home(contact) != account
            refused += ["contact.account_id"] if event.type in _TELLING and is_elsewhere else []
        return refused

    def _fill(self, table: str, key: str, said: Mapping[str, Any]) -> list[str]:
        known = self._facts[table].get(key, {})
        taken, refused = fill(table, key, said, known=known, told=self._row(table, key))
        self._hear(table, key, taken)
        return [f"{table}.{column}" for column in refused]

    def _believed(self, contact: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """What is told without that which a key in a browser must not say."""
        if self._is_trusted:
            return dict(told)
        known = self._row("contact", contact).get("email") or self._facts["contact"].get(contact, {}).get("email")
        left_out = TRUSTED | ({"email"} if known not in {None, "", told.get("email")} else set())
        return {column: value for column, value in told.items() if column not in left_out}

    def _first_at(self, account: str, at: int) -> int:
        known = self._row("account", account).get("first_at", at)
        return int(min(known, at))

    def _hear(self, kind: str, key: str, columns: Mapping[str, Any]) -> None:
        self._heard.setdefault((kind, key), {}).update(columns)

    def _row(self, kind: str, key: str) -> dict[str, Any]:
        return {**self._before.get((kind, key), {}), **self._heard.get((kind, key), {})}

    def told(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What is to be remembered anew."""
        return {of: self._row(*of) for of in self._heard if self._changes(of)}

    def _changes(self, of: tuple[str, str]) -> dict[str, Any]:
        before = self._before.get(of, {})
        return {name: value for name, value in self._heard[of].items() if before.get(name) != value}

    # Who is who

    def contact_of(self, event: Event) -> str | None:
        """The contact: the user, or the one whose anonymous id it is."""
        anonymous = _text(event.anonymous_id)
        known = self._row("alias", anonymous).get("contact_id") if anonymous else None
        return _text(event.user_id) or known

    def person_of(self, event: Event) -> str | None:
        """The contact, or the anonymous id while nobody has said whose it is."""
        return self.contact_of(event) or _text(event.anonymous_id)

    def account_of(self, event: Event) -> str | None:
        """The account: the one that the event names, else that of its contact."""
        if event.group is not None:
            return event.group
        contact = self.contact_of(event)
        if contact is None:
            return None
        return self._home(contact)

    def _home(self, contact: str) -> str | None:
        """Where a contact belongs: what a server said, what facts say, where a server saw them, what a page said."""
        told = self._row("contact", contact)
        known = None if self._is_of_page(contact) else self._facts["contact"].get(contact, {}).get("account_id")
        found = told.get("account_id") or known or told.get(_SEEN) or told.get(_PAGE)
        return str(found) if found is not None else None

    def _is_of_page(self, contact: str) -> bool:
        """Whether facts have a contact's account from a page, and a server saw them since."""
        told = self._row("contact", contact)
        known = self._facts["contact"].get(contact, {}).get("account_id")
        return known is not None and known == told.get(_PAGE) and told.get(_SEEN) is not None

    def newly_placed(self) -> list[str]:
        """Contacts whose account, and anonymous ids whose contact, was told now."""
        found = []
        for kind, key in self._heard:
            changed = self._changes((kind, key))
            if (kind == "contact" and changed.keys() & {"account_id", _SEEN, _PAGE}) or (kind == "alias" and changed):
                found.append(key)
        return found

    def look_up(self, events: Sequence[Event]) -> None:
        """Find in the facts the contacts of events that name no account, where no event has told of them."""
        wanted = {self.contact_of(event) for event in events if event.group is None}
        wanted -= {contact for contact in wanted if contact and self._row("contact", contact).get("account_id")}
        self._find("contact", {contact for contact in wanted if contact is not None})

    def _find(self, table: str, keys: set[str]) -> None:
        missing = sorted(keys - self._facts[table].keys())
        self._facts[table].update(current_rows(self._project, table, missing))

    # What becomes of it

    def news(self) -> list[tuple[str, dict[str, Any]]]:
        """Rows of contacts and accounts of which something new was told, on top of what the facts say."""
        changed = {of: self._changes(of) for of in self._heard if of[0] in _TABLES}
        changed = {of: columns for of, columns in changed.items() if columns}
        for table in _TABLES:
            self._find(table, {key for kind, key in changed if kind == table})
        rows = []
        for (table, key), columns in changed.items():
            known = self._facts[table].get(key)
            # A row that is not there yet, or was not while its account was unknown, gets all that was ever told.
            said = columns if known is not None else self._row(table, key)
            row = {**(known or {}), **said, f"{table}_id": key}
            first_at, _, _ = (row.pop(name, None) for name in ("first_at", _SEEN, _PAGE))
            if table == "contact" and "account_id" not in said and (known is None or _SEEN in said):
                row["account_id"] = self._home(key) if known is None or self._is_of_page(key) else known["account_id"]
            if table == "account":
                row.setdefault("name", key)
                row.setdefault("created_at", iso(from_seconds(first_at)) if first_at is not None else None)
            if row.get("account_id") and row != known:
                rows.append((table, row))
        return rows


def _anonymous(event: Event) -> str | None:
    """The anonymous id whose owner an event tells."""
    return _text(event.previous_id if event.type == "alias" else event.anonymous_id)


def _text(said: Id) -> str | None:
    return None if said is None else str(said).strip() or None
