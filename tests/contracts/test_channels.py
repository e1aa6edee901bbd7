"""What every channel does. One suite: a new channel is added to ``STAGES`` and nothing else.

Each is asked at a real server's end: what has left is what a reader sees there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contracts.receivers import Hubspot, Slack, http_server, mail_server
from upstep.delivery.channel import Channel, Message, Owner, Purpose
from upstep.delivery.email import EmailChannel, Letter, Server
from upstep.delivery.file import FileChannel
from upstep.delivery.hubspot import HubspotChannel
from upstep.delivery.rendering import Frame
from upstep.delivery.slack import SlackChannel
from upstep.delivery.webhook import WebhookChannel
from upstep.delivery.widget import WidgetChannel

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MESSAGE = Message(
    idempotency_key="offer:of_1:email:ann",
    account_id="acme",
    purpose=Purpose.SALES,
    channel="email",
    recipient="ann",
    subject="You have used 92% of your e-mails",
    text="Hello Ann,\n\nyou have used **46,000** of 50,000 – Grüße.\n",
)


@dataclass(frozen=True)
class Stage:
    """A channel, made as often as one likes, and what a reader at its other end has seen."""

    make: Callable[[], Channel]
    left: Callable[[], list[str]]


@contextmanager
def file_stage(folder: Path) -> Iterator[Stage]:
    sent = folder / "sent"
    yield Stage(lambda: FileChannel(sent), lambda: [path.read_text("utf-8") for path in sorted(sent.iterdir())])


@contextmanager
def email_stage(_: Path) -> Iterator[Stage]:
    letter = Letter("ann@acme.example", "Ann", Frame("Postline"), link_to=lambda _: None)
    made = []
    with mail_server() as box:

        def make() -> Channel:
            server = Server("127.0.0.1", box.port, security="none")
            sender = "Postline <hello@postline.example>"
            channel = EmailChannel(server, sender=sender, letter_for=lambda _: letter, clock=lambda: AT)
            made.append(channel)
            return channel

        def left() -> list[str]:
            texts = []
            for mail in box.mails:
                text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
                assert text is not None
                assert page is not None
                headers = "\n".join(f"{name}: {value}" for name, value in mail.items())
                texts.append(f"{headers}\n\n{text.get_content()}")
            return texts

        yield Stage(make, left)
        for channel in made:
            channel.close()


@contextmanager
def slack_stage(_: Path) -> Iterator[Stage]:
    slack = Slack(ann_at_postline__example="U1")
    with http_server(slack) as server:
        owner = Owner("ann", "ann@elsewhere.example")
        made = (lambda _: owner, lambda _: None)
        yield Stage(
            lambda: SlackChannel("xoxb-1", channel="C1", owner_for=made[0], link_to=made[1], api_url=server.url),
            lambda: [post["text"] for post in slack.posts.values()],
        )


@contextmanager
def hubspot_stage(_: Path) -> Iterator[Stage]:
    hubspot = Hubspot(ann_at_postline__example="7")
    made = []
    with http_server(hubspot) as server:

        def make() -> Channel:
            channel = HubspotChannel(
                "pat-1",
                owner_for=lambda _: Owner("ann", "ann@postline.example"),
                link_to=lambda _: None,
                clock=lambda: AT,
                api_url=server.url,
            )
            made.append(channel)
            return channel

        def left() -> list[str]:
            return [f"for ann\n{task['hs_task_subject']}\n{task['hs_task_body']}" for task in hubspot.tasks]

        yield Stage(make, left)
        for channel in made:
            channel.close()


@contextmanager
def webhook_stage(_: Path) -> Iterator[Stage]:
    made = []
    with http_server(lambda _: (200, {})) as server:

        def make() -> Channel:
            secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            channel = WebhookChannel(server.url, secret=secret, clock=lambda: AT, allow_private=True)
            made.append(channel)
            return channel

        def left() -> list[str]:
            first = {asked.headers["webhook-id"]: asked.said["data"] for asked in reversed(server.asked)}
            return [f"{data['recipient']}\n{data['subject']}\n{data['text']}" for data in first.values()]

        yield Stage(make, left)
        for channel in made:
            channel.close()


STAGES = {
    "file": file_stage,
    "email": email_stage,
    "slack": slack_stage,
    "hubspot": hubspot_stage,
    "webhook": webhook_stage,
}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with STAGES[request.param](tmp_path) as made:
        yield made


def test_a_message_leaves_with_its_recipient_subject_and_text(stage: Stage) -> None:
    result = stage.make().send(MESSAGE)
    assert result.is_sent
    assert result.reference
    (text,) = stage.left()
    for part in ("ann", MESSAGE.subject, "46,000", " of 50,000 – Grüße."):
        assert part in text


def test_the_same_key_twice_leaves_once_and_the_first_stands(stage: Stage) -> None:
    first = stage.make().send(MESSAGE)
    again = stage.make().send(replace(MESSAGE, text="other words"))
    assert again == first
    (text,) = stage.left()
    assert "other words" not in text


def test_the_same_key_at_once_from_many_sides_leaves_once(stage: Stage) -> None:
    channel = stage.make()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: channel.send(MESSAGE), range(8)))
    assert len(set(results)) == 1
    assert len(stage.left()) == 1


def test_another_key_is_another_message(stage: Stage) -> None:
    channel = stage.make()
    for key in ("a/b", "a-b", "../a b", "x" * 500):
        assert channel.send(replace(MESSAGE, idempotency_key=key)).is_sent
    assert len(stage.left()) == 4


def test_a_key_or_a_subject_with_a_line_break_makes_no_new_header(stage: Stage) -> None:
    stage.make().send(
        replace(
            MESSAGE,
            idempotency_key="a\r\nBcc: everybody@example.com",
            subject="Hello\r\nBcc: everybody@example.com",
        )
    )
    (text,) = stage.left()
    assert not any(line.lower().startswith("bcc:") for line in text.splitlines())


def test_what_looks_like_a_mark_of_another_language_is_only_text(stage: Stage) -> None:
    stage.make().send(replace(MESSAGE, text="<script>alert()</script> <!channel> javascript:[x](javascript:x)\n"))
    (text,) = stage.left()
    assert "alert()" in text


def test_in_the_app_a_message_waits_until_somebody_looks() -> None:
    assert WidgetChannel().send(MESSAGE) == WidgetChannel().send(MESSAGE)
