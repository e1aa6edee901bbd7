"""A business case as PDF, set by Typst: an extra, loaded when a PDF is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from upstep.errors import ConfigError, Fault
from upstep.planning.business_case import how_told
from upstep.web.paper import day_words

if TYPE_CHECKING:
    from upstep.planning.business_case import Case, Number

_HEAD = """#set page(paper: "a4", margin: (x: 2.2cm, y: 2.2cm), numbering: "1 / 1")
#set text(size: 10.5pt, lang: "en")
#set par(leading: 0.7em, spacing: 1em)
#show heading.where(level: 2): it => block(above: 1.4em, below: 0.7em, text(size: 12pt, it.body))
"""


def render_pdf(case: Case, company: str) -> bytes:
    """The PDF.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        import typst
    except ImportError:
        advice = "Install it: pip install 'upstep[pdf]'. Or write --html and print that."
        raise ConfigError(Fault("--pdf", "needs the extra 'pdf', which is not installed.", advice)) from None
    made = typst.compile(as_typst(case, company).encode(), format="pdf")
    assert isinstance(made, bytes)
    return made


def as_typst(case: Case, company: str) -> str:
    """The case in Typst's own language; every text is a string of it, so nothing in it is markup."""
    whose = f"{company} for {case.account}, {day_words(case.as_of)}"
    parts = [_HEAD, f"#block(below: 0.6em, text(fill: luma(90), {_text(whose)}))"]
    parts.append(f"#block(below: 1.6em, text(size: 19pt, weight: 600, {_text(case.step)}))")
    for section in case.sections:
        parts.append(f"#heading(level: 2, {_text(section.heading)})")
        parts += [f"#par({_text(case.said(text))})" for text in section.paragraphs]
        if section.points:
            parts.append(f"#list({', '.join(_text(case.said(text)) for text in section.points)})")
    parts.append(f"#heading(level: 2, {_text('Evidence')})")
    parts.append(_evidence(case))
    parts.append(f"#text(size: 8.5pt, fill: luma(90), {_text(f'Decision {case.decision_id}. Made by Upstep.')})")
    return "\n".join(parts) + "\n"


def _evidence(case: Case) -> str:
    cells = [
        f"text(size: 8.5pt, {_text(cell)})"
        for one in case.numbers.values()
        for cell in (one.label, one.text, _record(case, one))
    ]
    columns = "columns: (2fr, 1.4fr, 3fr), stroke: (x, y) => (bottom: 0.4pt + luma(200)), inset: (x: 3pt, y: 4pt)"
    return f"#table({columns}, {', '.join(cells)})"


def _record(case: Case, one: Number) -> str:
    if one.of:
        return how_told(case, one)
    more = f" and {len(one.records) - 3} more" if len(one.records) > 3 else ""
    # A line may end after each part of a record: they are longer than the column.
    return re.sub(r"([?&=/])", "\\1\u200b", ", ".join(one.records[:3])) + more


def _text(text: str) -> str:
    """A string of Typst."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
