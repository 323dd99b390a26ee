"""Who would be barred from a page: what axe finds, and what keys alone cannot reach."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tlhelpers.course.book.paper import FLAGS, find_browser

needs_browser = [
    pytest.mark.skipif(find_browser() is None, reason="no Chromium, Chrome or Edge found"),
    pytest.mark.browser,
]
KINDS = ("serious", "critical")
COLOURS = ("color-contrast", "link-in-text-block")
ONLY_COLOURS = {"runOnly": list(COLOURS)}
ALL_BUT_COLOURS = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
# Whether what has the focus can be seen to have it; a canvas or picture by its outline alone.
SEEN = """() => {
    const node = document.activeElement, style = getComputedStyle(node);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    return outlined || style.boxShadow !== "none";
}"""


FIND = """async ([within, options, kinds]) => {
    const { violations } = await axe.run(within ?? document, options);
    return violations.filter((one) => kinds.includes(one.impact))
        .flatMap((one) => one.nodes.map((node) => [one.id, node.html.slice(0, 200)]));
}"""


@cache
def _axe() -> str:
    return Axe().axe_script


def graves(page, within: str | None = None, options: dict | None = None) -> list[list[str]]:
    """[rule, element] of what is serious or critical, all over the page or within a selector.

    A page reads axe once, and not for each question: it is half a megabyte.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    return page.evaluate(FIND, [within, {"resultTypes": ["violations"], **(options or {})}, KINDS])


def grave_barriers(page, within: str | None = None) -> list[list[str]]:
    """The same in both themes of a page that follows the browser's: the other one changes colours
    alone, so that only these are judged again."""
    page.emulate_media(color_scheme="light")
    found = graves(page, within)
    page.emulate_media(color_scheme="dark")
    return found + graves(page, within, ONLY_COLOURS)


def barriers_of(content: str, folder: Path) -> list[list[str]]:
    """The same of a page of its own, written into `folder` for that."""
    (folder / "page.html").write_text(content, encoding="utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        page = browser.new_page()
        page.goto((folder / "page.html").as_uri())
        found = grave_barriers(page)
        browser.close()
    return found


def tab_to(page, selector: str, most: int = 150) -> None:
    """Goes on by Tab until such an element has the focus, and can be seen to have it."""
    focused = "(selector) => document.activeElement.matches(selector)"
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(focused, selector):
            assert page.evaluate(SEEN), f"the focus on {selector} cannot be seen"
            return
    raise AssertionError(f"{most} times Tab do not lead to {selector}")


def press_until(page, key: str, reached: Callable[[], bool], most: int = 150) -> None:
    """Presses a key again and again until something is reached."""
    for _ in range(most):
        if reached():
            return
        page.keyboard.press(key)
    raise AssertionError(f"{most} times {key} lead nowhere")
