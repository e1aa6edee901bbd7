"""The widget's routes: what a person is shown, what they answer, and all that is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.billing.seeds import AT
from tests.web.counter import ORIGIN, SECRET, Counter, open_counter, prepare
from upstep.engine.contacting.channels import live_file
from upstep.offers import lifecycle
from upstep.state import tables
from upstep.state.consents import record_consent
from upstep.state.session import writing


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("counter") / "shop")


@pytest.fixture
def counter(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    monkeypatch.setenv("UPSTEP_TEST_TOKEN", SECRET)
    with open_counter(prepared, tmp_path / "shop") as opened:
        yield opened


def test_a_buyer_is_shown_the_offer_with_its_comparison_and_locked_price(counter: Counter) -> None:
    offer = counter.open_offer()
    (item,) = counter.items()
    assert (item["kind"], item["style"], item["title"]) == ("offer", "modal", "More room to send")
    assert item["text"] == ["Your team has sent 10,000 of 10,000 e-mails."]
    assert item["offer"]["id"] == offer.offer_id
    quote = item["offer"]["quote"]
    assert (quote["id"], quote["due_now_minor"], quote["currency"], quote["digits"]) == (offer.quote_id, 500, "USD", 2)
    assert sum(line["amount_minor"] for line in quote["lines"]) == 500
    price = next(row for row in item["offer"]["rows"] if row["kind"] == "price")
    assert (price["before"], price["after"], price["every"]) == (1000, 2000, [["month", 1], ["month", 1]])


def test_somebody_who_may_not_buy_is_told_whom_to_ask_and_no_price(counter: Counter) -> None:
    counter.open_offer()
    (item,) = counter.items("ben")
    assert (item["kind"], item["offer"], item["facts"]["used"]) == ("ask", None, 10_000)
    told = counter.ask("GET", "/items", as_="ben").json()
    assert (told["may_buy"], told["ask"]) == (False, ["Ana Lima"])
    assert "minor" not in counter.ask("GET", "/items", as_="ben").text


def test_nobody_of_another_account_is_shown_or_may_answer_anything(counter: Counter) -> None:
    offer, notice = counter.open_offer(), counter.give_notice("account:acme")
    assert counter.items("zoe") == []
    for path in ("click", "decline", "accept", "quote"):
        answered = counter.ask("POST", f"/offers/{offer.offer_id}/{path}", as_="zoe", json={"answer": "no"})
        assert (answered.status_code, answered.json()["type"]) == (404, "urn:upstep:no-offer")
    counter.ask("POST", f"/items/{notice}/exposure", as_="zoe")
    assert counter.rows(tables.exposure) == []
    assert counter.status(offer) == "open"


def test_a_person_of_one_account_cannot_come_with_a_token_of_another(counter: Counter) -> None:
    for contact, account in (("ana", "globex"), ("zoe", "acme")):
        answered = counter.ask("GET", "/items", token=counter.token(contact, account))
        assert (answered.status_code, answered.json()["type"]) == (403, "urn:upstep:not-of-account")


def test_somebody_the_facts_do_not_know_yet_may_look_and_not_buy(counter: Counter) -> None:
    offer = counter.open_offer()
    token = counter.token("new-colleague")
    assert [item["kind"] for item in counter.ask("GET", "/items", token=token).json()["items"]] == ["ask"]
    quote = {"quote_id": offer.quote_id}
    answered = counter.ask("POST", f"/offers/{offer.offer_id}/accept", token=token, json=quote)
    assert (answered.status_code, answered.json()["ask"]) == (403, ["Ana Lima"])


def test_without_a_good_token_there_is_nothing_but_a_problem(counter: Counter) -> None:
    good = counter.token()
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": f"Bearer {good[:-2]}AA"}):
        answered = counter.http.get("/embed/items", headers=headers)
        assert answered.status_code == 401
        assert answered.headers["content-type"] == "application/problem+json"
        assert answered.headers["www-authenticate"] == "Bearer"
        assert good not in answered.text


def test_only_allowed_pages_hear_anything(counter: Counter) -> None:
    allowed = counter.ask("GET", "/items", headers={"Origin": ORIGIN})
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "etag" in allowed.headers["access-control-expose-headers"]
    refused = counter.ask("GET", "/items", headers={"Origin": "https://app.example.com.evil.example"})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    for origin, status in ((ORIGIN, 204), ("null", 403)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert counter.http.options("/embed/offers/of_1/accept", headers=asked).status_code == status


def test_a_page_may_read_why_its_token_was_refused(counter: Counter) -> None:
    answered = counter.http.get("/embed/items", headers={"Origin": ORIGIN})
    assert (answered.status_code, answered.headers["access-control-allow-origin"]) == (401, ORIGIN)


def test_nothing_new_is_a_304(counter: Counter) -> None:
    counter.give_notice()
    first = counter.ask("GET", "/items")
    again = counter.ask("GET", "/items", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"


def test_who_waits_hears_of_a_notice_within_a_second(counter: Counter) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from time import perf_counter, sleep

    etag = counter.ask("GET", "/items").headers["etag"]
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(counter.ask, "GET", "/items?wait=20", headers={"If-None-Match": etag})
        sleep(0.3)
        given = perf_counter()
        counter.give_notice()
        answered = waits.result(timeout=5)
        took = perf_counter() - given
    assert [item["kind"] for item in answered.json()["items"]] == ["notice"]
    assert took < 1


def test_waiting_ends_with_a_304(counter: Counter) -> None:
    etag = counter.ask("GET", "/items").headers["etag"]
    assert counter.ask("GET", "/items?wait=1", headers={"If-None-Match": etag}).status_code == 304


def test_an_exposure_counts_once_and_shows_the_offer(counter: Counter) -> None:
    offer = counter.open_offer()
    (item,) = counter.items()
    for _ in range(3):
        assert counter.ask("POST", f"/items/{item['id']}/exposure").status_code == 204
    assert [(row.contact_id, row.offer_id) for row in counter.rows(tables.exposure)] == [("ana", offer.offer_id)]
    assert counter.status(offer) == "shown"
    assert [row.what for row in counter.rows(tables.audit)].count("message.seen") == 1


def test_whoever_only_asks_an_admin_does_not_count_as_shown(counter: Counter) -> None:
    offer = counter.open_offer()
    (item,) = counter.items("ben")
    counter.ask("POST", f"/items/{item['id']}/exposure", as_="ben")
    assert counter.status(offer) == "open"


def test_a_notice_that_was_put_away_stays_away_for_that_person_alone(counter: Counter) -> None:
    notice = counter.give_notice("account:acme")
    for _ in range(2):
        assert counter.ask("POST", f"/items/{notice}/dismiss").status_code == 204
    assert counter.items() == []
    assert [item["id"] for item in counter.items("ben")] == [notice]


@pytest.mark.parametrize("answer", ["no", "not_now"])
def test_a_no_is_respected_at_once_and_written_down(counter: Counter, answer: str) -> None:
    offer = counter.open_offer()
    for _ in range(2):
        answered = counter.ask("POST", f"/offers/{offer.offer_id}/decline", json={"answer": answer})
        assert answered.status_code == 204
    assert counter.items() == counter.items("ben") == []
    assert counter.status(offer) == "declined"
    assert [row.what for row in counter.rows(tables.audit)].count(f"offer.{answer}") == 1


def test_another_answer_a_large_body_and_no_json_are_refused(counter: Counter) -> None:
    path = f"/offers/{counter.open_offer().offer_id}/decline"
    assert counter.ask("POST", path, json={"answer": "perhaps"}).status_code == 422
    assert counter.ask("POST", path, content=b"[1]").status_code == 400
    assert counter.ask("POST", path, content=b"{" * 20_000).status_code == 413


@pytest.mark.parametrize(
    "hold",
    [
        (tables.fact_hold, {"step_id": "", "gate": "open_issue", "is_unknown": False, "why": "a ticket", "as_of": AT}),
        (tables.fact_hold, {"step_id": "st_1", "gate": "fit", "is_unknown": True, "why": "unknown", "as_of": AT}),
        (tables.contact_hold, {"kind": "reply", "why": "wrote back", "recorded_at": AT, "recorded_by": "d"}),
        (
            tables.contact_hold,
            {"contact_id": "ana", "kind": "person", "why": "asked", "recorded_at": AT, "recorded_by": "d"},
        ),
    ],
)
def test_what_holds_the_account_hides_the_offer_and_stops_the_yes(counter: Counter, hold: tuple) -> None:  # type: ignore[type-arg]
    offer = counter.open_offer()
    table, row = hold
    counter.add(table, account_id="acme", **row)
    assert counter.items() == []
    quote = {"quote_id": offer.quote_id}
    answered = counter.ask("POST", f"/offers/{offer.offer_id}/accept", json=quote)
    assert (answered.status_code, answered.json()["state"]) == (409, "held")
    assert row.get("why") not in answered.text
    assert counter.status(offer) == "open"


@pytest.mark.parametrize(
    "known", [{"role": "executive"}, {"has_stake": False}, {"consents": ["service"]}, {"consents": None}]
)
def test_who_would_not_be_sent_an_offer_is_not_shown_one(counter: Counter, known: Mapping[str, Any]) -> None:
    counter.open_offer()
    counter.give_notice()
    with writing(counter.state) as connection:
        ana = tables.contact_fact.c.contact_id == "ana"
        connection.execute(sa.update(tables.contact_fact).where(ana).values(**known))
    assert [item["kind"] for item in counter.items()] == ["notice"]


@pytest.mark.parametrize(("purpose", "shown"), [("sales", ["notice"]), ("service", ["offer"])])
def test_whoever_unsubscribed_is_shown_nothing_of_that_purpose(
    counter: Counter, purpose: str, shown: list[str]
) -> None:
    notice, offer = counter.give_notice("account:acme"), counter.open_offer()
    for person in ("ana", "ben"):
        say_no(counter, person, purpose)
    assert [item["kind"] for item in counter.items()] == shown
    counter.ask("POST", f"/offers/{offer.offer_id}/decline", json={"answer": "no"})
    notices = [item["id"] for item in counter.items("ben")]
    assert notices == ([notice] if purpose == "sales" else [])


def say_no(counter: Counter, person: str, purpose: str) -> None:
    with writing(counter.state) as connection:
        record_consent(connection, person, purpose=purpose, is_given=False, source="told support", now=counter.now)


def test_in_shadow_nothing_is_sold_that_a_real_provider_charges(counter: Counter) -> None:
    offer, notice = counter.open_offer(), counter.give_notice()
    counter.project.__dict__["settings"] = replace(counter.project.settings, billing_provider="stripe")
    quote = {"quote_id": offer.quote_id}

    assert [item["id"] for item in counter.items()] == [notice]
    answered = counter.ask("POST", f"/offers/{offer.offer_id}/accept", json=quote)
    assert (answered.status_code, answered.json()["state"]) == (409, "held")
    assert counter.status(offer) == "open"

    live_file(counter.project).parent.mkdir(exist_ok=True)
    live_file(counter.project).write_text("{}", encoding="utf-8")
    assert [item["kind"] for item in counter.items()] == ["offer"]


def test_facts_that_are_too_old_hide_the_offer_and_leave_the_notice(counter: Counter) -> None:
    counter.open_offer()
    counter.now = AT + timedelta(days=4)
    counter.give_notice()
    assert [item["kind"] for item in counter.items()] == ["notice"]


def test_a_yes_to_another_price_than_the_one_that_stands_is_shown_again_first(counter: Counter) -> None:
    offer = counter.open_offer()
    for body in ({"quote_id": "q_other"}, {}):
        answered = counter.ask("POST", f"/offers/{offer.offer_id}/accept", json=body)
        assert (answered.status_code, answered.json()["state"]) == (409, "requoted")
    assert counter.status(offer) == "open"


def test_an_offer_that_is_over_is_not_shown_and_cannot_be_accepted(counter: Counter) -> None:
    offer = counter.open_offer()
    counter.now = AT + timedelta(days=7)
    counter.add(tables.watermark, account_id="acme", as_of=counter.now, published_at=counter.now)
    assert counter.items() == []
    quote = {"quote_id": offer.quote_id}
    answered = counter.ask("POST", f"/offers/{offer.offer_id}/accept", json=quote)
    assert (answered.status_code, answered.json()["state"]) == (409, "ended")


def test_the_notice_before_an_upgrade_says_nothing_any_more(counter: Counter) -> None:
    counter.give_notice()
    offer = counter.open_offer()
    counter.now += timedelta(minutes=1)
    lifecycle.accept(counter.state, offer.offer_id, by="ana", at=counter.now)
    assert counter.items() == []


def test_the_script_is_one_file_under_8_kb_for_every_page(counter: Counter) -> None:
    answered = counter.http.get("/embed/upstep.js", headers={"Origin": "https://anywhere.example"})
    assert answered.status_code == 200
    assert (answered.headers["content-encoding"], answered.headers["access-control-allow-origin"]) == ("gzip", "*")
    assert int(answered.headers["content-length"]) < 8_192
    plain = counter.http.get("/embed/upstep.js", headers={"Accept-Encoding": "identity"})
    assert plain.text == answered.text
    assert answered.headers["content-type"].startswith("text/javascript")
    again = counter.http.get("/embed/upstep.js", headers={"If-None-Match": answered.headers["etag"]})
    assert again.status_code == 304


def test_a_short_secret_is_a_problem_that_tells_nothing_of_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = counter.token()
    monkeypatch.setenv("UPSTEP_TEST_TOKEN", "short")
    answered = counter.ask("GET", "/items", token=token)
    assert (answered.status_code, answered.json()["type"]) == (503, "urn:upstep:no-secret")
