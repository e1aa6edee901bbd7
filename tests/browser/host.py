"""A host's page for the widget, under the strictest Content-Security-Policy, and its server that signs tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.web.serving import serving

PAGE = """<!doctype html>
<html lang="{lang}" dir="{dir}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Postline</title><link rel="stylesheet" href="/page.css">
<script src="{upstep}/embed/upstep.js" data-token-url="/token" {data} defer></script></head>
<body><main><h1>Postline</h1><p>Your campaigns.</p><button id="before">A button of the page</button>
{body}<label>Name <input id="name"></label></main></body></html>"""

CSS = "body{font-family:system-ui;margin:2rem}upstep-offer[form=meter]{display:block;min-height:4.25rem}"


@dataclass
class Host:
    """The page and how it is served; ``upstep`` is where the service is."""

    upstep: str
    token: Callable[[], str]
    url: str = ""
    body: str = '<upstep-offer form="meter" token-url="/token"></upstep-offer>'
    lang: str = "en"
    direction: str = "ltr"
    data: str = ""
    tokens_asked: int = field(default=0)

    def app(self) -> Starlette:
        def page(_request: Request) -> Response:
            html = PAGE.format(lang=self.lang, dir=self.direction, upstep=self.upstep, data=self.data, body=self.body)
            return HTMLResponse(html, headers={"Content-Security-Policy": self.policy})

        def token(_request: Request) -> Response:
            self.tokens_asked += 1
            return JSONResponse({"token": self.token()})

        def style(_request: Request) -> Response:
            return Response(CSS, media_type="text/css")

        return Starlette(routes=[Route("/", page), Route("/token", token), Route("/page.css", style)])

    @property
    def policy(self) -> str:
        """Nothing inline, nothing evaluated, no HTML from text; the widget needs two lines of it."""
        return (
            f"default-src 'none'; style-src 'self'; script-src {self.upstep}; connect-src 'self' {self.upstep}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
            "trusted-types 'none'"
        )


@contextmanager
def hosting(upstep: str, token: Callable[[], str], **more: Any) -> Iterator[Host]:
    host = Host(upstep, token, **more)
    with serving(host.app()) as host.url:
        yield host
