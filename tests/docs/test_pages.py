"""Every page can be found from docs/index.md, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("examples/**/*.md")), *PAGES]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`]*`|^(?: {4}|\t)[^\n]*$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def links(page: Path) -> list[tuple[Path, str]]:
    """Targets of a page's links inside the repository: the file and the heading's anchor, empty without one."""
    found = []
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        found.append(((page.parent / path).resolve() if path else page, anchor))
    return found


def anchors(page: Path) -> set[str]:
    """Headings as links name them: small letters, hyphens for spaces, no other signs."""
    headings = HEADING.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def reachable(start: Path) -> set[Path]:
    """Pages found by following links from ``start``."""
    found, waiting = {start}, [start]
    while waiting:
        new = {target for target, _ in links(waiting.pop()) if target.suffix == ".md" and target.is_file()} - found
        found |= new
        waiting.extend(new)
    return found


def test_each_page_is_found_from_the_index() -> None:
    lost = set(PAGES) - reachable(DOCS / "index.md")
    assert not lost, f"link these from docs/index.md: {sorted(str(page.relative_to(ROOT)) for page in lost)}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{page.relative_to(ROOT)} links {target}, which is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.relative_to(ROOT)} links #{anchor}, no heading of {target.name}"


@pytest.mark.parametrize("page", [page for page in TEXTS if page.name != "README.md"], ids=lambda page: page.name)
def test_each_page_starts_with_its_title(page: Path) -> None:
    assert page.read_text().startswith("# ")


def test_a_link_in_code_is_not_followed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n[there](other.md#part) `[not](a.md)`\n\n    [nor](b.md)\n\n[last](c.md)\n")

    assert links(page) == [(tmp_path / "other.md", "part"), (tmp_path / "c.md", "")]


def test_an_anchor_is_the_heading_in_small_letters() -> None:
    assert "who-buys-what" in anchors(DOCS / "words.md")
