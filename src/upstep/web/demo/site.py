"""The demo's host: Postline's page, the token that says who looks, e-mails to send, and a view behind the scenes."""

from __future__ import annotations

import html
import json
import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from string import Template
from typing import Any

import httpx
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from upstep.billing.sandbox import SandboxBiller
from upstep.clock import iso
from upstep.delivery.rendering import Frame, render
from upstep.delivery.channel import Message, Purpose
from upstep.engine.contacting.links import Links
from upstep.engine.measuring.happened import Happened, happened, message_of, messages_of
from upstep.money import format_minor
from upstep.web.demo.company import ACCOUNT, EVENT, LIMIT, USED, Company, Visitor
from upstep.web.demo.telling import Telling, usage
from upstep.web.identity import sign_token

TOKEN_LASTS = timedelta(minutes=10)
SENT_AT_ONCE_MAX = 20_000


@dataclass
class Site:
    """The demo's host.

    Args:
        upstep: Where the service is.
        write_key: What its events are let in with.
        secret: What its tokens are signed with.
    """

    company: Company
    state: sa.Engine
    upstep: str
    write_key: str
    secret: str
    clock: Callable[[], datetime]
    lines: Lines = field(default_factory=lambda: Lines())
    sent: list[Happened] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sent.append(usage(self.clock().replace(microsecond=0), USED, USED, number=0))

    @property
    def used(self) -> int:
        """E-mails of this month: what was there, and what the page sent."""
        return int(self.sent[-1].of["total"])

    def app(self) -> Starlette:
        """The host as an application."""
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/demo.css", _static("demo.css", "text/css")),
                Route("/demo.js", _static("demo.js", "text/javascript")),
                Route("/token", self.token),
                Route("/send", self.send, methods=["POST"]),
                Route("/behind", self.behind),
                Route("/mail/{message_id:int}", self.mail),
            ]
        )

    def page(self, request: Request) -> Response:
        """Postline's page, under a strict policy."""
        visitor = self._visitor(request)
        others = [each for each in self.company.visitors if each != visitor]
        words = {
            "upstep": self.upstep,
            "name": visitor.name,
            "role": "may buy" if visitor.may_buy else "may not buy",
            "who": visitor.contact_id,
            "other": others[0].name,
            "other_who": others[0].contact_id,
            "limit": str(LIMIT),
            "used": str(self.used),
            "count": f"{self.used:,}",
            "share": str(self.used * 100 // LIMIT),
            "least": str(USED * 100 // LIMIT),
        }
        text = Template(_text("page.html")).substitute({name: html.escape(word) for name, word in words.items()})
        return HTMLResponse(text, headers=self._headers())

    def token(self, request: Request) -> Response:
        """Who is looking, signed: what a host's server does after its own log-in."""
        visitor = self._visitor(request)
        signed = sign_token(
            ACCOUNT, visitor.contact_id, secret=self.secret, now=self.clock(), lasts=TOKEN_LASTS
        )
        return JSONResponse({"token": signed}, headers={"Cache-Control": "no-store"})

    async def send(self, request: Request) -> Response:
        """Send so many e-mails: one event to the service, as a client library would put it."""
        asked = json.loads(await request.body() or b"{}")
        count = asked.get("count") if isinstance(asked, dict) else None
        if not isinstance(count, int) or not 0 < count <= SENT_AT_ONCE_MAX:
            return JSONResponse({"error": f"count is a whole number from 1 to {SENT_AT_ONCE_MAX}"}, 422)
        event = {
            "type": "track",
            "event": EVENT,
            "messageId": str(uuid.uuid4()),
            "timestamp": iso(self.clock()),
            "userId": self._visitor(request).contact_id,
            "properties": {"count": count},
            "context": {"groupId": ACCOUNT},
        }
        async with httpx.AsyncClient(timeout=10) as client:
            answered = await client.post(f"{self.upstep}/v1/batch", json={"batch": [event]}, auth=(self.write_key, ""))
        if answered.is_success:
            at = self.clock().replace(microsecond=0)
            self.sent.append(usage(at, count, self.used + count, number=len(self.sent)))
        told = {"sent": count, "used": self.used, "status": answered.status_code}
        return JSONResponse(told, 200 if answered.is_success else 502)

    async def behind(self, _request: Request) -> Response:
        """What a customer does not see: messages, what was written down, invoices, the worker's lines."""
        return JSONResponse(await run_in_threadpool(self._behind), headers={"Cache-Control": "no-store"})

    def mail(self, request: Request) -> Response:
        """One e-mail as its reader's program shows it."""
        found = message_of(self.state, ACCOUNT, request.path_params["message_id"])
        if found is None:
            return Response(status_code=404)
        shown = found["html"] or self._rendered(found)
        # Its links open beside the page, as those of a mail do.
        shown = shown.replace("<head>", '<head><base target="_blank">', 1)
        policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups allow-popups-to-escape-sandbox"
        return HTMLResponse(shown, headers={"Content-Security-Policy": policy})

    def _rendered(self, row: sa.RowMapping) -> str:
        """The mail as the e-mail channel makes it, with signed links."""
        message = Message(
            row["idempotency_key"],
            ACCOUNT,
            Purpose(row["purpose"]),
            row["channel"],
            row["recipient"],
            row["subject"],
            row["text"],
            offer_id=row["offer_id"],
            contact_id=row["contact_id"],
        )
        links = Links(self.company.project, self.state, clock=self.clock)
        frame = Frame(self.company.project.settings.company)
        return render(
            row["text"], subject=row["subject"], frame=frame, link_to=lambda link: links.to(message, link)
        ).html

    def _behind(self) -> dict[str, Any]:
        messages = messages_of(self.state, ACCOUNT)
        invoices = SandboxBiller(self.company.project.sandbox_path).invoices(ACCOUNT)
        return {
            "mails": [self._mail(row) for row in messages if row["channel"] == "email"],
            "used": self.used,
            "happened": self._told(),
            "invoices": [
                {
                    "id": invoice.invoice_id,
                    "status": invoice.status.value,
                    "amount": format_minor(invoice.due_minor, invoice.currency),
                    "lines": [
                        {"text": line.description, "amount": format_minor(line.amount_minor, invoice.currency)}
                        for line in invoice.lines
                    ],
                }
                for invoice in reversed(invoices)
                if invoice.reason == "change"
            ],
            "lines": list(self.lines.kept),
        }

    def _told(self) -> list[dict[str, str]]:
        found = happened(self.state, ACCOUNT)
        # The limit that the slider speaks of is the first plan's.
        changed = min((each.at for each in found if each.what == "offer.converted"), default=None)
        sent = [
            each if changed is None or each.at <= changed else replace(each, of={**each.of, "limit": None})
            for each in self.sent
        ]
        return Telling(self.company.project, self.state, self._name).lines([*found, *sent])

    def _mail(self, row: sa.RowMapping) -> dict[str, Any]:
        told = {"id": row["message_id"], "subject": row["subject"], "status": row["status"]}
        return told | {"to": self._name(row["recipient"]), "at": iso(row["sent_at"] or row["queued_at"])}

    def _name(self, who: str) -> str:
        return next((each.name for each in self.company.people if each.contact_id == who), who)

    def _visitor(self, request: Request) -> Visitor:
        """Who is logged in: in the demo, whoever the page's address says."""
        named = request.query_params.get("who")
        return next((each for each in self.company.visitors if each.contact_id == named), self.company.visitors[0])

    def _headers(self) -> dict[str, str]:
        own = f"connect-src 'self' {self.upstep}; script-src 'self' {self.upstep}; style-src 'self'; frame-src 'self'"
        return {"Content-Security-Policy": f"default-src 'none'; {own}; img-src data:; base-uri 'none'"}


class Lines(logging.Handler):
    """The last lines of the worker's log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.kept: deque[str] = deque(maxlen=60)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.kept.appendleft(record.getMessage())


def _static(name: str, media_type: str) -> Callable[[Request], Response]:
    def answer(_request: Request) -> Response:
        return Response(_text(name), media_type=media_type)

    return answer


@cache
def _text(name: str) -> str:
    return (resources.files("upstep.web.demo") / "static" / name).read_text(encoding="utf-8")


