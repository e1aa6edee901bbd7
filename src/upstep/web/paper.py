"""What the pages of planning share: templates, style and what the browser may do with a page. No network, no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import upstep
from upstep.money import format_minor

_MONTHS = "January February March April May June July August September October November December".split()


def render(template: str, *, styles: Sequence[str], **values: Any) -> str:
    """A page of a template; equal input gives equal text."""
    style = Markup("").join(_static(name) for name in ("page.css", *styles))
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    made = _environment().get_template(template)
    text: str = made.render(**values, style=style, policy=policy, version=upstep.__version__)
    return text


def day_words(day: str) -> str:
    """A date as people write it.

    >>> day_words("2026-11-02")
    '2 November 2026'
    """
    found = date.fromisoformat(day[:10])
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("upstep.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"format_minor": format_minor, "day_words": day_words}
    return environment


@cache
def _static(name: str) -> Markup:
    # Our own file from the package, so it may stand in the page as it is.
    return Markup((resources.files("upstep.web") / "static" / name).read_text(encoding="utf-8"))  # noqa: S704
