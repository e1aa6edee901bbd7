"""Slack and HubSpot: the owner is told where they work, once, and what the other side says is understood."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contracts.receivers import Asked, HttpServer, Hubspot, Slack, http_server
from upstep.delivery.channel import Message, Owner, Purpose
from upstep.delivery.crm import About
from upstep.delivery.hubspot import HubspotChannel
from upstep.delivery.slack import SlackChannel
from upstep.errors import ConfigError, Fault, MaybeSentError, OutsideError

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
TASK = Message(
    idempotency_key="task:acme:st_1",
    account_id="acme",
    purpose=Purpose.TASK,
    channel="slack",
    recipient="owner:mina",
    subject="Acme: *Scale* & <@all>",
    text="Used **92%**.\n\n| | Now | Next |\n|---|---|---|\n| Plan | Pro | Scale |\n\n[Open](https://u.example/a?b=1&c=2)\n",
)
MINA = Owner("Mina", "mina@postline.example")


def slack(server: HttpServer, owner: Owner = MINA) -> SlackChannel:
    return SlackChannel(
        "xoxb-1", channel="C1", owner_for=lambda _: owner, link_to=lambda _: None, api_url=server.url, seconds_max=5
    )


@contextmanager
def hubspot(
    server: HttpServer,
    owner: Owner = MINA,
    token: str = "pat-1",  # noqa: S107
    about: About | None = None,
    clock: Callable[[], datetime] = lambda: AT,
    **more: Any,
) -> Iterator[HubspotChannel]:
    made = HubspotChannel(
        token,
        owner_for=lambda _: owner,
        link_to=lambda _: None,
        clock=clock,
        api_url=server.url,
        **({} if about is None else {"about_for": lambda _: about}) | more,
    )
    with closing(made):
        yield made


def test_slack_tells_the_owner_by_their_address_and_asks_for_it_once() -> None:
    spoken = Slack(mina_at_postline__example="U7")
    with http_server(spoken) as server:
        channel = slack(server)
        channel.send(TASK)
        channel.send(replace(TASK, idempotency_key="task:acme:st_2"))
    assert [post["channel"] for post in spoken.posts.values()] == ["U7", "U7"]
    assert sum("lookupByEmail" in asked.path for asked in server.asked) == 1
    text = next(iter(spoken.posts.values()))["text"]
    assert text.startswith("**Scale*") is False
    assert "&lt;@all&gt;" in text
    assert "<@" not in text
    assert "```      Now  Next\nPlan  Pro  Scale```" in text
    assert "<https://u.example/a?b=1&amp;c=2|Open>" in text


def test_an_owner_whom_slack_does_not_know_is_told_in_the_channel_by_name() -> None:
    spoken = Slack()
    with http_server(spoken) as server:
        slack(server).send(TASK)
    (post,) = spoken.posts.values()
    assert post["channel"] == "C1"
    assert post["text"].startswith("For Mina:")


@pytest.mark.parametrize("error", ["ratelimited", "invalid_auth", "internal_error"])
def test_what_can_be_mended_at_slack_is_tried_again(error: str) -> None:
    spoken = Slack()
    spoken.error = error
    with http_server(spoken) as server, pytest.raises(OutsideError, match=error):
        slack(server).send(TASK)


def test_a_channel_that_is_not_there_is_final() -> None:
    spoken = Slack()
    spoken.error = "channel_not_found"
    with http_server(spoken) as server:
        result = slack(server, Owner(None, None)).send(TASK)
    assert (result.is_sent, result.reason) == (False, "Slack refuses it: channel_not_found")


def test_slack_hanging_up_may_have_posted_and_an_unreachable_slack_has_not() -> None:
    def hang_up(_: Asked) -> tuple[int, object]:
        raise ConnectionAbortedError

    with http_server(hang_up) as server, pytest.raises(MaybeSentError):
        slack(server, Owner(None, None)).send(TASK)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = HttpServer(url=f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(OutsideError, match="cannot be reached") as unreached:
            slack(nobody, Owner(None, None)).send(TASK)
    assert not isinstance(unreached.value, MaybeSentError)


def test_hubspot_makes_its_property_once_and_a_task_for_the_owner() -> None:
    crm = Hubspot(mina_at_postline__example="7")
    with http_server(crm) as server, hubspot(server) as channel, hubspot(server, Owner(None, None)) as other_channel:
        first, again = channel.send(TASK), channel.send(TASK)
        other_channel.send(replace(TASK, idempotency_key="task:other"))
    assert first == again
    task, other = crm.tasks
    assert task["hubspot_owner_id"] == "7"
    assert "hubspot_owner_id" not in other
    assert task["hs_timestamp"] == "2026-11-24T09:00:00Z"
    assert "<strong>92%</strong>" in task["hs_task_body"]
    assert "<table>" in task["hs_task_body"]
    assert sum(asked.method == "POST" and "properties" in asked.path for asked in server.asked) == 1


def test_hubspot_without_the_right_is_an_error_that_names_it() -> None:
    with (
        http_server(Hubspot()) as server,
        hubspot(server, token="wrong") as channel,  # noqa: S106 - it is wrong
        pytest.raises(OutsideError, match="401 not allowed"),
    ):
        channel.send(TASK)


def test_a_task_that_somebody_made_meanwhile_is_found() -> None:
    crm = Hubspot()
    crm.has_property = True
    looked = 0

    def answer(asked: Asked) -> tuple[int, object]:
        nonlocal looked
        looked += "idProperty" in asked.path
        if asked.method == "POST":
            crm(asked)  # the other one is first
        return (404, {}) if "idProperty" in asked.path and looked == 1 else crm(asked)

    with http_server(answer) as server, hubspot(server) as channel:
        assert channel.send(TASK).is_sent
    assert len(crm.tasks) == 1


COMPANIES = {"501": {"name": "Acme"}, "502": {"name": "Twin"}, "503": {"name": "Twin"}}


def searches(server: HttpServer) -> int:
    return sum(asked.path.endswith("/companies/search") for asked in server.asked)


def test_a_task_is_tied_to_the_company_and_the_person_in_the_call_that_makes_it() -> None:
    crm = Hubspot(COMPANIES, {"61": "ann+1@acme.example"})
    with http_server(crm) as server, hubspot(server, about=About((), ("Acme",), "ann+1@acme.example")) as channel:
        first = channel.send(TASK)
        channel.send(replace(TASK, idempotency_key="task:acme:st_2"))
    assert first.note == ""
    assert crm.ties == [[("501", 192), ("61", 204)]] * 2
    assert "tied to no company" not in crm.tasks[0]["hs_task_body"]
    assert searches(server) == 1
    (search,) = [asked.said for asked in server.asked if asked.path == "/crm/objects/2026-03/companies/search"]
    assert search == {
        "filterGroups": [{"filters": [{"propertyName": "name", "operator": "EQ", "value": "Acme"}]}],
        "properties": ["name"],
        "limit": 2,
    }


def test_companies_that_the_project_was_told_are_not_searched() -> None:
    crm = Hubspot(COMPANIES)
    with http_server(crm) as server, hubspot(server, about=About(("502", "503"))) as channel:
        channel.send(TASK)
    assert crm.ties == [[("502", 192), ("503", 192)]]
    assert searches(server) == 0


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (("Nobody",), "no company has the name 'Nobody'"),
        (("Twin",), "several companies have the name 'Twin'"),
        ((), "nothing is known that a company's name would say"),
    ],
)
def test_a_task_without_one_company_is_made_all_the_same_and_tells_its_owner_and_us(
    values: tuple[str, ...], why: str
) -> None:
    crm = Hubspot(COMPANIES, {"61": "ann@acme.example"})
    with http_server(crm) as server, hubspot(server, about=About((), values, "ann@acme.example")) as channel:
        result = channel.send(TASK)
    assert (result.is_sent, result.note) == (True, f"tied to no company: {why}")
    assert crm.ties == [[("61", 204)]]
    assert f"This task is tied to no company in HubSpot: {why}." in crm.tasks[0]["hs_task_body"].replace("&#x27;", "'")


def test_a_company_that_was_not_there_is_looked_for_again_after_an_hour() -> None:
    crm, now = Hubspot(COMPANIES), AT
    with http_server(crm) as server, hubspot(server, about=About((), ("New",)), clock=lambda: now) as channel:
        channel.send(TASK)
        crm.companies["504"] = {"name": "New"}
        channel.send(replace(TASK, idempotency_key="task:acme:st_2"))
        now = AT + timedelta(hours=1)
        channel.send(replace(TASK, idempotency_key="task:acme:st_3"))
    assert crm.ties == [[], [], [("504", 192)]]
    assert searches(server) == 2


def test_an_app_that_may_not_read_companies_makes_tasks_as_before() -> None:
    crm = Hubspot(COMPANIES)
    crm.may_read_companies = False
    with http_server(crm) as server, hubspot(server, about=About((), ("Acme",))) as channel:
        result = channel.send(TASK)
    assert result.is_sent
    assert "crm.objects.companies.read" in result.note
    assert crm.ties == [[]]


def test_a_company_that_is_gone_leaves_the_task_untied() -> None:
    crm = Hubspot(COMPANIES)
    with http_server(crm) as server, hubspot(server, about=About(("999",))) as channel:
        result = channel.send(TASK)
        again = channel.send(TASK)
    assert result == again
    assert result.note == "tied to no company: HubSpot refuses the tie: 404 One or more associations"
    assert crm.ties == [[]]


def test_a_file_of_ids_that_is_written_wrongly_loses_no_task() -> None:
    def about(_: Message) -> About:
        raise ConfigError(Fault("data/account_ids.csv", "lacks the column their_id."))

    crm = Hubspot(COMPANIES)
    with http_server(crm) as server, hubspot(server, about_for=about) as channel:
        result = channel.send(TASK)
    assert result.is_sent
    assert "lacks the column their_id" in result.note


def test_a_company_is_found_by_a_property_of_ones_own() -> None:
    crm = Hubspot({"501": {"customer_id": "acme"}})
    with (
        http_server(crm) as server,
        hubspot(server, about=About((), ("acme",)), company_property="customer_id") as channel,
        hubspot(server, about=About((), ("acme",)), company_property="custmer_id") as mistyped,
    ):
        assert channel.send(TASK).note == ""
        note = mistyped.send(replace(TASK, idempotency_key="task:other")).note
    assert (
        note == "tied to no company: companies cannot be searched by custmer_id: 400 There was a problem with the"
        " request: custmer_id"
    )
