"""The HubSpot channel: an owner's task as a task in the CRM, once, whatever is repeated.

The task carries the message's key in a property that HubSpot keeps unique, ``upstep_key``; it is made when it is not
there. So a second task of the same key is refused by HubSpot itself, and an attempt without an answer may be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from upstep.clock import iso
from upstep.delivery.channel import Message, OwnerFor, SendResult
from upstep.delivery.rendering import LinkTo, body_html
from upstep.errors import ConfigError, Fault, OutsideError

if TYPE_CHECKING:
    import httpx

API_URL = "https://api.hubapi.com"
VERSION = "2026-03"
"""HubSpot dates its versions: each stands for at least eighteen months."""
PROPERTY = "upstep_key"
SECONDS_MAX = 15.0
DUE = timedelta(days=2)


class HubspotChannel:
    """A ``Channel`` that makes tasks. The private app needs crm.objects tasks (read, write), owners and schemas.

    Args:
        token: The private app's.
        owner_for: Asked for each message; a task without a known owner is nobody's yet.
        link_to: Where a message's links lead.
        clock: For the day on which a task is due.
        api_url: Another server that speaks HubSpot's API.
    """

    name = "hubspot"
    is_idempotent = True
    interrupts = True

    def __init__(
        self,
        token: str,
        *,
        owner_for: OwnerFor,
        link_to: LinkTo,
        clock: Callable[[], datetime],
        api_url: str | None = None,
    ) -> None:
        self._client = _client(token, api_url or API_URL)
        self._owner_for = owner_for
        self._link_to = link_to
        self._clock = clock
        self._has_property = False
        self._owners: dict[str, str | None] = {}

    def send(self, message: Message) -> SendResult:
        """Make the task, or find the one that was made.

        Raises:
            OutsideError: HubSpot cannot be reached, says try later, or the app lacks a right.
        """
        self._want_property()
        key = task_key(message.idempotency_key)
        known = self._found(key)
        if known is not None:
            return SendResult(is_sent=True, reference=known)
        status, answer = self._ask("POST", f"/crm/objects/{VERSION}/tasks", {"properties": self._task(message, key)})
        if status in {200, 201}:
            return SendResult(is_sent=True, reference=str(answer["id"]))
        known = self._found(key)  # somebody else was first
        if known is not None:
            return SendResult(is_sent=True, reference=known)
        return SendResult(is_sent=False, reason=f"HubSpot refuses the task: {status} {_told(answer)}")

    def close(self) -> None:
        """Close the connections that are kept."""
        self._client.close()

    def _task(self, message: Message, key: str) -> dict[str, str]:
        owner = self._owner_for(message)
        hubspot_owner = self._owner_id(owner.email) if owner.email else None
        return {
            PROPERTY: key,
            "hs_task_subject": " ".join(message.subject.split())[:250],
            "hs_task_body": body_html(message.text, link_to=self._link_to),
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": "TODO",
            "hs_task_priority": "MEDIUM",
            "hs_timestamp": iso(self._clock() + DUE),
        } | ({"hubspot_owner_id": hubspot_owner} if hubspot_owner else {})

    def _found(self, key: str) -> str | None:
        status, answer = self._ask("GET", f"/crm/objects/{VERSION}/tasks/{key}?idProperty={PROPERTY}")
        return str(answer["id"]) if status == 200 else None

    def _want_property(self) -> None:
        """See to it that tasks have the property; asked once."""
        if self._has_property:
            return
        place = f"/crm/properties/{VERSION}/tasks"
        status, _ = self._ask("GET", f"{place}/{PROPERTY}")
        if status == 404:
            made = {
                "name": PROPERTY,
                "label": "Upstep key",
                "groupName": "task",
                "type": "string",
                "fieldType": "text",
                "hasUniqueValue": True,
                "description": "Which message of Upstep made this task; it makes each only once.",
            }
            status, answer = self._ask("POST", place, made)
            if status not in {200, 201, 409}:
                raise OutsideError(f"HubSpot: the property {PROPERTY} cannot be made: {status} {_told(answer)}")
        self._has_property = True

    def _owner_id(self, email: str) -> str | None:
        """The owner with that address; HubSpot is asked once for each."""
        if email not in self._owners:
            status, answer = self._ask("GET", f"/crm/owners/{VERSION}", asked={"email": email, "limit": "1"})
            found = answer.get("results") or [] if status == 200 else []
            self._owners[email] = str(found[0]["id"]) if found else None
        return self._owners[email]

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, asked: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        import httpx

        try:
            answer = self._client.request(method, path, json=body, params=asked)
        except httpx.HTTPError as error:
            raise OutsideError(
                f"HubSpot: no answer ({' '.join(str(error).split()) or type(error).__name__})"
            ) from error
        said = _read(answer)
        if answer.status_code in {401, 403, 408, 423, 429} or answer.status_code >= 500:
            raise OutsideError(f"HubSpot: {answer.status_code} {_told(said)}")
        return answer.status_code, said


def task_key(idempotency_key: str) -> str:
    """The key as it stands in the task, and in an address."""
    return f"up_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _told(answer: dict[str, Any]) -> str:
    return " ".join(str(answer.get("message") or "").split())[:200]


def _client(token: str, api_url: str) -> httpx.Client:
    try:
        import httpx
    except ModuleNotFoundError as error:
        advice = "Run: pip install 'upstep[serve]'."
        raise ConfigError(Fault("channels.hubspot", "needs the package httpx.", advice)) from error
    headers = {"authorization": f"Bearer {token}", "user-agent": "upstep"}
    return httpx.Client(base_url=api_url, headers=headers, timeout=SECONDS_MAX, follow_redirects=False)
