"""Where links of messages lead: signed when a message leaves, so that nothing that is kept opens anything.

In a kept text a link is a name such as ``upstep:offers/of_1/accept``. Who has the signed one is taken for the person it
was sent to: it answers one offer, or says no to one purpose, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.delivery.channel import Message, Purpose
from upstep.delivery.policy import CONSENT_FOR
from upstep.state.signing import read_token, sign, signing_secret

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.project import Project

OFFER = "offer"
UNSUBSCRIBE = "unsubscribe"
"""Kinds of links, each signed by a secret of its own: one can never be used as the other."""


def consent_purpose(purpose: Purpose) -> str | None:
    """The consent that a message needs, which its reader may take back; None: an owner's task needs none."""
    return CONSENT_FOR.get(purpose)


class Links:
    """The links of one project's messages.

    Args:
        state: The operational database, which keeps the secrets.
        clock: For the day on which a secret is drawn.
    """

    def __init__(self, project: Project, state: sa.Engine, *, clock: Callable[[], datetime]) -> None:
        self._url = project.settings.serving.public_url
        self._state = state
        self._clock = clock
        self._secrets: dict[str, bytes] = {}

    def to(self, message: Message, address: str) -> str | None:
        """Where an ``upstep:`` name leads for the message's reader; None: nowhere."""
        kind, _, rest = address.removeprefix("upstep:").partition("/")
        offer_id, _, answer = rest.partition("/")
        person = message.contact_id
        if kind != "offers" or not offer_id or person is None or answer not in {"accept", "decline"}:
            return None
        token = sign(self._secret(OFFER), offer_id, person)
        return f"{self._url}/o/{token}" + ("?answer=no" if answer == "decline" else "")

    def nowhere(self, _address: str) -> str | None:
        """For readers who answer elsewhere: the words of a link stay, and it leads nowhere."""
        return None

    def unsubscribe(self, message: Message) -> str | None:
        """Where the reader ends such messages with one click."""
        purpose = consent_purpose(message.purpose)
        if purpose is None or message.contact_id is None:
            return None
        return f"{self._url}/u/{sign(self._secret(UNSUBSCRIBE), message.contact_id, purpose)}"

    def _secret(self, name: str) -> bytes:
        if name not in self._secrets:
            self._secrets[name] = signing_secret(self._state, name, now=self._clock())
        return self._secrets[name]


def read_link(state: sa.Engine, kind: str, token: str, *, now: datetime) -> tuple[str, str] | None:
    """What a signed link says: offer and contact, or contact and purpose; None when it is not ours."""
    said = read_token(signing_secret(state, kind, now=now), token, parts=2)
    return None if said is None else (said[0], said[1])
