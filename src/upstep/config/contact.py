"""The sections ``channels`` and ``contact_policy``: how messages leave, and how often somebody may be written to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from upstep.config.reading import secret_name, time_of_day
from upstep.yaml_file import Node

CHANNEL_NAMES = ("email", "slack", "hubspot", "webhook")


@dataclass(frozen=True)
class Email:
    """A mail server. ``security``: starttls (default), tls or none."""

    host: str
    sender: str
    port: int = 587
    security: str = "starttls"
    user: str | None = None
    password: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True)
class Slack:
    """Where owners read. ``token`` names a variable; ``channel`` is where an owner without a Slack name is told."""

    token: str
    channel: str
    api_url: str | None = None


@dataclass(frozen=True)
class Hubspot:
    """Tasks for owners. ``token`` names the variable with a private app's token.

    ``company_property``: by which property the company of an account is found, where ``data/account_ids.csv`` names
    none: ``name`` (the account's), ``domain`` (that of its people's addresses), or one that holds the account's id.
    """

    token: str
    company_property: str = "name"
    api_url: str | None = None


@dataclass(frozen=True)
class Webhook:
    """A signed POST per message. ``secret`` names the variable with the ``whsec_`` key."""

    url: str
    secret: str
    allow_private: bool = False


@dataclass(frozen=True)
class Channels:
    """Those that are connected; the widget (in_app) and the files of shadow mode always are.

    ``task``: the channel that carries an owner's tasks: slack, hubspot, webhook or file.
    """

    email: Email | None = None
    slack: Slack | None = None
    hubspot: Hubspot | None = None
    webhook: Webhook | None = None
    task: str = "file"


@dataclass(frozen=True)
class Cap:
    """At most ``most`` sales messages in ``days`` to each ``per`` (person or account), over all channels together.

    0 means none at all. No cap means no limit.
    """

    per: str
    most: int
    days: int


@dataclass(frozen=True)
class QuietHours:
    """When no message leaves, in the person's own zone (else the account's, else the company's).

    ``begins`` after ``ends`` spans midnight. ``weekends``: Saturday and Sunday are quiet all day.
    """

    begins: time = time(20)
    ends: time = time(8)
    weekends: bool = False


DEFAULT_CAPS = (Cap("person", 2, 7), Cap("account", 5, 7))


@dataclass(frozen=True)
class ContactPolicy:
    """How often, when, and with whose consent.

    Args:
        cool_down_days: No new offer to an account for this long after one was shown.
        declined_days: A step that got a "no" is not offered again for this long.
        not_now_days: One that got a "not now" comes back after this long.
        caps: Of sales messages.
        quiet_hours: None: any hour will do.
        consent: What counts without a word from the person, by purpose: assumed or asked.
    """

    cool_down_days: int = 30
    declined_days: int = 90
    not_now_days: int = 14
    caps: tuple[Cap, ...] = DEFAULT_CAPS
    quiet_hours: QuietHours | None = QuietHours()
    consent_sales: str = "asked"
    consent_service: str = "assumed"


def read_channels(node: Node) -> Channels:
    """``channels: {email: {...}, slack: {...}}``."""
    node.unknown_keys((*CHANNEL_NAMES, "task"))
    email, slack, hubspot, webhook = (node.mapping(name) for name in CHANNEL_NAMES)
    return Channels(
        email=_email(email) if email else None,
        slack=_slack(slack) if slack else None,
        hubspot=_hubspot(hubspot) if hubspot else None,
        webhook=_webhook(webhook) if webhook else None,
        task=node.text("task", "file", allowed=("file", "slack", "hubspot", "webhook")),
    )


def _email(node: Node) -> Email:
    node.unknown_keys(("host", "port", "security", "user", "password", "from", "reply_to"))
    return Email(
        host=node.text("host"),
        sender=node.text("from"),
        port=node.whole("port", 587),
        security=node.text("security", "starttls", allowed=("starttls", "tls", "none")),
        user=node.text("user", None),
        password=secret_name(node, "password"),
        reply_to=node.text("reply_to", None),
    )


def _needed_secret(node: Node, key: str) -> str:
    name = secret_name(node, key)
    if name is None and key not in node:
        node.fault(f"'{key}' is missing.", f"It is read from the environment: {key}: ${{NAME}}.")
    return name or ""


def _slack(node: Node) -> Slack:
    node.unknown_keys(("token", "channel", "api_url"))
    return Slack(_needed_secret(node, "token"), node.text("channel"), node.text("api_url", None))


def _hubspot(node: Node) -> Hubspot:
    node.unknown_keys(("token", "company_property", "api_url"))
    return Hubspot(_needed_secret(node, "token"), node.text("company_property", "name"), node.text("api_url", None))


def _webhook(node: Node) -> Webhook:
    node.unknown_keys(("url", "secret", "allow_private"))
    return Webhook(
        node.text("url"), _needed_secret(node, "secret"), allow_private=node.flag("allow_private", default=False)
    )


def read_contact_policy(node: Node) -> ContactPolicy:
    """``contact_policy: {cool_down_days: 30, caps: [{per: person, max: 2, days: 7}], quiet_hours: {...}}``."""
    node.unknown_keys(
        ("cool_down_days", "declined_days", "not_now_days", "caps", "quiet_hours", "consent_sales", "consent_service")
    )
    return ContactPolicy(
        cool_down_days=node.whole("cool_down_days", 30),
        declined_days=node.whole("declined_days", 90),
        not_now_days=node.whole("not_now_days", 14),
        caps=_caps(node),
        quiet_hours=_quiet_hours(node),
        consent_sales=node.text("consent_sales", "asked", allowed=("asked", "assumed")),
        consent_service=node.text("consent_service", "assumed", allowed=("asked", "assumed")),
    )


def _caps(node: Node) -> tuple[Cap, ...]:
    if "caps" not in node:
        return DEFAULT_CAPS
    caps = []
    for entry in node.mappings("caps"):
        entry.unknown_keys(("per", "max", "days"))
        per = entry.text("per", allowed=("person", "account"))
        caps.append(Cap(per, entry.whole("max"), entry.whole("days", minimum=1)))
    return tuple(caps)


def _quiet_hours(node: Node) -> QuietHours | None:
    child = node.child("quiet_hours")
    if child is not None and child.scalar == "none":
        return None
    entry = node.mapping("quiet_hours")
    if entry is None:
        return QuietHours()
    entry.unknown_keys(("from", "to", "weekends"))
    default = QuietHours()
    return QuietHours(
        time_of_day(entry, "from", default.begins),
        time_of_day(entry, "to", default.ends),
        weekends=entry.flag("weekends", default=False),
    )
