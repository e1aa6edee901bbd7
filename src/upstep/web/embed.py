"""The widget's routes under /embed: what waits for the person who looks, and what they answer.

Each request carries the token that the host's server signed. Nothing is told or done outside its account, and a page
of another origin than those allowed hears nothing. Every answer may be repeated.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from upstep.billing import quote as quotes
from upstep.billing.trial import told_trial
from upstep.clock import iso
from upstep.config import secret
from upstep.engine.contacting import responding, showing
from upstep.engine.quoting.biller import open_biller
from upstep.engine.quoting.comparing import compare, plan_after
from upstep.engine.quoting.meters import MeterReader
from upstep.errors import ConfigError, OutsideError, QuoteError, UpstepError
from upstep.money import CURRENCIES
from upstep.state.changes import ChangeMark
from upstep.state.session import reading
from upstep.web.context import Context, context_of
from upstep.web.identity import TokenRefusedError, check_secret, read_token
from upstep.web.problem import Problem, answered, told

if TYPE_CHECKING:
    from upstep.billing.provider import Provider
    from upstep.engine.quoting.meters import Meters
    from upstep.offers.model import Offer

WAIT_MAX = 25
"""Seconds that a page may wait for news in one request."""

WAITING_MAX = 500
"""Pages that may wait at once; the others are answered and asked to come again later."""

LOOK_EVERY = 0.2
"""Seconds between two looks whether anything was written."""

READ_EVERY = 0.5
"""Seconds between two readings for one page, however much is written."""


class _EmbedRoute(APIRoute):
    """Checks the origin of every request, and answers a refusal as a problem that the page may read."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        ask = super().get_route_handler()

        async def answer(request: Request) -> Response:
            # A page that may not ask hears nothing of the answer: it has no header for it.
            origin = _origin(request)
            try:
                response = await ask(request)
            except HTTPException as error:
                response = answered(error)
            except UpstepError as error:
                response = answered(told(error))
            _allow(response, origin)
            return response

        return answer


router = APIRouter(prefix="/embed", tags=["widget"], route_class=_EmbedRoute)


@dataclass(frozen=True)
class Visit:
    """One request of one person: the service, who it is, and when."""

    context: Context
    tools: _Tools
    person: showing.Person
    now: datetime

    def provider(self) -> Provider:
        """The billing provider, with this account in it."""
        return open_biller(self.context.project, as_of=self.now, accounts=[self.person.account_id])


class _Tools:
    """What the routes keep between requests, once for each app."""

    def __init__(self, context: Context) -> None:
        self.meters = MeterReader(context.project)
        self.mark = ChangeMark(context.state)
        self.waiting = 0
        self._lake = context.project.folder / ".upstep"
        self._seen: tuple[float, str] = (-1.0, "")

    def news(self, at: float) -> str:
        """A word that differs when state or facts were written; asked at most every ``LOOK_EVERY`` seconds."""
        if at - self._seen[0] >= LOOK_EVERY:
            current = self._lake / "facts" / "current.json"
            stamp = current.stat().st_mtime_ns if current.exists() else 0
            self._seen = (at, f"{self.mark.read()}:{stamp}")
        return self._seen[1]


@router.get("/upstep.js", include_in_schema=False)
def script(request: Request) -> Response:
    """The widget itself: one file, for every page."""
    text, packed, etag = _script()
    headers = {
        "ETag": etag,
        "Cache-Control": "public, max-age=300",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    headers |= {"Content-Encoding": "gzip"} if is_packed else {}
    return Response(packed if is_packed else text, headers=headers, media_type="text/javascript; charset=utf-8")


@router.options("/{path:path}", include_in_schema=False)
def preflight(path: str) -> Response:  # noqa: ARG001 - the same for each
    """A browser asks whether that page may ask."""
    return Response(status_code=204)


@router.get("/items")
async def items(request: Request, wait: int = 0) -> Response:
    """What this person is shown now. With ``wait`` and ``If-None-Match``: as soon as it is otherwise."""
    known = request.headers.get("if-none-match")
    visit = await run_in_threadpool(_visit, request)
    body, etag = await run_in_threadpool(_body, visit)
    if etag == known and wait > 0 and visit.tools.waiting < WAITING_MAX:
        body, etag = await _news(request, visit, body=body, etag=etag, seconds=min(wait, WAIT_MAX))
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if visit.context.is_ending or visit.tools.waiting >= WAITING_MAX:
        # Nobody is to ask again at once: this process ends, or has its hands full.
        headers["Retry-After"] = "3" if visit.context.is_ending else "10"
    if etag == known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


async def _news(request: Request, visit: Visit, *, body: str, etag: str, seconds: int) -> tuple[str, str]:
    """Wait until this person is shown something else, or the time is over, or nobody waits any more."""
    tools, clock = visit.tools, asyncio.get_running_loop().time
    ends, mark, read_at = clock() + seconds, tools.news(clock()), clock()
    tools.waiting += 1
    try:
        while clock() < ends and not visit.context.is_ending and not await request.is_disconnected():
            await asyncio.sleep(LOOK_EVERY)
            if tools.news(clock()) == mark or clock() - read_at < READ_EVERY:
                continue
            mark, read_at = tools.news(clock()), clock()
            visit = await run_in_threadpool(_visit, request)
            fresh, fresh_etag = await run_in_threadpool(_body, visit)
            if fresh_etag != etag:
                return fresh, fresh_etag
        return body, etag
    finally:
        tools.waiting -= 1


@router.post("/items/{message_id}/exposure", status_code=204)
def exposure(request: Request, message_id: int) -> Response:
    """It was really visible, for a second. The first time counts."""
    visit = _visit(request)
    responding.seen(visit.context.state, visit.person, message_id, now=visit.now)
    return Response(status_code=204)


@router.post("/items/{message_id}/dismiss", status_code=204)
def dismiss(request: Request, message_id: int) -> Response:
    """It was put away; this person is not shown it again."""
    visit = _visit(request)
    responding.dismissed(visit.context.state, visit.person, message_id, now=visit.now)
    return Response(status_code=204)


@router.post("/offers/{offer_id}/click", status_code=204)
def click(request: Request, offer_id: str) -> Response:
    """Somebody looks closer."""
    visit = _visit(request)
    responding.clicked(visit.context.state, visit.person, _offer(visit, offer_id), now=visit.now)
    return Response(status_code=204)


@router.post("/offers/{offer_id}/decline", status_code=204)
async def decline(request: Request, offer_id: str) -> Response:
    """``{"answer": "no"}`` or ``{"answer": "not_now"}``: respected at once."""
    answer = (await _json(request)).get("answer")
    if answer not in ("no", "not_now"):
        raise Problem(422, 'Send {"answer": "no"} or {"answer": "not_now"}.', kind="bad-answer")
    await run_in_threadpool(_decline, request, offer_id, is_later=answer == "not_now")
    return Response(status_code=204)


def _decline(request: Request, offer_id: str, *, is_later: bool) -> None:
    visit = _visit(request)
    offer = _offer(visit, offer_id)
    responding.said_no(visit.context.state, visit.person, offer, is_later=is_later, now=visit.now)


@router.post("/offers/{offer_id}/accept")
async def accept(request: Request, offer_id: str) -> Response:
    """``{"quote_id": …}``, the one whose price was shown. Asking again says what has become of it."""
    quote_id = (await _json(request)).get("quote_id")
    return await run_in_threadpool(_accept, request, offer_id, quote_id if isinstance(quote_id, str) else None)


def _accept(request: Request, offer_id: str, quote_id: str | None) -> Response:
    visit = _visit(request)
    context, offer = visit.context, _offer(visit, offer_id)
    try:
        found = responding.say_yes(
            context.project,
            context.state,
            visit.person,
            offer,
            quote_id=quote_id,
            provider_for=visit.provider,
            now=visit.now,
        )
    except OutsideError as error:
        detail = "Billing did not answer. Nothing is lost: ask again in a moment."
        raise Problem(503, detail, kind="billing-silent") from error
    # Why it was held is the company's business, not the page's.
    says: dict[str, Any] = {
        "state": found.state,
        "amount_minor": found.amount_minor,
        "invoice_id": found.invoice_id,
        "url": found.url,
    }
    says |= {"ask": list(visit.person.buyers), **_paid(visit, found.offer)}
    statuses = {"ask": 403, "held": 409, "ended": 409, "requoted": 409}
    if found.state in statuses:
        raise Problem(statuses[found.state], _ADVICE[found.state], kind=f"offer-{found.state}", **says)
    return _told(says)


_ADVICE = {
    "ask": "This person may not buy. Ask one of those named in 'ask'.",
    "held": "This cannot be bought right now. Read /embed/items again.",
    "ended": "This offer is over. Read /embed/items again.",
    "requoted": "Another price was shown. POST to /embed/offers/ID/quote and show that one first.",
}


@router.post("/offers/{offer_id}/quote")
def quote(request: Request, offer_id: str) -> Response:
    """The price again: the same while the subscription is the same, else today's."""
    visit = _visit(request)
    offer = _offer(visit, offer_id)
    try:
        responding.requote(visit.context.state, visit.person, offer, provider_for=visit.provider, now=visit.now)
    except (QuoteError, OutsideError) as error:
        raise Problem(409, "There is no price for this now. Read /embed/items again.", kind="no-quote") from error
    return Response(_body(visit)[0], media_type="application/json")


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _visit(request: Request) -> Visit:
    """Who asks.

    Raises:
        Problem: The token does not say, or that person is no longer of the account.
    """
    context = context_of(request)
    tools: _Tools | None = getattr(request.app.state, "upstep_embed", None)
    if tools is None:
        tools = request.app.state.upstep_embed = _Tools(context)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(
            401,
            "Send 'Authorization: Bearer TOKEN' with the token that your server signed.",
            kind="no-token",
            headers=_CHALLENGE,
        )
    try:
        signed_with = check_secret(secret(context.project.settings.serving.token_secret, key="serve.token_secret"))
    except ConfigError as error:
        raise Problem(
            503, "Set serve.token_secret in upstep.yaml to a variable of 32 bytes.", kind="no-secret"
        ) from error
    now = context.clock()
    try:
        identity = read_token(token.strip(), secret=signed_with, now=now)
    except TokenRefusedError as error:
        raise Problem(401, f"{error}.", kind="token-refused", headers=_CHALLENGE) from error
    with reading(context.state) as connection:
        person = showing.who_is(connection, identity.account_id, identity.contact_id)
    if person is None:
        raise Problem(403, "This contact is of another account, or has left.", kind="not-of-account")
    return Visit(context, tools, person, now)


def _offer(visit: Visit, offer_id: str) -> Offer:
    found = responding.offer_of(visit.context.state, visit.person, offer_id)
    if found is None:
        raise Problem(404, "This account has no such offer.", kind="no-offer")
    return found


def _paid(visit: Visit, offer: Offer) -> dict[str, Any]:
    """In which money an offer is paid, and what the account has then."""
    if offer.quote_id is None:
        return {"currency": None, "digits": 2, "plan": ""}
    with reading(visit.context.state) as connection:
        price = quotes.read(connection, offer.quote_id)
    return _money(price.currency) | {"plan": plan_after(visit.context.project.catalog, price)}


def _lines(lines: Sequence[quotes.QuoteLine]) -> list[dict[str, Any]]:
    return [{"text": line.description, "amount_minor": line.amount_minor} for line in lines]


def _money(currency: str) -> dict[str, Any]:
    return {"currency": currency.upper(), "digits": CURRENCIES.get(currency.lower(), 2)}


def _body(visit: Visit) -> tuple[str, str]:
    """The answer of ``/embed/items`` and its ETag."""
    person = visit.person
    meters = visit.tools.meters.read(person.account_id)
    found = showing.in_app_items(visit.context.project, visit.context.state, person, now=visit.now)
    told = {
        "may_buy": person.may_buy,
        "ask": list(person.buyers),
        "meters": _meters(meters),
        "items": [_item(visit, item, meters) for item in found],
    }
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return body, f'"{hashlib.blake2b(body.encode(), digest_size=12).hexdigest()}"'


def _meters(meters: Meters | None) -> list[dict[str, Any]]:
    return [
        {
            "id": meter.meter_id,
            "product_id": meter.product_id,
            "name": meter.name,
            "used": meter.used,
            "limit": meter.limit,
            "resets_at": iso(meter.resets_at) if meter.resets_at else None,
        }
        for meter in (meters.meters if meters else ())
    ]


def _item(visit: Visit, item: showing.Item, meters: Meters | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "key": item.offer.offer.offer_id if item.offer else f"{item.kind}-{item.message_id}",
        "id": item.message_id,
        "kind": item.kind,
        "style": item.style,
        "title": item.title,
        "text": list(item.paragraphs),
        "offer": None,
    }
    if item.kind == "ask":
        told["facts"] = dict(item.facts)
    if item.offer is not None:
        told["offer"] = _offered(visit, item.offer, meters)
    return told


def _offered(visit: Visit, shown: showing.ShownOffer, meters: Meters | None) -> dict[str, Any]:
    """An offer as the widget shows it: before and after, and what is paid today by the locked quote."""
    plan = plan_after(visit.context.project.catalog, shown.quote) if shown.quote else ""
    told: dict[str, Any] = {"id": shown.offer.offer_id, "plan": plan, "url": shown.url, "quote": None, "rows": []}
    price = shown.quote
    if price is None:
        return told
    rows = compare(visit.context.project.catalog, price, meters.plans if meters else {})
    told["rows"] = [
        {"kind": row.kind, "label": row.label, "before": row.before, "after": row.after, "every": row.every}
        for row in rows
    ]
    told["quote"] = {
        "id": price.quote_id,
        **_money(price.currency),
        "lines": _lines(price.lines),
        "next_lines": _lines(price.incentive_lines),
        "trial": told_trial(price),
        "due_now_minor": price.due_now_minor,
        "credit_used_minor": price.credit_used_minor,
        "next_invoice_minor": price.next_invoice_minor,
        "next_invoice_at": iso(price.next_invoice_at),
        "expires_at": iso(price.expires_at),
    }
    return told


async def _json(request: Request) -> dict[str, Any]:
    try:
        told = json.loads(await request.body() or b"{}")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Problem(400, "The body is no JSON object.", kind="bad-json")
    return told


def _origin(request: Request) -> str | None:
    """The page that asks, if it may; None: no other page than our own, or no browser.

    Raises:
        Problem: It is not allowed. The answer has no CORS header, so the page hears nothing of it.
    """
    origin = request.headers.get("origin")
    if origin is None or request.url.path.endswith("/upstep.js"):
        return None
    serving = context_of(request).project.settings.serving
    if origin in serving.origins or origin == _origin_of(serving.public_url):
        return origin
    raise Problem(403, "This page's origin is not among serve.origins in upstep.yaml.", kind="origin")


def _origin_of(url: str) -> str:
    return "/".join(url.split("/")[:3])


def _allow(response: Response, origin: str | None) -> None:
    response.headers["Vary"] = "Origin, Accept-Encoding"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "authorization, content-type, if-none-match"
        response.headers["Access-Control-Expose-Headers"] = "etag, retry-after"
        response.headers["Access-Control-Max-Age"] = "600"


def _told(told: dict[str, Any]) -> Response:
    return Response(json.dumps(told), media_type="application/json")


@cache
def _script() -> tuple[bytes, bytes, str]:
    """The widget as it is sent, the same packed, and its ETag. Indents and comments stay at home."""
    source = (resources.files("upstep.web") / "static" / "upstep.js").read_text(encoding="utf-8")
    lines = (line.strip() for line in source.splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("//")).encode()
    digest = hashlib.blake2b(text, digest_size=12).hexdigest()
    # Weak: it is the same whether packed or not.
    return text, gzip.compress(text, 9, mtime=0), f'W/"{digest}"'
