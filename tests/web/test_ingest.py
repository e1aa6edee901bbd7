"""The door for events: what is asked before anything is parsed, what is taken, what is told back."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.asking import Client, Clock
from upstep.clock import to_seconds
from upstep.engine.intake import ingesting
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.errors import OutsideError
from upstep.state import keys
from upstep.state.inbox import Inbox, Received
from upstep.state.session import writing
from upstep.web.app import create_app
from upstep.web.context import Context
from upstep.web.guard import body_most
from upstep.web.ingest import BODY_BYTES_MOST, EVENTS_MOST, ingest_app

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


class Door:
    """The paths of ingest over an empty project."""

    def __init__(self, folder: Path, more: str = "") -> None:
        folder.mkdir()
        (folder / "upstep.yaml").write_text(f"version: 1\ncompany: Testco\ncurrency: usd\n{more}")
        project = Project(folder)
        state = open_project_state(project)
        with writing(state) as connection:
            made = {scope: keys.make_key(connection, scope, [scope], by="test", now=NOW)[1] for scope in keys.SCOPES}
        self.key, self.read_key, self.page_key = made["ingest"], made["read"], made["browser"]
        self.inbox = open_project_inbox(project)
        self.context = Context(project, state, self.inbox, Clock(NOW))
        self.client = Client(ingest_app(self.context))

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        word = base64.b64encode(f"{key or self.key}:".encode()).decode()
        return self.client.post(path, content=content, headers={"authorization": f"Basic {word}", **headers})

    def batch(self, *events: dict[str, Any], **more: Any) -> httpx.Response:
        return self.post("/v1/batch", {"batch": events, "sentAt": NOW.isoformat(), **more})

    def counted(self, result: str) -> float:
        return self.context.metrics.events.labels(result)._value.get()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    door = Door(tmp_path_factory.mktemp("door") / "project")
    yield door
    door.inbox.close()


@pytest.fixture
def door(one: Door) -> Door:
    return emptied(one)


def emptied(door: Door) -> Door:
    """Quicker than a new one."""
    with door.inbox._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM inbox_event")
        connection.exec_driver_sql("DELETE FROM sqlite_sequence")
    return door


def track(key: str = "m1", **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": key, "userId": "u1", "event": "Sent", **more}


def test_a_batch_is_kept_and_counted(door: Door) -> None:
    told = door.batch(track("m1"), track("m2"), {"type": "identify", "userId": "u1", "messageId": "m3"}).json()
    assert (told["accepted"], told["repeated"], told["refused"], told["faults"]) == (3, 0, 0, [])
    assert [(event.message_id, event.kind) for event in door.inbox.take()] == [
        ("m1", "track"),
        ("m2", "track"),
        ("m3", "identify"),
    ]


def test_an_event_that_comes_again_is_told_as_repeated(door: Door) -> None:
    door.batch(track("m1"))
    told = door.batch(track("m1"), track("m2"), track("m2")).json()
    assert (told["accepted"], told["repeated"]) == (1, 2)
    assert door.inbox.depth() == 2


@pytest.mark.parametrize("path", ["t", "track"])
def test_a_browser_sends_one_event_as_text_with_the_key_inside(door: Door, path: str) -> None:
    event = {**track(), "writeKey": door.key}
    del event["type"]
    answer = door.client.post(f"/v1/{path}", content=json.dumps(event), headers={"content-type": "text/plain"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert json.loads(door.inbox.take()[0].body)["type"] == "track"


def test_what_a_page_sends_is_marked_by_its_key_or_by_its_origin(door: Door) -> None:
    door.post("/v1/track", track("m1"))
    door.post("/v1/track", track("m2"), key=door.page_key)
    door.post("/v1/track", track("m3"), origin="https://shop.example")
    door.post("/batch", {"api_key": door.page_key, "batch": [{"event": "Sent", "distinct_id": "u1", "uuid": "m4"}]})
    found = [(event.message_id, event.is_public) for event in door.inbox.take()]
    assert found == [("m1", False), ("m2", True), ("m3", True), ("m4", True)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/batch", {"batch": [track()]}),
        ("/v1/track", {**track(), "writeKey": "KEY"}),
        ("/batch/", {"api_key": "KEY", "batch": [{"event": "Sent", "distinct_id": "u1"}]}),
    ],
    ids=["header", "event", "posthog"],
)
def test_the_line_of_a_request_names_the_key_wherever_it_stands(
    door: Door, logged: io.StringIO, path: str, body: dict[str, Any]
) -> None:
    app = create_app(door.context.project, state=door.context.state, inbox=door.inbox, clock=Clock(NOW))
    for key in (door.key, door.read_key):
        text = json.dumps(body).replace("KEY", key)
        header = {} if "KEY" in json.dumps(body) else {"authorization": f"Bearer {key}"}
        Client(app).post(path, content=text, headers=header)
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [(line["route"], line["status"], line["key_id"]) for line in lines] == [
        (path, 200, door.key.split("_")[1]),
        (path, 403, door.read_key.split("_")[1]),
    ]


def test_a_servers_key_that_a_page_sends_is_kept_with_the_pages_origin(door: Door) -> None:
    for key, origin in ((door.key, "https://shop.example"), (door.page_key, "https://shop.example")):
        door.post("/v1/track", track("m1"), key=key, origin=origin)
    found = {one.name: one for one in keys.list_keys(door.context.state)}
    assert (found["ingest"].page_seen_at, found["ingest"].page_origin) == (NOW, "https://shop.example")
    assert [one.name for one in found.values() if one.is_leaked] == ["ingest"]
    assert found["browser"].page_seen_at is None, "it is for pages"


def test_events_are_kept_also_where_it_cannot_be_noted_that_a_page_sent_them(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_given: object) -> None:
        raise OutsideError("the state is locked")

    monkeypatch.setattr("upstep.web.ingest.note_page", busy)
    app = create_app(door.context.project, state=door.context.state, inbox=door.inbox, clock=Clock(NOW))
    header = {"authorization": f"Bearer {door.key}", "origin": "https://shop.example"}
    assert Client(app).post("/v1/batch", json={"batch": [track()]}, headers=header).json()["accepted"] == 1


@pytest.mark.parametrize("path", ["/v1/b", "/v1/import"])
def test_what_libraries_call_a_batch_is_one(door: Door, path: str) -> None:
    assert door.post(path, {"batch": [track("m1"), track("m2")]}).json()["accepted"] == 2
    assert body_most(path) > BODY_BYTES_MOST


def test_a_browser_may_send_the_headers_of_its_library(door: Door) -> None:
    allowed = door.client.request("OPTIONS", "/v1/t").headers["access-control-allow-headers"]
    assert {"authorization", "content-type", "x-retry-count"} <= set(allowed.split(", "))


def test_no_word_of_an_event_makes_a_page_a_server(door: Door) -> None:
    door.post("/v1/track", {**track("m1"), "is_public": False, "isPublic": False}, key=door.page_key)
    assert [event.is_public for event in door.inbox.take()] == [True]


def test_gzip_is_known_by_its_first_bytes_whatever_it_is_called(door: Door) -> None:
    body = gzip.compress(json.dumps({"batch": [track()]}).encode())
    answer = door.post("/v1/batch", body, **{"content-type": "application/x-www-form-urlencoded"})
    assert answer.json()["accepted"] == 1
    # And what is called gzip need not be.
    assert door.post("/v1/batch", {"batch": [track()]}, **{"content-encoding": "gzip"}).json()["repeated"] == 1


def test_the_clock_of_the_client_is_set_right(door: Door) -> None:
    event = track(originalTimestamp="2026-03-20T09:00:00.000Z")
    door.post("/v1/batch", {"batch": [event], "sentAt": "2026-03-20T09:00:30.000Z"})
    assert door.inbox.take()[0].occurred_at == to_seconds(NOW) - 30


def test_an_old_event_that_is_sent_now_keeps_its_date(door: Door) -> None:
    door.batch(track(timestamp="2026-01-05T10:00:00Z"))
    assert door.inbox.take()[0].occurred_at == to_seconds(datetime(2026, 1, 5, 10, tzinfo=UTC))


def test_an_event_without_an_id_is_known_by_its_content(door: Door) -> None:
    event = {"type": "track", "userId": "u1", "event": "Sent", "timestamp": "2026-03-20T11:00:00Z"}
    assert [door.batch(event).json()["accepted"] for _ in range(2)] == [1, 0]
    del event["timestamp"]
    assert [door.batch(event).json()["accepted"] for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"type": "odd", "userId": "u"}, "type 'odd' is not known"),
        ({"type": "track", "userId": "u"}, "'event' is missing"),
        ({"type": "track", "event": "Sent"}, "'userId' and 'anonymousId' are missing"),
        ({"type": "group", "userId": "u"}, "'groupId' is missing"),
        ({"type": "track", "userId": "u" * 300, "event": "Sent"}, "has 300 letters"),
        ({"type": "track", "userId": int("9" * 300), "event": "Sent"}, "has 300 letters"),
        ({"type": "track", "userId": "u", "event": "Se\u0000nt"}, "cannot be printed"),
        ({"type": "track", "userId": "u", "event": "Sent", "properties": ["no"]}, "cannot be read"),
        ({"type": "track", "userId": "u", "event": "Sent", "properties": {"x": "y" * 33_000}}, "more than 32,768"),
        ("text", "cannot be read"),
        (None, "cannot be read"),
    ],
    ids=[
        "type",
        "event",
        "person",
        "group",
        "long",
        "long-number",
        "unprintable",
        "properties",
        "large",
        "text",
        "null",
    ],
)
def test_a_bad_event_is_told_and_the_good_ones_are_kept(door: Door, event: Any, found: str) -> None:
    told = door.batch(track("m1"), event, track("m2")).json()
    assert (told["accepted"], told["refused"]) == (2, 1)
    assert told["faults"][0]["index"] == 1
    assert found in told["faults"][0]["found"]
    alone = door.batch(event)
    assert alone.status_code == 400
    assert alone.headers["content-type"] == "application/problem+json"
    assert alone.json()["faults"][0]["advice"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'{"batch": 3}',
        b'{"batch": [' + b"[" * 5_000,
        b"\xff\xfe",
        gzip.compress(b"{}", mtime=0)[:-4],
    ],
)
def test_a_body_that_is_none_is_a_problem_and_no_failure(door: Door, body: bytes) -> None:
    answer = door.post("/v1/batch", body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_large_body_is_refused_before_it_is_read(door: Door) -> None:
    assert door.post("/v1/batch", b"x" * (BODY_BYTES_MOST + 1)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536

    word = {"authorization": f"Bearer {door.key}"}
    assert door.client.post("/v1/batch", content=endless(), headers=word).status_code == 413


def test_a_gzip_bomb_is_not_unpacked(door: Door) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    assert len(bomb) < BODY_BYTES_MOST
    assert door.post("/v1/batch", bomb).status_code == 413


def test_more_events_than_a_batch_may_have_are_refused(door: Door) -> None:
    assert door.batch(*({} for _ in range(EVENTS_MOST + 1))).status_code == 413


def test_who_has_no_good_key_is_told_so_and_nothing_is_kept(door: Door) -> None:
    assert door.client.post("/v1/batch", json={"batch": [track()]}).status_code == 401
    assert door.post("/v1/batch", {"batch": [track()]}, key="wrong").status_code == 401
    assert door.post("/v1/batch", {"batch": [track()]}, key=door.read_key).status_code == 403
    assert door.inbox.depth() == 0


def test_a_deep_inbox_asks_clients_to_come_back(door: Door) -> None:
    door.batch(*(track(f"m{n}") for n in range(20)))
    client = Client(ingest_app(door.context, depth_most=20))
    answer = client.post("/v1/batch", json={"batch": [track("new")]}, headers={"authorization": f"Bearer {door.key}"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["access-control-allow-origin"] == "*"


def test_what_cannot_be_kept_is_not_acknowledged(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Inbox, _events: list[Received]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OutsideError("the disk is full"))
        return future

    monkeypatch.setattr(Inbox, "submit", full)
    answer = door.batch(track())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_requests_at_once_are_all_kept(door: Door) -> None:
    async def all_of_them() -> list[int]:
        transport = httpx.ASGITransport(ingest_app(door.context))
        word = {"authorization": f"Bearer {door.key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://upstep.test", headers=word) as client:
            sent = [client.post("/v1/batch", json={"batch": [track(f"m{n}"), track("same")]}) for n in range(40)]
            return [answer.json()["accepted"] for answer in await asyncio.gather(*sent)]

    assert sum(asyncio.run(all_of_them())) == 41
    assert door.inbox.depth() == 41


def test_a_browsers_library_is_told_where_to_send(door: Door) -> None:
    settings = door.client.get(f"/v1/projects/{door.key}/settings").json()
    assert settings["integrations"]["Segment.io"]["apiHost"] == "upstep.test/v1"
    assert door.client.get("/v1/projects/wrong/settings").status_code == 401
    asked = door.client.request("OPTIONS", "/v1/t")
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")


def test_posthogs_shape_becomes_segments(door: Door) -> None:
    events = [
        {"event": "Sent", "distinct_id": "u1", "uuid": "p1", "properties": {"$groups": {"company": "a1"}, "count": 3}},
        {"event": "$identify", "distinct_id": "u1", "uuid": "p2", "$set": {"email": "ann@acme.example"}},
        {"event": "$groupidentify", "distinct_id": "u1", "uuid": "p3", "properties": {"$group_key": "a1"}},
    ]
    answer = door.client.post("/batch/", json={"api_key": door.key, "batch": events})
    assert answer.json()["status"] == 1
    sent, said, group = [json.loads(event.body) for event in door.inbox.take()]
    assert (sent["event"], sent["context"], sent["properties"]) == ("Sent", {"groupId": "a1"}, {"count": 3})
    assert (said["type"], said["traits"]) == ("identify", {"email": "ann@acme.example"})
    assert (group["type"], group["groupId"]) == ("group", "a1")


WORDS = st.sampled_from(
    "batch type messageId userId anonymousId groupId event name properties traits context timestamp sentAt $groups $set"
    " originalTimestamp distinct_id uuid $set_once $group_key api_key writeKey track identify group $identify".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries({"userId": st.just("u1") | VALUES}, optional={}).flatmap(
    lambda some: st.dictionaries(WORDS, VALUES, max_size=8).map(lambda more: {**more, **some})
)


@pytest.mark.slow
@given(st.sampled_from(["/v1/batch", "/v1/track", "/v1/g", "/batch/", "/e/"]), VALUES | st.lists(EVENTS), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_is_taken_or_refused_and_breaks_nothing(
    one: Door,
    path: str,
    body: Any,
    is_batch: bool,  # noqa: FBT001 - drawn
) -> None:
    answer = one.post(path, {"batch": body, "api_key": one.key} if is_batch else body)
    assert answer.status_code in (200, 400, 401), answer.text


@pytest.mark.slow
@given(st.lists(EVENTS, min_size=1, max_size=5), st.sampled_from(["track", "identify", "group", "alias", "page"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_taken_can_be_worked_on(one: Door, events: list[dict[str, Any]], kind: str) -> None:
    named = [{"event": "Sent", "groupId": "a1", **event, "type": kind} for event in events]
    one.batch(*named)
    work = ingesting._Work(one.context.project, one.inbox, now=to_seconds(NOW))
    work.read(one.inbox.take()[-5:])
    work.rows()


def test_what_came_is_counted(door: Door) -> None:
    before = [door.counted(result) for result in ("accepted", "repeated", "refused")]
    door.batch(track("m1"), track("m1"), {})
    after = [door.counted(result) for result in ("accepted", "repeated", "refused")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]
