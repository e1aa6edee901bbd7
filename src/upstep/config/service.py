"""The sections ``serve``, ``ingest`` and ``retention``: the service, what it takes in, how long things are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from upstep.config.reading import secret_name
from upstep.yaml_file import Node


@dataclass(frozen=True)
class Serving:
    """How the service is reached.

    Args:
        listen: Address and port.
        public_url: Where customers' browsers and mail programs reach it; links in messages begin with it.
        token_secret: The variable with the secret by which the host's server signs who is looking (HS256).
        origins: Pages that may embed the widget.
    """

    listen: str = "127.0.0.1:8787"
    public_url: str = "http://127.0.0.1:8787"
    token_secret: str | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackedAs:
    """What a track event becomes: usage of ``meter`` (its quantity from a property, else 1), or a ``moment``.

    Args:
        place: Where the meter stands in the file; it is no part of what was decided.
    """

    meter: str | None = None
    quantity: str | None = None
    moment: str | None = None
    place: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Ingest:
    """What events become.

    Args:
        track: Event name to what it becomes.
        trusted_traits: Keys are kept on servers, so that events may say who may buy, and change where mail goes.
    """

    track: Mapping[str, TrackedAs] = field(default_factory=dict)
    trusted_traits: bool = False


@dataclass(frozen=True)
class Retention:
    """How many days are kept; None: for ever.

    Args:
        inbox_days: Events that were taken in and loaded.
        messages_days: Texts of messages that were sent; that they were sent is kept.
        quarantine_days: Rows kept aside.
    """

    inbox_days: int | None = 7
    messages_days: int | None = 400
    quarantine_days: int | None = 90


def read_serving(node: Node) -> Serving:
    """``serve: {listen: 127.0.0.1:8787, public_url: https://…, token_secret: ${NAME}, origins: [https://…]}``."""
    node.unknown_keys(("listen", "public_url", "token_secret", "origins"))
    default = Serving()
    listen = node.text("listen", default.listen)
    if not re.fullmatch(r"\S+:\d{1,5}", listen):
        (node.child("listen") or node).fault(f"'{listen}' is no address.", "Write address:port, as 127.0.0.1:8787.")
    public_url = node.text("public_url", f"http://{listen}")
    origins = node.words("origins", ())
    for key, urls in (("public_url", (public_url,)), ("origins", origins)):
        for url in urls:
            if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
                (node.child(key) or node).fault(f"'{url}' is no web address.", "Write it as https://app.example.com.")
    return Serving(listen, public_url.rstrip("/"), secret_name(node, "token_secret"), origins)


def read_ingest(node: Node) -> Ingest:
    """``ingest: {track: {Email Sent: {meter: emails, quantity: count}, Seen: {moment: …}}, trusted_traits: false}``."""
    node.unknown_keys(("track", "trusted_traits"))
    track = node.mapping("track")
    found = {}
    for name, entry in track.pairs() if track else ():
        entry.unknown_keys(("meter", "quantity", "moment"))
        tracked = TrackedAs(
            entry.text("meter", None),
            entry.text("quantity", None),
            entry.text("moment", None),
            place=(entry.child("meter") or entry).place,
        )
        if (tracked.meter is None) == (tracked.moment is None):
            entry.fault(f"event '{name}' needs one of 'meter' and 'moment'.", "Write {meter: emails, quantity: count}.")
        found[name] = tracked
    return Ingest(found, node.flag("trusted_traits", Ingest.trusted_traits))


def read_retention(node: Node) -> Retention:
    """``retention: {inbox_days: 7, messages_days: forever}``."""
    keys = ("inbox_days", "messages_days", "quarantine_days")
    node.unknown_keys(keys)
    default = Retention()
    days: dict[str, int | None] = {}
    for key in keys:
        child = node.child(key)
        is_forever = child is not None and child.scalar == "forever"
        days[key] = None if is_forever else node.whole(key, getattr(default, key), minimum=1)
    return Retention(**days)
