"""The studio's page in a browser, for tests."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import requested_urls, wait_for
from tests.studio.running import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

exceptions = pytest.importorskip("selenium.common.exceptions")
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
        return wait_for(condition, SECONDS, what)

    def view(self, name: str) -> None:
        self.click(f"[data-view={name}]")
        self.wait(lambda: self.one(f"#{name}").is_displayed())

    def has_pressed(self, selector: str) -> bool:
        return bool(self.one(selector).get_attribute("aria-pressed") == "true")

    def measures(self) -> list[Any]:
        """Return the bars of the first tune that are seen."""
        size = "narrow" if self.width < 640 else "wide"
        found: list[Any] = self.one(f"{CARD} .{size}").find_elements("css selector", ".measure")
        return found

    def selected_bars(self) -> tuple[str, str]:
        first, last = (self.one(f"[data-bar={name}]") for name in ("first", "last"))
        return str(first.get_attribute("value")), str(last.get_attribute("value"))

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
