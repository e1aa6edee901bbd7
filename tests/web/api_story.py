"""Every route of the document asked of a sample company, in an order in which each has something to tell."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from tests.web.asking import Asker
from upstep.engine.contacting.publishing import publish
from upstep.engine.contacting.sending import deliver
from upstep.engine.deciding.decide import decide
from upstep.state import tables
from upstep.state.session import reading
from upstep.web.identity import sign_token

FIRST = "lumenbrook-software"
TOKEN_SECRET = "a" * 40
SETTINGS = "\nserve: {token_secret: '${UPSTEP_TEST_TOKEN_SECRET}'}\nexperiments: {holdout_percent: 10}\n"
DAYTIME = timedelta(hours=17)
"""So much later nobody's hours are quiet."""

Answered = tuple[str, httpx.Response]
"""The operation, such as ``GET /v1/accounts``, and what it answered."""


def every_answer(service: Asker) -> Iterator[Answered]:
    """The service's settings hold ``SETTINGS``, and the secret is in the environment."""
    service.clock.now += DAYTIME
    opened = _opened(service)
    yield "GET /healthz", service.client.get("/healthz")
    yield "GET /readyz", service.client.get("/readyz")
    yield from _page(service, opened)
    yield from _offers(service, opened)
    yield from _quotes(service, opened[1])
    yield from _people(service)
    yield from _reads(service)


def _act(service: Asker, method: str, path: str, **body: Any) -> httpx.Response:
    return service.ask(method, path, scope="act", **({"json": body} if body else {}))


def _opened(service: Asker) -> list[httpx.Response]:
    """Four accounts' offers, of steps that they may take alone; everything that was decided is published."""
    run = decide(service.project)
    publish(service.project, service.app.state.upstep.state, run, now=service.clock())
    rows = [row for row in run.decisions.to_pylist() if row["is_winner"] and row["lane"] == row["path"] == "self_serve"]
    found = sorted({row["account_id"] for row in rows if row["outcome"] == "eligible"} - {FIRST})
    answers = (_act(service, "POST", f"/v1/accounts/{account}/offers") for account in [FIRST, *found])
    opened = list(itertools.islice((one for one in answers if one.json()["offers"]), 4))
    deliver(service.project, now=service.clock(), state=service.app.state.upstep.state)
    return opened


def _offers(service: Asker, opened: Sequence[httpx.Response]) -> Iterator[Answered]:
    yield "POST /v1/accounts/{account_id}/offers", opened[0]
    paths = [f"/v1/offers/{one.json()['offers'][0]['offer_id']}" for one in opened]
    yield "POST /v1/offers/{offer_id}/accept", _act(service, "POST", f"{paths[0]}/accept", by="ann")
    yield "POST /v1/offers/{offer_id}/decline", _act(service, "POST", f"{paths[1]}/decline", by="ann", why="too dear")
    later = _act(service, "POST", f"{paths[2]}/not-now", by="ann", why="in spring")
    yield "POST /v1/offers/{offer_id}/not-now", later
    yield "GET /v1/offers/{offer_id}", service.ask("GET", paths[0])
    yield "GET /v1/offers", service.ask("GET", "/v1/offers?limit=1")


def _page(service: Asker, opened: Sequence[httpx.Response]) -> Iterator[Answered]:
    """As the widget asks, with a person's token."""
    buys = next(_visitors(service, opened[3].json()["offers"][0], may_buy=True))
    shown = (
        (one, service.client.get("/embed/items", headers=one.headers))
        for one in _visitors(service, opened[0].json()["offers"][0])
    )
    looks, items = next((one, items) for one, items in shown if items.json()["items"])
    yield "GET /embed/items", items
    message = tables.message.c
    with reading(service.app.state.upstep.state) as connection:
        told = sa.select(message.message_id).where(message.account_id == FIRST, message.channel == "in_app")
        message_id = connection.execute(told).scalars().first()
    seen = {"message_id": message_id, "account_id": FIRST, "contact_id": looks.contact_id}
    yield "POST /v1/exposures", _act(service, "POST", "/v1/exposures", **seen)
    yield "POST /embed/offers/{offer_id}/quote", service.client.post(f"{looks.path}/quote", headers=looks.headers)
    yes = {"quote_id": buys.quote_id}
    accepted = service.client.post(f"{buys.path}/accept", headers=buys.headers, json=yes)
    yield "POST /embed/offers/{offer_id}/accept", accepted


@dataclass(frozen=True)
class _Visitor:
    """Who may buy what an offer offers, and looks at it in the app."""

    contact_id: str
    path: str
    quote_id: str
    headers: dict[str, str]


def _visitors(service: Asker, offer: dict[str, Any], *, may_buy: bool = False) -> Iterator[_Visitor]:
    person, account = tables.contact_fact.c, offer["account_id"]
    with reading(service.app.state.upstep.state) as connection:
        known = sa.select(person.contact_id).where(person.account_id == account, person.may_buy | (not may_buy))
        contacts = connection.execute(known.order_by(person.contact_id)).scalars().all()
    for contact in contacts:
        token = sign_token(account, contact, secret=TOKEN_SECRET, now=service.clock(), lasts=timedelta(minutes=5))
        headers = {"authorization": f"Bearer {token}"}
        yield _Visitor(contact, f"/embed/offers/{offer['offer_id']}", offer["quote"]["quote_id"], headers)


def _quotes(service: Asker, opened: httpx.Response) -> Iterator[Answered]:
    """Of an account that declined its offer and wants something else."""
    offer = opened.json()["offers"][0]
    made = _act(service, "POST", f"/v1/accounts/{offer['account_id']}/quotes", plan_id="scale")
    assert made.status_code == 201, made.text
    yield "POST /v1/accounts/{account_id}/quotes", made
    path = f"/v1/quotes/{made.json()['quote_id']}"
    yield "GET /v1/quotes/{quote_id}", service.ask("GET", path)
    yield "POST /v1/quotes/{quote_id}/apply", _act(service, "POST", f"{path}/apply")


def _people(service: Asker) -> Iterator[Answered]:
    person = tables.contact_fact.c
    with reading(service.app.state.upstep.state) as connection:
        contact = connection.execute(sa.select(person.contact_id).where(person.account_id == FIRST)).scalars().first()
    goal = {"account_id": FIRST, "contact_id": contact, "source": "call", "stated_on": "2026-11-03"}
    made = _act(service, "POST", "/v1/goals", **goal, priority="Send twice as much by spring")
    yield "POST /v1/goals", made
    yield "GET /v1/goals", service.ask("GET", f"/v1/goals?account_id={FIRST}")
    goal_id = made.json()["recorded"][0]["goal_id"]
    yield "DELETE /v1/goals/{goal_id}", _act(service, "DELETE", f"/v1/goals/{goal_id}?because=done")
    yield "POST /v1/replies", _act(service, "POST", "/v1/replies", account_id=FIRST, said="asks to talk in January")


def _reads(service: Asker) -> Iterator[Answered]:
    of_account = "/v1/accounts/{account_id}"
    yield "GET /v1/accounts", service.ask("GET", "/v1/accounts?limit=1")
    for path in ("", "/decisions", "/experiments", "/explain"):
        yield f"GET {of_account}{path}", service.ask("GET", of_account.format(account_id=FIRST) + path)
    yield "GET /v1/decisions", service.ask("GET", "/v1/decisions?limit=1&outcome=eligible")
    yield "GET /v1/experiments", service.ask("GET", "/v1/experiments")
    yield "GET /v1/exposures", service.ask("GET", "/v1/exposures")
    yield "GET /v1/reports/{month}", service.ask("GET", "/v1/reports/2026-10")


def shortened(answer: Any) -> Any:
    """The whole answer with long lists of objects cut to their first, since the others look the same."""
    if isinstance(answer, dict):
        return {name: shortened(value) for name, value in answer.items()}
    if isinstance(answer, list):
        is_plain = not any(isinstance(value, dict | list) for value in answer)
        return answer[:3] if is_plain else [shortened(value) for value in answer[: 1 if len(answer) > 2 else 2]]
    return answer


def outline(answer: Any) -> Any:
    """Names and kinds without values; null goes with everything."""
    if isinstance(answer, dict):
        return {name: outline(value) for name, value in sorted(answer.items()) if value not in (None, [], {})}
    if isinstance(answer, list):
        return [outline(answer[0])] if answer else []
    return "number" if isinstance(answer, int | float) and not isinstance(answer, bool) else type(answer).__name__


def written(examples: dict[str, Any]) -> str:
    """As the file holds them."""
    return json.dumps(dict(sorted(examples.items())), indent=1, ensure_ascii=False) + "\n"
