"""The HubSpot channel: an owner's task as a task in the CRM, once, whatever is repeated.

The task carries the message's key in a property that HubSpot keeps unique, ``upstep_key``; it is made when it is not
there. So a second task of the same key is refused by HubSpot itself, and an attempt without an answer may be repeated.

A task is tied to the account's company and to the person it is about, in the call that makes it. One that cannot be
tied is made all the same and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from upstep.clock import iso
from upstep.delivery.channel import Message, OwnerFor, SendResult
from upstep.delivery.crm import About, AboutFor, CompanyBook
from upstep.delivery.rendering import LinkTo, body_html
from upstep.errors import ConfigError, Fault, OutsideError

if TYPE_CHECKING:
    import httpx

_MADE = (200, 201)
_UNTIEABLE = (400, 403, 404)

API_URL = "https://api.hubapi.com"
VERSION = "2026-03"
"""HubSpot dates its versions: each stands for at least eighteen months."""
PROPERTY = "upstep_key"
SECONDS_MAX = 15.0
DUE = timedelta(days=2)

TO_COMPANY, TO_CONTACT = 192, 204
"""HubSpot's own types of the ties from a task, as its table of association types has them."""
UNTIED = "tied to no company"
"""In the note of a task without one; ``doctor`` counts them."""


class HubspotChannel:
    """A ``Channel`` that makes tasks. The private app needs crm.objects tasks (read, write), owners and schemas.

    To tie them it reads companies and contacts, too.

    Args:
        token: The private app's.
        owner_for: Asked for each message; a task without a known owner is nobody's yet.
        about_for: Asked for each message; None: tasks are tied to nothing.
        company_property: Of a company: by what it is found.
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
        about_for: AboutFor | None = None,
        company_property: str = "name",
        api_url: str | None = None,
    ) -> None:
        self._client = _client(token, api_url or API_URL)
        self._owner_for = owner_for
        self._link_to = link_to
        self._clock = clock
        self._about_for = about_for
        self._companies = CompanyBook(self._search, by=company_property, clock=clock)
        self._contacts: dict[str, str] = {}
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
        return self._made(message, key)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._client.close()

    def _made(self, message: Message, key: str) -> SendResult:
        """Make the task with its ties; without them where HubSpot will not have them."""
        ties, why = self._ties(message)
        status, answer = self._post(message, key, ties=ties, why=why)
        known = None if status in _MADE else self._found(key)  # somebody else was first
        if known is None and ties and status in _UNTIEABLE:
            why = f"HubSpot refuses the tie: {status} {_told(answer)}"
            status, answer = self._post(message, key, why=why)
            known = None if status in _MADE else self._found(key)
        note = f"{UNTIED}: {why}" if why else ""
        if status in _MADE:
            return SendResult(is_sent=True, reference=str(answer["id"]), note=note)
        if known is not None:
            return SendResult(is_sent=True, reference=known)
        return SendResult(is_sent=False, reason=f"HubSpot refuses the task: {status} {_told(answer)}")

    def _post(
        self, message: Message, key: str, *, ties: Sequence[dict[str, Any]] = (), why: str = ""
    ) -> tuple[int, dict[str, Any]]:
        made: dict[str, Any] = {"properties": self._task(message, key, why=why)}
        if ties:
            made["associations"] = list(ties)
        return self._ask("POST", f"/crm/objects/{VERSION}/tasks", made, may_refuse=bool(ties))

    def _task(self, message: Message, key: str, *, why: str) -> dict[str, str]:
        owner = self._owner_for(message)
        hubspot_owner = self._owner_id(owner.email) if owner.email else None
        alone = f"\n\nThis task is {UNTIED} in HubSpot: {why}.\n" if why else ""
        return {
            PROPERTY: key,
            "hs_task_subject": " ".join(message.subject.split())[:250],
            "hs_task_body": body_html(message.text + alone, link_to=self._link_to),
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": "TODO",
            "hs_task_priority": "MEDIUM",
            "hs_timestamp": iso(self._clock() + DUE),
        } | ({"hubspot_owner_id": hubspot_owner} if hubspot_owner else {})

    def _ties(self, message: Message) -> tuple[list[dict[str, Any]], str]:
        """What the task is tied to, and why not to a company."""
        if self._about_for is None:
            return [], ""
        try:
            about = self._about_for(message)
        except ConfigError as error:  # a task is not lost for what somebody wrote wrongly
            return [], " ".join(str(error).split())
        companies = self._companies.of(message.account_id, about)
        contact = self._contact_id(about)
        ties = [_tie(company_id, TO_COMPANY) for company_id in companies.ids]
        return [*ties, *([_tie(contact, TO_CONTACT)] if contact else [])], companies.why

    def _search(self, by: str, values: Sequence[str]) -> list[str] | str:
        """Companies by a property, at most two."""
        sought = {"propertyName": by, "operator": "IN", "values": list(values)}
        if len(values) == 1:
            sought = {"propertyName": by, "operator": "EQ", "value": values[0]}
        asked = {"filterGroups": [{"filters": [sought]}], "properties": [by], "limit": 2}
        status, answer = self._ask("POST", f"/crm/objects/{VERSION}/companies/search", asked, may_refuse=True)
        if status == 403:
            return "the private app may not read companies (crm.objects.companies.read)"
        if status != 200:
            return f"companies cannot be searched by {by}: {status} {_told(answer)}"
        return [str(one["id"]) for one in answer.get("results") or []][:2]

    def _contact_id(self, about: About) -> str | None:
        """HubSpot's person with that address; who is found is remembered."""
        if about.email is None:
            return None
        if about.email not in self._contacts:
            path = f"/crm/objects/{VERSION}/contacts/{quote(about.email, safe='')}?idProperty=email"
            status, answer = self._ask("GET", path, may_refuse=True)
            if status != 200:
                return None
            self._contacts[about.email] = str(answer["id"])
        return self._contacts[about.email]

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
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        asked: dict[str, str] | None = None,
        may_refuse: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """What HubSpot answers. ``may_refuse``: a right that the app lacks is an answer, not an error."""
        import httpx

        try:
            answer = self._client.request(method, path, json=body, params=asked)
        except httpx.HTTPError as error:
            raise OutsideError(
                f"HubSpot: no answer ({' '.join(str(error).split()) or type(error).__name__})"
            ) from error
        said = _read(answer)
        if answer.status_code == 403 and may_refuse:
            return 403, said
        if answer.status_code in {401, 403, 408, 423, 429} or answer.status_code >= 500:
            raise OutsideError(f"HubSpot: {answer.status_code} {_told(said)}")
        return answer.status_code, said


def _tie(to: str, kind: int) -> dict[str, Any]:
    return {"to": {"id": to}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]}


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
