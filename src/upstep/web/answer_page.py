"""What the pages behind links of messages share: plain forms that need no script, and may do nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

FORM_MAX = 4_096


def page(
    title: str,
    *,
    company: str,
    paragraphs: Sequence[str] = (),
    buttons: Sequence[tuple[str, str, bool]] = (),
    status: int = 200,
    action: str = "",
    hidden: Sequence[tuple[str, str]] = (),
    **more: Any,
) -> HTMLResponse:
    """One page.

    Args:
        title: Its heading.
        company: Whose page it is.
        paragraphs: Plain text.
        buttons: Value, words, and whether it is the one that is meant; each posts ``answer=VALUE``.
        status: Of the answer.
        action: Where the form posts to; empty: the same address.
        hidden: What the form sends besides.
        more: ``rows``, ``price``, ``link`` and ``small`` of the template.
    """
    style, policy = _style()
    shown = {"rows": (), "price": None, "link": None, "small": ""} | more
    text = _template().render(
        title=title,
        company=company,
        paragraphs=paragraphs,
        buttons=buttons,
        action=action,
        hidden=hidden,
        style=style,
        **shown,
    )
    return HTMLResponse(text, status, headers={"content-security-policy": policy, "x-robots-tag": "noindex"})


async def form(request: Request) -> Mapping[str, str]:
    """What a form posted: the last value of each name. What is no form is empty."""
    body = (await request.body())[:FORM_MAX]
    sent = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20) if b"=" in body else {}
    return {name: values[-1] for name, values in sent.items()}


@cache
def _style() -> tuple[Markup, str]:
    # Our own file from the package, so it may stand in the page as it is.
    style = Markup((resources.files("upstep.web") / "static" / "answer.css").read_text(encoding="utf-8"))  # noqa: S704
    digest = b64encode(sha256(style.encode()).digest()).decode()
    rest = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src data:"
    return style, f"default-src 'none'; style-src 'sha256-{digest}'; {rest}"


@cache
def _template() -> Any:
    environment = Environment(loader=PackageLoader("upstep.web"), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    return environment.get_template("answer.html")
