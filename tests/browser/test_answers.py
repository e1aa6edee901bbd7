"""The pages behind links of messages in a browser: clean by axe, by keyboard alone, light, dark and right to left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import loaded
from tests.web.serving import serving
from tests.web.test_answers import Offered, leave, offered, offering
from upstep.delivery.channel import Message, Purpose
from upstep.engine.contacting.links import OFFER, read_link
from upstep.offers.model import OfferStatus
from upstep.state.holds import record_hold
from upstep.state.session import writing

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["loaded", "offered", "offering"]

pytestmark = pytest.mark.browser


@pytest.fixture
def served(offered: Offered) -> Iterator[str]:
    with serving(offered.service.app) as url:
        yield url


def axe(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page)
    return [f"{one['id']}: {[node['html'][:80] for node in one['nodes']]}" for one in found.response["violations"]]


def unsubscribe_path(offered: Offered) -> str:
    said = read_link(offered.state, OFFER, offered.path.removeprefix("/o/"), now=offered.service.clock())
    assert said is not None
    message = Message("k", offered.account, Purpose.SALES, "email", said[1], "s", "t", contact_id=said[1])
    return leave(offered.service, offered.state, message)


@pytest.mark.parametrize(("scheme", "direction"), [("light", "ltr"), ("dark", "ltr"), ("dark", "rtl")])
def test_the_pages_are_clean_by_axe(
    page: Page, offered: Offered, served: str, pictures: Path, scheme: Any, direction: str
) -> None:
    page.emulate_media(color_scheme=scheme)

    def looked_at(name: str, path: str) -> None:
        page.goto(served + path)
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate("way => { document.documentElement.dir = way; }", direction)
            assert axe(page) == [], name
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            page.screenshot(path=pictures / f"{name}-{scheme}-{direction}-{width}.png", full_page=True)

    looked_at("offer", offered.path)
    looked_at("offer-no", offered.path + "?answer=no")
    looked_at("unsubscribe", unsubscribe_path(offered))
    page.get_by_role("button").first.click()
    page.get_by_text("You are unsubscribed").first.wait_for()
    assert axe(page) == []
    now = offered.service.clock()
    with writing(offered.state) as connection:
        record_hold(connection, offered.account, contact_id=None, kind="reply", why="asked", by="test", now=now)
    looked_at("held", offered.path)


def test_a_page_in_our_words_reads_from_the_left_whatever_the_company_is_called(
    page: Page, offered: Offered, served: str, pictures: Path
) -> None:
    project = offered.service.app.state.upstep.project
    project.__dict__["settings"] = replace(project.settings, company="بريد")
    page.goto(served + offered.path)
    assert page.evaluate("getComputedStyle(document.documentElement).direction") == "ltr"
    assert page.locator(".from").inner_text() == "بريد"
    page.screenshot(path=pictures / "offer-of-a-company-from-the-right.png")


def test_by_keyboard_alone_somebody_says_no_and_ends_the_messages(page: Page, offered: Offered, served: str) -> None:
    page.goto(served + offered.path)
    for name in ("Change to", "Not now", "No, thank you"):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        assert focused.strip().startswith(name)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is seen"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="All right").wait_for()
    assert offered.status is OfferStatus.DECLINED

    page.goto(served + unsubscribe_path(offered))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("You are unsubscribed").first.wait_for()
