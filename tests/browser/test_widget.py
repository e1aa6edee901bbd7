"""The widget on a host's page, under a strict policy: every form, by mouse and keyboard, and when things go wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.host import Host, hosting
from tests.web.counter import SECRET, Counter, open_counter, prepare
from upstep.billing.sandbox import SandboxBiller
from upstep.offers import lifecycle
from upstep.state import tables
from upstep.web.identity import sign_token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

FAILED_LOAD = "Failed to load resource"
"""The browser's own line about a request that failed; no script can keep it from writing that."""


@dataclass
class Scene:
    """A host's page with the widget, the service behind it, and what the browser complained of."""

    page: Page
    host: Host
    counter: Counter
    complaints: list[str] = field(default_factory=list)

    def open(self) -> Page:
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type != "log" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(self.host.url)
        return self.page

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def exposures(self) -> int:
        return len(self.counter.rows(tables.exposure))

    def axe(self) -> list[str]:
        """What axe finds wrong with the page as it is."""
        from axe_playwright_python.sync_playwright import Axe

        self.page.wait_for_timeout(350)  # colours are judged once the card has faded in
        found = Axe().run(self.page)
        return [f"{one['id']}: {[node['html'][:80] for node in one['nodes']]}" for one in found.response["violations"]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("counter") / "shop")


@pytest.fixture
def scene(page: Page, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("UPSTEP_TEST_TOKEN", SECRET)
    with ExitStack() as stack:
        host = stack.enter_context(hosting("", lambda: counter.token()))  # noqa: PLW0108 - made later
        counter = stack.enter_context(open_counter(prepared, tmp_path / "shop", origin=host.url))
        host.upstep = counter.url
        set_up = Scene(page, host, counter)
        yield set_up
        assert [said for said in set_up.complaints if FAILED_LOAD not in said] == []


SEEN = [("light", "ltr"), ("dark", "ltr"), ("light", "rtl"), ("dark", "rtl")]


@pytest.mark.parametrize(("scheme", "direction"), SEEN)
def test_every_form_is_clean_by_axe_in_light_and_dark_and_right_to_left(
    scene: Scene, scheme: Any, direction: str, pictures: Path
) -> None:
    scene.page.emulate_media(color_scheme=scheme)
    scene.host.direction = direction
    scene.counter.give_notice()
    page = scene.open()

    def looked_at(name: str) -> None:
        assert scene.axe() == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.screenshot(path=pictures / f"{name}-{scheme}-{direction}.png")

    scene.button("Dismiss").wait_for()
    looked_at("notice")
    scene.counter.open_offer()
    scene.dialog.wait_for()
    page.get_by_text("How it is made up").click()
    looked_at("modal")
    scene.button("Change to scale").click()
    looked_at("confirm")
    page.keyboard.press("Escape")
    scene.button("See what changes").wait_for()
    looked_at("folded")


@pytest.mark.parametrize(("scheme", "direction"), SEEN)
def test_a_banner_and_whom_to_ask_are_clean_by_axe_too(
    scene: Scene, scheme: Any, direction: str, pictures: Path
) -> None:
    scene.page.emulate_media(color_scheme=scheme)
    scene.host.direction = direction
    scene.counter.open_offer(style="banner")
    page = scene.open()
    scene.button("See what changes").wait_for()
    assert scene.axe() == []
    page.screenshot(path=pictures / f"banner-{scheme}-{direction}.png")
    scene.host.token = lambda: scene.counter.token("ben")
    page.reload()
    page.get_by_text("Ana Lima can change the plan.").wait_for()
    assert scene.axe() == []
    page.screenshot(path=pictures / f"ask-{scheme}-{direction}.png")


def test_a_notice_appears_within_a_second_and_moves_nothing_on_the_page(scene: Scene) -> None:
    page = scene.open()
    page.locator("upstep-offer section").wait_for(state="attached")
    before = page.locator("#name").bounding_box()
    page.wait_for_timeout(300)
    scene.counter.give_notice()
    scene.button("Dismiss").wait_for(timeout=1_000)
    assert page.locator("#name").bounding_box() == before


def test_what_is_seen_for_a_second_counts_once(scene: Scene) -> None:
    scene.counter.give_notice()
    page = scene.open()
    scene.button("Dismiss").wait_for()
    page.wait_for_timeout(500)
    assert scene.exposures() == 0
    page.wait_for_timeout(1_200)
    assert scene.exposures() == 1
    page.reload()
    scene.button("Dismiss").wait_for()
    page.wait_for_timeout(1_500)
    assert scene.exposures() == 1


def test_what_is_in_a_tab_behind_does_not_count_until_it_is_looked_at(scene: Scene) -> None:
    scene.counter.give_notice()
    page = scene.open()
    scene.button("Dismiss").wait_for()
    turn = "hidden => { for (const [name, value] of [['hidden', hidden], ['visibilityState', hidden ? 'hidden' : 'visible']]) Object.defineProperty(document, name, {value, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"  # noqa: E501 - one script
    page.evaluate(turn, True)
    page.wait_for_timeout(1_600)
    assert scene.exposures() == 0
    page.evaluate(turn, False)
    page.wait_for_timeout(1_600)
    assert scene.exposures() == 1


def test_a_notice_that_is_dismissed_stays_away(scene: Scene) -> None:
    scene.counter.give_notice()
    page = scene.open()
    scene.button("Dismiss").click()
    page.wait_for_timeout(400)
    page.reload()
    page.wait_for_timeout(800)
    assert scene.button("Dismiss").count() == 0


@pytest.mark.parametrize(("words", "answer"), [("Not now", "offer.not_now"), ("No, thank you", "offer.no")])
def test_a_no_closes_at_once_and_the_prompt_does_not_come_back(scene: Scene, words: str, answer: str) -> None:
    offer = scene.counter.open_offer()
    page = scene.open()
    scene.button(words).click()
    assert not scene.dialog.is_visible()
    page.wait_for_timeout(500)
    assert scene.counter.status(offer) == "declined"
    assert answer in [row.what for row in scene.counter.rows(tables.audit)]
    page.reload()
    page.wait_for_timeout(800)
    assert not scene.dialog.is_visible()
    assert scene.button("See what changes").count() == 0


def test_the_dialog_keeps_the_focus_and_escape_gives_it_back_without_an_answer(scene: Scene) -> None:
    page = scene.open()
    page.locator("#before").focus()
    offer = scene.counter.open_offer()
    scene.dialog.wait_for()
    where = "() => { const at = document.activeElement; return at?.shadowRoot?.activeElement?.closest('dialog') ? 'dialog' : at.id || at.tagName; }"  # noqa: E501 - one script
    assert page.evaluate(where) == "dialog"
    for key in ["Tab"] * 9 + ["Shift+Tab"] * 9:
        page.keyboard.press(key)
        # From the last button on the browser's own controls come, and then the first again; never the page behind.
        assert page.evaluate(where) in ("dialog", "BODY")
    page.keyboard.press("Escape")
    assert page.evaluate(where) == "before"
    assert scene.counter.status(offer) in ("open", "shown")

    scene.button("See what changes").press("Enter")
    scene.dialog.wait_for()
    page.keyboard.press("Escape")
    inside = "() => document.activeElement?.shadowRoot?.activeElement?.textContent"
    assert page.evaluate(inside) == "See what changes"
    page.reload()
    scene.button("See what changes").wait_for()
    assert not scene.dialog.is_visible()


def test_nobody_who_types_is_interrupted(scene: Scene) -> None:
    page = scene.open()
    page.locator("#name").focus()
    scene.counter.open_offer()
    page.keyboard.type("Postline", delay=150)
    page.wait_for_timeout(600)
    assert not scene.dialog.is_visible()
    assert page.locator("#name").input_value() == "Postline"
    page.locator("#name").blur()
    scene.dialog.wait_for(timeout=3_000)


def test_another_price_is_shown_before_it_can_be_accepted(scene: Scene) -> None:
    offer = scene.counter.open_offer()
    scene.open()
    scene.page.get_by_text("$5.00").first.wait_for()
    scene.counter.now += timedelta(days=5)
    scene.counter.add(tables.watermark, account_id="acme", as_of=scene.counter.now, published_at=scene.counter.now)
    from tests.billing.seeds import to_scale

    fresh = SandboxBiller(scene.counter.project.sandbox_path).preview(to_scale(), scene.counter.now)
    lifecycle.requote(scene.counter.state, offer.offer_id, fresh, by="test", at=scene.counter.now)
    scene.page.get_by_text("The price has changed since.").wait_for()
    assert scene.page.get_by_text("To pay today").locator("xpath=following-sibling::dd[1]").inner_text() == "$3.34"


def test_right_to_left_mirrors_the_page_and_prints_its_numbers(scene: Scene, pictures: Path) -> None:
    scene.host.lang, scene.host.direction = "ar", "rtl"
    scene.counter.give_notice()
    page = scene.open()
    card = page.locator("upstep-offer article")
    card.wait_for()
    box = card.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] < 640
    scene.counter.open_offer()
    scene.dialog.wait_for()
    first = page.locator("upstep-offer thead th").first.bounding_box()
    last = page.locator("upstep-offer thead th").last.bounding_box()
    assert first is not None
    assert last is not None
    assert first["x"] > last["x"]
    words = scene.dialog.locator("p bdi").filter(has_text="Your team has sent")
    assert words.evaluate("node => getComputedStyle(node).direction") == "ltr", "each in its own way"
    assert scene.axe() == []
    page.screenshot(path=pictures / "rtl.png")


def test_words_are_translated_and_money_follows_the_language(scene: Scene) -> None:
    scene.host.lang = "de"
    scene.host.data = """data-texts='{"not_now": "Jetzt nicht", "pay": "Heute zu zahlen"}'"""
    scene.counter.open_offer()
    page = scene.open()
    scene.button("Jetzt nicht").wait_for()
    assert page.get_by_text("Heute zu zahlen").count() == 1
    assert re.search(r"20,00\s\$ / Monat", page.locator("upstep-offer table").inner_text())
    assert "1. Mai 2026" in scene.dialog.inner_text()


def test_whoever_wants_less_motion_gets_none(scene: Scene) -> None:
    scene.page.emulate_media(reduced_motion="reduce")
    scene.counter.give_notice()
    page = scene.open()
    scene.button("Dismiss").wait_for()
    moves = page.locator("upstep-offer article").evaluate("node => getComputedStyle(node).animationName")
    assert moves == "none"


def test_the_host_styles_it_by_variables_and_parts(scene: Scene) -> None:
    scene.counter.give_notice()
    page = scene.open()
    scene.button("Dismiss").wait_for()
    page.evaluate(
        "() => { const own = new CSSStyleSheet(); own.replaceSync('upstep-offer{--upstep-surface:rgb(1,2,3)}"
        "upstep-offer::part(title){color:rgb(4,5,6)}'); document.adoptedStyleSheets = [own]; }"
    )
    style = "(node, name) => getComputedStyle(node)[name]"
    assert page.locator("upstep-offer article").evaluate(style, "backgroundColor") == "rgb(1, 2, 3)"
    assert page.locator("upstep-offer article h2").evaluate(style, "color") == "rgb(4, 5, 6)"


def test_a_tampered_token_shows_nothing_and_breaks_nothing(scene: Scene) -> None:
    scene.counter.give_notice()
    forged = sign_token("acme", "ana", secret="another" + SECRET, now=scene.counter.now, lasts=timedelta(minutes=5))
    scene.host.token = lambda: forged
    page = scene.open()
    page.wait_for_timeout(2_500)
    assert page.locator("upstep-offer article").count() == 0
    assert page.locator("#name").is_visible()
    assert len(scene.complaints) <= 6
    assert all("401" in said for said in scene.complaints)


def test_a_page_of_another_origin_hears_nothing(scene: Scene) -> None:
    scene.counter.give_notice()
    scene.host.url = scene.host.url.replace("127.0.0.1", "localhost")
    page = scene.open()
    page.wait_for_timeout(1_500)
    assert page.locator("upstep-offer article").count() == 0
    scene.complaints.clear()  # the browser tells the page's author in the console what was not allowed


def test_while_the_server_is_down_the_page_is_as_it_was_and_asks_less_and_less(
    browser: Browser, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTEP_TEST_TOKEN", SECRET)
    page, tries = browser.new_page(), []
    with ExitStack() as stack:
        host = stack.enter_context(hosting("", lambda: counter.token()))  # noqa: PLW0108 - made later
        down = ExitStack()
        counter = down.enter_context(open_counter(prepared, tmp_path / "shop", origin=host.url))
        host.upstep = counter.url
        counter.give_notice()
        scene = Scene(page, host, counter)
        scene.open()
        scene.button("Dismiss").wait_for()
        before = page.locator("#name").bounding_box()
        page.on("request", lambda asked: tries.append(asked.url) if "/embed/items" in asked.url else None)
        down.close()
        page.wait_for_timeout(7_000)
        # The notice stays, nothing has moved, and what the browser notes are failed requests alone.
        assert scene.button("Dismiss").is_visible()
        assert page.locator("#name").bounding_box() == before
        assert 1 <= len(tries) <= 4
        assert [said for said in scene.complaints if FAILED_LOAD not in said] == []

        # A page that is opened while it is down is a page without it.
        scene.complaints.clear()
        page.reload()
        page.wait_for_timeout(500)
        assert page.locator("#name").bounding_box() == before
        assert [said for said in scene.complaints if FAILED_LOAD not in said] == []
    page.close()
