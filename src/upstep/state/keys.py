"""Keys of the HTTP API: shown once, kept as a digest; each with scopes, an end, and when it was last used."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from upstep.errors import ConfigError, Fault, did_you_mean
from upstep.state import audit
from upstep.state.session import reading, writing
from upstep.state.tables import api_key as table

SCOPES = ("ingest", "browser", "read", "act", "admin")
"""What a key may do: send events from servers; send events from pages, where anybody can read it; read; write;
everything. ``admin`` includes all others."""

_USED_EVERY = timedelta(minutes=1)
_FORM = re.compile(r"ups_([a-z2-7]{13})_([A-Za-z0-9_-]{43})")
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]{0,30}://[A-Za-z0-9.:_\[\]-]{1,250}")
_SYMBOLS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class ApiKey:
    """A key as it is kept: all but the key itself."""

    key_id: str
    name: str
    scopes: frozenset[str]
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    page_seen_at: datetime | None = None
    page_origin: str | None = None

    def may(self, scope: str) -> bool:
        """Whether it carries the scope."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def is_leaked(self) -> bool:
        """Whether a page sent it although it is for servers: whoever opened that page may have it."""
        return self.page_seen_at is not None and not self.is_public

    @property
    def is_public(self) -> bool:
        """Whether anybody can read it, whatever else it may do."""
        return "browser" in self.scopes

    def is_good(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return (self.revoked_at is None or now < self.revoked_at) and (self.expires_at is None or now < self.expires_at)


def make_key(
    connection: sa.Connection,
    name: str,
    scopes: Iterable[str],
    *,
    by: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[str, str]:
    """Make a key, in the caller's transaction. Its id, and the key itself, which nobody can read again.

    Raises:
        ConfigError: A scope is not known, or none is named.
    """
    wanted = _checked(scopes)
    key_id = "".join(secrets.choice(_SYMBOLS) for _ in range(13))
    secret = f"ups_{key_id}_{secrets.token_urlsafe(32)}"
    row = {"key_id": key_id, "name": name, "digest": _digest(secret), "scopes": wanted}
    connection.execute(sa.insert(table).values(**row, made_at=now, made_by=by, expires_at=expires_at))
    audit.note(connection, "key made", subject=key_id, who=by, at=now, details={"name": name, "scopes": wanted})
    return key_id, secret


def _checked(scopes: Iterable[str]) -> list[str]:
    wanted = set(scopes)
    faults = [Fault("scope", f"'{word}' is not known.", did_you_mean(word, SCOPES)) for word in wanted - {*SCOPES}]
    if not wanted:
        faults = [Fault("scope", "none is named.", f"Name one or more of {', '.join(SCOPES)}.")]
    if faults:
        raise ConfigError(faults)
    return [scope for scope in SCOPES if scope in wanted]


def _digest(secret: str) -> str:
    # 256 random bits cannot be guessed, so a plain digest guards them; a slow one would only slow each request down.
    return hashlib.sha256(secret.encode()).hexdigest()


def check_key(engine: sa.Engine, secret: str, now: datetime) -> ApiKey | None:
    """The good key that this is; None when there is none. Notes at most once a minute that it was used."""
    found = _FORM.fullmatch(secret)
    if found is None:
        return None
    with reading(engine) as connection:
        row = connection.execute(sa.select(table).where(table.c.key_id == found[1])).first()
    # Compared in constant time, and also where no such key exists, so that the time taken tells nothing.
    known = row.digest if row else _digest("")
    if not hmac.compare_digest(known, _digest(secret)) or row is None:
        return None
    key = _key(row)
    if not key.is_good(now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= _USED_EVERY:
        _note_use(engine, key.key_id, now)
    return key


def _note_use(engine: sa.Engine, key_id: str, now: datetime) -> None:
    is_due = table.c.last_used_at.is_(None) | (table.c.last_used_at <= now - _USED_EVERY)
    with writing(engine) as connection:
        connection.execute(sa.update(table).where(table.c.key_id == key_id, is_due).values(last_used_at=now))


def note_page(engine: sa.Engine, key_id: str, origin: str, now: datetime) -> None:
    """Keep that a page sent a key, when and of which origin; whoever sent it wrote the origin."""
    said = origin if _ORIGIN.fullmatch(origin) else "an origin that is none"
    with writing(engine) as connection:
        seen = {"page_seen_at": now, "page_origin": said}
        connection.execute(sa.update(table).where(table.c.key_id == key_id).values(seen))


def list_keys(engine: sa.Engine) -> list[ApiKey]:
    """All keys that were ever made, oldest first."""
    with reading(engine) as connection:
        return [_key(row) for row in connection.execute(sa.select(table).order_by(table.c.made_at, table.c.key_id))]


def rotate_key(
    connection: sa.Connection, key_id: str, *, by: str, now: datetime, overlap: timedelta
) -> tuple[str, str]:
    """A new key in the place of one that is good, which itself works on for ``overlap`` so that nothing stops.

    Raises:
        ConfigError: No key of that id is good.
    """
    old = _good(connection, key_id, now)
    fresh_until = now + (old.expires_at - old.made_at) if old.expires_at else None
    new_id, secret = make_key(connection, old.name, old.scopes, by=by, now=now, expires_at=fresh_until)
    ends_at = min(now + overlap, old.expires_at or now + overlap)
    connection.execute(sa.update(table).where(table.c.key_id == key_id).values(expires_at=ends_at))
    audit.note(connection, "key rotated", subject=key_id, who=by, at=now, details={"new_key_id": new_id})
    return new_id, secret


def revoke_key(connection: sa.Connection, key_id: str, *, by: str, now: datetime) -> bool:
    """End a key at once; False when it had ended before.

    Raises:
        ConfigError: There is no key of that id.
    """
    known = connection.execute(sa.select(table).where(table.c.key_id == key_id)).first()
    if known is None:
        raise _unknown(connection, key_id)
    if not _key(known).is_good(now):
        return False
    connection.execute(sa.update(table).where(table.c.key_id == key_id).values(revoked_at=now))
    audit.note(connection, "key revoked", subject=key_id, who=by, at=now)
    return True


def named_key(connection: sa.Connection, key: str, *, now: datetime) -> str:
    """The id of a key by its id, or by its name where one good key has it; what is neither stays as it is.

    Raises:
        ConfigError: Several good keys have that name.
    """
    rows = [_key(row) for row in connection.execute(sa.select(table))]
    found = [one.key_id for one in rows if one.name == key and one.is_good(now)]
    if any(one.key_id == key for one in rows) or not found:
        return key
    if len(found) > 1:
        raise ConfigError(
            Fault(f"key {key}", f"is the name of {len(found)}: {', '.join(found)}.", "Name one by its id.")
        )
    return found[0]


def _good(connection: sa.Connection, key_id: str, now: datetime) -> ApiKey:
    row = connection.execute(sa.select(table).where(table.c.key_id == key_id)).first()
    if row is None:
        raise _unknown(connection, key_id)
    key = _key(row)
    if not key.is_good(now):
        raise ConfigError(Fault(f"key {key_id}", "has ended.", "Make another: upstep keys make."))
    return key


def _unknown(connection: sa.Connection, key_id: str) -> ConfigError:
    rows = connection.execute(sa.select(table.c.key_id, table.c.name)).all()
    known = [str(word) for row in rows for word in row]
    return ConfigError(Fault(f"key {key_id}", "is not known.", did_you_mean(key_id, known)))


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    values = {name: getattr(row, name) for name in ApiKey.__annotations__}
    return ApiKey(**values | {"scopes": frozenset(values["scopes"])})
