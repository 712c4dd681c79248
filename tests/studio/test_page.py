"""An evening with the studio in a real browser, on a desk and on a telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from abcgen.notation.reader import read_abc
from abcgen.pipeline.recipes import without_recipe
from tests.score.conftest import started  # noqa: F401 - a fixture
from tests.studio.browsing import CARD, DESK, PHONE, Page
from tests.studio.running import SECONDS, running

if TYPE_CHECKING:
    from pathlib import Path

webdriver = pytest.importorskip("selenium.webdriver")
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


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


def rework(page: Page, link: str) -> None:
    def music() -> str:
        newest = httpx.get(f"{link}api/history", timeout=SECONDS).json()["tunes"][0]
        return without_recipe(newest["abc"])

    before = read_abc(music())
    page.click(f"{CARD} [data-do=rework]")
    # Shift and an arrow select from the first bar on.
    page.one(f"{CARD} .sheet").send_keys("\ue014", "\ue008\ue014")
    page.wait(lambda: page.selected_bars() == ("1", "2"))
    assert len(page.all(".selection")) == 2
    # Dragging selects bars 5 to 8.
    fifth, eighth = (page.measures()[index] for index in (4, 7))
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", fifth)
    chain = webdriver.ActionChains(page.browser)
    chain.move_to_element(fifth).click_and_hold().move_to_element(eighth).release().perform()
    assert page.selected_bars() == ("4", "7")
    assert len(page.all(".selection")) == 4
    page.click("[data-rework=rewrite]")
    page.wait(lambda: page.all(".version .note"), "a version")
    page.wait(lambda: page.one(".rework [data-show=progress]").text == "", "all versions")
    assert 1 <= len(page.all(".version")) <= 4
    page.click("[data-rework=hear]")
    page.wait(lambda: page.one(f"{CARD} .cursor").is_displayed(), "the version heard")
    page.click(".version [data-rework=choose]")
    page.wait(lambda: not page.all(".version"), "the choice")
    after = read_abc(music())
    changed = [index for index, bar in enumerate(after.bars) if bar != before.bars[index]]
    assert changed
    assert set(changed) <= {4, 5, 6, 7}
    page.click("#undo")
    page.wait(lambda: read_abc(music()) == before, "the old bars again")
    # And chosen again, to be there after a restart.
    page.click(f"{CARD} [data-do=rework]")
    page.click("[data-rework=tonic]")
    page.wait(lambda: page.one(".rework [data-show=progress]").text == "", "all versions")
    page.click(".version [data-rework=choose]")
    page.wait(lambda: read_abc(music()) != before, "the ending")


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
            rework(page, link)
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
        (kept,) = httpx.get(f"{link}api/history?shelf=liked").json()["tunes"]
        assert ("drawn anew" in kept["abc"]) is whole
        page.check(link)


def test_a_short_evening(started: Any, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    evening(started, tmp_path, DESK, whole=False)


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_whole_evening(started: Any, tmp_path: Path, size: tuple[int, int]) -> None:  # noqa: F811
    evening(started, tmp_path, size, whole=True)
