"""The webhook channel: signed so that the official library believes it, to no address inside, along no redirect."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.contracts.receivers import http_server, trusting
from upstep.clock import now
from upstep.delivery import addresses
from upstep.delivery.addresses import is_public
from upstep.delivery.channel import Message, Purpose, SendResult
from upstep.delivery.webhook import WebhookChannel
from upstep.delivery.wire import Wire, WireError
from upstep.errors import ConfigError, MaybeSentError, OutsideError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of a server that lives for a test
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MESSAGE = Message(
    idempotency_key="offer:of_1:webhook:ann",
    account_id="acme",
    purpose=Purpose.SALES,
    channel="webhook",
    recipient="ann",
    subject="Acme is at 92%",
    text="Grüße\n",
    facts={"used": 46_000},
    records={"used": ["usage:acme:emails"]},
)


def channel(url: str, *, clock: Callable[[], datetime] = now, **kwargs: Any) -> WebhookChannel:
    return WebhookChannel(url, **{"secret": SECRET, "clock": clock, "allow_private": True, "seconds_max": 5} | kwargs)


def sent(url: str, **kwargs: Any) -> SendResult:
    with closing(channel(url, **kwargs)) as made:
        return made.send(MESSAGE)


def test_the_official_library_believes_what_is_posted() -> None:
    with http_server(lambda _: (200, {})) as server:
        result = sent(server.url + "/hooks?a=1")
    (asked,) = server.asked
    told = Webhook(SECRET).verify(asked.body, asked.headers)
    assert (asked.path, told["type"]) == ("/hooks?a=1", "message.sales")
    assert told["data"]["facts"] == {"used": 46_000}
    assert told["data"]["records"] == {"used": ["usage:acme:emails"]}
    assert asked.headers["webhook-id"] == result.reference


def test_it_speaks_tls_to_a_server_that_is_believed() -> None:
    with http_server(lambda _: (204, {}), tls=True) as server:
        assert sent(server.url, trust=trusting()).is_sent
        with pytest.raises(OutsideError, match="no secure connection"):
            sent(server.url)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_try_later_is_an_error(status: int) -> None:
    with http_server(lambda _: (status, {"why": "busy"})) as server:
        with pytest.raises(OutsideError, match=f"answered {status}.*busy"):
            sent(server.url)
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_no_is_final(status: int) -> None:
    with http_server(lambda _: (status, {})) as server:
        result = sent(server.url)
    assert not result.is_sent
    assert str(status) in result.reason


def test_a_redirect_is_not_followed() -> None:
    with (
        http_server(lambda _: (200, {})) as elsewhere,
        http_server(lambda _: (307, elsewhere.url)) as server,
    ):
        assert not sent(server.url).is_sent
    assert elsewhere.asked == []


def test_what_was_handed_over_and_not_answered_may_have_left() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        with pytest.raises(MaybeSentError, match="no answer"):
            sent(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds_max=0.2)
        port = silent.getsockname()[1]
    with pytest.raises(OutsideError) as unreached:
        sent(f"http://127.0.0.1:{port}/")
    assert not isinstance(unreached.value, MaybeSentError)


def test_connections_are_kept_and_a_dead_one_is_replaced() -> None:
    with http_server(lambda _: (200, {})) as server, closing(channel(server.url)) as kept:
        for _ in range(3):
            assert kept.send(MESSAGE).is_sent
        assert len(kept._idle) == 1
        sock = kept._idle[0]._socket
        sock.shutdown(socket.SHUT_RDWR)
        assert kept.send(MESSAGE).is_sent


@pytest.mark.parametrize(
    ("answer", "expected", "stays"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", (200, b"hi"), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b""), True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b""), True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nhi\r\n1\r\n!\r\n0\r\n\r\n",
            (200, b"hi!"),
            True,
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", (200, b""), False),
        (b"HTTP/1.1 500 Oops\r\n\r\nuntil the end", (500, b"until the end"), False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", None, False),
        (CHUNKED + b"zz\r\n", None, False),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9_000 + b"\r\n", None, False),
        (b"SSH-2.0-OpenSSH\r\n", None, False),
        (b"", None, False),
    ],
    ids=["length", "none", "continue", "chunks", "close", "end", "short", "no-chunk", "long-head", "other", "silence"],
)
def test_every_way_to_answer_is_read(answer: bytes, expected: tuple[int, bytes] | None, *, stays: bool) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    wire = Wire(ours, host="a.example")
    with closing(wire), theirs:
        if expected is None:
            with pytest.raises(WireError):
                wire.post("/", b"{}", {})
        else:
            assert wire.post("/", b"{}", {}) == expected
        assert wire.is_open is stays


def test_an_address_inside_is_refused_unless_it_is_allowed() -> None:
    with http_server(lambda _: (200, {}), tls=True) as server:
        result = sent(server.url, allow_private=False, trust=trusting())
    assert not result.is_sent
    assert "allow_private" in result.reason
    assert server.asked == []


def test_what_was_looked_at_is_what_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["10.0.0.7"], ["93.184.215.14"]]
    dialled: list[str] = []

    class Dialled(socket.socket):
        def connect(self, address: Any) -> None:
            dialled.append(address[0])
            raise ConnectionRefusedError

    def resolve(_host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(addresses.socket, "socket", Dialled)
    with pytest.raises(addresses.RefusedAddressError):
        addresses.dial("rebind.example", 443, allow_private=False, seconds_max=1)
    assert dialled == []
    answers[:] = [["10.0.0.7", "93.184.215.14"], ["10.0.0.7"]]
    with pytest.raises(OutsideError):
        addresses.dial("rebind.example", 443, allow_private=False, seconds_max=1)
    assert dialled == ["93.184.215.14"]
    assert len(answers) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1"),  # noqa: S104
        *("192.0.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:a00:1", "fc00::1", "fd12::1", "fe80::1%eth0"),
        *("ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1"),
    ],
)
def test_an_address_that_is_not_public_is_known_in_every_disguise(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_is_let_through(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "https://", "https://user:word@a.example/", "http://a.example/", "https://a.example:99999/"],
)
def test_a_target_that_cannot_be_meant_is_refused_when_it_is_read(url: str) -> None:
    with pytest.raises(ConfigError, match=r"channels\.webhook\.url"):
        channel(url, allow_private=False)


def test_a_secret_that_is_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="is no key") as refused:
        channel("https://a.example/", secret="whsec_é")  # noqa: S106 - it is none
    assert "é" not in str(refused.value)


def test_what_is_signed_is_what_is_sent_to_the_byte() -> None:
    made = channel("https://a.example/", clock=lambda: AT)
    body = made.body(MESSAGE)
    assert json.loads(body)["data"]["text"] == "Grüße\n"
    assert "Grüße".encode() in body
