"""Events as client libraries send them: the shape that Segment and RudderStack share, and PostHog's turned into it.

An event that ``read_event`` takes can be worked on later; everything else is refused at the door with what to mend.
"""

from __future__ import annotations

import hashlib
import math
import re
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from upstep.state.inbox import Received

EVENT_BYTES_MOST = 32 * 1024
TEXT_MOST = 255  # Ids and names are keys of tables.

_KINDS = {
    "track": "track",
    "page": "track",
    "screen": "track",
    "identify": "identify",
    "group": "group",
    "alias": "alias",
}
_PAGES = {"page": "Page", "screen": "Screen"}
_GROUP_TYPES = ("company", "account", "organization", "organisation", "workspace", "team")

Id = str | int | None
Moment = str | int | float | None


class Context(msgspec.Struct, rename="camel"):
    """What libraries add to an event; only what we use."""

    group_id: Id = None
    traits: dict[str, Any] | None = None


TOKEN = "upstep_token"  # noqa: S105 - the name under which an event brings one
"""Where an event of a page says who speaks: in its context, for PostHog in its properties. It is kept nowhere."""


class Event(msgspec.Struct, rename="camel"):
    """One call of a client library."""

    type: str = ""
    message_id: str | None = None
    user_id: Id = None
    anonymous_id: Id = None
    previous_id: Id = None
    group_id: Id = None
    event: str | None = None
    name: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: Context | None = None
    timestamp: Moment = None
    original_timestamp: Moment = None
    sent_at: Moment = None

    @property
    def named(self) -> str:
        """What a setting calls it: a page's view has the name that Segment's destinations give it."""
        if self.type in _PAGES:
            kind = _PAGES[self.type]
            return f"Viewed {self.name} {kind}" if self.name else f"Loaded a {kind}"
        return self.event or ""

    @property
    def person(self) -> str | None:
        """Whose it is: the contact, else the anonymous visitor."""
        return _id(self.user_id) or _id(self.anonymous_id)

    @property
    def contact(self) -> str | None:
        """The contact that the event itself names."""
        return _id(self.user_id)

    @property
    def group(self) -> str | None:
        """The account that the event itself names."""
        # Most events name it in the context, so what is asked last is not looked up first.
        found = _named(self.group_id) or _named(self.context and self.context.group_id)
        if found or not self.properties:
            return found
        return _named(self.properties.get("groupId")) or _named(self.properties.get("account_id"))

    @property
    def all_traits(self) -> Mapping[str, Any]:
        """Traits where Segment puts them, and where RudderStack does."""
        beside = self.context.traits if self.context and self.context.traits else {}
        return {**beside, **(self.traits or {})}


class Batch(msgspec.Struct, rename="camel"):
    """What Segment's and RudderStack's libraries send at once."""

    batch: list[msgspec.Raw]
    sent_at: Moment = None
    write_key: str | None = None


class PostHogBatch(msgspec.Struct):
    """What PostHog's libraries send at once."""

    batch: list[msgspec.Raw]
    api_key: str | None = None
    sent_at: Moment = None


class PostHogEvent(msgspec.Struct):
    """One event of PostHog's libraries."""

    event: str
    distinct_id: Id = None
    properties: dict[str, Any] = {}
    uuid: str | None = None
    timestamp: Moment = None
    sets: dict[str, Any] | None = msgspec.field(default=None, name="$set")


class RefusedEventError(ValueError):
    """An event that cannot be taken: what was found, and what to do."""

    def __init__(self, found: str, advice: str) -> None:
        self.found = found
        self.advice = advice
        super().__init__(f"{found} {advice}")


_TOKEN_BYTES = TOKEN.encode()
_SPELLED_OUT = re.compile(rb"\\u00[2-7]")  # a plain letter written as JSON may: the token's name, perhaps
_EVENTS = msgspec.json.Decoder(Event)
_POSTHOG = msgspec.json.Decoder(PostHogEvent)
_ENCODER = msgspec.json.Encoder()


def decode_event(body: bytes | msgspec.Raw) -> Event:
    """An event from its JSON.

    Raises:
        RefusedEventError: It is none.
    """
    try:
        return _EVENTS.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedEventError(f"the event cannot be read ({error}).", "Send it as the library makes it.") from None


def without_token(raw: bytes | msgspec.Raw) -> tuple[bytes, str | None]:
    """An event's JSON without the token that it may bring, wherever that stands, and the token.

    What is no JSON comes back as it is: whoever reads it says so.
    """
    body = bytes(raw)
    if _TOKEN_BYTES not in body and (b"\\u00" not in body or _SPELLED_OUT.search(body) is None):
        return body, None
    try:
        said = msgspec.json.decode(body)
        tokens = _taken_out(said)
        return _ENCODER.encode(said), next((one for one in tokens if isinstance(one, str)), None)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return body, None


def _taken_out(said: Any) -> list[Any]:
    """Remove what is called ``TOKEN`` at any depth; what it was, the outermost first."""
    found: list[Any] = []
    inside = deque([said])
    while inside:
        here = inside.popleft()
        if isinstance(here, dict):
            found += [here.pop(TOKEN)] if TOKEN in here else []
            inside.extend(here.values())
        elif isinstance(here, list):
            inside.extend(here)
    return found


def read_event(raw: bytes | msgspec.Raw, *, sent_at: Moment, received_at: datetime, kind: str = "") -> Received:
    """Look at one event of Segment's shape at the door.

    Args:
        raw: Its JSON.
        sent_at: When the client says it sent the request; the event's own word goes before.
        received_at: When it came.
        kind: What the path says it is, where the event itself does not.

    Raises:
        RefusedEventError: It cannot be taken.
    """
    body = bytes(raw)
    if len(body) > EVENT_BYTES_MOST:
        raise RefusedEventError(
            f"the event has {len(body):,} bytes, more than {EVENT_BYTES_MOST:,}.", "Send fewer or shorter properties."
        )
    event = decode_event(raw)
    if not event.type and kind:
        event.type = kind
        body = _ENCODER.encode({**msgspec.json.decode(body), "type": kind})
    _check(event)
    at = occurred(event, sent_at=event.sent_at or sent_at, received_at=received_at)
    return Received(_message_id(event, body), _KINDS[event.type], at, math.floor(_seconds(received_at)), body)


def read_posthog(raw: bytes | msgspec.Raw, *, sent_at: Moment, received_at: datetime) -> Received:
    """Look at one event of PostHog's shape, and give it Segment's.

    Raises:
        RefusedEventError: It cannot be taken.
    """
    if len(bytes(raw)) > EVENT_BYTES_MOST:
        raise RefusedEventError(f"the event has more than {EVENT_BYTES_MOST:,} bytes.", "Send fewer properties.")
    try:
        event = _POSTHOG.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedEventError(f"the event cannot be read ({error}).", "Send it as the library makes it.") from None
    return read_event(_ENCODER.encode(_as_segment(event)), sent_at=sent_at, received_at=received_at)


def _as_segment(event: PostHogEvent) -> dict[str, Any]:
    said = event.properties
    person = event.distinct_id or said.get("distinct_id")
    traits = {**_pairs(said.get("$set_once")), **_pairs(said.get("$set")), **_pairs(event.sets)}
    common = {"messageId": event.uuid, "userId": person, "timestamp": event.timestamp}
    if event.event in ("$identify", "$set"):
        return {**common, "type": "identify", "anonymousId": said.get("$anon_distinct_id"), "traits": traits}
    if event.event == "$groupidentify":
        return {**common, "type": "group", "groupId": said.get("$group_key"), "traits": said.get("$group_set")}
    if event.event == "$create_alias":
        return {**common, "type": "alias", "previousId": said.get("alias")}
    groups = _pairs(said.get("$groups"))
    group = next((groups[kind] for kind in _GROUP_TYPES if kind in groups), next(iter(groups.values()), None))
    own = {name: value for name, value in said.items() if not name.startswith("$") and name != "token"}
    return {**common, "type": "track", "event": event.event, "properties": own, "context": {"groupId": group}}


def _pairs(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}


def _check(event: Event) -> None:
    if event.type not in _KINDS:
        raise RefusedEventError(f"type '{event.type[:40]}' is not known.", f"Known: {', '.join(_KINDS)}.")
    group = event.group
    ids = (event.message_id, event.user_id, event.anonymous_id, event.previous_id, event.group_id, group)
    named = (*ids, event.event, event.name)
    words = [said if isinstance(said, str) else str(said) for said in named if said is not None]
    # Looked at one by one only where all of them together are not short and plain.
    together = "".join(words)
    if len(together) > TEXT_MOST or not together.isprintable():
        _check_each(words)
    if event.type == "track" and not event.event:
        raise RefusedEventError("'event' is missing.", "A track call names what happened.")
    if event.type == "group" and not _id(event.group_id):
        raise RefusedEventError("'groupId' is missing.", "A group call names the account.")
    if group is None and event.type != "group" and event.person is None:
        raise RefusedEventError("'userId' and 'anonymousId' are missing.", "Say whose event it is.")


def _check_each(words: Iterable[str]) -> None:
    for said in words:
        if len(said) > TEXT_MOST or not said.isprintable():
            raise RefusedEventError(
                f"an id or a name has {len(said)} letters, or some that cannot be printed: '{_shown(said)}'.",
                f"At most {TEXT_MOST} are read.",
            )


def _shown(said: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in said[:40])


def _named(said: object) -> str | None:
    """An account's id, where something else may stand as well."""
    return _id(said) if isinstance(said, str | int) else None


def _id(said: Id) -> str | None:
    """An id as text; what is empty is none."""
    if type(said) is str:
        return said.strip() or None
    return None if said is None or isinstance(said, bool) else str(said).strip() or None


def _message_id(event: Event, body: bytes) -> str:
    """The event's own id. Without one, the same event at the same instant is one; without that too, it is new."""
    if event.message_id:
        return event.message_id
    if event.timestamp is None and event.original_timestamp is None:
        return str(uuid.uuid4())
    return "sha256:" + hashlib.sha256(body).hexdigest()


def occurred(event: Event, *, sent_at: Moment, received_at: datetime) -> int:
    """When it happened (seconds), by our clock: received - (sent - said), as Segment documents it.

    A client's clock may be wrong; how long the event waited there is not, since one clock measured both ends.
    """
    came = math.floor(_seconds(received_at))
    said = instant_of(event.original_timestamp if event.original_timestamp is not None else event.timestamp)
    if said is None:
        return came
    sent = _sent_seconds(sent_at)
    return math.floor(said.timestamp() if sent is None else came - (sent - said.timestamp()))


@lru_cache(maxsize=64)
def _seconds(at: datetime) -> float:
    # The same for all that come in one request.
    return at.timestamp()


@lru_cache(maxsize=256)
def _sent_seconds(said: Moment) -> float | None:
    sent = instant_of(said)
    return None if sent is None else sent.timestamp()


def instant_of(said: Moment) -> datetime | None:
    """ISO 8601, or milliseconds or seconds since 1970; None where it is neither."""
    try:
        if isinstance(said, str):
            instant = datetime.fromisoformat(said.strip())
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if isinstance(said, int | float) and not isinstance(said, bool):
            return datetime.fromtimestamp(said / 1000 if said > 1e11 else said, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def whole(said: object) -> int | None:
    """A count as a whole number: 5, 5.0 or "5"; None for anything else."""
    if isinstance(said, bool):
        return None
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if isinstance(said, str) and said.strip().isdecimal() and len(said) < 16:
        said = int(said)
    return said if isinstance(said, int) and 0 <= said < 10**15 else None


class Fault(Protocol):
    """What is wrong with an event."""

    found: str
    advice: str


def faults_of(errors: Sequence[tuple[int, Fault]]) -> list[dict[str, Any]]:
    """What is wrong with events, as an answer lists them."""
    return [{"index": index, "found": error.found, "advice": error.advice} for index, error in errors]
