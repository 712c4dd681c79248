"""Further abilities of the studio in a real browser: chords, how it works, links, training."""

from __future__ import annotations

import base64
import zlib
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from abcgen.notation.reader import read_abc
from abcgen.notation.writer import write_abc
from tests.score.conftest import started  # noqa: F401 - a fixture
from tests.studio.browsing import CARD, DESK, PHONE, Page
from tests.studio.running import SECONDS, running
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = pytest.mark.parametrize(
    "size",
    [pytest.param(DESK, id="desk"), pytest.param(PHONE, id="phone", marks=pytest.mark.slow)],
)


@contextmanager
def studio_with(
    browser: Any, folder: Path, size: tuple[int, int], abc: str
) -> Iterator[tuple[Page, httpx.Client]]:
    """Open a studio whose history has a tune; yield its page and a client."""
    with (
        running(folder, cwd=folder) as link,
        httpx.Client(base_url=link, timeout=SECONDS) as client,
    ):
        assert client.post("/api/history", json={"abc": abc}).status_code == 201
        page = Page(browser, size)
        browser.get(link)
        page.wait(lambda: page.all(f"{CARD} .wide svg"), "the tune")
        yield page, client
        page.check(link)


@SIZES
def test_chords_are_offered_chosen_and_undone(
    started: Any,  # noqa: F811 - a fixture
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    with studio_with(started, tmp_path, size, write_abc(JIG)) as (page, client):
        page.click(f"{CARD} [data-do=rework]")
        names = [one.text for one in page.all("[data-rework=part]")]
        assert names == ["New A part", "New B part"]
        page.click("[data-rework=chords]")
        page.wait(lambda: page.all(".version .note"), "a version")
        page.wait(lambda: page.one(".rework [data-show=progress]").text == "", "all versions")
        page.click(".version [data-rework=choose]")
        page.wait(lambda: page.all(f"{CARD} .wide .harm"), "chord symbols")
        kept = read_abc(client.get("/api/history").json()["tunes"][0]["abc"])
        assert any(note.marks and note.marks.chord_symbols for note in kept.notes)
        page.click("#undo")
        page.wait(lambda: not page.all(f"{CARD} .wide .harm"), "no chord symbols")


def test_a_finger_taps_the_first_and_the_last_bar(started: Any, tmp_path: Path) -> None:  # noqa: F811
    with studio_with(started, tmp_path, PHONE, write_abc(JIG)) as (page, _client):
        page.click(f"{CARD} [data-do=rework]")
        for bar, selected in ((4, ("4", "4")), (7, ("4", "7")), (1, ("1", "1"))):
            tap(page, page.measures()[bar])
            page.wait(partial(has_selected, page, selected), selected)


def has_selected(page: Page, bars: tuple[str, str]) -> bool:
    """Return whether these are the first and last bar selected."""
    return page.selected_bars() == bars


def tap(page: Page, element: Any) -> None:
    """Tap the middle of an element with a finger."""
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    script = "const { x, y, width, height } = arguments[0].getBoundingClientRect();"
    x, y = page.browser.execute_script(f"{script} return [x + width / 2, y + height / 2]", element)
    for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
        page.browser.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )


@SIZES
def test_how_it_works(started: Any, tmp_path: Path, size: tuple[int, int]) -> None:  # noqa: F811
    with studio_with(started, tmp_path, size, write_abc(JIG)) as (page, _client):
        page.click(f"{CARD} [data-do=explain]")
        page.wait(lambda: page.all(f"{CARD} .theirs .note"), "the nearest tune")
        assert page.all(".pair .seen-bar")
        assert len(page.all(".likeliest li")) == 5
        assert page.all(f"{CARD} > .sheet .now-bar")
        before = page.one(".reading [data-show=expected]").text
        # An arrow key goes on to the next character.
        page.one(".reading [type=range]").send_keys("\ue014")
        page.wait(lambda: page.one(".reading [data-show=expected]").text != before)
        chosen = page.one("[data-explain=bar]")
        chosen.send_keys("4")
        page.wait(lambda: len(page.all(f"{CARD} > .sheet .seen-bar")) >= 3, "earlier bars")
        page.click(f"{CARD} [data-do=explain]")
        page.wait(lambda: not page.all(".seen-bar, .now-bar"), "no colours")


def test_what_the_network_expects_is_shown_as_it_writes(started: Any, tmp_path: Path) -> None:  # noqa: F811
    with studio_with(started, tmp_path, DESK, write_abc(JIG)) as (page, _client):
        page.fill("bars", "8")
        page.click("[name=explain]")
        page.click("#wishes button.main")
        page.wait(lambda: page.all(".draft .likeliest li"), "expectations")
        page.wait(lambda: not page.all(".draft"), "the tune")


def test_links_elsewhere_hold_the_tune(started: Any, tmp_path: Path) -> None:  # noqa: F811
    abc = write_abc(JIG).replace(JIG.title, "Æ & <b>#?</b>")
    with studio_with(started, tmp_path, DESK, abc) as (page, _client):
        page.click(f"{CARD} .menu summary")
        links = {
            one.get_attribute("data-elsewhere"): page.wait(partial(one.get_attribute, "href"))
            for one in page.all(f"{CARD} [data-elsewhere]")
        }
        queries = {name: parse_qs(urlsplit(link).query) for name, link in links.items()}
        assert queries["abcjs"]["t"] == [abc]
        (packed,) = queries["abctools"]["def"]
        deflated = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        assert zlib.decompress(deflated).decode() == abc


def test_files_to_learn_are_chosen_and_what_is_impossible_is_said(
    started: Any,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.abc"
    file.write_text(write_abc(JIG), encoding="utf-8")
    with studio_with(started, tmp_path, PHONE, write_abc(JIG)) as (page, client):
        page.view("train")
        page.one("#training-input").send_keys(str(file))
        page.wait(lambda: [one.text for one in page.all("#training-files li")] == ["mine.abc"])
        (tmp_path / "checkpoints" / "taken").mkdir(parents=True)
        page.one("#training [name=name]").send_keys("taken")
        page.click("#training [type=submit]")
        page.wait(lambda: "taken" in page.one("#said").text, "the reason")
        assert client.get("/api/training").json()["phase"] == "idle"
        started.get_log("browser")  # the answer 422
        page.click("#training-clear")
        page.wait(lambda: not page.all("#training-files li"), "no files")


DROP = """
    const files = new DataTransfer();
    files.items.add(new File([arguments[0]], "dropped.abc"));
    for (const kind of ["dragenter", "drop"]) {
      window.dispatchEvent(new DragEvent(kind, { dataTransfer: files, cancelable: true }));
    }"""


def test_files_dropped_are_kept_or_learnt_and_links_hold_tunes(
    started: Any,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    with studio_with(started, tmp_path, DESK, write_abc(JIG)) as (page, client):
        page.view("train")
        started.execute_script(DROP, write_abc(REEL))
        page.wait(lambda: [one.text for one in page.all("#training-files li")] == ["dropped.abc"])
        assert len(client.get("/api/history").json()["tunes"]) == 1
        page.view("tunes")
        started.execute_script(DROP, write_abc(REEL))
        page.wait(lambda: len(page.all(f"#kept {CARD}")) == 2, "the tune dropped")
        # The link that is copied opens the tune in the editor.
        script = """
            const done = arguments[arguments.length - 1];
            navigator.clipboard.writeText = async (text) => done(text);
            document.querySelector("#kept [data-do=link]").click();"""
        link = started.execute_async_script(script)
        started.get(link)
        page.wait(lambda: REEL.title in page.one("#abc").get_attribute("value"), "the tune")
        page.wait(lambda: page.all("#written .note"), "its staff")
