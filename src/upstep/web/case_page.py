"""The page of a business case: what the customer's own committee would read, each number with its record below."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from upstep.planning.business_case import how_words
from upstep.web.paper import render

if TYPE_CHECKING:
    from upstep.planning.business_case import Case

_NAME = re.compile(r"\[\[(\w+)\]\]")


def render_case(case: Case, company: str) -> str:
    """The page as text; equal input gives equal text."""
    return render(
        "case.html",
        styles=("report.css", "case.css"),
        case=case,
        company=company,
        cards=_cards(case),
        linked=lambda text: linked(case, text),
        how=how_words,
    )


def linked(case: Case, text: str) -> Markup:
    """A text whose numbers lead to their evidence."""
    parts = _NAME.split(text)
    found = [
        Markup('<a class="number" href="#n-{}">{}</a>').format(part, case.numbers[part].text)
        if index % 2
        else escape(part)
        for index, part in enumerate(parts)
    ]
    return Markup("").join(found)


def _cards(case: Case) -> list[tuple[str, str, str]]:
    """The cost, and what stands beside it."""
    found = case.numbers
    cards = [("Costs a year more", found["cost"].text, "an estimate" if "estimated" in found["cost"].label else "")]
    if "achieved" in found:
        cards.append(("Outcome", found["achieved"].text, f"target {found['target'].text}"))
    if "share" in found:
        cards.append(("Of the limit in use", found["share"].text, ""))
    if "gain_middle" in found:
        cards.append(("Expected change", found["gain_middle"].text, "at the middle"))
    return cards[:3]
