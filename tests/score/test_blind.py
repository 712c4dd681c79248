"""The page of a blind test: what it does not tell, and in a browser how answers are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.notation.transpose import INSTRUMENTS
from abcgen.score.blind import ANSWERS_FORMAT, blind_page
from abcgen.score.performance import PlaybackOptions
from abcgen.score.web import web_tune_of
from tests.browser import requested_urls, wait_for
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["0a1b2c3d", "4e5f6071"]
TUNES = [replace(tune, title=f"Tune {n}", rhythm="") for n, tune in enumerate([JIG, REEL], 1)]
PLAYING = PlaybackOptions(INSTRUMENTS["fiddle"], tempo=240)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blind") / "blindtest.html"
    path.write_bytes(blind_page("deadbeef", NAMES, [web_tune_of(tune, PLAYING) for tune in TUNES]))
    return path


@pytest.fixture
def browser(started: Any, page: Path) -> Any:
    """The browser with the page open, of which nothing is kept yet."""
    started.get(page.as_uri())
    started.execute_script("localStorage.clear()")
    for kind in ("performance", "browser"):
        started.get_log(kind)  # forget what was before
    started.get(page.as_uri())
    return started


def answer(browser: Any, tune: str, **given: str) -> None:
    for name, value in given.items():
        box = f"form[data-tune='{tune}'] input[name='{name}'][value='{value}']"
        browser.execute_script(f'document.querySelector("{box}").click()')


def answered(browser: Any) -> str:
    return str(browser.execute_script("return document.getElementById('answered').value"))


def saved(browser: Any, folder: Path) -> dict[str, Any]:
    """Save with the button and return the file."""
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    browser.execute_script("document.getElementById('save').click()")
    (path,) = wait_for(lambda: list(folder.glob("answers-*.json")))
    wait_for(lambda: path.stat().st_size)
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def test_the_page_has_the_tunes_but_neither_their_abc_nor_their_midi(
    page: Path,
) -> None:
    html = page.read_text(encoding="utf-8")
    assert html.count('<form class="answer"') == 2
    assert [f'data-tune="{name}"' in html for name in NAMES] == [True, True]
    for giveaway in ("X:1", "K:D", "R:jig", "audio/midi", 'data-control="copy"', "<nav"):
        assert giveaway not in html


def test_answers_are_counted_and_survive_a_reload(browser: Any) -> None:
    assert answered(browser) == "0 of 2 tunes answered"
    answer(browser, NAMES[1], by="program", rating="4")
    assert answered(browser) == "0 of 2 tunes answered"
    answer(browser, NAMES[1], known="no")
    assert answered(browser) == "1 of 2 tunes answered"
    browser.refresh()
    assert answered(browser) == "1 of 2 tunes answered"


def test_answers_are_saved_as_a_file(browser: Any, tmp_path: Path) -> None:
    answer(browser, NAMES[0], by="person", rating="5", known="yes")
    answer(browser, NAMES[1], rating="2")
    data = saved(browser, tmp_path)
    assert (data["format"], data["version"], data["test"]) == (ANSWERS_FORMAT, 1, "deadbeef")
    assert len(data["listener"]) == 16
    assert data["answers"] == [
        {"tune": NAMES[0], "by": "person", "rating": 5, "known": True},
        {"tune": NAMES[1], "rating": 2},
    ]


def test_another_listener_starts_without_answers(browser: Any, tmp_path: Path) -> None:
    answer(browser, NAMES[0], by="person")
    first = json.loads(
        browser.execute_script("return localStorage.getItem('abcgen blind test deadbeef')")
    )
    browser.execute_script("window.confirm = () => true; document.getElementById('anew').click()")
    data = saved(browser, tmp_path)
    assert data["answers"] == []
    assert data["listener"] != first["listener"]


def test_it_plays_and_fetches_nothing(browser: Any, page: Path) -> None:
    browser.find_element("css selector", "[data-control=play]").click()  # browsers want a hand
    wait_for(lambda: browser.execute_script("return document.querySelector('.sounding') !== null"))
    assert requested_urls(browser) == [page.as_uri()]
    assert browser.get_log("browser") == []


def test_every_choice_has_a_name_for_screen_readers(browser: Any) -> None:
    choices = browser.find_elements("css selector", "input[type=radio], fieldset, .saving button")
    assert len(choices) == 2 * (9 + 3) + 2
    assert [one.get_attribute("name") for one in choices if not one.accessible_name] == []


@pytest.mark.parametrize(
    "kept",
    [
        "no JSON",
        "null",
        '{"answers": [{"tune": "x"}]}',
        '{"listener": "0123456789abcdef", "answers": 3}',
        '{"listener": "0123456789abcdef", "answers": [null, {"tune": "x"}, 7]}',
    ],
)
def test_damaged_stored_answers_are_ignored(browser: Any, kept: str) -> None:
    script = "localStorage.setItem('abcgen blind test deadbeef', arguments[0])"
    browser.execute_script(script, kept)
    browser.refresh()
    answer(browser, NAMES[0], by="person", rating="3", known="no")
    assert answered(browser) == "1 of 2 tunes answered"
