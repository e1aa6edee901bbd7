"""The channels of a project: those that upstep.yaml names once it is live, files for all of them before.

What delivery must not know is handed to it here: who a recipient is, what stands around a mail, where links lead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from upstep import clock as clocks
from upstep.config.settings import secret
from upstep.delivery.channel import Channel, Message, Purpose
from upstep.delivery.email import EmailChannel, Letter, Server
from upstep.delivery.file import FileChannel
from upstep.delivery.hubspot import HubspotChannel
from upstep.delivery.rendering import Frame
from upstep.delivery.slack import SlackChannel
from upstep.delivery.webhook import WebhookChannel
from upstep.delivery.widget import WidgetChannel
from upstep.engine.contacting.companies import AboutTasks
from upstep.engine.contacting.links import Links
from upstep.engine.contacting.mailboxes import Mailboxes
from upstep.engine.project import open_project_state

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.project import Project

NAMES = ("file", "email", "in_app", "task", "slack", "hubspot", "webhook")


def open_channels(
    project: Project,
    *,
    is_live: bool,
    state: sa.Engine | None = None,
    clock: Callable[[], datetime] = clocks.now,
) -> dict[str, Channel]:
    """The channels by name. Before a project is live every message becomes a file, and nothing leaves the machine.

    Args:
        project: Whose settings name them.
        is_live: See ``is_live``.
        state: The operational database; None: the project's own is opened.
        clock: For dates and signatures.

    Raises:
        ConfigError: A secret that a setting names is not set, or a package is not installed.
    """
    file = FileChannel(project.folder / ".upstep" / "messages")
    if not is_live:
        return dict.fromkeys(NAMES, file)
    settings = project.settings.channels
    state = state or open_project_state(project)
    people = Mailboxes(project, state)
    links = Links(project, state, clock=clock)
    channels: dict[str, Channel] = {"file": file, "in_app": WidgetChannel()}
    if settings.email:
        channels["email"] = _email(project, people, links, clock)
    if settings.slack:
        token = secret(settings.slack.token, key="channels.slack.token")
        channels["slack"] = SlackChannel(
            token,
            channel=settings.slack.channel,
            owner_for=people.owner_of,
            link_to=links.nowhere,
            api_url=settings.slack.api_url,
        )
    if settings.hubspot:
        token = secret(settings.hubspot.token, key="channels.hubspot.token")
        by = settings.hubspot.company_property
        channels["hubspot"] = HubspotChannel(
            token,
            owner_for=people.owner_of,
            about_for=AboutTasks(project, state, people, connector="hubspot", by=by).about,
            company_property=by,
            link_to=links.nowhere,
            clock=clock,
            api_url=settings.hubspot.api_url,
        )
    if settings.webhook:
        channels["webhook"] = WebhookChannel(
            settings.webhook.url,
            secret=secret(settings.webhook.secret, key="channels.webhook.secret"),
            clock=clock,
            allow_private=settings.webhook.allow_private,
        )
    if settings.task in channels:
        channels["task"] = channels[settings.task]
    return channels


def close_channels(channels: Mapping[str, Channel]) -> None:
    """Close the connections that channels keep."""
    for channel in {id(channel): channel for channel in channels.values()}.values():
        close = getattr(channel, "close", None)
        if close is not None:
            with suppress(OSError):
                close()


def _email(project: Project, people: Mailboxes, links: Links, clock: Callable[[], datetime]) -> EmailChannel:
    settings = project.settings.channels.email
    assert settings is not None, "asked for where it is set"
    password = secret(settings.password, key="channels.email.password") if settings.password else None
    server = Server(settings.host, settings.port, settings.security, settings.user, password)

    def letter_for(message: Message) -> Letter:
        person = people.person(message)
        leave = links.unsubscribe(message)
        return Letter(
            address=person.email,
            name=person.name,
            frame=frame_of(project, message, leave=leave),
            link_to=lambda address: links.to(message, address),
            unsubscribe_url=leave,
        )

    return EmailChannel(server, sender=settings.sender, letter_for=letter_for, clock=clock, reply_to=settings.reply_to)


def frame_of(project: Project, message: Message, *, leave: str | None) -> Frame:
    """What stands around a mail: who writes, why this person gets it, and how they end it."""
    company = project.settings.company
    whose = message.facts.get("account_name") or "your company"
    why = {
        Purpose.SALES: f"You get this because you are a contact of {whose} for its subscription with {company}.",
        Purpose.CARE: f"You get this because you use {company} at {whose}. There is nothing to buy.",
        Purpose.NOTICE: f"This is information about {whose}'s own use of {company}.",
        Purpose.TASK: f"You get this because you look after {whose}. Nothing was sent to the customer.",
    }[message.purpose]
    words = "Stop offers by e-mail" if message.purpose is Purpose.SALES else "Stop these notes"
    return Frame(company, why, (words, leave) if leave else None)


# Live or in shadow


def live_file(project: Project) -> Path:
    """Stands there while a project is live."""
    return project.folder / ".upstep" / "live"


def is_live(project: Project) -> bool:
    """Whether messages leave the machine."""
    return live_file(project).is_file()


def is_selling(project: Project) -> bool:
    """Whether an offer may be shown and taken in the app: once live, or where the sandbox charges nobody."""
    return project.settings.billing_provider == "sandbox" or is_live(project)


def live_since(project: Project) -> tuple[str, str] | None:
    """Since when, and who said so; None in shadow."""
    try:
        said = json.loads(live_file(project).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return str(said.get("at")), str(said.get("by"))
