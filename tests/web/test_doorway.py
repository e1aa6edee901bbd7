"""The shorter way of a look-up over a real socket: the same answer as the ordinary way, and nothing else takes it."""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.web.asking import Asker
from tests.web.conftest import NOW, served
from tests.web.serving import serving
from upstep.state import keys
from upstep.state.session import writing
from upstep.state.tables import published_decision
from upstep.web.doorway import HEAD_MOST, Doorway, Shortcut

PATH = "/v1/accounts/plain/decisions"
DECISIONS = '[{"decision_id":"d1","outcome":"eligible"}]'
CHANGES = ("date", "x-request-id")


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """A connection that sends bytes as they are written here."""

    def __init__(self, address: str, secret: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._read = self._socket.makefile("rb")
        self.secret = secret

    def ask(self, *requests: str) -> list[Answer]:
        """Send them in one go and read as many answers."""
        self._socket.sendall("".join(requests).encode())
        return [self._answer() for _ in requests]

    def get(self, path: str = PATH, *more: str, method: str = "GET", version: str = "1.1", body: str = "") -> str:
        """A request's text."""
        said = [f"{method} {path} HTTP/{version}", "Host: upstep", f"Authorization: Bearer {self.secret}", *more]
        return "\r\n".join([*said, "", body])

    def close(self) -> None:
        self._read.close()
        self._socket.close()

    def _answer(self) -> Answer:
        status = int(self._read.readline().split()[1])
        headers = {}
        while line := self._read.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        length = 0 if status in {204, 304} else int(headers["content-length"])
        return Answer(status, headers, self._read.read(length))


@dataclass
class Door:
    """A service that is served, a connection to it, and the accounts that were answered the shorter way."""

    service: Asker
    line: Line
    quick: list[str]
    address: str


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A service of a project that has nothing but two published accounts."""
    folder = tmp_path_factory.mktemp("door")
    (folder / "upstep.yaml").write_text("version: 1\ncompany: Postline\ncurrency: usd\n", encoding="utf-8")
    service = served(folder)
    row = {"account_id": "plain", "run_id": "run1", "as_of": NOW, "published_at": NOW, "body": DECISIONS}
    with writing(service.app.state.upstep.state) as connection:
        connection.execute(published_decision.insert(), [row, {**row, "account_id": "a b"}])
    return service


@pytest.fixture
def door(published: Asker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    quick: list[str] = []
    answer = Shortcut.answer

    def told(self: Shortcut, account_id: str, *words: Any, **more: Any) -> bytes | None:
        found = answer(self, account_id, *words, **more)
        quick.extend([account_id] if found else [])
        return found

    monkeypatch.setattr(Shortcut, "answer", told)
    # A key is known from its first use on; a test that takes longer than a second would make it unknown again.
    monkeypatch.setattr(published.app.state.keyring, "_seconds", 3600.0)
    monkeypatch.setattr(published.app.state.keyring, "_known", {})
    with serving(published.app, http=Doorway) as address:
        line = Line(address, published.keys["read"])
        yield Door(published, line, quick, address)
        line.close()


def same(one: Answer, two: Answer) -> bool:
    plain = [{name: value for name, value in each.headers.items() if name not in CHANGES} for each in (one, two)]
    return plain[0] == plain[1] and (one.status, one.body) == (two.status, two.body)


def counted(door: Door) -> float:
    """Look-ups that were answered with 200, as Prometheus is told."""
    figures = door.service.app.state.upstep.metrics.text(door.service.app.state.upstep).decode()
    found = re.search(r'method="GET",route="/v1/accounts/{account_id}/decisions",status="200"} ([0-9.]+)', figures)
    return float(found[1]) if found else 0.0


def test_the_shorter_way_answers_as_the_ordinary_one_to_every_header(door: Door) -> None:
    ordinary, quick = door.line.ask(door.line.get())[0], door.line.ask(door.line.get())[0]

    assert door.quick == ["plain"], "the first request shows the key, the second is answered at once"
    assert same(ordinary, quick)
    assert quick.status == 200
    assert {"date", "x-request-id", "etag", "content-security-policy", "cache-control"} <= set(quick.headers)
    assert json.loads(quick.body)["decisions"] == json.loads(DECISIONS)
    assert quick.headers["x-request-id"] != ordinary.headers["x-request-id"]


def test_what_the_caller_has_already_is_not_sent_again(door: Door) -> None:
    etag = door.line.ask(door.line.get())[0].headers["etag"]
    asked = door.line.get(PATH, f"If-None-Match: {etag}")
    quick = door.line.ask(asked)[0]
    slow = door.line.ask(door.line.get(PATH, f"If-None-Match: {etag}", "Content-Length: 0"))[0]

    assert (quick.status, quick.body, door.quick) == (304, b"", ["plain"])
    assert same(quick, slow)


def test_many_requests_in_one_go_are_answered_in_their_order(door: Door) -> None:
    door.line.ask(door.line.get())
    health = door.line.get("/healthz")
    answers = door.line.ask(door.line.get(), health, door.line.get("/v1/accounts/nobody/decisions"), door.line.get())

    assert [one.status for one in answers] == [200, 200, 404, 200]
    assert json.loads(answers[1].body) == {"status": "ok"}
    assert door.quick[0] == "plain"


def test_a_request_that_comes_in_pieces_is_one(door: Door) -> None:
    door.line.ask(door.line.get())
    asked = door.line.get()
    for place in range(len(asked) - 1):
        door.line._socket.sendall(asked[place].encode())
    assert door.line.ask(asked[-1])[0].status == 200
    assert door.quick == ["plain"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/accounts/nobody/decisions", 404),
        ("/v1/accounts/a%20b/decisions", 200),
        ("/v1/accounts/plain/decisions?x=1", 200),
        ("/v1/accounts/plain/decisions/", 307),
        ("/v1/accounts/pl%00ain/decisions", 400),
    ],
)
def test_what_is_odd_or_not_there_goes_the_ordinary_way(door: Door, path: str, status: int) -> None:
    door.line.ask(door.line.get())

    assert door.line.ask(door.line.get(path))[0].status == status
    assert door.quick == []


@pytest.mark.parametrize(("scope", "status"), [("ingest", 403), ("act", 403), ("admin", 200)])
def test_a_key_that_may_not_read_is_refused_each_time(door: Door, scope: str, status: int) -> None:
    door.line.secret = door.service.keys[scope]
    assert [one.status for one in (door.line.ask(door.line.get())[0], door.line.ask(door.line.get())[0])] == [
        status
    ] * 2


def test_no_key_and_one_that_was_revoked_are_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    state = door.service.app.state.upstep.state
    with writing(state) as connection:
        key_id, good = keys.make_key(connection, "soon gone", ["read"], by="test", now=NOW)
    door.line.secret = good
    door.line.ask(door.line.get())
    door.line.secret = "nobody"  # noqa: S105
    assert door.line.ask(door.line.get())[0].status == 401
    with writing(state) as connection:
        keys.revoke_key(connection, key_id, by="test", now=NOW)
    monkeypatch.setattr(door.service.app.state.keyring, "_known", {})  # what a second would do
    door.line.secret = good

    assert door.line.ask(door.line.get())[0].status == 401
    assert door.quick == []


def test_a_body_and_other_methods_go_the_ordinary_way(door: Door) -> None:
    door.line.ask(door.line.get())
    longer = door.line.ask(door.line.get(PATH, "Content-Length: 4", body="GET "))[0]
    posted = door.line.ask(door.line.get(PATH, "Content-Length: 0", method="POST"))[0]

    assert longer.status == 200
    assert posted.status in (404, 405)
    assert door.line.ask(door.line.get())[0].status == 200
    assert door.quick == ["plain"]


def test_who_asks_to_close_is_hung_up_on_after_the_answer(door: Door) -> None:
    door.line.ask(door.line.get())
    answer = door.line.ask(door.line.get(PATH, "Connection: close"))[0]

    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert door.line._read.read() == b""
    assert door.quick == []


def test_each_is_logged_and_counted_as_any_other(door: Door, logged: io.StringIO) -> None:
    before = counted(door)
    asked = door.line.get(PATH, "X-Request-ID: my-own-name")
    ordinary, quick = door.line.ask(asked)[0], door.line.ask(asked)[0]
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    told = [one for one in lines if one["request_id"] == "my-own-name"]

    assert [one.headers["x-request-id"] for one in (ordinary, quick)] == ["my-own-name"] * 2
    assert [list(one) for one in told] == [list(told[0])] * 2
    assert {one["route"] for one in told} == {"/v1/accounts/{account_id}/decisions"}
    assert told[0]["key_id"] == told[1]["key_id"]
    assert counted(door) == before + 2


def pour(line: Line, first: str, piece: str) -> None:
    """Send more and more of the same request."""
    line._socket.sendall(first.encode())
    for _ in range(1_000):
        line._socket.sendall(piece.encode())


def test_headers_that_do_not_end_are_cut_off(door: Door) -> None:
    with pytest.raises(OSError, match=r"reset|[Bb]roken"):
        pour(door.line, door.line.get().removesuffix("\r\n"), f"X-More: {'a' * 16_000}\r\n")
    with closing(Line(door.address, door.line.secret)) as another:
        assert another.ask(another.get())[0].status == 200


def test_who_sent_too_many_headers_is_told(door: Door) -> None:
    door.line._socket.sendall(f"GET / HTTP/1.1\r\nX-More: {'a' * HEAD_MOST}".encode())
    told = door.line._answer()
    assert (told.status, told.headers["connection"]) == (431, "close")
    assert f"{HEAD_MOST:,}" in told.body.decode()


def test_a_large_body_is_no_header_whatever_comes_with_it_and_after_it(door: Door) -> None:
    body = "a" * (HEAD_MOST * 3)
    post = door.line.get("/v1/batch", f"Content-Length: {len(body)}", method="POST", body=body)
    found = door.line.ask(post, post, door.line.get("/healthz"))
    assert [one.status for one in found] == [404, 404, 200], "this service takes no events"


def test_headers_that_do_not_come_are_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upstep.web.doorway.HEAD_SECONDS", 0.2)
    with (
        closing(Line(door.address, door.line.secret)) as silent,
        closing(Line(door.address, door.line.secret)) as begun,
    ):
        assert begun.ask(begun.get())[0].status == 200
        begun._socket.sendall(b"GET / HT")
        assert [one._answer().status for one in (silent, begun)] == [408, 408]
