"""The widget's channel: a message that is sent waits in state, where whoever of the account looks finds it."""

from __future__ import annotations

from upstep.delivery.channel import Message, SendResult


class WidgetChannel:
    """A ``Channel`` for ``in_app``. Sending makes a message available; that somebody saw it is an exposure."""

    name = "in_app"
    is_idempotent = True
    interrupts = False

    def send(self, message: Message) -> SendResult:
        """It is available from the moment on that the outbox calls it sent."""
        return SendResult(is_sent=True, reference=f"in_app:{message.idempotency_key}")
