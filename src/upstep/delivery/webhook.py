"""The webhook channel: each message as one signed POST (Standard Webhooks), to one address, over kept connections.

``webhook-id`` follows from the message's key, so a receiver that has seen it drops the second one; therefore every
attempt that got no answer may be made again. Redirects are not followed: what was configured is what is asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import msgspec

from upstep.clock import iso
from upstep.delivery.addresses import RefusedAddressError, dial, target
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.wire import Wire, WireError
from upstep.errors import ConfigError, Fault, MaybeSentError, OutsideError

SECONDS_MAX = 10.0
_LATER = {408, 409, 423, 425, 429, 503}
"""Answers that speak of this moment: nothing was done. All others of the 4xx family refuse the message for good."""


class WebhookChannel:
    """A ``Channel`` that posts to one address. It may be used by several threads; each gets a connection of its own.

    Args:
        url: Where to.
        secret: The ``whsec_`` key.
        clock: For the time that is signed.
        allow_private: The address may be one inside the network, and http.
        trust: Whose certificates are believed; None: the system's.
    """

    name = "webhook"
    is_idempotent = True
    interrupts = True

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        clock: Callable[[], datetime],
        allow_private: bool = False,
        seconds_max: float = SECONDS_MAX,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        parts = target(url, allow_private=allow_private)
        self.host = str(parts.hostname)
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._authority = str(parts.netloc)
        self._key = _key(secret)
        self._clock = clock
        self._allow_private = allow_private
        self._seconds_max = seconds_max
        self._trust = (trust or ssl.create_default_context()) if parts.scheme == "https" else None
        self._idle: deque[Wire] = deque()

    def send(self, message: Message) -> SendResult:
        """Post it once; the receiver knows a repeated one by its id.

        Raises:
            MaybeSentError: No answer after it was handed over, or one that tells of a fault over there; the receiver
                may have it.
            OutsideError: It never left, or the answer says try later.
        """
        (told,) = self.send_many([message], together=1)
        if isinstance(told, SendResult):
            return told
        raise told

    def send_many(self, messages: Iterable[Message], *, together: int) -> Iterator[SendResult | OutsideError]:
        """Post several, some of them on their way at once, each over a connection of its own.

        Returns:
            What ``send`` returns or raises for each, in their order. The next message is taken when there is room.
        """
        underway: deque[_Post] = deque()
        for message in messages:
            underway.append(self._begun(message))
            if len(underway) >= together:
                yield self._ended(underway.popleft())
        while underway:
            yield self._ended(underway.popleft())

    def body(self, message: Message) -> bytes:
        """What is posted: the kind of event, when, and the message."""
        data = {name: getattr(message, name) for name in _TOLD} | {"subject": " ".join(message.subject.split())}
        event = {"type": f"message.{message.purpose}", "timestamp": _stamp(self._clock()), "data": data}
        return msgspec.json.encode(event, enc_hook=str)

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    # One post

    def _begun(self, message: Message) -> _Post:
        """A message handed over, over a kept connection where there is one; or the reason why it was not."""
        body, event_id = self.body(message), webhook_id(message.idempotency_key)
        post = _Post(event_id, body, self._headers(body, event_id), self._kept())
        if post.wire is None:
            self._ask_anew(post)
            return post
        try:
            post.wire.ask(self.path, body, post.headers)
        except OSError:
            # It was closed on the other side meanwhile: once more, over a new one.
            self._ask_anew(post)
        return post

    def _ask_anew(self, post: _Post) -> None:
        """Over a new connection; what goes wrong stays in the post."""
        if post.wire is not None:
            post.wire.close()
            post.may_have_it = post.may_have_it or post.wire.is_asked
        post.is_fresh, post.wire = True, None
        try:
            post.wire = self._connected()
            post.wire.ask(self.path, post.body, post.headers)
        except (OutsideError, RefusedAddressError, OSError) as error:
            post.wrong = error

    def _ended(self, post: _Post) -> SendResult | OutsideError:
        """What became of a post."""
        answered = self._answer(post)
        if isinstance(answered, tuple):
            return self._told(post.event_id, *answered)
        if post.wire is not None:
            post.wire.close()
        if isinstance(answered, RefusedAddressError) and not post.may_have_it:
            return SendResult(is_sent=False, reason=str(answered))
        if isinstance(answered, OutsideError) and not post.may_have_it:
            return answered
        unanswered = MaybeSentError if post.may_have_it or (post.wire and post.wire.is_asked) else OutsideError
        told = " ".join(str(answered).split()) or type(answered).__name__
        return unanswered(f"webhook {self.host}: no answer ({told})")

    def _answer(self, post: _Post) -> tuple[int, bytes] | Exception:
        """Status and text, or what went wrong."""
        if post.wire is None or post.wrong is not None:
            return post.wrong or AssertionError("asked over no connection, and nothing went wrong")
        try:
            answered = post.wire.answer()
        except TimeoutError as error:
            # Somebody is there and silent: asking again would only wait once more.
            return error
        except (OSError, WireError) as error:
            if post.is_fresh:
                return error
            self._ask_anew(post)
            return self._answer(post)
        if post.wire.is_open:
            self._idle.append(post.wire)
        else:
            post.wire.close()
        return answered

    def _told(self, event_id: str, status: int, text: bytes) -> SendResult | OutsideError:
        """What an answer says of the message."""
        if 200 <= status < 300:
            return SendResult(is_sent=True, reference=event_id)
        said = " ".join(text[:200].decode("utf-8", "replace").split())
        told = f"webhook {self.host}: answered {status}{f' ({said})' if said else ''}"
        if status in _LATER:
            return OutsideError(told)
        # A fault over there may have come after what the message says was done: it goes again under its id.
        return MaybeSentError(told) if status >= 500 else SendResult(is_sent=False, reason=told)

    def _headers(self, body: bytes, event_id: str) -> dict[str, str]:
        at = str(int(self._clock().timestamp()))
        signed = hmac.digest(self._key, f"{event_id}.{at}.".encode() + body, "sha256")
        return {
            "content-type": "application/json",
            "user-agent": "upstep",
            "webhook-id": event_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }

    def _kept(self) -> Wire | None:
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                return None
            if wire.is_fit():
                return wire
            wire.close()

    def _connected(self) -> Wire:
        plain = dial(self.host, self.port, allow_private=self._allow_private, seconds_max=self._seconds_max)
        try:
            made = self._trust.wrap_socket(plain, server_hostname=self.host) if self._trust else plain
        except OSError as error:
            plain.close()
            raise OutsideError(f"webhook {self.host}: no secure connection ({error})") from error
        return Wire(made, host=self._authority, seconds_max=self._seconds_max)


@dataclass
class _Post:
    """One message on its way. ``may_have_it``: it was handed over before, to a connection that then failed."""

    event_id: str
    body: bytes
    headers: dict[str, str]
    wire: Wire | None
    is_fresh: bool = False
    may_have_it: bool = False
    wrong: Exception | None = None


_TOLD = (
    *("idempotency_key", "account_id", "purpose", "channel", "recipient", "contact_id", "subject", "text"),
    *("facts", "records", "offer_id", "play"),
)


@lru_cache(maxsize=8)
def _stamp(at: datetime) -> str:
    # Thousands are posted within a second.
    return iso(at)


def webhook_id(idempotency_key: str) -> str:
    """The same for the same key, in letters that any header and any receiver takes."""
    return f"msg_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"


def _key(secret: str) -> bytes:
    """The key that signs, once the official library has read it."""
    try:
        from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook
    except ModuleNotFoundError as error:
        advice = "Run: pip install 'upstep[serve]'."
        raise ConfigError(Fault("channels.webhook", "needs the package standardwebhooks.", advice)) from error
    try:
        Webhook(secret)
    except (ValueError, RuntimeError, EmptyWebhookSecretError) as error:
        advice = "It is 'whsec_' and 24 to 64 random bytes in Base64."
        raise ConfigError(Fault("channels.webhook.secret", "is no key of Standard Webhooks.", advice)) from error
    # As it reads it; it makes a new text of all that it signs, several times.
    return base64.b64decode(secret.removeprefix("whsec_") + "==")
