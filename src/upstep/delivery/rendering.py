"""From a message's Markdown to what mail programs show: one HTML page that fits any screen, and plain text.

The Markdown is a subset that carries no code of its own: no HTML, no pictures, links to the web and to mail only. A
paragraph that is one bold link is the message's button. Styles stand in the elements, for many programs drop the rest;
what must follow the screen (narrow, dark) stays in one style sheet.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    import css_inline
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LinkTo = Callable[[str], str | None]
"""Where a link of a message leads for its reader: an ``upstep:`` name to an address; None: print only its words."""

_SCHEMES = ("https://", "http://", "mailto:")


@dataclass(frozen=True)
class Frame:
    """What stands around a message.

    Args:
        company: Who writes.
        why: Why the reader gets it, in one sentence.
        leave: The words and the address of the link that ends it; None where there is nothing to end.
        language: Of the text, as a BCP 47 tag.
    """

    company: str
    why: str = ""
    leave: tuple[str, str] | None = None
    language: str = "en"


@dataclass(frozen=True)
class Rendered:
    """A message ready to be shown: as a page and as text."""

    html: str
    text: str


def render(markdown: str, *, subject: str, frame: Frame, link_to: LinkTo) -> Rendered:
    """A message as HTML and as text.

    Args:
        markdown: Its words.
        subject: The title of the page.
        frame: What stands around it.
        link_to: Asked for every address; what it does not know is printed without a link.

    Raises:
        ConfigError: The libraries that render are not installed.
    """
    tokens = _resolved(_parser().parse(markdown), link_to)
    return Rendered(html=_page(tokens, subject=subject, frame=frame), text=_plain(tokens, frame))


def plain_text(markdown: str, *, link_to: LinkTo | None = None) -> str:
    r"""A message as text alone, links written out; without ``link_to`` only those to the web stay.

    >>> plain_text("**Hello**, [look](https://a.example) or [say no](upstep:offers/of_1/decline).")
    'Hello, look (https://a.example) or say no.\n'
    """
    tokens = _resolved(_parser().parse(markdown), link_to or (lambda _: None))
    return _body_text(tokens)


@cache
def _parser() -> MarkdownIt:
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError as error:
        raise ConfigError(_missing("markdown-it-py")) from error
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False})
    parser.enable("table")
    # Pictures would be fetched, code blocks, headings by underline and raw HTML have no use in a message.
    parser.disable(["image", "html_inline", "html_block", "code", "fence", "reference", "lheading"])
    # Which addresses may stand is decided in one place, below.
    parser.validateLink = _any_link  # type: ignore[method-assign]
    return parser


def _any_link(url: str) -> bool:  # noqa: ARG001 (given by the parser)
    return True


def _missing(package: str) -> Fault:
    return Fault("e-mail", f"needs the package {package}, which is not here.", "Run: pip install 'upstep[serve]'.")


def is_link(address: str) -> bool:
    r"""Whether a mail may carry it: the web or mail, in visible characters.

    >>> is_link("https://a.example/x"), is_link("javascript:alert(1)"), is_link("https://a.example/\n")
    (True, False, False)
    """
    return address.lower().startswith(_SCHEMES) and re.fullmatch(r"[!-~]+", address) is not None


def _resolved(tokens: Sequence[Token], link_to: LinkTo) -> list[Token]:
    """The same, each link led where it leads for this reader; one that leads nowhere leaves its words."""
    for token in tokens:
        if token.children:
            token.children = list(_with_links(token.children, link_to))
    return list(tokens)


def _with_links(children: Iterable[Token], link_to: LinkTo) -> Iterable[Token]:
    open_links: list[bool] = []
    for child in children:
        if child.type == "link_open":
            address = str(child.attrs.get("href", ""))
            leads = address if is_link(address) else link_to(address)
            open_links.append(leads is not None and is_link(leads))
            if not open_links[-1]:
                continue
            child.attrs = {"href": leads or ""}
        elif child.type == "link_close" and not open_links.pop():
            continue
        yield child


def _page(tokens: Sequence[Token], *, subject: str, frame: Frame) -> str:
    """The page, its styles put into the elements."""
    shown = {
        "language": frame.language,
        "subject": subject,
        "company": frame.company,
        "preview": _preview(tokens),
        "why": frame.why,
    }
    # One pass: what a value says is never read as a place of the template.
    filled = _template().substitute(
        {name: html.escape(value) for name, value in shown.items()},
        body=_body_html(tokens),
        leave=_leave_html(frame.leave),
    )
    return _inliner().inline(filled)


def _leave_html(leave: tuple[str, str] | None) -> str:
    if leave is None:
        return ""
    words, address = leave
    return f'<a class="quiet" href="{html.escape(address)}">{html.escape(words)}</a>'


@cache
def _template() -> Template:
    return Template((resources.files("upstep.delivery") / "email.html").read_text(encoding="utf-8"))


@cache
def _inliner() -> css_inline.CSSInliner:
    try:
        import css_inline
    except ModuleNotFoundError as error:
        raise ConfigError(_missing("css-inline")) from error
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_link_tags=False)


def _body_html(tokens: Sequence[Token]) -> str:
    pieces = []
    for part in _blocks(tokens):
        if is_button(part):
            (_, inline, _) = part
            pieces.append(_button(inline))
        else:
            body = str(_parser().renderer.render(part, _parser().options, {}))
            # A wide comparison scrolls in its own frame instead of widening the page.
            is_table = part[0].type == "table_open"
            pieces.append(f'<div class="compare">{body}</div>' if is_table else body)
    return "".join(pieces)


def _blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens of each outermost block."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def is_button(block: Sequence[Token]) -> bool:
    """Whether a block is one paragraph of one bold link: the action that a message asks for."""
    if [token.type for token in block] != ["paragraph_open", "inline", "paragraph_close"]:
        return False
    kinds = [child.type for child in block[1].children or [] if child.content or child.nesting]
    return kinds[:2] == ["strong_open", "link_open"] and kinds[-2:] == ["link_close", "strong_close"]


def _button(inline: Token) -> str:
    words, address = (html.escape(part) for part in _action(inline))
    return f'<p class="act"><a class="button" href="{address}">{words}</a></p>'


def _action(inline: Token) -> tuple[str, str]:
    """A button's words and where it leads."""
    link = next(child for child in inline.children or [] if child.type == "link_open")
    return "".join(child.content for child in inline.children or []), str(link.attrs["href"])


def _preview(tokens: Sequence[Token]) -> str:
    """How it begins, which mail programs show beside the subject."""
    first = next((token for token in tokens if token.type == "inline"), None)
    return " ".join(_words(first).split())[:140] if first else ""


def _plain(tokens: Sequence[Token], frame: Frame) -> str:
    """The text, and below the line that mail programs know as a signature who wrote and how to end it."""
    leave = f"{frame.leave[0]}: {frame.leave[1]}" if frame.leave else ""
    below = "\n".join(part for part in (frame.company, frame.why, leave) if part)
    return f"{_body_text(tokens)}\n-- \n{below}\n"


def _body_text(tokens: Sequence[Token]) -> str:
    pieces = []
    for block in _blocks(tokens):
        kind = block[0].type
        if is_button(block):
            words, address = _action(block[1])
            pieces.append(f"{words}: {address}")
        elif kind == "table_open":
            pieces.append(_table_text(block))
        elif kind in {"bullet_list_open", "ordered_list_open"}:
            pieces.append("\n".join(f"- {_words(token)}" for token in block if token.type == "inline"))
        elif kind == "hr":
            pieces.append("---")
        else:
            pieces.append("\n".join(_words(token) for token in block if token.type == "inline"))
    return "\n\n".join(piece for piece in pieces if piece.strip()) + "\n"


def _words(inline: Token) -> str:
    """An inline's words, a link's address behind them in brackets, where no full stop is taken for a part of it."""
    said: list[str] = []
    address = ""
    for child in inline.children or []:
        if child.type == "link_open":
            address = str(child.attrs["href"])
        elif child.type == "link_close":
            said.append(f" ({address})")
        elif child.type in {"softbreak", "hardbreak"}:
            said.append("\n")
        else:
            said.append(child.content)
    return "".join(said)


def _table_text(block: Sequence[Token]) -> str:
    """Columns as wide as their widest cell."""
    rows: list[list[str]] = []
    for token in block:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_words(token))
    widths = [max(len(row[place]) for row in rows if place < len(row)) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def slack_text(markdown: str, *, link_to: LinkTo) -> str:
    r"""A message in Slack's own marks. ``<``, ``>`` and ``&`` are escaped, so that no fact can call on a whole channel.

    >>> slack_text("**92%** <!channel> [Look](https://a.example)", link_to=lambda _: None)
    '*92%* &lt;!channel&gt; <https://a.example|Look>\n'
    """
    pieces = []
    for block in _blocks(_resolved(_parser().parse(markdown), link_to)):
        if block[0].type == "table_open":
            pieces.append(f"```{_slack_escaped(_table_text(block))}```")
            continue
        lead = "• " if block[0].type.endswith("list_open") else ""
        pieces.append("\n".join(lead + _slack_words(token) for token in block if token.type == "inline"))
    return "\n\n".join(piece for piece in pieces if piece.strip()) + "\n"


def _slack_words(inline: Token) -> str:
    said: list[str] = []
    for child in inline.children or []:
        if child.type == "link_open":
            said.append(f"<{_slack_escaped(str(child.attrs['href'])).replace('|', '%7C')}|")
        else:
            marks = {"link_close": ">", "strong_open": "*", "strong_close": "*", "softbreak": "\n", "hardbreak": "\n"}
            said.append(marks.get(child.type) or _slack_escaped(child.content))
    return "".join(said)


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def body_html(markdown: str, *, link_to: LinkTo) -> str:
    """A message's text as HTML alone, for a program that has a page of its own."""
    return _body_html(_resolved(_parser().parse(markdown), link_to))
