"""An evening with the studio in a real browser, on a desk and on a telephone."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import requested_urls
from tests.score.conftest import started  # noqa: F401 - a fixture
from tests.studio.running import SECONDS, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

exceptions = pytest.importorskip("selenium.common.exceptions")
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
DESK, PHONE = (1280, 900), (390, 844)
CARD = ".tune:not(.draft)"
# All controls that are seen, with their HTML.
CONTROLS = """
    const controls = "button, a, select, input, textarea, summary, [role=img]";
    return [...document.querySelectorAll(controls)]
    .filter((one) => one.checkVisibility() && one.getClientRects().length)
    .map((one) => [one, one.outerHTML.slice(0, 80)])"""


class Page:
    """The studio's page in a browser window of a given size."""

    def __init__(self, browser: Any, size: tuple[int, int]) -> None:
        self.browser = browser
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.get("about:blank")
        for kind in ("performance", "browser"):
            browser.get_log(kind)  # forget what was before
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.width = width

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.browser.find_elements("css selector", selector)
        return found

    def one(self, selector: str) -> Any:
        return self.wait(lambda: self.all(selector), selector)[0]

    def click(self, selector: str) -> None:
        element = self.one(selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def fill(self, name: str, value: str) -> None:
        field = self.one(f"[name={name}]")
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
        self.browser.execute_script(script, field, value)

    @staticmethod
    def wait(condition: Callable[[], Any], what: object = "") -> Any:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if result := condition():
                return result
            time.sleep(0.05)
        raise AssertionError(f"not within {SECONDS} seconds: {what}")

    def view(self, name: str) -> None:
        self.click(f"[data-view={name}]")
        self.wait(lambda: self.one(f"#{name}").is_displayed())

    def has_pressed(self, selector: str) -> bool:
        return bool(self.one(selector).get_attribute("aria-pressed") == "true")

    def check(self, link: str) -> None:
        """Everything has a name, nothing is cut off, nothing is logged or asked of others."""
        nameless = [html for one, html in self.browser.execute_script(CONTROLS) if is_nameless(one)]
        assert nameless == []
        script = "return document.documentElement.scrollWidth"
        assert self.browser.execute_script(script) <= self.width
        assert self.browser.title.endswith("abcgen studio")
        urls = requested_urls(self.browser)
        assert [url for url in urls if not url.startswith((link, "blob:", "data:"))] == []
        # Chromium logs answers that are errors, and there should be none.
        assert self.browser.get_log("browser") == []


def is_nameless(control: Any) -> bool:
    """Return whether a control has no name for screen readers, if it is still there."""
    with suppress(exceptions.StaleElementReferenceException):
        return not control.accessible_name and control.is_displayed()
    return False


def compose(page: Page) -> None:
    for name, value in (("rhythm", "reel"), ("bars", "8"), ("parts", "AB"), ("seed", "3")):
        page.fill(name, value)
    page.click("#wishes button.main")
    # Written note by note, then chosen.
    page.wait(lambda: page.all(f".draft .note, {CARD} .note"), "a first note")
    page.wait(lambda: page.all(f"{CARD} .wide svg") and not page.all(".draft"), "the tune")


def play(page: Page) -> None:
    page.click(f"{CARD} .play")
    page.wait(lambda: page.one(f"{CARD} .cursor").is_displayed(), "the cursor")
    page.click(f"{CARD} .play")
    assert not page.one(f"{CARD} .cursor").is_displayed()


def like_and_rename(page: Page) -> None:
    like = f"{CARD} [data-do=like]"
    page.click(like)
    page.wait(lambda: page.has_pressed(like), "liked")
    page.click("#undo")
    page.wait(lambda: not page.has_pressed(like), "undone")
    page.click(like)
    page.wait(lambda: page.has_pressed(like), "liked again")
    page.click(f"{CARD} [data-do=rename]")
    # The old title is selected, so that typing replaces it.
    page.browser.switch_to.active_element.send_keys(HOSTILE, "\ue007")
    page.wait(lambda: page.one("#said").text == "The title is changed.", "the new title")
    assert page.one(f"{CARD} h3").text == HOSTILE


def rework(page: Page) -> None:
    before = page.one(f"{CARD} .wide").get_attribute("innerHTML")
    page.click(f"{CARD} [data-do=rework]")
    # Shift and an arrow select from the first bar on.
    page.one(f"{CARD} .sheet").send_keys("\ue014", "\ue008\ue014")
    page.wait(lambda: page.one("[data-bar=first]").get_attribute("value") == "1")
    assert page.one("[data-bar=last]").get_attribute("value") == "2"
    assert len(page.all(".selection")) == 2
    page.click("[data-rework=rewrite]")
    page.wait(lambda: page.all(".version .note"), "a version")
    page.wait(lambda: page.one(".rework [data-show=progress]").text == "", "all versions")
    page.click("[data-rework=hear]")
    page.wait(lambda: page.one(f"{CARD} .cursor").is_displayed(), "the version heard")
    page.click(".version [data-rework=choose]")
    page.wait(lambda: not page.all(".version"), "the choice")
    page.wait(lambda: page.one(f"{CARD} .wide").get_attribute("innerHTML") != before, "new bars")


def on_paper(page: Page) -> None:
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for selector in (".top", f"{CARD} .controls", f"{CARD} .marks"):
            assert not page.one(selector).is_displayed()
        assert page.one(f"{CARD} .wide").is_displayed()
        assert page.one(f"{CARD} h3").is_displayed()
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def write(page: Page) -> None:
    page.view("write")
    field = page.one("#abc")
    field.clear()
    field.send_keys("X:1\nT:Mine\nM:4/4\nL:1/8\nK:D\nDEFA dfaf | DEF |\nDEFA dfaf |]\n")
    page.wait(lambda: page.all("#doctor .bar"), "the wrong bar")
    assert [one.text for one in page.all("#gutter .bad")] == ["● 6"]
    page.wait(lambda: page.all("#written .note"), "the staff")
    page.click("#save")
    page.wait(lambda: page.one("#editor-title").text == "ABC of Mine", "it is kept")


def evening(browser: Any, folder: Path, size: tuple[int, int], *, whole: bool) -> None:
    with running(folder) as link:
        page = Page(browser, size)
        browser.get(link)
        page.wait(lambda: len(page.all("[name=rhythm] option")) > 5, "the rhythms")
        compose(page)
        like_and_rename(page)
        if whole:
            play(page)
            rework(page)
            on_paper(page)
        page.check(link)
        write(page)
        page.check(link)
    with running(folder, port=int(link.rstrip("/").rpartition(":")[2])) as again:
        assert again == link
        browser.get(f"{link}#tunes")
        page.wait(lambda: len(page.all(f"#kept {CARD}")) == 2, "the tunes of before")
        page.click("[name=shelf][value=liked]")
        page.wait(lambda: len(page.all(f"#kept {CARD}")) == 1, "the liked tune")
        assert page.one(f"#kept {CARD} h3").text == HOSTILE
        page.wait(lambda: page.all(f"#kept {CARD} .wide svg"), "its staff")
        page.check(link)


def test_a_short_evening(started: Any, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    evening(started, tmp_path, DESK, whole=False)


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_whole_evening(started: Any, tmp_path: Path, size: tuple[int, int]) -> None:  # noqa: F811
    evening(started, tmp_path, size, whole=True)
