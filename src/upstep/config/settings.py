"""A project's settings: upstep.yaml, read whole, with every fault told at once. Secrets stand there only as ${NAME}."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from upstep.config.contact import Channels, ContactPolicy, read_channels, read_contact_policy
from upstep.config.measuring import Experiments, Incentive, read_experiments, read_incentives
from upstep.config.reading import secret_name
from upstep.config.service import Ingest, Retention, Serving, read_ingest, read_retention, read_serving
from upstep.errors import ConfigError, Fault, did_you_mean
from upstep.yaml_file import Node, in_file_order, read_yaml

FILE = "upstep.yaml"
_KEYS = (
    "version",
    "company",
    "currency",
    "time_zone",
    "plays",
    "gates",
    "assisted",
    "contact_policy",
    "propose",
    "revenue",
    "billing",
    "planning",
    "fresh_days",
    "state",
    "serve",
    "ingest",
    "channels",
    "experiments",
    "incentives",
    "retention",
)
_MRR_POLICIES = ("standard", "chartmogul", "stripe")
_BILLING_KEYS = (
    "provider",
    "key",
    "webhook_secret",
    "account_metadata",
    "return_url",
    "api_url",
    "prices",
    "products",
)
_GATES = [
    "open_issue",
    "payment_trouble",
    "before_first_value",
    "just_purchased",
    "low_adoption",
    "leaving",
    "renewal_threat",
    "open_deal",
    "do_not_sell",
    "no_priority",
    "no_sponsor",
    "contact_hold",
    "asked_recently",
    "at_capacity",
]


@dataclass(frozen=True)
class Assumption:
    """A gate whose unknown counts as clear, and why somebody decided so."""

    gate: str
    because: str


@dataclass(frozen=True)
class Activity:
    """What takes an account manager's time: a motion, or a task before one.

    Args:
        hours: Of the quarter, for one account.
        days: How long it is expected to take.
        owner: Whose it is where that is not the account's owner.
    """

    id: str
    hours: int
    days: int
    owner: str | None = None


ACTIVITIES = (
    Activity("upsell", 6, 30),
    Activity("volume", 4, 30),
    Activity("add_on", 4, 30),
    Activity("cross_sell", 40, 150),
    Activity("commit", 6, 45),
    Activity("adopt", 8, 60),
    Activity("right_size", 3, 30),
    Activity("find_priority", 3, 30),
    Activity("develop_sponsor", 6, 60),
)
"""The hours and days that hold where upstep.yaml says nothing else: starting points, to be set from one's own books."""


@dataclass(frozen=True)
class Settings:
    """What a company decided.

    Args:
        fresh_days: A table complete until longer before the as-of than this is stale: its gates are unknown.
        assisted_from_minor: A yearly change above this, in company currency, is a person's task.
        assisted_owned: yes, no, or auto (yes when the owner table is connected): accounts with an owner are assisted.
        nearly_same_percent: A step is proposed when what recurs plus the mean overage rises by at most this much, or
            when the forecast does not fit today's plan.
        mrr_policy: How MRR is counted: standard, chartmogul or stripe; see ``movements.policy``.
        credit_days: A change this long after a click is still credited to the offer.
        activities: What each motion and task takes of its owner's hours, and how long it is expected to take.
        billing_key: The environment variable that holds the provider's secret key; ``secret`` reads it.
        billing_webhook_secret: The one that holds the secret its webhooks are signed with.
        billing_account_metadata: The metadata key of a customer that holds the account's id; None: the customer's id.
        billing_return_url: Where the provider's page sends people back to.
        billing_api_url: A server that stands in for the provider.
        billing_prices: Catalog price id and the provider's, where its lookup key is another.
        billing_products: Plan or add-on id and the provider's product, for amounts that have no price there.
        state: The variable with the address of a Postgres database; None: SQLite in the project folder.
        incentives: What an offer of a play may give away.
    """

    company: str
    currency: str
    time_zone: str = "UTC"
    fresh_days: int = 2
    plays_off: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    assisted_from_minor: int = 1_000_000
    assisted_owned: str = "auto"
    default_owner: str | None = None
    nearly_same_percent: int = 10
    mrr_policy: str = "standard"
    credit_days: int = 30
    activities: tuple[Activity, ...] = ACTIVITIES
    billing_provider: str = "sandbox"
    billing_key: str | None = None
    billing_webhook_secret: str | None = None
    billing_account_metadata: str | None = None
    billing_return_url: str | None = None
    billing_api_url: str | None = None
    billing_prices: tuple[tuple[str, str], ...] = ()
    billing_products: tuple[tuple[str, str], ...] = ()
    state: str | None = None
    contact: ContactPolicy = field(default_factory=ContactPolicy)
    channels: Channels = field(default_factory=Channels)
    serving: Serving = field(default_factory=Serving)
    ingest: Ingest = field(default_factory=Ingest)
    retention: Retention = field(default_factory=Retention)
    experiments: Experiments = field(default_factory=Experiments)
    incentives: tuple[Incentive, ...] = ()

    @property
    def cool_down_days(self) -> int:
        """No new offer to an account for this long after one was shown."""
        return self.contact.cool_down_days

    @property
    def declined_days(self) -> int:
        """A declined step is not offered again for this long."""
        return self.contact.declined_days


def load_settings(project: Path) -> Settings:
    """Read ``upstep.yaml`` of a project folder.

    Raises:
        ConfigError: With every fault, each with file, line and column.
    """
    settings, faults = read_settings(project)
    if faults or settings is None:
        raise ConfigError(faults)
    return settings


def read_settings(project: Path) -> tuple[Settings | None, list[Fault]]:
    """What ``upstep.yaml`` says as far as it can be read, and its faults, for who looks for those of other files, too.

    Raises:
        ConfigError: There is no such file.
    """
    faults: list[Fault] = []
    path = project / FILE
    if not path.exists():
        raise ConfigError(
            Fault(
                str(path), "is not here, so this is no project folder.", "Run 'upstep init' or name one: --project DIR."
            )
        )
    node = read_yaml(path, faults)
    return (_settings(node) if node else None), in_file_order(faults)


def _settings(node: Node) -> Settings:
    from upstep.money import CURRENCIES, meant_currency

    node.unknown_keys(_KEYS)
    if node.whole("version") != 1:
        node.fault(f"version {node.whole('version', 0)} is not known.", "Write version: 1.")
    zone = node.text("time_zone", "UTC")
    if zone not in available_timezones():
        child = node.child("time_zone") or node
        child.fault(f"time_zone '{zone}' is not known.", did_you_mean(zone, available_timezones()))
    assisted = node.mapping("assisted")
    if assisted:
        assisted.unknown_keys(("from_minor", "owned", "default_owner"))
    revenue = node.mapping("revenue")
    if revenue:
        revenue.unknown_keys(("policy", "credit_days"))
    proposing = node.mapping("propose")
    if proposing:
        proposing.unknown_keys(("nearly_same_percent",))
    billing = node.mapping("billing")
    planning = node.mapping("planning")
    return Settings(
        company=node.text("company", "this company"),
        currency=node.text("currency", allowed=tuple(CURRENCIES), meant=meant_currency),
        time_zone=zone,
        fresh_days=node.whole("fresh_days", 2),
        plays_off=_plays_off(node),
        assumptions=_assumptions(node),
        assisted_from_minor=assisted.whole("from_minor", 1_000_000) if assisted else 1_000_000,
        assisted_owned=assisted.text("owned", "auto", allowed=("auto", "yes", "no")) if assisted else "auto",
        default_owner=assisted.text("default_owner", None) if assisted else None,
        nearly_same_percent=proposing.whole("nearly_same_percent", 10) if proposing else 10,
        mrr_policy=revenue.text("policy", "standard", allowed=_MRR_POLICIES) if revenue else "standard",
        credit_days=revenue.whole("credit_days", 30) if revenue else 30,
        activities=_activities(planning) if planning else ACTIVITIES,
        **(_billing(billing) if billing else {}),
        state=secret_name(node, "state"),
        **_sections(node),
    )


_SECTIONS: dict[str, tuple[str, Callable[[Node], Any]]] = {
    "contact_policy": ("contact", read_contact_policy),
    "channels": ("channels", read_channels),
    "serve": ("serving", read_serving),
    "ingest": ("ingest", read_ingest),
    "retention": ("retention", read_retention),
    "experiments": ("experiments", read_experiments),
    "incentives": ("incentives", read_incentives),
}
"""Sections with a module of their own: the field of ``Settings`` that each fills, and who reads it."""


def _sections(node: Node) -> dict[str, Any]:
    found = {}
    for key, (name, read) in _SECTIONS.items():
        section = node.mapping(key)
        if section is not None:
            found[name] = read(section)
    return found


def _activities(node: Node) -> tuple[Activity, ...]:
    """``planning: {cross_sell: {hours: 40, days: 150, owner: riva}}``; what is not named keeps its default."""
    node.unknown_keys([activity.id for activity in ACTIVITIES])
    found = []
    for activity in ACTIVITIES:
        entry = node.mapping(activity.id)
        if entry is None:
            found.append(activity)
            continue
        entry.unknown_keys(("hours", "days", "owner"))
        hours, days = (
            entry.whole(key, value, minimum=1, advice="An activity takes time: write 1 or more.")
            for key, value in (("hours", activity.hours), ("days", activity.days))
        )
        found.append(Activity(activity.id, hours, days, entry.text("owner", None)))
    return tuple(found)


def _billing(node: Node) -> dict[str, Any]:
    """The fields of ``Settings`` that the section fills."""
    node.unknown_keys(_BILLING_KEYS)
    provider = node.text("provider", "sandbox", allowed=("sandbox", "stripe"))
    if provider == "stripe" and "key" not in node:
        node.fault("'key' is missing.", "Stripe's secret key is read from the environment: key: ${STRIPE_KEY}.")
    found: dict[str, Any] = {
        "provider": provider,
        "key": secret_name(node, "key"),
        "webhook_secret": secret_name(node, "webhook_secret"),
        **{name: node.text(name, None) for name in ("account_metadata", "return_url", "api_url")},
    }
    for name in ("prices", "products"):
        named = node.mapping(name)
        pairs = [(key, value.as_text()) for key, value in named.pairs()] if named else []
        found[name] = tuple((key, text) for key, text in pairs if text is not None)
    return {f"billing_{name}": value for name, value in found.items()}


def secret(name: str | None, *, key: str) -> str:
    """The value of the environment variable that a setting names.

    Raises:
        ConfigError: The setting or the variable is not there.
    """
    if name is None:
        raise ConfigError(Fault(f"{FILE}: {key}", "is not set.", f"Write {key.rpartition('.')[2]}: ${{NAME}}."))
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigError(Fault(f"{FILE}: {key}", f"names ${{{name}}}, which is not set.", f"Set {name} first."))
    return value


def _plays_off(node: Node) -> tuple[str, ...]:
    plays = node.mapping("plays")
    if plays is None:
        return ()
    plays.unknown_keys(("off",))
    return plays.words("off", ())


def _assumptions(node: Node) -> tuple[Assumption, ...]:
    """``gates: {payment_trouble: {without_data: allow, because: …}}``."""
    found = []
    gates = node.mapping("gates")
    for gate, entry in gates.pairs() if gates else ():
        if gate not in _GATES:
            entry.fault(f"gate '{gate}' is not known.", did_you_mean(gate, _GATES))
            continue
        entry.unknown_keys(("without_data", "because"))
        if entry.text("without_data", allowed=("allow", "ask")) == "allow":
            found.append(Assumption(gate, entry.text("because")))
    return tuple(found)
