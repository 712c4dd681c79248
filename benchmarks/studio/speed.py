"""How soon the studio is ready, shows a first note, and rewrites bars, as a player sees it.

Needs Chromium and its driver. Run from the project's root on a machine that does nothing else:

    python -m benchmarks.studio.speed [--times 10] [--write]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from selenium import webdriver

from abcgen.studio.server import SHARED, STATIC
from benchmarks.machine import processor
from tests.score.conftest import FLAGS
from tests.studio.browsing import CARD, DESK, Page
from tests.studio.running import running

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
ABC = """X:1
T:Speed
R:reel
M:4/4
L:1/8
K:D
|: DFAF DFAF | dcBA BAFA | DFAF DFAd | BAFE D2 D2 | DFAF DFAF | dcBA BAFA | d2 fd ecAc | dBAF D4 :|
|: fafd fafd | gbge gbge | fafd fafd | ecAc d2 d2 | fafd fafd | gbge g2 fe | dfed cABc | dBAF D4 :|
"""
KEEP_UP = 60.0  # seconds to wait at most


def browser(profile: str) -> Any:
    """Return a browser without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver") or "")
    return webdriver.Chrome(options=options, service=service)


# The page itself tells when an element comes, so that the driver's own pace does not count.
WAIT = """
    const [selector, button, done] = arguments;
    const begun = performance.now();
    const look = () => document.querySelector(selector)
      ? done((performance.now() - begun) / 1000) : requestAnimationFrame(look);
    document.querySelector(button).click();
    requestAnimationFrame(look);"""


def first_note(page: Page, number: int) -> float:
    """Return the seconds from "Compose" to a first note on the staff."""
    page.fill("seed", str(number))
    seconds = page.browser.execute_async_script(WAIT, ".draft .note", "#wishes button.main")
    page.wait(lambda: not page.all(".draft"), "the tune")
    return float(seconds)


def first_version(page: Page) -> float:
    """Return the seconds from "Rewrite" to a first version of bars 1 to 4 on the staff."""
    page.click(f"{CARD} [data-do=rework]")
    page.wait(lambda: page.selected_bars() == ("0", "3"))
    found = page.browser.execute_async_script(WAIT, ".version .note", "[data-rework=rewrite]")
    page.wait(lambda: page.one(".rework [data-show=progress]").text == "", "all versions")
    page.click("[data-rework=close]")
    return float(found)


def rewritten(client: httpx.Client, number: int, count: int) -> float:
    """Return the seconds in which four bars are rewritten in some versions, over HTTP."""
    body = {"abc": ABC, "bars": [[4, 7]], "count": count, "seed": number, "stream": False}
    begun = time.monotonic()
    client.post("/api/rewrite", json=body).raise_for_status()
    return time.monotonic() - begun


def row(name: str, seconds: list[float], wanted: str) -> str:
    """Return a line of the table."""
    return f"| {name} | {statistics.median(seconds):.2f} s | {max(seconds):.2f} s | {wanted} |"


def several(times: int, measure: Callable[[int], float]) -> list[float]:
    """Return what is measured some times, after once that does not count."""
    measure(0)
    return [measure(number) for number in range(1, times + 1)]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--write", action="store_true", help="write speed.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile, tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        with running(Path(folder)) as link, httpx.Client(base_url=link, timeout=KEEP_UP) as client:
            opened = time.monotonic() - begun
            while not client.get("/api/health").json()["networks"]["ready"]:
                time.sleep(0.02)
            ready = time.monotonic() - begun
            client.post("/api/history", json={"abc": ABC})
            window = browser(profile)
            try:
                page = Page(window, DESK)
                window.set_script_timeout(KEEP_UP)
                window.get(link)
                page.wait(lambda: page.all(f"{CARD} .wide svg"), "a tune")
                page.wait(lambda: len(page.all("[name=rhythm] option")) > 5, "the rhythms")
                versions = several(options.times, lambda _: first_version(page))
                notes = several(options.times, lambda number: first_note(page, number))
            finally:
                window.quit()
            one = several(options.times, lambda number: rewritten(client, number, 1))
            four = several(options.times, lambda number: rewritten(client, number, 4))
    size = sum(path.stat().st_size for path in [*STATIC.iterdir(), *SHARED.values()]) / 1000
    lines = [
        (
            f"{os.cpu_count()} cores of {processor()}, load {os.getloadavg()[0]:.1f}; "
            f"{options.times} times each."
        ),
        "",
        "| | median | longest | wanted |",
        "|---|---|---|---|",
        row("from the command until the page can be opened", [opened], "3 s"),
        row("from the command until the network is ready", [ready], "3 s"),
        row('from "Compose" to a first note on the staff', notes, "1 s"),
        row('from "Rewrite" to a first version of four bars on the staff', versions, "1 s"),
        row("four bars rewritten once, over HTTP", one, "1 s"),
        row("four bars rewritten in four versions, over HTTP", four, ""),
        "",
        f"The page with its scripts and styles has {size:.0f} kB (400 wanted).",
    ]
    print("\n".join(lines))
    if options.write:
        (HERE / "speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
