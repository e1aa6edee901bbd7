"""The page: whole by itself, safe whatever an account is called, the same for the same run, and complete."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from upstep.engine.deciding.decide import Run
from upstep.engine.project import Project
from upstep.web.page import AccountStory, MovementRow, OfferState, QuotedLine, render, write_page
from upstep.web.sections import Room

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
VOID = {"meta", "link", "input", "br", "hr", "img"}
CATALOG = """
version: 1
business: saas
currency: usd
meters: [{id: emails, name: e-mails sent, aggregate: sum, kind: flow, period: billing_month}]
products:
  - id: sending
    name: Transactional e-mail
    plans:
      - {id: pro, name: Pro, prices: [{id: pro_month, interval: month, amount: 3500}], limits: {emails: 50000}}
      - {id: scale, name: Scale, prices: [{id: scale_month, interval: month, amount: 9000}], limits: {emails: 100000}}
"""
USE = {"used": 46_000, "limit_quantity": 50_000, "used_1": 42_000, "used_2": 35_000, "used_3": 31_000}
AHEAD = {
    "forecast_use": 66_877,
    "days_to_limit": 3.1,
    "days_to_limit_low": 2.2,
    "days_to_limit_high": 4.6,
    "days_left": 8.6,
}
HELD = [{"gate": "open_issue", "why": "1 open problem (ticket t_1)", "lifts": "when the problem is closed"}]
ASKED = [{"gate": "before_first_value", "question": "Has it had its first success?"}]
TEXTS = """
    account_id name play motion path lane grain product_id meter_id feature_id add_on_id plan_id step_product_id target
    outcome holds unknown assumed facts to_plan_id to_add_on_id to_interval currency owner_id decision_id
"""
WHOLES = """
    rank to_quantity recurring_change_minor overage_replaced_minor customer_saving_minor committed_minor signal_density
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "upstep.yaml").write_text("version: 1\ncompany: Postline\ncurrency: usd\n", encoding="utf-8")
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    return Project(tmp_path)


def _decision(account: str, **more: Any) -> dict[str, Any]:
    refs = [f"usage?account_id={account}&meter_id=emails"]
    facts = {name: {"value": value, "unit": None, "records": refs} for name, value in (USE | AHEAD).items()}
    return {
        "account_id": account,
        "name": account.title(),
        "play": "limit_approaching",
        "evidence": [],
        "motion": "upsell",
        "path": "self_serve",
        "lane": "self_serve",
        "grain": "limit",
        "product_id": "sending",
        "meter_id": "emails",
        "plan_id": "pro",
        "step_product_id": "sending",
        "target": "plan:scale",
        "outcome": "eligible",
        "holds": "[]",
        "unknown": "[]",
        "assumed": "[]",
        "facts": json.dumps(facts),
        "to_plan_id": "scale",
        "to_interval": "month",
        "to_quantity": 1,
        "recurring_change_minor": 5500,
        "overage_replaced_minor": 1200,
        "customer_saving_minor": 700,
        "currency": "usd",
        "estimated": False,
        "likelihood": 0.25,
        "likelihood_is_prior": True,
        "signal_density": 1,
        "priority": 20_625.0,
        "is_winner": True,
        "recipients": ["con_1"],
        "has_open_invoice": False,
        "rank": 1,
        "decision_id": f"d_{account}",
    } | more


def _unfit(account: str) -> dict[str, Any]:
    return _decision(account, outcome="unfit", target="stay", to_plan_id=None, is_winner=False, rank=None)


def _held(account: str, **more: Any) -> dict[str, Any]:
    return _decision(account, outcome="held", holds=json.dumps(HELD), is_winner=False, rank=None) | more


def _asked(account: str) -> dict[str, Any]:
    return _decision(account, outcome="unconfirmed", unknown=json.dumps(ASKED), rank=2)


def _notice(account: str) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("motion", "lane", "to_plan_id", "currency", "rank", "likelihood", "priority", *WHOLES.split())
    )
    target = {"path": "notice", "target": "notice:emails@80", "is_winner": False, "decision_id": f"n_{account}"}
    return _decision(account) | nothing | target


def _run(*decisions: Mapping[str, Any], accounts: int = 10) -> Run:
    schema = pa.schema(
        [(name, pa.string()) for name in TEXTS.split()]
        + [(name, pa.int64()) for name in WHOLES.split()]
        + [(name, pa.bool_()) for name in ("estimated", "likelihood_is_prior", "is_winner", "has_open_invoice")]
        + [(name, pa.float64()) for name in ("likelihood", "priority")]
        + [(name, pa.list_(pa.string())) for name in ("evidence", "recipients")]
    )
    table = pa.Table.from_pylist([dict(row) for row in decisions], schema=schema)
    counts = {
        "steps": sum(row["path"] != "notice" for row in decisions),
        "connected": ["usage"],
        "missing": ["invoice"],
    }
    coverage = counts | {"connecting_would_settle": {"invoice": 3}, "as_of_precision": "exact"}
    manifest = SimpleNamespace(tables={"account_key": SimpleNamespace(rows=accounts)})
    facts: Any = SimpleNamespace(snapshot=SimpleNamespace(manifest=manifest))
    return Run("run_1", AS_OF, table, coverage, facts)


class _Tree(HTMLParser):
    """Walks the page: every tag is closed in its order, ids are unique, and inner links lead somewhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        told = dict(attrs)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "srcset", "data"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _read(page: str) -> _Tree:
    tree = _Tree()
    tree.feed(page)
    tree.close()
    assert tree.open == []
    return tree


def _section(page: str, name: str) -> str:
    start = page.index(f'<section id="{name}"')
    ends = [page.find(mark, start + 1) for mark in ('<section id="', "</main>")]
    return page[start : min(end for end in ends if end > 0)]


FULL = (_decision("eins"), _unfit("zwei"), _held("drei"), _asked("vier"), _notice("eins"))


def test_every_tag_is_closed_ids_are_unique_and_inner_links_lead_somewhere(project: Project) -> None:
    tree = _read(render(project, _run(*FULL)))
    assert len(set(tree.ids)) == len(tree.ids)
    inner = {link[1:] for link in tree.links if link.startswith("#")}
    assert inner
    assert inner <= set(tree.ids)


def test_nothing_is_fetched_from_anywhere(project: Project) -> None:
    page = render(project, _run(*FULL))
    tree = _read(page)
    assert [link for link in tree.links if not link.startswith("#")] == ["data:,"]
    assert not tree.tags & {"img", "iframe", "object", "embed", "form", "video", "audio", "base"}
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src &#39;none&#39;" in page


def test_the_policy_allows_our_own_style_and_script_and_no_other(project: Project) -> None:
    page = render(project, _run(*FULL))
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in html.unescape(page)
    assert not re.search(r"\sstyle=|\son[a-z]+=", page.split("</style>")[1])


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror='alert(1)'>",
        "{{ 7 * 7 }} & Söhne",
        "شركة البريد \u202e<b>",
        "Ж" * 300,
        "👩‍🚀 </title></style>",
    ],
)
def test_a_name_is_text_whatever_stands_in_it(project: Project, name: str) -> None:
    rows = [row | {"name": name, "account_id": name, "owner_id": name} for row in (*FULL, _held("fünf"))]
    hold = [{"gate": "open_issue", "why": name, "lifts": name}]
    rows.append(_held("sechs", holds=json.dumps(hold), name=name))
    story = AccountStory("usd", message_text=name, states=(OfferState("open", name, AS_OF, name),))
    tree = _read(render(project, _run(*rows), company_note=name, stories={name: story}))
    assert "img" not in tree.tags
    assert "b" in tree.tags
    assert name in "".join(tree.text)
    assert tree.open == []


def test_equal_input_gives_equal_bytes(project: Project, tmp_path: Path) -> None:
    first = write_page(project, _run(*FULL), tmp_path / "new" / "one.html")
    second = write_page(Project(project.folder), _run(*FULL), tmp_path / "two.html")
    assert first.is_absolute()
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"<!DOCTYPE html>")


def test_a_step_on_todays_list_shows_its_numbers_its_money_and_its_records(project: Project) -> None:
    today = _section(render(project, _run(*FULL)), "today")
    for told in (
        "Eins",
        "Pro → Scale",
        "46,000 of 50,000 e-mails sent (92%); at this pace the limit is reached in 3 days (2 to 5)",
        "+$55.00",
        "$12.00",
        "$7.00",
        "25%",
        "prior",
        "$206",
        "usage?account_id=eins&amp;meter_id=emails",
        "catalog?price_id=scale_month",
    ):
        assert told in today
    assert not any(name in today for name in ("Zwei", "Drei", "Vier"))


def test_each_lane_is_ranked_apart_and_long_ones_are_folded(project: Project) -> None:
    rows = [_decision(f"konto {rank}", rank=rank) for rank in range(1, 21)]
    care = _decision("pflege", lane="care", motion="right_size", target="fit:pro", plan_id="scale")
    today = _section(render(project, _run(*reversed(rows), care)), "today")
    ranks = [int(rank) for rank in re.findall(r'class="rank">(\d+)<', today)]
    assert ranks == [*range(1, 21), 1]
    assert "The next 8" in today
    assert "Nothing today." in today  # assisted
    assert "Scale → Pro" in today.split('id="lane-care"')[1]


def test_held_steps_stand_under_their_gate_with_why_and_until_when(project: Project) -> None:
    held = _section(render(project, _run(*FULL)), "held")
    assert "Open issue" in held
    assert "1 open problem (ticket t_1)" in held
    assert "when the problem is closed" in held
    assert "Drei" in held


def test_what_only_a_person_knows_comes_with_the_command_of_each_answer(project: Project) -> None:
    asked = _section(render(project, _run(*FULL)), "unconfirmed")
    assert "Has it had its first success?" in asked
    assert "upstep confirm vier before_first_value clear --because &#34;…&#34;" in asked
    assert "upstep confirm vier before_first_value holds --because &#34;…&#34;" in asked


def test_those_to_leave_alone_are_told_with_reasons_and_the_silent_are_counted(project: Project) -> None:
    alone = _section(render(project, _run(*FULL, accounts=10)), "alone")
    assert "Zwei" in alone
    assert "nothing sold serves better than Pro" in alone
    assert "Drei" in alone
    assert "Eins" not in alone
    assert "Vier" not in alone
    assert "6 accounts gave no reason to speak at all" in alone


def test_an_account_with_one_step_to_take_is_not_left_alone(project: Project) -> None:
    other = _held("eins", target="plan:max", decision_id="d_other")
    assert "Eins" not in _section(render(project, _run(_decision("eins"), other)), "alone")


def test_a_notice_carries_no_price(project: Project) -> None:
    notices = _section(render(project, _run(*FULL)), "notices")
    assert "Notice at 80%: e-mails sent" in notices
    assert "$" not in notices


def test_a_trace_has_the_six_words_in_their_order(project: Project) -> None:
    accounts = _section(render(project, _run(_decision("eins"))), "accounts")
    words = re.findall(r"<h4>(\w+)", accounts)
    assert words == ["Understand", "Position", "Time", "Propose", "Deliver", "Measure"]
    for told in ("3 ago 31,000, 2 ago 35,000, last 42,000, now 46,000", "Scale: $90.00 a month", "con_1"):
        assert told in accounts


def test_what_was_offered_and_what_came_of_it_is_told(project: Project) -> None:
    story = AccountStory(
        "usd",
        lines=(QuotedLine("Unused time on Pro", -1002), QuotedLine("Remaining time on Scale", 2577)),
        due_now_minor=1575,
        next_invoice_minor=9000,
        states=(OfferState("accepted", "con_1", AS_OF, "clicked"),),
        message_subject="Nearly full",
        message_text="46,000 of 50,000",
        movements=(MovementRow("expansion", "upsell", 5500),),
        records=("quote?quote_id=q_1",),
    )
    accounts = _section(render(project, _run(*FULL), stories={"zwei": story}), "accounts")
    first = accounts.split('<details class="trace"')[1]
    assert "Zwei" in first
    for told in (
        "-$10.02",
        "$25.77",
        "$15.75",
        "$90.00",
        "accepted",
        "clicked",
        "Nearly full",
        "upsell",
        "+$55.00",
        "q_1",
    ):
        assert told in first


def test_an_account_that_is_done_is_still_told(project: Project) -> None:
    story = AccountStory("usd", name="Fertig GmbH", movements=(MovementRow("expansion", "upsell", 5500),))
    accounts = _section(render(project, _run(*FULL), stories={"fertig": story}), "accounts")
    assert "Fertig GmbH" in accounts
    assert "Nothing fires for this account now." in accounts


def test_coverage_says_what_to_connect(project: Project) -> None:
    told = _section(render(project, _run(*FULL)), "coverage")
    assert "Connecting invoice" in told
    assert "would settle 3 questions" in told


def test_a_company_without_a_single_step_has_a_page(project: Project) -> None:
    page = render(project, _run())
    _read(page)
    assert "Nothing is held." in page
    assert "10 accounts gave no reason" in page


def test_a_large_run_makes_a_page_that_says_how_much_it_leaves_out(project: Project) -> None:
    rows = [_decision(f"konto {rank}", rank=rank) for rank in range(1, 31)]
    rows += [_held(f"wartet {number}") for number in range(30)]
    room = Room(lane=5, first=3, gate=4, quiet=6, traces=2)
    page = render(project, _run(*rows, accounts=60), room=room)
    assert "25 more:" in _section(page, "today")
    assert "26 more:" in _section(page, "held")
    assert "24 more:" in _section(page, "alone")
    assert page.count('<details class="trace"') == 2


def test_a_step_without_an_exchange_rate_says_so(project: Project) -> None:
    assert "no rate" in _section(render(project, _run(_decision("eins", priority=None))), "today")
