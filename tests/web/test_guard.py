"""What stands before every route: bounds, headers, names, logs; and how errors are told."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Depends
from starlette.requests import Request

from tests.web.asking import Asker
from tests.web.conftest import NOW
from upstep.errors import BusyError, ConfigError, Fault, OutsideError, QuoteError
from upstep.web.guard import HEADERS, body_most
from upstep.web.keyring import needs
from upstep.web.problem import MEDIA_TYPE


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_answer_carries_strict_headers_and_a_name(reader: Asker) -> None:
    for path in ("/healthz", "/nothing/here", "/v1/openapi.json"):
        answer = reader.client.get(path)
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode(), path
        assert len(answer.headers["x-request-id"]) == 16


def test_a_callers_name_for_its_request_is_kept_when_it_is_a_plain_word(reader: Asker) -> None:
    plain = reader.client.get("/healthz", headers={"X-Request-ID": "order-1234.a_b"})
    strange = reader.client.get("/healthz", headers={"X-Request-ID": 'x" onload=alert(1) '})

    assert plain.headers["x-request-id"] == "order-1234.a_b"
    assert "alert" not in strange.headers["x-request-id"]


def test_an_unknown_path_or_method_is_told_as_a_problem(reader: Asker) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/healthz", 405)):
        answer = reader.client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
        assert answer.json()["status"] == status
        assert answer.json()["detail"]


def test_a_body_past_its_bound_is_refused_by_what_it_announces_and_by_what_comes(service: Asker) -> None:
    @service.app.post("/measure")
    async def measure(request: Request) -> int:
        return len(await request.body())

    async def parts(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 1024

    announced = service.client.post("/measure", content=b"x" * (64 * 1024 + 1))
    streamed = service.client.post("/measure", content=parts(65))
    good = service.client.post("/measure", content=parts(64))

    assert [one.status_code for one in (announced, streamed, good)] == [413, 413, 200]
    assert announced.json()["type"] == streamed.json()["type"] == "urn:upstep:too-large"
    assert good.json() == 64 * 1024


def test_a_body_that_comes_too_slowly_is_not_waited_for(service: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    @service.app.post("/measure")
    async def measure(request: Request) -> int:
        return len(await request.body())

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)
        yield b"x"

    monkeypatch.setattr("upstep.web.guard.BODY_SECONDS", 0.05)
    app = Held(service.app, slow())

    assert app.status() == 408


class Held:
    """Asks with a body whose parts come when they come, which the client of the tests would gather first."""

    def __init__(self, app: Any, parts: AsyncIterator[bytes]) -> None:
        self._app, self._parts, self._told = app, parts, 0

    def status(self) -> int:
        scope = {"type": "http", "method": "POST", "path": "/measure", "headers": [], "query_string": b""}
        asyncio.run(self._app({**scope, "server": None, "client": None, "scheme": "http"}, self._receive, self._send))
        return self._told

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": await anext(self._parts), "more_body": True}

    async def _send(self, message: Any) -> None:
        self._told = message.get("status", self._told)


def test_only_what_takes_events_may_be_sent_a_large_body() -> None:
    assert body_most("/v1/batch") == body_most("/v1/i") == body_most("/hooks/stripe") == 512 * 1024
    assert body_most("/v1/accounts/x/quotes") == body_most("/v1/offers") == 64 * 1024
    assert body_most("/embed/accept") == body_most("/u/token") == 16 * 1024


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (QuoteError(Fault("quote q", "has expired.", "Ask anew.")), 409, "quote q: has expired. Ask anew."),
        (BusyError("a file of ours is locked", "load"), 503, "Another process is writing"),
        (OutsideError("https://user:pass@provider said no"), 503, "Something outside"),
        (ConfigError(Fault("upstep.yaml", "STRIPE_KEY is not set.")), 503, "not set up"),
        (ZeroDivisionError("secret detail"), 500, "Sorry"),
    ],
)
def test_each_error_has_its_status_and_tells_no_more_than_its_caller_may_know(
    service: Asker, error: Exception, status: int, says: str, logged: io.StringIO
) -> None:
    @service.app.get("/break")
    def break_() -> None:
        raise error

    answer = service.client.get("/break")

    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert says in answer.json()["detail"]
    assert not any(word in answer.text for word in ("STRIPE_KEY", "secret detail", "pass@"))
    if status >= 500:
        assert type(error).__name__ in logged.getvalue()
        assert "pass@" not in logged.getvalue()


def test_a_request_leaves_one_line_without_its_key_or_its_path(service: Asker, logged: io.StringIO) -> None:
    @service.app.get("/mine/{token}")
    def page(token: str, _key: object = Depends(needs("read"))) -> str:
        return token[:1]

    answer = service.ask("GET", "/mine/eyJhbGciOi.secretpart.sig")

    (line,) = lines(logged)
    assert (line["event"], line["route"], line["status"]) == ("request", "/mine/{token}", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["key_id"] == service.keys["read"].split("_")[1]
    assert "secretpart" not in logged.getvalue()
    assert service.keys["read"] not in logged.getvalue()


def test_what_is_logged_by_mistake_is_hidden(service: Asker, logged: io.StringIO) -> None:
    import structlog

    key = service.keys["admin"]
    named = {"token": "abc", "nested": {"password": "x", "who": "ann@example.com"}, "url": "https://u:pw@host/"}
    structlog.get_logger().info("oops", told=f"used {key}", **named)

    text = logged.getvalue()
    assert not any(secret in text for secret in (key, "abc", "ann@example.com", "u:pw"))
    assert "https://[hidden]@host/" in text


def test_the_service_lives_is_ready_and_shows_its_figures(reader: Asker) -> None:
    ready = reader.client.get("/readyz")
    figures = reader.client.get("/metrics").text

    assert reader.client.get("/healthz").json() == {"status": "ok"}
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert 'upstep_requests_total{method="GET",route="/readyz",status="200"}' in figures


def test_it_is_not_ready_before_facts_are_loaded(service: Asker) -> None:
    (service.project.folder / ".upstep" / "facts" / "current.json").unlink()

    answer = service.client.get("/readyz")

    assert answer.status_code == 503
    assert "upstep load" in answer.json()["checks"]["facts"]


class Full:
    def depth(self) -> int:
        return 2_000_000


def test_it_is_not_ready_while_too_many_events_wait(service: Asker) -> None:
    service.app.state.upstep.inbox = Full()

    assert service.client.get("/readyz").status_code == 503
    assert "upstep_inbox_depth 2e+06" in service.client.get("/metrics").text


def test_the_clock_of_the_tests_stands(reader: Asker) -> None:
    assert reader.clock() == NOW
