"""Real servers at the other end of every channel, on this machine: a mail server, Slack, HubSpot, a webhook's receiver.

Each shows what has arrived as its reader sees it: a mailbox shows a Message-ID once, Slack a client id, and a webhook's
receiver drops an id that it has had.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "mailer", "secret-0"


@cache
def certificate() -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key: (certificate, key)."""
    folder = Path(mkdtemp())
    made, key = folder / "certificate.pem", folder / "key.pem"
    kind = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    places = ["-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", "req", *kind.split(), *names.split(), *places], check=True, capture_output=True)
    return made, key


def trusting() -> ssl.SSLContext:
    """Believes that certificate."""
    return ssl.create_default_context(cafile=str(certificate()[0]))


def serving() -> ssl.SSLContext:
    """Shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate()))
    return context


@dataclass
class Mailbox:
    """A mail server's storage. ``say_rcpt`` and ``say_data`` answer an address and a text other than with yes."""

    port: int = 0
    raw: list[tuple[str, bytes]] = field(default_factory=list)
    say_rcpt: Callable[[str], str | None] = lambda _: None
    say_data: Callable[[bytes], str | None] = lambda _: None
    logins: list[str] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        """Each once, by its Message-ID."""
        read = [message_from_bytes(raw, policy=policy.default) for _, raw in self.raw]
        return list({mail["Message-ID"]: mail for mail in reversed(read)}.values())[::-1]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it
        self, _server: object, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if said := self.say_rcpt(address):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        if said := self.say_data(content):
            return said
        self.raw.extend((address, content) for address in envelope.rcpt_tos)
        return "250 taken"

    def allow(self, _server: object, _session: Session, _envelope: Envelope, _how: str, asked: object) -> AuthResult:
        """Who may send."""
        right = isinstance(asked, LoginPassword) and (asked.login, asked.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        self.logins.append("right" if right else "wrong")
        return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(security: str = "none", *, wants_login: bool = False) -> Iterator[Mailbox]:
    """A mail server on a free port."""
    box = Mailbox()
    settings: dict[str, Any] = {"hostname": "127.0.0.1", "port": 0, "server_hostname": "localhost"}
    if security == "tls":
        settings["ssl_context"] = serving()
    if security == "starttls":
        settings |= {"tls_context": serving(), "require_starttls": True}
    if wants_login:
        settings |= {"authenticator": box.allow, "auth_required": True, "auth_require_tls": security == "starttls"}
    controller = _Free(box, **settings)
    controller.start()
    try:
        box.port = controller.server.sockets[0].getsockname()[1]
        yield box
    finally:
        controller.stop()


class _Free(Controller):
    """aiosmtpd asks its own port whether it listens; with port 0 the number is known only once it does."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """Its body, read."""
        if "form" in self.headers.get("content-type", ""):
            return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}
        return json.loads(self.body or b"{}")


Answer = tuple[int, Any]


@dataclass
class HttpServer:
    """Every request that came, in order, and where the server is."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def http_server(answer: Callable[[Asked], Answer], *, tls: bool = False) -> Iterator[HttpServer]:
    """A server on a free port that answers as ``answer`` says: a status and what is sent as JSON."""
    kept = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            with kept.lock:
                kept.asked.append(asked)
                status, said = answer(asked)
            raw = json.dumps(said).encode()
            self.send_response(status)
            if status in {301, 302, 307, 308}:
                self.send_header("location", str(said))
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = _any  # noqa: N815 - http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = serving().wrap_socket(server.socket, server_side=True)
    kept.url = f"{'https' if tls else 'http'}://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Slack:
    """As much of Slack's Web API as the channel speaks. ``members``: address to id."""

    def __init__(self, **members: str) -> None:
        self.members = {name.replace("_at_", "@").replace("__", "."): member for name, member in members.items()}
        self.posts: dict[str, dict[str, Any]] = {}
        self.error: str | None = None

    def __call__(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path)
        if not asked.headers.get("authorization", "").startswith("Bearer xoxb-"):
            return 200, {"ok": False, "error": "not_authed"}
        if self.error:
            return 200, {"ok": False, "error": self.error}
        if path.path == "/users.lookupByEmail":
            named = parse_qs(path.query) | parse_qs(asked.body.decode())
            member = self.members.get(named["email"][0])
            return 200, {"ok": True, "user": {"id": member}} if member else {"ok": False, "error": "users_not_found"}
        post = asked.said
        # The same client id shortly after is the same message.
        first = self.posts.setdefault(post["client_msg_id"], post | {"ts": f"17.{len(self.posts)}"})
        return 200, {"ok": True, "channel": first["channel"], "ts": first["ts"]}


class Hubspot:
    """As much of HubSpot's CRM API (2026-03) as the channel speaks.

    Tasks with a property that is unique once it is made, tied in the call that makes them; companies that are searched;
    people by their address.

    Args:
        companies: Properties of each company by its id.
        contacts: Address by id.
        owners: Id by address, spelled as a name of Python.
    """

    def __init__(
        self,
        companies: Mapping[str, Mapping[str, str]] | None = None,
        contacts: Mapping[str, str] | None = None,
        **owners: str,
    ) -> None:
        self.owners = {name.replace("_at_", "@").replace("__", "."): owner for name, owner in owners.items()}
        self.companies = dict(companies or {})
        self.contacts = dict(contacts or {})
        self.tasks: list[dict[str, str]] = []
        self.ties: list[list[tuple[str, int]]] = []
        self.has_property = False
        self.may_read_companies = True

    def __call__(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path)
        kind, *rest = path.path.removeprefix("/crm/").split("/")
        if asked.headers.get("authorization") != "Bearer pat-1":
            return 401, {"message": "not allowed"}
        if kind == "properties":
            return self._property(asked)
        if kind == "owners":
            owner = self.owners.get(parse_qs(path.query)["email"][0])
            return 200, {"results": [{"id": owner}] if owner else []}
        assert (kind, rest[0]) == ("objects", "2026-03")
        if rest[1:] == ["companies", "search"]:
            return self._companies(asked)
        if rest[1] == "contacts":
            assert parse_qs(path.query) == {"idProperty": ["email"]}
            found = [key for key, email in self.contacts.items() if email == unquote(rest[2])]
            return (200, {"id": found[0], "properties": {}}) if found else (404, {"message": "none"})
        assert rest[1] == "tasks"
        return self._task(asked, rest)

    def _companies(self, asked: Asked) -> Answer:
        """One filter, EQ or IN, as the channel asks; a property that nobody made is a fault."""
        if not self.may_read_companies:
            return 403, {"status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted"}
        ((sought,),) = ([*group["filters"]] for group in asked.said["filterGroups"])
        name = sought["propertyName"]
        if not any(name in company for company in self.companies.values()):
            return 400, {"status": "error", "message": f"There was a problem with the request: {name}"}
        values = sought["values"] if sought["operator"] == "IN" else [sought["value"]]
        found = [
            {"id": key, "properties": {part: company.get(part) for part in asked.said["properties"]}}
            for key, company in self.companies.items()
            if company.get(name) in values
        ]
        return 200, {"total": len(found), "results": found[: asked.said["limit"]]}

    def _tied(self, ties: list[dict[str, Any]]) -> list[tuple[str, int]] | None:
        """Ids with the type of each tie; None: one leads to nothing of that kind."""
        kinds = {192: self.companies, 204: self.contacts}
        told = []
        for tie in ties:
            (kind,) = tie["types"]
            assert set(tie) == {"to", "types"}
            assert kind["associationCategory"] == "HUBSPOT_DEFINED"
            if str(tie["to"]["id"]) not in kinds[kind["associationTypeId"]]:
                return None
            told.append((str(tie["to"]["id"]), kind["associationTypeId"]))
        return told

    def _property(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return (200, {"name": "upstep_key"}) if self.has_property else (404, {"message": "no such property"})
        is_new, self.has_property = not self.has_property, True
        return (201, {}) if is_new and asked.said["hasUniqueValue"] else (409, {"message": "exists"})

    def _task(self, asked: Asked, rest: list[str]) -> Answer:
        keys = [task["upstep_key"] for task in self.tasks]
        if asked.method == "GET":
            return (200, {"id": str(keys.index(rest[-1]) + 1)}) if rest[-1] in keys else (404, {"message": "none"})
        said = asked.said["properties"]
        if not self.has_property or "upstep_key" not in said:
            return 400, {"message": "property does not exist"}
        if said["upstep_key"] in keys:
            return 409, {"message": "already has that value"}
        tied = self._tied(asked.said.get("associations", []))
        if tied is None:
            return 404, {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "One or more associations"}
        self.tasks.append(said)
        self.ties.append(tied)
        return 201, {"id": str(len(self.tasks))}
