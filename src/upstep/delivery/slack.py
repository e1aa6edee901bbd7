"""The Slack channel: tells the owner of an account directly, else in the channel that is set for it.

Slack knows a message that it has had by its client id, but promises so for a short while only; so an answer that never
came is a ``MaybeSentError``.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from upstep.delivery.channel import Message, OwnerFor, SendResult
from upstep.delivery.rendering import LinkTo, slack_text
from upstep.errors import ConfigError, Fault, MaybeSentError, OutsideError

if TYPE_CHECKING:
    from slack_sdk import WebClient

SECONDS_MAX = 15
_FOR_GOOD = {"channel_not_found", "is_archived", "msg_too_long", "no_text", "invalid_blocks", "restricted_action"}
"""Errors that the same message meets again tomorrow; what is mended from outside, such as a token, may be retried."""


class SlackChannel:
    """A ``Channel`` that posts as a bot (scopes chat:write and users:read.email).

    Args:
        token: The bot's.
        channel: Where owners are told whom Slack does not know.
        owner_for: Asked for each message.
        link_to: Where a message's links lead.
        api_url: Another server that speaks Slack's API.
    """

    name = "slack"
    is_idempotent = False
    interrupts = True

    def __init__(
        self,
        token: str,
        *,
        channel: str,
        owner_for: OwnerFor,
        link_to: LinkTo,
        api_url: str | None = None,
        seconds_max: int = SECONDS_MAX,
    ) -> None:
        self._client = _client(token, api_url=api_url, seconds_max=seconds_max)
        self._channel = channel
        self._owner_for = owner_for
        self._link_to = link_to
        self._known: dict[str, str | None] = {}

    def send(self, message: Message) -> SendResult:
        """Post it.

        Raises:
            OutsideError: Slack cannot be reached or says try later.
            MaybeSentError: It was asked and never answered.
        """
        owner = self._owner_for(message)
        member = self._member(owner.email) if owner.email else None
        text = slack_text(f"**{_escaped(message.subject)}**\n\n{message.text}", link_to=self._link_to)
        if member is None and owner.name:
            text = slack_text(f"For {_escaped(owner.name)}:", link_to=self._link_to) + text
        answer = self._ask(
            "chat.postMessage",
            {
                "channel": member or self._channel,
                "text": text,
                "unfurl_links": False,
                "client_msg_id": str(uuid.uuid5(uuid.NAMESPACE_OID, message.idempotency_key)),
            },
        )
        if answer.get("ok"):
            return SendResult(is_sent=True, reference=f"{answer.get('channel')}/{answer.get('ts')}")
        return SendResult(is_sent=False, reason=f"Slack refuses it: {answer.get('error')}")

    def _member(self, email: str) -> str | None:
        """The member with that address; Slack is asked once for each."""
        if email not in self._known:
            answer = self._ask("users.lookupByEmail", {"email": email})
            self._known[email] = answer["user"]["id"] if answer.get("ok") else None
        return self._known[email]

    def _ask(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """What Slack answers, also where it refuses for good."""
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            answer = self._client.api_call(method, **_as(method, body))
        except SlackApiError as error:
            told = str(error.response.get("error"))
            if told in _FOR_GOOD or told in {"users_not_found", "user_not_found"}:
                return {"ok": False, "error": told}
            raise OutsideError(f"Slack: {told}") from error
        except (SlackClientError, OSError) as error:
            raise _unanswered(method, error) from error
        return dict(answer.data) if isinstance(answer.data, dict) else {}


def _as(method: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"params": body} if method.startswith("users.") else {"json": body}


def _unanswered(method: str, error: Exception) -> OutsideError:
    """A connection that was never made has sent nothing; another may have."""
    reason = getattr(error, "reason", error)
    told = " ".join(str(reason).split()) or type(reason).__name__
    if method == "chat.postMessage" and not isinstance(reason, ConnectionRefusedError):
        return MaybeSentError(f"Slack: asked to post and never answered ({told})")
    return OutsideError(f"Slack: cannot be reached ({told})")


def _escaped(text: str) -> str:
    """Text in which nothing is a mark of Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in " ".join(text.split()))


def _client(token: str, *, api_url: str | None, seconds_max: int) -> WebClient:
    try:
        from slack_sdk import WebClient
    except ModuleNotFoundError as error:
        advice = "Run: pip install 'upstep[slack]'."
        raise ConfigError(Fault("channels.slack", "needs the package slack-sdk.", advice)) from error
    # Its own retries would post again what may have been posted.
    address = api_url.rstrip("/") + "/" if api_url else WebClient.BASE_URL
    return WebClient(token=token, base_url=address, timeout=seconds_max, retry_handlers=[])
