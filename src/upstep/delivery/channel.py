"""What a channel is: it takes a message, sends it once per key, and says what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Purpose(StrEnum):
    """What a message is for; holds, consent and caps differ by it."""

    NOTICE = "notice"  # service information without a price
    SALES = "sales"
    CARE = "care"  # helping to use what is paid for
    TASK = "task"  # for the account's owner; nothing reaches the customer


@dataclass(frozen=True)
class Message:
    """One message to one recipient, as it leaves.

    Args:
        idempotency_key: The same message, the same key: a channel that has seen it sends nothing again.
        account_id: Whom it is about.
        recipient: A contact's or owner's id, or an address, as the channel needs it.
        text: Plain text or Markdown.
        html: The same for reading in colour; None when the channel makes its own.
        facts: Every number in it by name, as it was when it was written.
        offer_id: The offer that it carries, if any.
        contact_id: Who reads it; None for an owner's task or whoever of the account looks.
        play: The play that spoke.
        style: In the app: notice, banner or modal.
        arms: Experiment id and arm, as they were drawn for the account.
        records: The records that facts came from, by the fact's name.
    """

    idempotency_key: str
    account_id: str
    purpose: Purpose
    channel: str
    recipient: str
    subject: str
    text: str
    html: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    offer_id: str | None = None
    contact_id: str | None = None
    play: str | None = None
    style: str | None = None
    arms: Mapping[str, str] | None = None
    records: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True)
class SendResult:
    """What became of a message: sent, with the channel's own reference, or refused for good with the reason.

    ``is_bounce``: the address itself was refused, so nothing more should go to it. ``note``: what a reader should know
    of a message that was sent, such as that it is tied to nothing.
    """

    is_sent: bool
    reference: str = ""
    reason: str = ""
    is_bounce: bool = False
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Owner:
    """Who answers for an account. None: nobody told."""

    name: str | None
    email: str | None


OwnerFor = Callable[[Message], Owner]
"""Whose task a message is."""


class Channel(Protocol):
    """Where messages go. Every one passes ``tests/contracts/test_channels.py``.

    Two more attributes may be there. ``is_idempotent`` (True where it is not): the same key twice leaves once, so what
    was cut off is simply sent again, and several are claimed at once. ``interrupts`` (True where it is not): it
    disturbs people, so quiet hours count; what only shows when somebody looks says False. And a method: ``send_many``
    takes messages one by one as it has room for them, and gives for each what ``send`` returns or raises.
    """

    @property
    def name(self) -> str:
        """How messages name it."""
        ...

    def send(self, message: Message) -> SendResult:
        """Send it, once per ``idempotency_key``.

        Raises:
            OutsideError: No answer, and it has not left, or sending again with the same key is safe.
            MaybeSentError: No answer; it may have left, and the channel cannot tell by the key.
        """
        ...


def is_idempotent(channel: Channel) -> bool:
    """Whether sending again with the same key is safe."""
    return bool(getattr(channel, "is_idempotent", True))


def interrupts(channel: Channel) -> bool:
    """Whether it disturbs people, so that quiet hours count."""
    return bool(getattr(channel, "interrupts", True))
