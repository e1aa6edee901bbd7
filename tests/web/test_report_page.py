"""The report's page: whole by itself, safe whatever parts are called, the same for the same report."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from upstep.web.report_page import render_report
from upstep.web.report_pictures import growth_columns, level, money_short, retention_lines, waterfall

VOID = {"meta", "link", "input", "br", "hr", "img"}
LINES = ("start", "new", "expansion", "reactivation", "contraction", "churn", "fx", "end")
KEPT = {
    "net_revenue_retention": 1.05,
    "gross_revenue_retention": 0.97,
    "gross_revenue_retention_by_flow": 0.96,
}


def bridge(**amounts: int) -> dict[str, int]:
    found = {f"{name}_minor": amounts.get(name, 0) for name in LINES}
    gains = sum(found[f"{name}_minor"] for name in ("start", "new", "expansion", "reactivation", "fx"))
    return found | {"end_minor": gains - found["contraction_minor"] - found["churn_minor"]}


def told(**more: Any) -> dict[str, Any]:
    """A report with one of everything."""
    lines = bridge(start=100_000, new=5000, expansion=7000, contraction=1000, churn=2000, fx=3)
    month = {**lines, **KEPT, "quick_ratio": 4.0, "one_off_minor": 0}
    months = [
        {**month, "month": f"{2025 + (n + 10) // 12}-{(n + 10) % 12 + 1:02}"}
        | {"expansion": [{"cause": "upsell", "amount_minor": 6000}, {"cause": "discount_end", "amount_minor": 1000}]}
        for n in range(12)
    ]
    part = {"part": "small", **lines, **KEPT, "accounts_start": 3, "accounts_end": 4}
    found = {
        "company": "Postline",
        "currency": "usd",
        "period": {"name": "2026-10", "first": "2026-10", "last": "2026-10", "is_complete": True, "time_zone": "UTC"},
        "as_of": "2026-11-20T00:00:00Z",
        "policy": {
            "name": "standard",
            "discount": "subtracted",
            "churn_at": "ended",
            "free": "contraction",
            "paused": "contraction",
            "reactivation": "own",
            "merge_seconds": 3600,
            "grr": "snapshot",
            "cohort_reactivation": False,
            "view": "net",
        },
        "notes": ["A note."],
        "bridge": lines,
        "movements": [
            {"category": "expansion", "cause": "upsell", "amount_minor": 6000, "committed_minor": 0, "events": 2},
            {"category": "expansion", "cause": "discount_end", "amount_minor": 1000, "committed_minor": 0, "events": 1},
            {"category": "contraction", "cause": "commit", "amount_minor": -1000, "committed_minor": 9000, "events": 1},
        ],
        "moved_accounts": {"new": 2, "expansion": 3, "reactivation": 0, "contraction": 1, "churn": 1},
        "retention": {
            **KEPT,
            "with_usage": 1.01,
            "with_usage_why_not": None,
            "usage_start_minor": 4000,
            "usage_end_minor": 5000,
            "newcomers_minor": 1200,
            "twelve_months": {"first": "2025-11", "last": "2026-10", **KEPT},
        },
        "quick_ratio": 4.0,
        "accounts": {"start": 3, "end": 4, "average_minor": 27_250},
        "one_off": {"amount_minor": 150_000, "purchases": 1},
        "currencies": [{"currency": "jpy", **bridge(start=500)}],
        "cuts": {cut: [part] for cut in ("segment", "plan", "cohort", "owner")},
        "motions": [
            {"motion": "upsell", "accounts": 2, "amount_minor": 6000, "average_minor": 3000, "committed_minor": 0}
        ],
        "experiments": [],
        "follow_up": [{"day": 14, "used": 2, "unused": 1, "unknown": 0, "waiting": 1}],
        "credit": {
            "window_days": 30,
            "plays": [
                {"play": "limit_approaching", "motion": "upsell", "conversions": 1, "accounts": 1, "gross_minor": 5500}
                | {"overage_replaced_minor": 500, "credited_minor": 5000, "committed_minor": 0}
            ],
            "without_offer": {"events": 1, "amount_minor": 500, "committed_minor": 0},
        },
        "conversions": [
            {"play": "limit_approaching", "trigger": "limit reached", "opened": 2, "shown": 2, "accepted": 1}
            | {"converted": 1, "declined": 1, "converted_share": 0.5}
        ],
        "decided_at": "2026-11-20T00:00:00Z",
        "opportunities": [
            {"name": "Acme", "step": "Pro → Scale", "why": "46,000 of 50,000", "recurring_change_minor": 5500}
            | {"currency": "usd", "estimated": False, "outcome": "unconfirmed", "owner_id": "mina"}
        ],
        "months": months,
        "cohorts": [
            {"cohort": "2025-Q4", "start_minor": 50_000, "net_revenue_retention": [1.0, 0.5, *[1.1] * 5, *[None] * 6]}
        ],
    }
    return found | more


def nothing() -> dict[str, Any]:
    """A report of a month in which nobody paid."""
    empty = bridge()
    none = dict.fromkeys(KEPT)
    month = {**empty, **none, "quick_ratio": None, "one_off_minor": 0, "expansion": []}
    made = told()
    return made | {
        "bridge": empty,
        "movements": [],
        "moved_accounts": dict.fromkeys(made["moved_accounts"], 0),
        "retention": {
            **none,
            "with_usage": None,
            "with_usage_why_not": "usage is not connected",
            "usage_start_minor": None,
            "usage_end_minor": None,
            "newcomers_minor": 0,
            "twelve_months": {"first": "2025-11", "last": "2026-10", **none},
        },
        "quick_ratio": None,
        "accounts": {"start": 0, "end": 0, "average_minor": None},
        "currencies": [],
        "cuts": {cut: [] for cut in made["cuts"]},
        "motions": [],
        "credit": {
            "window_days": 30,
            "plays": [],
            "without_offer": {"events": 0, "amount_minor": 0, "committed_minor": 0},
        },
        "conversions": [],
        "opportunities": [],
        "months": [{**month, "month": one["month"]} for one in made["months"]],
        "cohorts": [],
    }


class _Tree(HTMLParser):
    """Walks the page: every tag is closed in its order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
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


def read(page: str) -> _Tree:
    tree = _Tree()
    tree.feed(page)
    tree.close()
    assert tree.open == []
    return tree


@pytest.mark.parametrize("made", [told(), nothing()], ids=["full", "empty"])
def test_every_tag_is_closed_ids_are_unique_and_inner_links_lead_somewhere(made: dict[str, Any]) -> None:
    tree = read(render_report(made))
    assert len(set(tree.ids)) == len(tree.ids)
    inner = {link[1:] for link in tree.links if link.startswith("#")}
    assert inner
    assert inner <= set(tree.ids)


def test_nothing_is_fetched_and_nothing_runs() -> None:
    page = render_report(told())
    tree = read(page)
    assert [link for link in tree.links if not link.startswith("#")] == ["data:,"]
    assert not tree.tags & {"script", "img", "iframe", "object", "embed", "form", "video", "audio", "base"}
    (style,) = re.findall("<style>(.*?)</style>", page, flags=re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html.unescape(page)
    assert not re.search(r"\sstyle=|\son[a-z]+=", page.split("</style>")[1])


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>", "{{ 7 * 7 }}", "Ж" * 300]
)
def test_a_name_is_text_whatever_stands_in_it(name: str) -> None:
    made = told(company=name)
    made["cuts"]["owner"][0]["part"] = name
    made["opportunities"][0]["name"] = name
    tree = read(render_report(made))
    assert not tree.tags & {"script", "img"}
    assert "".join(tree.text).count(name) >= 3


def test_equal_reports_give_equal_pages_and_the_first_sentence_says_what_happened() -> None:
    page = render_report(told())
    assert page == render_report(told())
    assert "MRR grew by 9.0%, from $1,000.00 to $1,090.03." in page


def test_an_empty_month_says_so_in_every_part() -> None:
    text = "".join(read(render_report(nothing())).text)
    for said in ("Nobody paid in this period.", "No offers were made", "Nothing grew or shrank", "No open steps"):
        assert said in text


def test_the_bars_of_a_waterfall_meet_and_end_where_the_end_begins() -> None:
    drawn = waterfall(100_000, [5000, -3000, 0], 102_000)
    start, gain, loss, none, end = drawn.falls
    assert drawn.cut_at > 0
    assert gain.x == pytest.approx(start.width)
    assert gain.x + gain.width == pytest.approx(100)
    assert loss.x == pytest.approx(end.width)
    assert [fall.kind for fall in drawn.falls] == ["level", "gain", "loss", "none", "level"]
    assert none.width == 0


def test_a_waterfall_from_nothing_begins_at_zero() -> None:
    assert waterfall(0, [5000], 5000).cut_at == 0
    assert waterfall(0, [0], 0).falls[0].width == 0


def test_columns_stack_by_cause_and_causes_without_a_colour_share_one() -> None:
    drawn = growth_columns(told(), {"upsell": "higher plan"})
    assert drawn is not None
    assert [block.kind for block in drawn.columns[0].blocks] == ["upsell", "other", "lost"]
    tops = [block.y for block in drawn.columns[0].blocks[:2]]
    assert tops == sorted(tops, reverse=True)
    assert [kind for kind, _ in drawn.legend] == ["upsell", "other", "lost"]
    assert growth_columns(nothing(), {}) is None


def test_a_month_without_a_share_leaves_a_gap_in_its_line() -> None:
    made = told()
    made["months"][3]["net_revenue_retention"] = None
    drawn = retention_lines(made)
    assert drawn is not None
    assert [len(line.points) for line in drawn.lines] == [11, 12]
    assert retention_lines(nothing()) is None


@pytest.mark.parametrize(
    ("share", "name"), [(0.59, "c0"), (0.8, "c2"), (0.99, "c3"), (1.0, "c3"), (1.04, "c4"), (1.05, "c5"), (9.0, "c6")]
)
def test_a_share_has_the_colour_of_its_level(share: float, name: str) -> None:
    assert level(share) == name


@pytest.mark.parametrize(
    ("minor", "code", "words"), [(1_234_567_89, "usd", "$1.2m"), (5000, "jpy", "¥5k"), (99, "chf", "CHF")]
)
def test_a_short_amount_keeps_its_currency(minor: int, code: str, words: str) -> None:
    assert money_short(minor, code).startswith(words)
