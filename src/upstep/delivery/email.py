"""The e-mail channel: SMTP with STARTTLS or TLS, one recipient at a time, and an answer for each.

A mail server cannot tell that it has had a message before, so what is retried is only what it surely has not taken: an
answer that never came after the text was handed over is a ``MaybeSentError``. The Message-ID follows from the message's
key, so mailboxes that know it show it once even then.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from queue import Empty, LifoQueue

from upstep.delivery.channel import Message, SendResult
from upstep.delivery.rendering import Frame, LinkTo, render
from upstep.errors import MaybeSentError, OutsideError

SECONDS_MAX = 30
_KEPT_CONNECTIONS = 4
_MESSAGES_A_CONNECTION = 100


@dataclass(frozen=True)
class Server:
    """A mail server and how to speak to it. ``security``: starttls, tls or none; ``trust`` None is the system's."""

    host: str
    port: int = 587
    security: str = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = None
    seconds_max: float = SECONDS_MAX


@dataclass(frozen=True)
class Letter:
    """What a message needs to become a mail to one person.

    Args:
        address: Whose mailbox; None: nobody knows it.
        name: How they are called.
        frame: What stands around the text.
        link_to: Where its links lead for this reader.
        unsubscribe_url: Where a mail program says no for them with one POST; None: nothing to say no to.
    """

    address: str | None
    name: str | None
    frame: Frame
    link_to: LinkTo
    unsubscribe_url: str | None = None


LetterFor = Callable[[Message], Letter]


class EmailChannel:
    """A ``Channel`` over SMTP. It may be used by several threads.

    Args:
        sender: ``Name <address>`` or an address.
        letter_for: Asked for each message: who reads it, and what their links are.
        reply_to: Where replies go when not to the sender.
        clock: For the Date header.
    """

    name = "email"
    is_idempotent = False
    interrupts = True

    def __init__(
        self,
        server: Server,
        *,
        sender: str,
        letter_for: LetterFor,
        clock: Callable[[], datetime],
        reply_to: str | None = None,
    ) -> None:
        self.server = server
        self.sender = _sender(sender)
        self.reply_to = reply_to
        self._letter_for = letter_for
        self._clock = clock
        self._idle: LifoQueue[_Connection] = LifoQueue(_KEPT_CONNECTIONS)

    def send(self, message: Message) -> SendResult:
        """Hand it to the mail server.

        Raises:
            OutsideError: The server cannot be reached, or says try later; it has not taken the message.
            MaybeSentError: It has the text and never answered.
        """
        letter = self._letter_for(message)
        if not letter.address:
            return SendResult(is_sent=False, reason=f"no e-mail address is known of {message.recipient}")
        address = mailbox(letter.address)
        if address is None:
            reason = f"the e-mail address of {message.recipient} is not one"
            return SendResult(is_sent=False, reason=reason, is_bounce=True)
        mail = self.compose(message, letter, address)
        with self._connection() as connection:
            return connection.hand_over(mail, sender=self.sender.addr_spec, to=address)

    def compose(self, message: Message, letter: Letter, address: str) -> EmailMessage:
        """The mail: text and HTML, with the headers by which mail programs offer to unsubscribe."""
        rendered = render(message.text, subject=one_line(message.subject), frame=letter.frame, link_to=letter.link_to)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self.sender
        mail["To"] = Address(one_line(letter.name or ""), addr_spec=address)
        mail["Subject"] = one_line(message.subject)
        mail["Date"] = format_datetime(self._clock())
        mail["Message-ID"] = message_id(message.idempotency_key, self.sender.domain)
        mail["Auto-Submitted"] = "auto-generated"
        if self.reply_to:
            mail["Reply-To"] = one_line(self.reply_to)
        if letter.unsubscribe_url:
            mail["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content(rendered.text, cte="quoted-printable")
        mail.add_alternative(message.html or rendered.html, subtype="html", cte="quoted-printable")
        return mail

    def close(self) -> None:
        """Say goodbye on the connections that are kept."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """One that is kept and still alive, else a new one; afterwards it is kept unless something went wrong."""
        connection = self._kept() or _connect(self.server)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.handed_over >= _MESSAGES_A_CONNECTION or self._idle.full():
            connection.close()
        else:
            self._idle.put(connection)

    def _kept(self) -> _Connection | None:
        while True:
            try:
                connection = self._idle.get_nowait()
            except Empty:
                return None
            if connection.is_alive():
                return connection
            connection.close()


@dataclass
class _Connection:
    """One conversation with a mail server."""

    smtp: smtplib.SMTP
    place: str
    handed_over: int = 0

    def hand_over(self, mail: EmailMessage, *, sender: str, to: str) -> SendResult:
        """One message to one recipient."""
        raw = mail.as_bytes()
        try:
            code, said = self.smtp.mail(sender)
            if code == 250:
                code, said = self.smtp.rcpt(to)
            if code in {250, 251, 252}:
                code, said = self.smtp.docmd("DATA")
            if code != 354:
                return self._refused(code, said)
            self.smtp.send(_dotted(raw))
        except (OSError, smtplib.SMTPException) as error:
            # The closing dot has not left, so the server cannot have taken it.
            raise OutsideError(f"{self.place}: {_said(error)}") from error
        try:
            code, said = self.smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise MaybeSentError(f"{self.place}: took the message and gave no answer ({_said(error)})") from error
        if code != 250:
            return self._refused(code, said, has_text=True)
        self.handed_over += 1
        return SendResult(is_sent=True, reference=str(mail["Message-ID"]))

    def _refused(self, code: int, said: bytes, *, has_text: bool = False) -> SendResult:
        words = " ".join(said.decode("utf-8", "replace").split())[:300]
        if not 500 <= code <= 599:
            raise OutsideError(f"{self.place}: says try later: {code} {words}")
        with suppress(OSError, smtplib.SMTPException):
            self.smtp.rset()  # Some servers hang up on whoever they refuse; the refusal stands.
        is_bounce = not has_text and is_bad_address(code, words)
        return SendResult(is_sent=False, reason=f"refused by {self.place}: {code} {words}", is_bounce=is_bounce)

    def is_alive(self) -> bool:
        """Whether the server still listens."""
        try:
            return self.smtp.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def close(self) -> None:
        """Leave; the server may be gone already."""
        try:
            self.smtp.quit()
        except (OSError, smtplib.SMTPException):
            self.smtp.close()


def _connect(server: Server) -> _Connection:
    place = f"mail server {server.host}:{server.port}"
    trust = server.trust or ssl.create_default_context()
    try:
        if server.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds_max, context=trust)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=server.seconds_max)
    except (OSError, smtplib.SMTPException) as error:
        raise OutsideError(f"{place}: cannot be reached ({_said(error)})") from error
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            # A server that offers none raises here: what was asked for is never sent in clear.
            smtp.starttls(context=trust)
            smtp.ehlo()
        if server.user:
            smtp.login(server.user, server.password or "")
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        raise OutsideError(f"{place}: {_said(error)}") from error
    return _Connection(smtp, place)


def _said(error: Exception) -> str:
    """An error's words. Who logs in, and with what, is not among them."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refuses the user and password: {error.smtp_code}"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return " ".join(str(error).split()) or type(error).__name__


def _dotted(raw: bytes) -> bytes:
    """The text as SMTP carries it: a line that begins with a dot gets another, and a dot alone ends it."""
    body = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\n|\r", b"\r\n", raw))
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def is_bad_address(code: int, said: str) -> bool:
    """Whether a permanent refusal speaks of the mailbox (RFC 3463: 5.1.x, 5.2.1), and not of us or of the text.

    >>> is_bad_address(550, "5.1.1 no such user"), is_bad_address(550, "5.7.1 blocked"), is_bad_address(550, "gone")
    (True, False, True)
    """
    detailed = re.match(r"5\.(\d{1,3})\.(\d{1,3})\b", said)
    if detailed is None:
        return code in {550, 551, 553}
    subject, detail = int(detailed[1]), int(detailed[2])
    return subject == 1 or (subject, detail) == (2, 1)


def message_id(idempotency_key: str, domain: str) -> str:
    """The same for the same key, so that a mailbox which has it knows it again."""
    return f"<{hashlib.sha256(idempotency_key.encode()).hexdigest()[:40]}@{domain}>"


def mailbox(text: str) -> str | None:
    r"""An address that a mail server may be given; None when it is none.

    >>> mailbox("ann@acme.example"), mailbox("ann@acme.example\nBcc: all@acme.example"), mailbox("Ann <ann@a.example>")
    ('ann@acme.example', None, None)
    """
    if not re.fullmatch(r"[!-~]{1,64}@[A-Za-z0-9.-]{1,255}", text) or re.search(r"[<>(),;:\\\"\[\]]", text):
        return None
    try:
        return Address(addr_spec=text).addr_spec
    except (HeaderParseError, ValueError, IndexError):
        return None


def one_line(text: str) -> str:
    r"""A header's value: one line, no control characters, whatever it was made of.

    >>> one_line("Hello\r\nBcc: all@acme.example")
    'Hello Bcc: all@acme.example'
    """
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def _sender(text: str) -> Address:
    named = re.fullmatch(r'\s*"?([^"<]*?)"?\s*<([^<>]+)>\s*', text)
    name, address = (named[1], named[2]) if named else ("", text.strip())
    return Address(one_line(name), addr_spec=address)
