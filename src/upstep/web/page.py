"""The page: one self-contained file of a run that can be read, printed and forwarded. No network, no other file.

It works without JavaScript; the few lines inside only filter names and open what a link points to.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import upstep
from upstep.clock import iso, written_day
from upstep.money import format_minor
from upstep.web.pictures import PERIODS_HEIGHT
from upstep.web.sections import BADGES, Room, sections

if TYPE_CHECKING:
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project


@dataclass(frozen=True)
class QuotedLine:
    """One line of a quote; a credit is negative. Minor units of the story's currency."""

    description: str
    amount_minor: int


@dataclass(frozen=True)
class OfferState:
    """One status an offer came to: who moved it, when and why."""

    status: str
    who: str
    at: datetime
    why: str = ""


@dataclass(frozen=True)
class MovementRow:
    """One MRR movement that followed. Minor units a month; a contraction is negative."""

    category: str
    cause: str
    amount_minor: int


@dataclass(frozen=True)
class AccountStory:
    """What was offered to an account and what came of it, for DELIVER and MEASURE. What is None or empty is not told.

    Args:
        currency: Of every amount here.
        name: The account's, for an account that the run decided nothing about.
        records: Ids of what the amounts come from: the quote, the offer, the provider's event.
    """

    currency: str
    name: str = ""
    lines: tuple[QuotedLine, ...] = ()
    due_now_minor: int | None = None
    next_invoice_minor: int | None = None
    states: tuple[OfferState, ...] = ()
    message_subject: str = ""
    message_text: str = ""
    movements: tuple[MovementRow, ...] = ()
    records: tuple[str, ...] = ()


def write_page(
    project: Project,
    run: Run,
    path: Path,
    *,
    company_note: str = "",
    stories: Mapping[str, AccountStory] | None = None,
    room: Room | None = None,
) -> Path:
    """Write the page of a run; equal input gives equal bytes.

    Args:
        project: Whose catalog and settings the run was decided by.
        run: As ``decide`` gives it.
        path: The file; its folder is made.
        company_note: A sentence or two under the title, in plain text.
        stories: By account id, what was offered and what came of it; these accounts are traced first.
        room: How many rows the page holds.

    Returns:
        The file's absolute path.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render(project, run, company_note=company_note, stories=stories, room=room).encode())
    return path


def render(
    project: Project,
    run: Run,
    *,
    company_note: str = "",
    stories: Mapping[str, AccountStory] | None = None,
    room: Room | None = None,
) -> str:
    """The page as text; see ``write_page``."""
    style, script = _static("page.css"), _static("page.js")
    text: str = (
        _environment()
        .get_template("page.html")
        .render(
            company=project.settings.company,
            note=company_note,
            currency=project.settings.currency,
            run=run,
            as_of=run.as_of,
            coverage=run.coverage,
            catalog=project.catalog,
            told=sections(project, run, stories or {}, room=room),
            style=style,
            script=script,
            policy=_policy(style, script),
            version=upstep.__version__,
        )
    )
    return text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("upstep.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": format_minor,
        "iso": iso,
        "long_date": written_day,
        "words": _words,
        "lower_first": _lower_first,
    }
    environment.globals |= {"outcome_words": BADGES, "periods_height": PERIODS_HEIGHT}
    return environment


def _words(name: str) -> str:
    return name.replace("_", " ")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


@cache
def _static(name: str) -> Markup:
    # Our own file from the package, so it may stand in the page as it is.
    return Markup((resources.files("upstep.web") / "static" / name).read_text(encoding="utf-8").strip())  # noqa: S704


def _policy(style: str, script: str) -> str:
    """What the browser may do with the page: run our few lines, apply our style, fetch nothing."""
    own = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (style, script)]
    nothing = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"{nothing}; style-src {own[0]}; script-src {own[1]}"
