"""The webhook channel: each message as one signed POST (Standard Webhooks), to one address, over kept connections.

``webhook-id`` follows from the message's key, so a receiver that has seen it drops the second one; therefore every
attempt that got no answer may be made again. Redirects are not followed: what was configured is what is asked.
"""

from __future__ import annotations

import hashlib
import json
import ssl
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from upstep.clock import iso
from upstep.delivery.addresses import RefusedAddressError, dial, target
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.wire import Wire, WireError
from upstep.errors import ConfigError, Fault, MaybeSentError, OutsideError

SECONDS_MAX = 10.0
_LATER = {408, 409, 423, 425, 429}
"""Answers of the 4xx family that speak of this moment; all others refuse the message for good."""


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
        self._signer = _signer(secret)
        self._clock = clock
        self._allow_private = allow_private
        self._seconds_max = seconds_max
        self._trust = (trust or ssl.create_default_context()) if parts.scheme == "https" else None
        self._idle: deque[Wire] = deque()

    def send(self, message: Message) -> SendResult:
        """Post it once; the receiver knows a repeated one by its id.

        Raises:
            MaybeSentError: No answer after it was handed over; the receiver may have it.
            OutsideError: It never left, or the answer says try later.
        """
        try:
            status, answer = self._post(self.body(message), webhook_id(message.idempotency_key))
        except RefusedAddressError as refused:
            return SendResult(is_sent=False, reason=str(refused))
        if 200 <= status < 300:
            return SendResult(is_sent=True, reference=webhook_id(message.idempotency_key))
        told = f"webhook {self.host}: answered {status}{f' ({answer})' if answer else ''}"
        if status >= 500 or status in _LATER:
            raise OutsideError(told)
        return SendResult(is_sent=False, reason=told)

    def body(self, message: Message) -> bytes:
        """What is posted: the kind of event, when, and the message."""
        data = {name: getattr(message, name) for name in _TOLD} | {"subject": " ".join(message.subject.split())}
        event = {"type": f"message.{message.purpose}", "timestamp": iso(self._clock()), "data": data}
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str).encode()

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _post(self, body: bytes, event_id: str) -> tuple[int, str]:
        headers = self._headers(body, event_id)
        connection, may_have_it = self._kept(), False
        if connection is not None:
            try:
                return self._asked(connection, body, headers)
            except (OSError, WireError):
                # It was closed on the other side meanwhile: once more, over a new one.
                connection.close()
                may_have_it = connection.is_asked
        try:
            connection = self._connected()
        except (OutsideError, RefusedAddressError) as error:
            if not may_have_it:
                raise
            raise MaybeSentError(f"webhook {self.host}: no answer ({error})") from error
        try:
            return self._asked(connection, body, headers)
        except (OSError, WireError) as error:
            connection.close()
            told = " ".join(str(error).split()) or type(error).__name__
            unanswered = MaybeSentError if may_have_it or connection.is_asked else OutsideError
            raise unanswered(f"webhook {self.host}: no answer ({told})") from error

    def _headers(self, body: bytes, event_id: str) -> dict[str, str]:
        at = self._clock()
        return {
            "content-type": "application/json",
            "user-agent": "upstep",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signer.sign(event_id, at, body.decode()),
        }

    def _asked(self, wire: Wire, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        status, said = wire.post(self.path, body, headers)
        if wire.is_open:
            self._idle.append(wire)
        else:
            wire.close()
        return status, " ".join(said[:200].decode("utf-8", "replace").split())

    def _kept(self) -> Wire | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connected(self) -> Wire:
        plain = dial(self.host, self.port, allow_private=self._allow_private, seconds_max=self._seconds_max)
        try:
            made = self._trust.wrap_socket(plain, server_hostname=self.host) if self._trust else plain
        except OSError as error:
            plain.close()
            raise OutsideError(f"webhook {self.host}: no secure connection ({error})") from error
        return Wire(made, host=self._authority)


_TOLD = (
    *("idempotency_key", "account_id", "purpose", "channel", "recipient", "contact_id", "subject", "text"),
    *("facts", "records", "offer_id", "play"),
)


def webhook_id(idempotency_key: str) -> str:
    """The same for the same key, in letters that any header and any receiver takes."""
    return f"msg_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"


def _signer(secret: str) -> Any:
    try:
        from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook
    except ModuleNotFoundError as error:
        advice = "Run: pip install 'upstep[serve]'."
        raise ConfigError(Fault("channels.webhook", "needs the package standardwebhooks.", advice)) from error
    try:
        return Webhook(secret)
    except (ValueError, RuntimeError, EmptyWebhookSecretError) as error:
        advice = "It is 'whsec_' and 24 to 64 random bytes in Base64."
        raise ConfigError(Fault("channels.webhook.secret", "is no key of Standard Webhooks.", advice)) from error
