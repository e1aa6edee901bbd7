"""The contact policy, rule by rule: what each kind of message answers to, and until when it waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from tests.contracts.test_channels import MESSAGE
from upstep.config.contact import Cap, ContactPolicy, QuietHours
from upstep.delivery.channel import Purpose
from upstep.delivery.policy import Asked, Gone, History, Person, may_contact
from upstep.state.holds import Hold, HoldKind

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = ContactPolicy(caps=(), quiet_hours=None, consent_sales="assumed")
ANN = Person("ann", "UTC", may_buy=True)


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


def why(
    purpose: Purpose = Purpose.SALES,
    *,
    policy: ContactPolicy = POLICY,
    person: Person = ANN,
    channel: str = "email",
    interrupts: bool = True,
    **history: Any,
) -> tuple[str | None, datetime | None]:
    message = replace(MESSAGE, purpose=purpose, channel=channel, contact_id=person.contact_id)
    reason = may_contact(policy, person, History(**history), message, now=NOW, interrupts=interrupts)
    return (reason.gate, reason.until) if reason else (None, None)


def hold(kind: str, contact_id: str | None = None, until: datetime | None = None) -> Hold:
    return Hold(1, "acme", contact_id, HoldKind(kind), "so", days(1), "ana", until)


def test_nothing_in_the_way_lets_it_go() -> None:
    assert [why(purpose)[0] for purpose in Purpose] == [None] * 4


@pytest.mark.parametrize(("most", "sent", "waits"), [(0, [], True), (1, [], False), (1, [6.9], True), (1, [7], False)])
def test_a_cap_of_none_means_none_and_a_message_counts_for_exactly_its_days(
    most: int, sent: list[float], waits: bool  # noqa: FBT001 - the answer
) -> None:  # fmt: skip
    policy = replace(POLICY, caps=(Cap("person", most, 7),))
    gone = [Gone("ann", days(ago), is_seen=False) for ago in sent]
    gate, until = why(policy=policy, gone=gone)
    assert gate == ("contact_policy" if waits else None)
    assert until == (days(6.9) + timedelta(days=7) if sent == [6.9] else None)


def test_without_a_cap_there_is_no_limit() -> None:
    assert why(gone=[Gone("ann", days(n / 100), MESSAGE.offer_id) for n in range(99)]) == (None, None)


def test_caps_per_person_and_account_count_over_all_channels_and_only_their_own() -> None:
    policy = replace(POLICY, caps=(Cap("person", 1, 7), Cap("account", 2, 7)))
    bob = [Gone("bob", days(1), None, is_seen=False)]
    assert why(policy=policy, gone=bob)[0] is None
    assert why(policy=policy, gone=[*bob, Gone("cyd", days(2), None, is_seen=False)])[0] == "contact_policy"
    assert why(policy=policy, gone=[Gone("ann", days(1), None, is_seen=False)])[0] == "contact_policy"
    assert why(Purpose.CARE, policy=policy, gone=[Gone("ann", days(1))] * 9)[0] is None


def test_the_cool_down_lies_between_offers_not_within_one() -> None:
    message = replace(MESSAGE, offer_id="of_2")
    shown = Asked("of_1", days(29), is_live=True)
    assert why(asked=[shown]) == ("asked_recently", days(29) + timedelta(days=30))
    assert why(asked=[replace(shown, shown_at=days(30))])[0] is None
    mine = History(asked=[replace(shown, offer_id="of_2", is_same_step=True)], gone=[Gone("ann", days(1), "of_2")])
    assert may_contact(POLICY, ANN, mine, message, now=NOW) is None


def test_no_and_not_now_differ() -> None:
    told = {"shown_at": days(60), "declined_at": days(20), "is_same_step": True}
    assert why(asked=[Asked("of_1", **told)])[0] == "asked_recently"  # type: ignore[arg-type]
    assert why(asked=[Asked("of_1", **told, not_now_at=days(20))])[0] is None  # type: ignore[arg-type]
    assert why(asked=[Asked("of_1", **told, not_now_at=days(13))])[1] == days(13) + timedelta(days=14)  # type: ignore[arg-type]
    other = {**told, "is_same_step": False}
    assert why(asked=[Asked("of_1", **other)])[0] is None  # type: ignore[arg-type]


def test_a_message_that_only_waits_to_be_looked_at_begins_no_cool_down() -> None:
    assert why(gone=[Gone("bob", days(1), "of_1", is_seen=False)])[0] is None
    assert why(gone=[Gone("bob", days(1), "of_1")])[0] == "asked_recently"


@pytest.mark.parametrize(
    ("person", "gate"),
    [
        (replace(ANN, role="executive"), "recipient"),
        (replace(ANN, may_buy=False), "recipient"),
        (replace(ANN, may_buy=None), "recipient"),
        (replace(ANN, may_buy=None, role="admin"), None),
        (replace(ANN, may_buy=None, role="budget_owner"), None),
        (replace(ANN, is_known=False), "recipient"),
        (replace(ANN, contact_id=None), "recipient"),
        (replace(ANN, left_at=NOW), "recipient"),
        (replace(ANN, left_at=NOW + timedelta(seconds=1)), None),
        (replace(ANN, has_stake=False), "no_stake"),
        (replace(ANN, has_stake=True), None),
    ],
)
def test_a_price_goes_to_the_right_person_only(person: Person, gate: str | None) -> None:
    assert why(person=person)[0] == gate
    has_left = person.left_at == NOW
    assert why(Purpose.NOTICE, person=person)[0] == ("recipient" if has_left else None)


@pytest.mark.parametrize(
    ("setting", "facts", "said", "may"),
    [
        ("asked", None, {}, False),
        ("assumed", None, {}, True),
        ("assumed", [], {}, False),
        ("asked", ["sales"], {}, True),
        ("asked", ["sales"], {"sales": False}, False),
        ("asked", [], {"sales": True}, True),
        ("asked", ["service"], {"service": True}, False),
    ],
)
def test_the_persons_own_word_counts_before_the_facts_and_they_before_the_setting(
    setting: str, facts: list[str] | None, said: dict[str, bool], may: bool  # noqa: FBT001 - the answer
) -> None:  # fmt: skip
    policy = replace(POLICY, consent_sales=setting)
    assert why(policy=policy, person=replace(ANN, consents=facts, said=said))[0] == (None if may else "no_consent")


def test_care_and_notices_ask_for_service_consent_and_a_task_for_none() -> None:
    nobody = replace(ANN, consents=[])
    assert [why(purpose, person=nobody)[0] for purpose in Purpose] == ["no_consent", "no_consent", "no_consent", None]
    service = replace(ANN, consents=["service"])
    assert [why(purpose, person=service)[0] for purpose in Purpose] == [None, "no_consent", None, None]


@pytest.mark.parametrize("kind", ["reply", "complaint", "person"])
def test_a_hold_stops_sales_and_care_and_no_notice(kind: str) -> None:
    held = {purpose: why(purpose, holds=[hold(kind)])[0] for purpose in Purpose}
    assert held == {
        Purpose.NOTICE: None,
        Purpose.SALES: "contact_hold",
        Purpose.CARE: "contact_hold",
        Purpose.TASK: None,
    }


def test_a_hold_of_one_person_leaves_the_others_and_ends_when_it_ends() -> None:
    assert why(holds=[hold("person", "bob")])[0] is None
    assert why(holds=[hold("person", "ann")])[0] == "contact_hold"
    assert why(holds=[hold("person", "ann", until=NOW)])[0] is None


def test_a_bounce_closes_mail_and_not_the_app() -> None:
    assert why(holds=[hold("bounce", "ann")])[0] == "contact_hold"
    assert why(holds=[hold("bounce", "ann")], channel="in_app")[0] is None


def test_quiet_hours_are_about_being_disturbed() -> None:
    policy = replace(POLICY, quiet_hours=QuietHours(time(11), time(13)))
    ends = NOW + timedelta(hours=1)
    assert [why(purpose, policy=policy) for purpose in Purpose] == [("quiet_hours", ends)] * 3 + [(None, None)]
    assert why(policy=policy, interrupts=False) == (None, None)
    assert why(policy=policy, person=replace(ANN, zone="Asia/Tokyo")) == (None, None)


def test_the_reason_that_lasts_is_told_before_the_one_that_passes() -> None:
    policy = replace(POLICY, quiet_hours=QuietHours(time(11), time(13)))
    assert why(policy=policy, holds=[hold("reply")])[0] == "contact_hold"
