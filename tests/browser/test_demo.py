"""`upstep serve --demo`: from the slider to a paid invoice, as a person does it, at three widths."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from upstep.billing.sandbox import SandboxBiller
from upstep.billing.sandbox.book import Card
from upstep.clock import now
from upstep.web.demo.company import ACCOUNT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

SECOND = 1_000
PATIENCE = 90 * SECOND
"""A shared machine may take its time; how quick it is on a quiet one stands in docs/performance.md."""

UNUSED = re.compile(r"Starter, monthly: \w+ \d+[\w, ]* \d{4} \(unused time\)")
REMAINING = re.compile(r"Pro, monthly: \w+ \d+[\w, ]* \d{4} \(remaining time\)")
BY_ID = re.compile(r"\b(?:starter|pro|si_\w+)\b")

FAILED_LOAD = "Failed to load resource"


@contextmanager
def running(temporary: Path) -> Iterator[str]:
    """The demo as one command, and where it says that its page is."""
    upstep = Path(sys.executable).with_name("upstep")
    temporary.mkdir()
    log = (temporary.parent / "demo.log").open("w")
    command = [str(upstep), "serve", "--demo", "--listen", "127.0.0.1:0"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
        assert process.stdout is not None
        url = None
        for line in process.stdout:
            if found := re.search(r"Open (http://\S+)", line):
                url = found[1]
                break
        try:
            assert url is not None, (temporary.parent / "demo.log").read_text()
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert list(temporary.iterdir()) == []


@dataclass
class Story:
    page: Page
    width: int
    pictures: Path
    complaints: list[str]

    def shoot(self, name: str) -> None:
        """A picture, and nothing sticks out of the page."""
        self.page.wait_for_timeout(500)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.width
        self.page.screenshot(path=self.pictures / f"demo-{self.width}-{name}.png")

    def axe(self) -> list[str]:
        from axe_playwright_python.sync_playwright import Axe

        self.page.wait_for_timeout(400)
        found = Axe().run(self.page, options={"iframes": False})
        return [f"{one['id']}: {[node['html'][:90] for node in one['nodes']]}" for one in found.response["violations"]]

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def push(self, name: str, *, by_keyboard: bool) -> None:
        """Press a button of the page or the widget."""
        button = self.button(name)
        button.wait_for(timeout=PATIENCE)
        if by_keyboard:
            self.tab_to(button)
            self.page.keyboard.press("Enter")
        else:
            button.click()

    def tab_to(self, button: Locator) -> None:
        """By the Tab key alone, as far as it takes."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if button.evaluate("node => node.getRootNode().activeElement === node"):
                return
        pytest.fail(f"the Tab key does not reach {button}")


@pytest.mark.parametrize(
    ("width", "scheme", "by_keyboard"), [(375, "dark", False), (768, "light", True), (1280, "light", False)]
)
def test_the_story_from_the_slider_to_a_paid_invoice(
    browser: Browser, tmp_path: Path, pictures: Path, width: int, scheme: str, *, by_keyboard: bool
) -> None:
    with running(tmp_path / "tmp") as url:
        height = 812 if width == 375 else 900
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-US")  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE)
        story = Story(page, width, pictures, [])
        page.on("console", lambda said: story.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: story.complaints.append(str(error)))
        page.goto(url)
        tell(story, by_keyboard=by_keyboard)
        page.close()
        assert story.complaints == []


def tell(story: Story, *, by_keyboard: bool) -> None:
    page = story.page
    meter = page.get_by_role("meter", name="e-mails sent")
    page.get_by_text("7,300 of 10,000").wait_for()
    story.shoot("1-start")
    assert story.axe() == []

    # 80%: the notice.
    slide(story, 80, by_keyboard=by_keyboard)
    notice = page.locator("upstep-offer article")
    notice.wait_for()
    assert "80%" in notice.inner_text()
    story.shoot("2-notice")
    assert story.axe() == []
    story.push("Dismiss", by_keyboard=by_keyboard)
    notice.wait_for(state="detached")

    # 90%: the e-mail.
    story.push("to 90%", by_keyboard=by_keyboard)
    mail = page.locator("#mails button").first
    mail.wait_for()
    assert "90%" in mail.inner_text()
    letter = page.frame_locator("#mail")
    letter.locator("p", has_text="9,000 of the 10,000").wait_for()
    story.shoot("3-email")
    with page.expect_popup() as opened:
        letter.get_by_role("link").first.click()
    read_the_offer(story, opened.value)

    # 100%: the prompt, one click, and the price that was shown.
    story.push("to 100%", by_keyboard=by_keyboard)
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    price = dialog.locator("dd.total").inner_text()
    assert re.fullmatch(r"\$\d+\.\d\d", price)
    assert {"Starter", "Pro", "10,000", "50,000"} <= set(dialog.locator("table td").all_inner_texts())
    story.shoot("4-prompt")
    assert story.axe() == []
    see_how_it_is_made_up(story, dialog)
    story.push("Change to Pro", by_keyboard=by_keyboard)
    story.shoot("5-confirm")
    story.push(f"Confirm and pay {price}", by_keyboard=by_keyboard)
    dialog.get_by_text("Done. You are on Pro.").wait_for()
    assert f"{price} paid. Invoice in_brightwater-books_1." in dialog.inner_text()
    assert story.axe() == []
    story.shoot("6-done")
    story.push("Continue", by_keyboard=by_keyboard)
    dialog.wait_for(state="hidden")

    # The money: the invoice is paid at that price, and the new limit holds.
    page.get_by_text(f"in_brightwater-books_1: {price}, paid").wait_for()
    assert UNUSED.search(page.locator("#invoices").inner_text())
    page.get_by_text("10,000 of 50,000").wait_for()
    assert meter.get_attribute("aria-valuemax") == "50000"
    page.locator("#happened").get_by_text(f"{price} paid: Pro works from now on").wait_for()
    story.shoot("7-paid")
    look_again(story)
    page.screenshot(path=story.pictures / f"demo-{story.width}-8-whole.png", full_page=True)


def read_the_offer(story: Story, page: Page) -> None:
    """The page behind the e-mail's link."""
    page.get_by_text("Due today").wait_for()
    names_and_no_ids(page.inner_text("body"))
    page.screenshot(path=story.pictures / f"demo-{story.width}-3-offer.png", full_page=True)
    page.close()


def see_how_it_is_made_up(story: Story, dialog: Locator) -> None:
    """The lines of the price, which a person may open."""
    made_up = dialog.locator("details.lines")
    made_up.evaluate("details => { details.open = true; }")
    names_and_no_ids(made_up.inner_text())
    story.shoot("4-prompt-lines")
    made_up.evaluate("details => { details.open = false; }")


def names_and_no_ids(told: str) -> None:
    """What a customer reads names both plans, and no ids."""
    assert (bool(UNUSED.search(told)), bool(REMAINING.search(told)), BY_ID.search(told)) == (True, True, None)


def look_again(story: Story) -> None:
    """Who reloads the page stands where they stood, and reads the same in the same order."""
    page = story.page
    happened = page.locator("#happened strong")
    told = happened.all_inner_texts()
    assert "said yes to Pro" in told[1]
    assert told[-1] == "7,300 e-mails were sent before you came"
    page.reload()
    page.locator("#happened strong").nth(len(told) - 1).wait_for()
    assert happened.all_inner_texts() == told
    assert page.get_by_role("slider").input_value() == "100"
    assert "10,000 e-mails, 100%" in page.locator("#share").inner_text()
    assert story.axe() == []
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    assert story.axe() == []
    story.shoot("9-right-to-left")


def slide(story: Story, to: int, *, by_keyboard: bool) -> None:
    """Move the slider itself: by its keys, or by dragging."""
    level = story.page.get_by_role("slider")
    if by_keyboard:
        story.tab_to(level)
        for _ in range(to - 73):
            story.page.keyboard.press("ArrowRight")
        return
    box = level.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    at = [box["x"] + 10 + (box["width"] - 20) * (share - 73) / (110 - 73) for share in (73, to + 0.2)]
    story.page.mouse.move(at[0], middle)
    story.page.mouse.down()
    story.page.mouse.move(at[1], middle, steps=5)
    story.page.mouse.up()


def test_who_must_confirm_goes_to_the_providers_page_and_comes_back_to_a_paid_invoice(
    page: Page, tmp_path: Path, pictures: Path
) -> None:
    with running(tmp_path / "tmp") as url:
        page.set_default_timeout(PATIENCE)
        back = f'<!doctype html><html lang="en"><title>Your bank</title><a href="{url}">Confirm and go back</a></html>'
        page.route("https://sandbox.invalid/**", lambda route: route.fulfill(body=back, content_type="text/html"))
        page.goto(url)
        page.get_by_role("button", name="to 100%").click()
        page.get_by_role("button", name="Change to Pro").wait_for()
        (folder,) = (tmp_path / "tmp").glob("upstep-demo-*")
        biller = SandboxBiller(folder / ".upstep" / "sandbox.db")
        biller.set_card(ACCOUNT, Card.CONFIRMING, at=now())

        page.get_by_role("button", name="Change to Pro").click()
        page.get_by_role("button", name="Confirm and pay").click()
        link = page.get_by_role("link", name="Go to the payment page")
        link.wait_for()
        page.screenshot(path=pictures / "demo-bank.png")
        assert not [each for each in biller.invoices(ACCOUNT) if each.reason == "change"]
        link.click()
        page.get_by_role("link", name="Confirm and go back").wait_for()
        biller.confirm(page.url.rpartition("/")[2], at=now())
        page.get_by_role("link", name="Confirm and go back").click()

        page.get_by_text("Done. You are on Pro.").wait_for()
        page.screenshot(path=pictures / "demo-back.png")
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("10,000 of 50,000").wait_for()
        assert len([each for each in biller.invoices(ACCOUNT) if each.reason == "change"]) == 1
