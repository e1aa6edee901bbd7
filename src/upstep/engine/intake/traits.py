"""What a client library tells of a person or a company, in our columns. What does not fit a column is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from upstep.clock import iso
from upstep.engine.intake.arriving import instant_of, whole
from upstep.money import CURRENCIES
from upstep.tables.schema import CONTACT_ROLES

_LETTERS_MOST = 500
# Line breaks, codes for terminals, and marks that turn the direction of what follows: no name has them, and names stand
# in subjects, lists and logs.
_UNSHOWN = re.compile(r"\s*[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+\s*")
Read = Callable[[Any], Any]


def _text(said: Any) -> str | None:
    """Text that says something."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        said = str(said)
    return _UNSHOWN.sub(" ", said).strip()[:_LETTERS_MOST] or None if isinstance(said, str) else None


def _flag(said: Any) -> bool | None:
    return said if isinstance(said, bool) else None


def _instant(said: Any) -> str | None:
    instant = instant_of(said)
    try:
        return iso(instant) if instant is not None else None
    except OverflowError:  # the first or last day of the calendar, in a zone that has it earlier or later
        return None


def _zone(said: Any) -> str | None:
    return said if isinstance(said, str) and said in available_timezones() else None


def _role(said: Any) -> str | None:
    word = str(said).strip().lower().replace(" ", "_")
    return word if word in CONTACT_ROLES else None


def _currency(said: Any) -> str | None:
    word = str(said).strip().lower()
    return word if word in CURRENCIES else None


def _words(said: Any) -> list[str] | None:
    return [word for word in said if isinstance(word, str)] if isinstance(said, list) else None


_CONTACT: tuple[tuple[str, Read, tuple[str, ...]], ...] = (
    ("name", _text, ("name",)),
    ("email", _text, ("email",)),
    ("title", _text, ("title", "jobTitle", "job_title", "position")),
    ("role", _role, ("role",)),
    ("team", _text, ("team", "department")),
    ("time_zone", _zone, ("time_zone", "timezone", "timeZone")),
    ("may_buy", _flag, ("may_buy", "mayBuy")),
    ("consents", _words, ("consents",)),
    ("created_at", _instant, ("createdAt", "created_at")),
)
_ACCOUNT: tuple[tuple[str, Read, tuple[str, ...]], ...] = (
    ("name", _text, ("name",)),
    ("created_at", _instant, ("createdAt", "created_at")),
    ("owner_id", _text, ("owner_id", "ownerId")),
    ("segment", _text, ("segment", "tier")),
    ("industry", _text, ("industry",)),
    ("country", _text, ("country",)),
    ("currency", _currency, ("currency",)),
    ("time_zone", _zone, ("time_zone", "timezone", "timeZone")),
    ("employees", whole, ("employees",)),
)
TRAITS = {"contact": _CONTACT, "account": _ACCOUNT}
"""By table: our column, how it is read, and the traits that tell it, the first that is there."""
TRUSTED = frozenset({"may_buy", "role", "consents"})
"""Columns of a contact that say who is offered what: a key that a browser sends must not set them."""


def columns_of(table: str, traits: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a contact or an account that traits tell; only those that they do tell.

    >>> columns_of("contact", {"email": "ann@acme.example", "firstName": "Ann", "lastName": "Lee", "shoe": 38})
    {'email': 'ann@acme.example', 'name': 'Ann Lee'}
    """
    found = {}
    for column, read, names in TRAITS[table]:
        said = next((traits[name] for name in names if traits.get(name) is not None), None)
        value = read(said) if said is not None else None
        if value is not None:
            found[column] = value
    if table == "contact" and "name" not in found:
        parts = (_text(traits.get(name)) for name in ("firstName", "lastName"))
        name = " ".join(part for part in parts if part)
        found |= {"name": name} if name else {}
    if table == "account" and "country" not in found and isinstance(traits.get("address"), Mapping):
        country = _text(traits["address"].get("country"))
        found |= {"country": country} if country else {}
    return found
