"""A message prints facts and nothing else: no attribute, no call, no number of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from upstep.delivery.rendering import body_html, plain_text
from upstep.errors import PlayError
from upstep.offers.facts import FACT_KINDS, FactKind, MessageFacts, stored
from upstep.offers.message import load_message, parse_message, render, shipped_messages
from upstep.plays.play import LIBRARY

PLAYS = {path.stem for path in LIBRARY.glob("*.yaml")}
FACTS: MessageFacts = {
    "account_name": "Acme",
    "product_name": "Transactional e-mail",
    "currency": "usd",
    "meter_name": "e-mails sent",
    "used": 46_000,
    "limit": 50_000,
    "limit_next": 100_000,
    "used_share_percent": 92,
    "resets_on": datetime(2026, 12, 1, tzinfo=UTC),
    "days_to_limit": 6,
    "limit_reached_on": datetime(2026, 11, 7, tzinfo=UTC),
    "periods_over": 2,
    "periods_counted": 3,
    "plan_name_now": "Pro",
    "plan_name_next": "Scale",
    "price_now": 2000,
    "price_next": 9000,
    "price_interval_now": "month",
    "price_interval_next": "month",
    "recurring_change": 7000,
    "overage_replaced": 8000,
    "customer_saving": 1000,
    "yearly_saving": 4000,
    "quote_today": 3516,
    "quote_expires_on": datetime(2026, 11, 8, tzinfo=UTC),
    "seats_paid": 10,
    "seats_used": 9,
    "seats_idle": 1,
    "seats_next": 13,
    "new_people": 4,
    "product_name_next": "Marketing e-mail",
    "partner_reason": "one list, one sender reputation",
    "adoption_percent": 38,
    "feature_name": "webhooks",
    "gate_hits": 5,
    "questions": 7,
    "use_cases": 2,
    "use_case_name": "digest",
    "neighbour_name": "magic link",
    "neighbour_used": 900,
    "packages": 4,
    "peers_count": 23,
    "peers_percent": 41,
    "hours_saved": 12,
    "bundle_name": "Suite",
    "accept_url": "https://acme.example/o/of/yes",
    "decline_url": "https://acme.example/o/of/no",
}


def message(text: str, subject: str = "Hello") -> str:
    return f"Subject: {subject}\n\n{text}\n"


def rendered(text: str, **facts: object) -> str:
    return render(parse_message("m", message(text), place="m.md"), facts).text


def faults(source: str) -> list[str]:
    with pytest.raises(PlayError) as refused:
        parse_message("m", source, place="m.md")
    return [str(fault) for fault in refused.value.faults]


def test_the_plays_of_this_version_have_their_words() -> None:
    assert set(shipped_messages()) >= PLAYS


@pytest.mark.parametrize("name", shipped_messages())
def test_every_number_of_a_shipped_message_is_a_fact_of_it(name: str) -> None:
    result = render(load_message(name), FACTS)
    printed = {
        number
        for fact in result.facts
        for number in re.findall(r"\d[\d,.]*\d|\d", rendered(f"{{{{ {fact} }}}}", **FACTS))
    }
    numbers = set(re.findall(r"\d[\d,.]*\d|\d", result.subject + result.text))
    assert numbers
    assert numbers <= printed
    assert set(result.facts) <= set(FACTS)


@pytest.mark.parametrize("name", shipped_messages())
def test_a_shipped_message_has_one_action_an_easy_no_and_no_gap(name: str) -> None:
    text = render(load_message(name), FACTS).text
    assert text.count("https://acme.example/o/of/yes") == 1
    assert text.count("https://acme.example/o/of/no") == 1
    assert text.count("**[") == 1
    assert not re.search(r"\n{3,}|  +\S|\{|None", text)


@pytest.mark.parametrize("name", sorted(PLAYS - {"right_size"}))
def test_a_shipped_message_begins_with_their_value_not_with_the_plan(name: str) -> None:
    first = render(load_message(name), FACTS).text.split("\n\n")[0]
    assert "Scale" not in first
    assert "$" not in first


@pytest.mark.parametrize("name", shipped_messages())
def test_in_the_app_a_shipped_message_is_a_title_and_one_line(name: str) -> None:
    result = render(load_message(name), FACTS)
    assert result.title != result.subject or len(result.subject) <= 60
    assert len(result.title) <= 60
    assert 20 <= len(result.line) <= 140
    assert "\n" not in result.title + result.line
    assert not re.search(r"[*\[\]{}|]|None|https?:|  ", result.title + result.line)
    assert result.words("in_app") == (result.title, result.line)
    assert result.words("email") == (result.subject, result.text)


@pytest.mark.parametrize("name", ["adoption_rescue", "unused_purchase", "use_case"])
def test_what_helps_has_no_word_of_selling(name: str) -> None:
    result = render(load_message(name), FACTS)
    said = f"{result.subject} {result.title} {result.line} {result.text}".lower()
    assert not re.search(r"\b(price|costs?|upgrade|offer|discount|invoice|saving|today you would)\b|[$€£]", said)


@pytest.mark.parametrize("name", shipped_messages())
def test_of_few_peers_and_of_unmeasured_hours_nothing_is_said(name: str) -> None:
    few = {key: value for key, value in FACTS.items() if key not in ("peers_count", "peers_percent", "hours_saved")}
    text = render(load_message(name), few).text
    assert "companies of your kind" not in text
    assert "hours" not in text


def test_the_limit_message_says_their_numbers() -> None:
    result = render(load_message("limit_approaching"), FACTS)
    assert result.subject == "Acme is at 92% of its limit for e-mails sent"
    for said in (
        "e-mails sent: 46,000 of the 50,000 in your plan",
        "starts again on December 1, 2026",
        "| Price | $20.00 a month | $90.00 a month |",
        "**$10.00 a month less** than today",
        "in about 6 days.",
        "Changing now costs $35.16 today",
    ):
        assert said in result.text
    assert result.facts["used"] == 46_000
    assert result.facts["currency"] == "usd"


def test_a_notice_without_a_price_leaves_the_price_out() -> None:
    notice = {name: FACTS[name] for name in ("account_name", "product_name", "meter_name", "used", "limit")}  # type: ignore[literal-required]
    result = render(load_message("limit_approaching"), {**notice, "used_share_percent": 80})
    assert "https" not in result.text
    assert "Scale" not in result.text
    assert "price" not in result.text


def test_what_is_not_known_is_false_in_a_condition_and_a_fault_when_printed() -> None:
    assert rendered("A{% if days_to_limit %} in {{ days_to_limit }}{% endif %}.", used=1) == "A.\n"
    assert rendered("A{% if customer_saving > 0 or used < limit %}B{% endif %}.", used=1) == "A.\n"
    with pytest.raises(PlayError, match=r"m\.md: prints 'days_to_limit', which is not known here"):
        rendered("In {{ days_to_limit }} days", used=1)


def test_numbers_compare_as_numbers_and_print_as_people_read_them() -> None:
    text = "{% if used >= 1000 and not limit %}{{ used }} and {{ price_now }}{% endif %}"
    assert rendered(text, used=1234, price_now=123_450, currency="usd") == "1,234 and $1,234.50\n"


def test_numbers_print_in_the_readers_language() -> None:
    source = parse_message("m", message("{{ used }}, {{ price_now }}, {{ resets_on }}"), place="m.md")
    facts = {"used": 46_000, "price_now": 123_450, "currency": "eur", "resets_on": FACTS["resets_on"]}
    assert render(source, facts, locale="de_DE").text == "46.000, 1.234,50\xa0€, 1. Dezember 2026\n"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ account_name.__class__ }}",
        "{{ account_name['__class__'] }}",
        "{{ account_name|attr('__class__') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler }}",
        "{{ range(1) }}",
        "{{ account_name() }}",
        "{{ account_name * used }}",
        "{{ used ** used }}",
        "{{ 'x' }}",
        "{{ account_name ~ account_name }}",
        "{% for x in account_name %}{{ x }}{% endfor %}",
        "{% set account_name = used %}",
        "{% include 'secrets' %}",
        "{% import 'os' as os %}",
        "{% macro m() %}{% endmacro %}",
        "{% if account_name.__class__ %}a{% endif %}",
        "{% if used is divisibleby(2) %}a{% endif %}",
        "{% if (used + used) %}a{% endif %}",
        "{% extends 'x' %}",
        "{% filter upper %}a{% endfilter %}",
        "{% call account_name() %}{% endcall %}",
        "{{ (account_name) if used else account_name }}",
    ],
)
def test_a_message_reaches_nothing_but_facts(attack: str) -> None:
    assert faults(message(attack))


def test_a_fact_is_printed_as_it_is_and_never_read_as_a_message() -> None:
    assert rendered("{{ account_name }}", account_name="{{ used }}", used=7) == "{{ used }}\n"
    assert rendered("{{ account_name }}", account_name="Acme\n\nSubject: x") == "Acme Subject: x\n"


def test_all_faults_of_a_message_are_told_with_their_lines() -> None:
    source = "Subject: {{ usd }} left\n\nSave 20%.\n\n{{ used|upper }} {{ limits }}\n"
    known = ", ".join(sorted(FACT_KINDS)[:12])
    assert faults(source) == [
        f"m.md:1: fact 'usd' is not known. Did you mean 'used'? Known: {known}, ….",
        "m.md:3: '20' is no fact. Every number is printed from a fact.",
        "m.md:5: only a fact's name may stand in {{ }}.",
        "m.md:5: Filter is not allowed. A message prints facts and asks `if` they are known.",
        "m.md:5: fact 'limits' is not known. Did you mean 'limit'? Known: "
        + ", ".join(sorted(FACT_KINDS)[:12])
        + ", ….",
    ]


def test_a_number_written_into_a_message_is_refused_also_inside_a_condition() -> None:
    (fault,) = faults(message("a\n{% if used %}\nb\nsave 30 today\n{% endif %}"))
    assert fault.startswith("m.md:6: '30' is no fact")
    assert faults(message("{{ 30 }}"))


@pytest.mark.parametrize(
    "hostile",
    [
        message("x" * 20_000),
        message("{% if used %}" * 700),
        message("{% if used %}" * 60 + "{% endif %}" * 60),
        message("{% if " + "(" * 4000 + "used" + ")" * 4000 + " %}a{% endif %}"),
        message("{% if " + "not " * 2000 + "used %}a{% endif %}"),
        message("{% if " + "used and " * 1000 + "used %}a{% endif %}"),
    ],
)
def test_a_message_is_bounded(hostile: str) -> None:
    assert faults(hostile)


def test_the_headers_of_a_message_are_known_and_stand_once() -> None:
    result = render(parse_message("m", "Subject: A\nTitle: B {{ used }}\nLine: C\n\nD\n", place="m.md"), {"used": 7})
    assert (result.subject, result.title, result.line, result.text) == ("A", "B 7", "C", "D\n")
    assert faults("Subject: A\nTitel: B\n\nC\n")[0].startswith("m.md:2: 'Titel: B' is no header.")
    assert faults("Subject: A\nLine: B\nLine: C\n\nD\n")[0].startswith("m.md:3: ")
    assert faults("Subject: A\nTitle: 30 left\n\nC\n") == [
        "m.md:2: '30' is no fact. Every number is printed from a fact."
    ]


def test_without_a_line_for_the_app_the_beginning_of_the_text_stands_in() -> None:
    source = parse_message("m", message("Hello **you**, [look](https://a.example).\n\nMore."), place="m.md")
    assert render(source, {}).words("in_app") == ("Hello", "Hello you, look.")
    long = render(parse_message("m", message("word " * 60), place="m.md"), {})
    assert len(long.line) <= 140
    assert long.line.endswith(" …")


def test_what_a_fact_says_is_never_a_mark() -> None:
    name = "*Acme* [x](https://evil.example) <b> _a_ b_c `d` | #"
    text = rendered("Hi {{ account_name }}.", account_name=name)
    assert plain_text(text) == f"Hi {name}.\n"
    assert "<a" not in body_html(text, link_to=lambda _: None)
    assert "<h1" not in body_html(rendered("{{ account_name }}", account_name="# Acme"), link_to=lambda _: None)
    link = rendered("[a]({{ accept_url }})", accept_url="https://a.example/x)y](https://evil.example")
    assert body_html(link, link_to=lambda _: None).count("<a ") == 1


def test_a_message_without_subject_or_text_is_refused() -> None:
    assert faults("Hello\n\nthere\n")
    assert faults("Subject: Hello\n\n")
    assert faults(message("{% if used %}never closed"))[0].startswith("m.md:")


def test_a_companys_own_words_come_first(tmp_path: Path) -> None:
    (tmp_path / "complement.md").write_text(message("Ours: {{ account_name }}"), encoding="utf-8")
    assert render(load_message("complement", tmp_path), FACTS).text == "Ours: Acme\n"
    assert load_message("right_size", tmp_path).place == "messages/right_size.md"
    with pytest.raises(PlayError, match="Did you mean 'right_size'"):
        load_message("right_sise", tmp_path)
    with pytest.raises(PlayError, match="is not known"):
        load_message("../complement", tmp_path / "inner")


def test_own_words_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "complement.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlayError, match=r"complement\.md: cannot be read as text"):
        load_message("complement", tmp_path)


def test_facts_of_the_wrong_kind_are_told_all_at_once() -> None:
    wrong = {"used": 1.5, "limit": True, "resets_on": "tomorrow", "accept_url": "a b", "usde": 1, "price_now": 1}
    with pytest.raises(PlayError) as refused:
        rendered("a", **wrong, account_name="x" * 201)
    text = str(refused.value)
    for name in (*wrong, "account_name", "currency"):
        if name != "price_now":
            assert f"fact {name}: " in text
    assert len(refused.value.faults) == 7


def test_every_fact_has_a_kind_and_is_kept_as_json_can() -> None:
    assert set(FACT_KINDS) == set(MessageFacts.__annotations__)
    assert FACT_KINDS["price_now"] is FactKind.MONEY
    assert stored({"used": 1, "resets_on": FACTS["resets_on"]}) == {"used": 1, "resets_on": "2026-12-01T00:00:00+00:00"}
