"""The e-mail channel at a real mail server: what it says to whom, and what each of the server's answers means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from tests.contracts.receivers import PASSWORD, USER, Mailbox, mail_server, trusting
from upstep.delivery.channel import Message, Purpose, SendResult
from upstep.delivery.email import EmailChannel, Letter, Server, message_id
from upstep.delivery.rendering import Frame
from upstep.errors import MaybeSentError, OutsideError

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MESSAGE = Message(
    idempotency_key="offer:of_1:email:ann",
    account_id="acme",
    purpose=Purpose.SALES,
    channel="email",
    recipient="ann",
    subject="Acme is at 92%",
    text=".A dot begins it.\n\n**[Look](upstep:offers/of_1/accept)**\n\n[No](upstep:offers/of_1/decline), thank you.\n",
)
LINKS = {"upstep:offers/of_1/accept": "https://p.example/o/yes", "upstep:offers/of_1/decline": "https://p.example/o/no"}
LETTER = Letter(
    "ann@acme.example",
    "Ann, of Acme",
    Frame("Postline", "You may buy for Acme.", ("Stop offers", "https://p.example/u/t")),
    LINKS.get,
    "https://p.example/u/t",
)


def sent(
    server: Server, message: Message = MESSAGE, letter: Letter = LETTER, sender: str = "Postline <hi@postline.example>"
) -> SendResult:
    channel = EmailChannel(
        server, sender=sender, letter_for=lambda _: letter, clock=lambda: AT, reply_to="team@p.example"
    )
    try:
        return channel.send(message)
    finally:
        channel.close()


def plain(box: Mailbox) -> Server:
    return Server("127.0.0.1", box.port, security="none", seconds_max=5)


def text(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_mail_has_both_forms_its_links_and_a_way_out() -> None:
    with mail_server() as box:
        result = sent(plain(box))
    (mail,) = box.mails
    assert result.reference == mail["Message-ID"] == message_id(MESSAGE.idempotency_key, "postline.example")
    assert mail["To"] == '"Ann, of Acme" <ann@acme.example>'
    assert mail["Reply-To"] == "team@p.example"
    assert mail["List-Unsubscribe"] == "<https://p.example/u/t>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert text(mail, "plain").splitlines()[:3] == [".A dot begins it.", "", "Look: https://p.example/o/yes"]
    assert "No (https://p.example/o/no), thank you." in text(mail, "plain")
    assert "Stop offers: https://p.example/u/t" in text(mail, "plain")
    assert text(mail, "html").count('href="https://p.example/o/yes"') == 1
    assert "upstep:" not in text(mail, "html") + text(mail, "plain")


def test_without_a_way_out_no_header_promises_one() -> None:
    with mail_server() as box:
        sent(plain(box), letter=replace(LETTER, unsubscribe_url=None))
    (mail,) = box.mails
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_what_is_secured_reaches_a_server_that_is_believed(security: str) -> None:
    with mail_server(security) as box:
        assert sent(Server("localhost", box.port, security=security, trust=trusting(), seconds_max=5)).is_sent
        with pytest.raises(OutsideError, match=r"certificate|CERTIFICATE"):
            sent(Server("localhost", box.port, security=security, seconds_max=5))
    assert len(box.mails) == 1


def test_a_server_without_starttls_gets_nothing_in_clear() -> None:
    with mail_server() as box, pytest.raises(OutsideError, match="STARTTLS"):
        sent(Server("127.0.0.1", box.port, security="starttls", user=USER, password=PASSWORD, seconds_max=5))
    assert (box.raw, box.logins) == ([], [])


def test_the_user_logs_in_and_a_wrong_password_is_not_repeated() -> None:
    with mail_server("starttls", wants_login=True) as box:
        server = Server("localhost", box.port, user=USER, password=PASSWORD, trust=trusting(), seconds_max=5)
        assert sent(server).is_sent
        with pytest.raises(OutsideError, match="refuses the user and password") as refused:
            sent(replace(server, password="wrong-0"))  # noqa: S106 - it is wrong
    assert "wrong-0" not in str(refused.value)
    assert "wrong-0" not in repr(replace(server, password="wrong-0"))  # noqa: S106 - the same
    assert box.logins[0] == "right"


@pytest.mark.parametrize(
    ("said", "is_bounce"),
    [("550 5.1.1 no such user", True), ("550 gone", True), ("554 5.7.1 we do not want it", False)],
)
def test_a_recipient_refused_for_good_is_told_apart_from_a_message_refused(said: str, *, is_bounce: bool) -> None:
    with mail_server() as box:
        box.say_rcpt = lambda _: said
        result = sent(plain(box))
    assert (result.is_sent, result.is_bounce) == (False, is_bounce)
    assert said[4:] in result.reason


def test_a_text_refused_for_good_says_nothing_of_the_address() -> None:
    with mail_server() as box:
        box.say_data = lambda _: "550 looks like spam"
        result = sent(plain(box))
    assert (result.is_sent, result.is_bounce) == (False, False)


def test_try_later_is_no_refusal() -> None:
    with mail_server() as box:
        box.say_rcpt = lambda _: "451 4.7.1 greylisted"
        with pytest.raises(OutsideError, match="greylisted") as later:
            sent(plain(box))
        assert not isinstance(later.value, MaybeSentError)
        box.say_rcpt, box.say_data = lambda _: None, lambda _: "452 4.3.1 full"
        with pytest.raises(OutsideError, match="full"):
            sent(plain(box))


@pytest.mark.parametrize(
    "address", [None, "", "no address", "ann@acme.example\nRCPT TO:<x@y.example>", "a b@c.example"]
)
def test_what_is_no_address_is_refused_before_anybody_is_asked(address: str | None) -> None:
    with mail_server() as box:
        result = sent(plain(box), letter=replace(LETTER, address=address))
    assert not result.is_sent
    assert result.is_bounce == bool(address)
    assert box.raw == []
    assert "acme.example" not in result.reason


def test_nobody_there_is_an_error_that_may_be_tried_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(OutsideError, match="cannot be reached"):
            sent(Server("127.0.0.1", free.getsockname()[1], security="none"))


@contextmanager
def falling_silent(after: bytes, *, last_words: bytes = b"") -> Iterator[int]:
    """A server that speaks SMTP until it has read ``after`` and then hangs up without a word, or with these."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def speak() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 hello\r\n")
                for line in lines:
                    if line.strip() == after or line.upper().startswith(after + b" "):
                        connection.sendall(last_words)
                        return
                    if after == b"." and line.strip() == b"DATA":
                        connection.sendall(b"354 go on\r\n")
                    elif line[:4] in (b"ehlo", b"mail", b"rcpt", b"EHLO", b"MAIL", b"RCPT"):
                        connection.sendall(b"250 yes\r\n")

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


def test_silence_after_the_text_may_have_sent_it() -> None:
    with falling_silent(b".") as port, pytest.raises(MaybeSentError, match="gave no answer"):
        sent(Server("127.0.0.1", port, security="none", seconds_max=5))


def test_silence_before_the_text_has_sent_nothing() -> None:
    with falling_silent(b"DATA") as port, pytest.raises(OutsideError) as silent:
        sent(Server("127.0.0.1", port, security="none", seconds_max=5))
    assert not isinstance(silent.value, MaybeSentError)


@pytest.mark.parametrize(("after", "is_bounce"), [(b".", False), (b"RCPT", True)])
def test_who_refuses_for_good_and_hangs_up_has_refused_for_good(after: bytes, *, is_bounce: bool) -> None:
    with falling_silent(after, last_words=b"550 5.1.1 not here\r\n") as port:
        result = sent(Server("127.0.0.1", port, security="none", seconds_max=5))
    assert (result.is_sent, result.is_bounce) == (False, is_bounce)
    assert "not here" in result.reason


def test_a_connection_is_kept_and_a_dead_one_is_replaced() -> None:
    with mail_server() as first:
        channel = EmailChannel(
            plain(first), sender="hi@postline.example", letter_for=lambda _: LETTER, clock=lambda: AT
        )
        with closing(channel):
            for number in range(3):
                assert channel.send(replace(MESSAGE, idempotency_key=str(number))).is_sent
            assert channel._idle.qsize() == 1
            kept = channel._idle.queue[0].smtp.sock
            assert kept is not None
            kept.shutdown(socket.SHUT_RDWR)
            assert channel.send(replace(MESSAGE, idempotency_key="after")).is_sent
    assert len(first.mails) == 4
