"""A message as HTML and text: what facts say stays text, links lead to the web only, and the button is one."""

from __future__ import annotations

import re

import pytest

from upstep.delivery.rendering import Frame, body_html, plain_text, render, slack_text

FRAME = Frame("Post & line", "Because $company <b>", ("Stop $x", "https://p.example/u?a=1&b=2"))


def page(markdown: str, subject: str = "Hello") -> str:
    return render(markdown, subject=subject, frame=FRAME, link_to={"upstep:yes": "https://p.example/yes"}.get).html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,alert)",
        "[x](vbscript:x)",
        "[x](file:///etc/passwd)",
        "![x](https://evil.example/pixel.png)",
        '<https://a.example/"onmouseover=alert(1)>',
        "[x]: javascript:alert(1)\n\n[x]",
        "<style>@import 'https://evil.example/x.css';</style>",
        "    code <b>",
        "```\n<b>\n```",
    ],
)
def test_nothing_in_a_text_becomes_code(hostile: str) -> None:
    made = page(hostile, subject=f"{hostile}")
    assert not re.search(r"<(script|img|iframe|object|form|link|base|meta http)", made)
    assert not re.search(r"<[^>]*\s(on\w+)=", made)
    assert not re.search(r"href=\"(?!https?://|mailto:)", made)
    assert "evil.example" not in re.sub(r"&lt;.*?&gt;", "", made, flags=re.DOTALL) or "<img" not in made


def test_the_frame_says_what_it_is_given_and_nothing_of_it_is_read_again() -> None:
    made = page("$body $leave ${why}", subject="$company & <i>")
    assert "$body $leave ${why}" in made
    assert "$company &amp; &lt;i&gt;" in made
    assert "Because $company &lt;b&gt;" in made
    assert 'href="https://p.example/u?a=1&amp;b=2"' in made


def test_a_bold_link_alone_is_the_button_and_any_other_is_a_link() -> None:
    made = page("**[Yes](upstep:yes)**\n\nor **[yes](upstep:yes)** in a line\n\n**[No](upstep:unknown)**")
    assert made.count('class="button"') == 1
    assert made.count('href="https://p.example/yes"') == 2
    assert "upstep:" not in made
    assert "<strong" in made


def test_a_link_that_leads_nowhere_leaves_its_words() -> None:
    assert plain_text("Go [there](upstep:x/y) now") == "Go there now\n"
    assert body_html("[a](upstep:x)", link_to=lambda _: "javascript:alert(1)") == "<p>a</p>\n"


def test_a_comparison_is_a_table_on_the_page_and_columns_in_the_text() -> None:
    markdown = "| | Today | Next |\n|---|---|---|\n| Price | $20 | $90 a month |\n"
    assert page(markdown).count("<td") == 3
    assert plain_text(markdown) == "       Today  Next\nPrice  $20    $90 a month\n"


def test_lists_rules_and_breaks_are_read_in_text() -> None:
    assert plain_text("- a\n- b\n\n1. c\n\n---\n\nd  \ne\\\nf") == "- a\n- b\n\n- c\n\n---\n\nd\ne\nf\n"


def test_the_page_needs_nothing_from_elsewhere_and_follows_the_screen() -> None:
    made = page("Hello")
    assert not re.search(r"src=|url\(|@import|<link", made)
    assert "prefers-color-scheme: dark" in made
    assert "max-width: 480px" in made
    assert 'name="viewport"' in made


def test_slack_gets_its_own_marks() -> None:
    text = slack_text("**Bold** and [a|b](https://a.example/x|y)\n\n- one", link_to=lambda _: None)
    assert text == "*Bold* and <https://a.example/x%7Cy|a|b>\n\n• one\n"
