"""A token beside the events of a page: whom it proves to speak, what it does not prove, and that it is kept nowhere."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from tests.web.asking import Client, Clock
from tests.web.test_ingest import NOW, Door, emptied, track
from upstep.clock import to_seconds
from upstep.web.app import create_app

SECRET = "a-secret-of-the-tests-that-is-long-enough"  # noqa: S105 - of the tests
VARIABLE = "TEST_TOKEN_SECRET"
AT = to_seconds(NOW)


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    good = {"aud": "upstep", "sub": "u1", "account": "a1", "exp": AT + 600}
    return jwt.encode(good | claims, secret, algorithm=algorithm)


def unsigned() -> str:
    def part(told: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    claims = {"aud": "upstep", "sub": "u1", "account": "a1", "exp": AT + 600}
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    door = Door(tmp_path_factory.mktemp("speaking") / "project", f"serve:\n  token_secret: ${{{VARIABLE}}}\n")
    yield door
    door.inbox.close()


@pytest.fixture
def door(one: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setenv(VARIABLE, SECRET)
    return emptied(one)


def sent(door: Door, event: dict[str, Any], token: str | None, *, key: str | None = None) -> tuple[str | None, str]:
    """The account that is proven for one event, and why none is."""
    header = {} if token is None else {"x-upstep-token": token}
    answer = door.post("/v1/batch", {"batch": [event]}, key=key or door.page_key, **header)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), "no event is refused for its token"
    (kept,) = door.inbox.take()
    return kept.proven_account, " ".join(one["found"] for one in answer.json()["unproven"])


@pytest.mark.parametrize(
    "event",
    [
        track(),
        track(context={"groupId": "a1"}),
        {"type": "identify", "userId": "u1"},
        {"type": "group", "userId": "u1", "groupId": "a1"},
    ],
    ids=["track", "track-of-account", "identify", "group"],
)
def test_a_good_token_proves_the_person_and_the_account_it_names(door: Door, event: dict[str, Any]) -> None:
    assert sent(door, event, signed()) == ("a1", "")


def test_an_event_may_bring_its_own_token_and_that_goes_before_the_requests(door: Door) -> None:
    own = track(context={"upstep_token": signed(account="a2")})
    assert sent(door, own, signed()) == ("a2", "")


def test_posthogs_events_bring_it_as_a_property(door: Door) -> None:
    event = {"event": "Sent", "distinct_id": "u1", "uuid": "p1", "properties": {"upstep_token": signed(), "count": 3}}
    answer = door.client.post("/batch/", json={"api_key": door.page_key, "batch": [event]})
    (kept,) = door.inbox.take()
    assert (answer.json()["unproven"], kept.proven_account) == ([], "a1")
    assert json.loads(kept.body)["properties"] == {"count": 3}


@pytest.mark.parametrize(
    ("token", "event", "why"),
    [
        (signed(sub="u2"), track(), "of another person"),
        (signed(), track(userId=None, anonymousId="anon"), "of another person"),
        (signed(account="a2"), track(context={"groupId": "a1"}), "of another account"),
        (signed(account="a2"), {"type": "group", "userId": "u1", "groupId": "a1"}, "of another account"),
        (signed(account="a2"), track(properties={"account_id": "a1"}), "of another account"),
        (signed(exp=AT - 31), track(), "has expired"),
        (signed(exp=AT + 7_200), track(), "longer than an hour"),
        (signed(aud="another"), track(), "udience"),
        (signed("another-secret-that-is-also-long-enough"), track(), "refused"),
        (signed(SECRET * 2, "HS512"), track(), "refused"),
        (unsigned(), track(), "refused"),
        (signed(sub=7), track(), "refused"),
        ("no token", track(), "refused"),
        ("a" * 5_000, track(), "longer than"),
    ],
    ids="person visitor account group property expired lasting aud secret hs512 none claims text long".split(),
)
def test_a_token_that_proves_nothing_leaves_the_event_a_pages_word_and_says_why(
    door: Door, token: str, event: dict[str, Any], why: str
) -> None:
    account, told = sent(door, event, token)
    assert account is None
    assert why in told
    assert token not in told


def test_without_a_token_nothing_is_proven_and_nothing_is_told(door: Door) -> None:
    assert sent(door, track(), None) == (None, "")


def test_a_servers_key_needs_no_token_and_gets_nothing_by_one(door: Door) -> None:
    assert sent(door, track(context={"upstep_token": signed()}), signed(), key=door.key) == (None, "")
    assert b"upstep_token" not in door.inbox.take()[0].body


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_secret_tokens_prove_nothing(door: Door, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv(VARIABLE, secret)
    assert sent(door, track(), signed()) == (None, "tokens cannot be read here.")


def test_tokens_are_looked_at_when_they_come_and_a_later_one_proves_nothing_of_an_earlier_event(door: Door) -> None:
    assert sent(door, track("m1"), signed(exp=AT - 60))[0] is None
    answer = door.post("/v1/batch", {"batch": [track("m1")]}, key=door.page_key, **{"x-upstep-token": signed()})
    assert answer.json()["repeated"] == 1
    assert [event.proven_account for event in door.inbox.take()] == [None]


def test_a_request_full_of_tokens_has_few_of_them_looked_at(door: Door) -> None:
    events = [track(f"m{n}", context={"upstep_token": signed(exp=AT + n)}) for n in range(30)]
    told = door.post("/v1/batch", {"batch": events}, key=door.page_key).json()
    assert (told["accepted"], len(told["unproven"])) == (30, 10)
    assert "more than 20 tokens" in told["unproven"][0]["found"]


PLACES = [
    {"context": {"upstep_token": "TOKEN"}},
    {"properties": {"upstep_token": "TOKEN"}},
    {"properties": {"deep": [{"upstep_token": "TOKEN"}]}},
    {"context": {"traits": {"upstep_token": "TOKEN"}}},
    {"upstep_token": "TOKEN", "traits": {"upstep_token": ["TOKEN"]}},
]


@pytest.mark.parametrize("place", PLACES, ids=["context", "properties", "deep", "traits", "twice"])
@pytest.mark.parametrize("key", ["ingest", "browser"])
def test_a_token_is_neither_stored_nor_logged_nor_told_wherever_it_stands(
    door: Door, logged: io.StringIO, place: dict[str, Any], key: str
) -> None:
    token = signed()
    app = create_app(door.context.project, state=door.context.state, inbox=door.inbox, clock=Clock(NOW))
    body = json.dumps({"batch": [track(**place), {"type": "odd", **place}]}).replace("TOKEN", token)
    secret = {"ingest": door.key, "browser": door.page_key}[key]
    header = {"authorization": f"Bearer {secret}", "x-upstep-token": token, "origin": "https://shop.example"}
    answer = Client(app).post("/v1/batch", content=body, headers=header)

    assert (answer.json()["accepted"], answer.json()["refused"]) == (1, 1)
    signature = token.rpartition(".")[2]
    stored = b"".join(
        file.read_bytes() for file in (door.context.project.folder / ".upstep").iterdir() if file.is_file()
    )
    for where in (answer.text, logged.getvalue(), stored.decode("latin-1")):
        assert signature not in where
        assert "upstep_token" not in where


def test_a_token_whose_name_is_spelled_out_is_taken_out_as_well(door: Door) -> None:
    spelled = json.dumps(track(context={"upstep_token": signed()})).replace("upstep_token", "upste\\u0070_token")
    body = f'{{"batch": [{spelled}]}}'.encode()
    assert json.loads(body)["batch"][0]["context"]["upstep_token"]
    assert door.post("/v1/batch", body, key=door.page_key).json()["accepted"] == 1
    (kept,) = door.inbox.take()
    assert kept.proven_account == "a1"
    assert signed().encode() not in kept.body


def test_an_event_with_and_without_its_token_is_one_event(door: Door) -> None:
    event = {
        "type": "track",
        "userId": "u1",
        "event": "Sent",
        "timestamp": datetime(2026, 3, 20, tzinfo=UTC).isoformat(),
    }
    with_token = [{**event, "context": {"upstep_token": signed(exp=AT + n)}} for n in (60, 120)]
    told = door.post("/v1/batch", {"batch": with_token}, key=door.page_key).json()
    assert (told["accepted"], told["repeated"]) == (1, 1)


def test_a_page_may_send_the_header(door: Door) -> None:
    allowed = door.client.request("OPTIONS", "/v1/t").headers["access-control-allow-headers"]
    assert "x-upstep-token" in allowed.split(", ")
