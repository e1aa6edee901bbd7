"""Unsubscribing: a page with one button, and the one click of a mail program (RFC 8058). No login, no redirect.

A GET changes nothing, for mail programs and their guards follow links by themselves. A link works for years.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from upstep.engine.contacting.links import UNSUBSCRIBE, read_link
from upstep.state.consents import consents_of, record_consent
from upstep.state.session import reading, writing
from upstep.web.answer_page import form, page
from upstep.web.context import Context, context_of

router = APIRouter(prefix="/u", include_in_schema=False)

_WHAT = {"sales": "offers", "service": "notes about your own use"}


@router.get("/{token}")
def ask(request: Request, token: str) -> Response:
    """The page that asks; nothing is changed by looking at it."""
    context = context_of(request)
    said = _read(context, token)
    return _page(context, said[0], said[1]) if said else _unknown(context)


@router.post("/{token}")
async def answer(request: Request, token: str) -> Response:
    """``List-Unsubscribe=One-Click`` by a mail program, or the button: from this instant on nothing more is sent."""
    wants_again = (await form(request)).get("answer") == "again"
    return await run_in_threadpool(_answer, context_of(request), token, wants_again=wants_again)


def _answer(context: Context, token: str, *, wants_again: bool) -> Response:
    said = _read(context, token)
    if said is None:
        return _unknown(context)
    contact_id, purpose = said
    source = "asked for again by the unsubscribe page" if wants_again else "unsubscribe link"
    with writing(context.state) as connection:
        now = context.clock()
        record_consent(connection, contact_id, purpose=purpose, is_given=wants_again, source=source, now=now)
    return _page(context, contact_id, purpose)


def _read(context: Context, token: str) -> tuple[str, str] | None:
    said = read_link(context.state, UNSUBSCRIBE, token, now=context.clock())
    return said if said and said[1] in _WHAT else None


def _page(context: Context, contact_id: str, purpose: str) -> Response:
    company, what = context.project.settings.company, _WHAT[purpose]
    with reading(context.state) as connection:
        consents = consents_of(connection, [contact_id], now=context.clock())
    if consents.get(contact_id, {}).get(purpose) is False:
        return page(
            "You are unsubscribed",
            company=company,
            paragraphs=[f"{company} sends you no {what} from now on. There is nothing else to do."],
            buttons=[("again", "Undo: send them again", False)],
        )
    return page(
        f"No more {what}?",
        company=company,
        paragraphs=[
            f"One click, and {company} sends you no {what} any more. Invoices and the like still reach you.",
        ],
        buttons=[("no", f"Stop {what}", True)],
    )


def _unknown(context: Context) -> Response:
    return page(
        "This link is not complete",
        company=context.project.settings.company,
        paragraphs=["Part of the address is missing or was changed. Open it again from the message, or reply to it."],
        status=404,
    )
