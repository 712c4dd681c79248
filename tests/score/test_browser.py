"""The web page in a real browser: it plays, the cursor moves, nothing is fetched."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.writer import write_abc
from abcgen.score.performance import PlaybackOptions, perform
from abcgen.score.web import page_around, web_page, web_tune_of
from tests.browser import requested_urls, wait_for
from tests.marked_tunes import DUET
from tests.tunes import JIG, REEL

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = replace(REEL, title="<script>document.title = 'taken'</script>", rhythm="<b>bold")
TUNES = [JIG, DUET, HOSTILE]
PLAYING = PlaybackOptions(INSTRUMENTS["fiddle"], tempo=240, chords=True)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    (document,) = web_page((web_tune_of(tune, PLAYING) for tune in TUNES), title="Three tunes")
    path = folder / "tunes.html"
    path.write_bytes(document)
    return path


@pytest.fixture
def browser(started: Any, page: Path) -> Any:
    """The browser with the page open from its file."""
    started.get("about:blank")
    for kind in ("performance", "browser"):
        started.get_log(kind)  # forget what was before
    started.get(page.as_uri())
    return started


def control(browser: Any, name: str, number: int = 0) -> Any:
    script = "return document.querySelectorAll(`[data-control='${arguments[0]}']`)[arguments[1]]"
    return browser.execute_script(script, name, number)


def sounding(browser: Any) -> set[str]:
    script = "return [...document.querySelectorAll('.sounding')].map((one) => one.dataset.note)"
    return set(browser.execute_script(script))


def cursor(browser: Any, number: int = 0) -> tuple[float, float] | None:
    """Return the position of a tune's cursor on the page; None if it is hidden."""
    script = """const cursor = document.querySelectorAll('.cursor')[arguments[0]];
        const place = cursor.getBoundingClientRect();
        return cursor.hidden ? null : [place.left, place.top + scrollY]"""
    place = browser.execute_script(script, number)
    return place and tuple(place)


def choose(browser: Any, name: str, value: str, number: int = 0) -> None:
    script = """arguments[0].value = arguments[1];
        arguments[0].dispatchEvent(new Event('input'));
        arguments[0].dispatchEvent(new Event('change'))"""
    browser.execute_script(script, control(browser, name, number), value)


def bars_seen(browser: Any, enough: int) -> list[int]:
    """Bars of the first voice in which notes are seen to sound, until there are enough."""
    seen: list[int] = []

    def look() -> bool:
        bars = {int(name[3:].split("n")[0]) for name in sounding(browser) if name[:3] == "v0b"}
        seen.extend(bar for bar in bars if not seen or seen[-1] != bar)
        return len(seen) >= enough

    wait_for(look)
    return seen


def listen(browser: Any) -> None:
    """From now on note every oscillator that is started: its frequency and when."""
    browser.execute_script("""window.heard = [];
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (time) {
          window.heard.push([time, this.frequency.value]);
          return start.call(this, time);
        };""")


def heard(browser: Any, enough: int) -> list[tuple[float, int]]:
    """Times in seconds and MIDI keys of the first notes played."""
    wait_for(lambda: browser.execute_script("return window.heard.length") >= enough)
    notes = browser.execute_script("return window.heard")[:enough]
    return [(when, round(69 + 12 * math.log2(frequency / 440))) for when, frequency in notes]


def press(browser: Any, *keys: str) -> None:
    browser.switch_to.active_element.send_keys(*keys)


def test_it_plays_and_the_cursor_moves_along_the_notes(browser: Any) -> None:
    control(browser, "play").click()
    first = wait_for(lambda: cursor(browser))
    later = wait_for(lambda: (now := cursor(browser)) and now[0] > first[0] + 100 and now)
    assert abs(later[1] - first[1]) < 30  # still on the first line of music
    seen = bars_seen(browser, 3)
    assert seen == list(range(seen[0], seen[0] + 3))
    assert control(browser, "play").get_attribute("aria-pressed") == "true"
    control(browser, "play").click()
    assert (cursor(browser), sounding(browser)) == (None, set())
    assert control(browser, "play").text == "Play"


def test_tunes_play_on_a_page_about_something_else(started: Any, tmp_path: Path) -> None:
    document = page_around(
        [web_tune_of(JIG, PLAYING)],
        title="A report",
        before="<p id='figures'>42</p>",
        after="<p>The end</p>",
        style="#figures { color: rgb(1, 2, 3); }",
    )
    (tmp_path / "report.html").write_bytes(document)
    started.get((tmp_path / "report.html").as_uri())
    shown = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert started.execute_script(shown, "#figures", "color") == "rgb(1, 2, 3)"
    assert started.execute_script(shown, ".narrow", "display") == "none"
    assert started.execute_script(shown, ".wide", "display") != "none"
    control(started, "play").click()
    wait_for(lambda: sounding(started))


def test_the_notes_that_sound_are_those_of_the_tune_in_time(browser: Any) -> None:
    listen(browser)
    control(browser, "play", 2).click()
    notes = heard(browser, 8)
    (sounds,) = perform(REEL, PLAYING).voices
    assert [key for _, key in notes] == [sound.keys[0] for sound in sounds[:8]]
    quarter = 60 / 240
    for (when, _), sound in zip(notes, sounds, strict=False):
        assert abs(when - notes[0][0] - float(sound.onset * 4) * quarter) < 0.01


def test_a_tune_can_be_transposed_and_slowed_while_it_plays(browser: Any) -> None:
    choose(browser, "shift", "-5", 2)
    choose(browser, "tempo", "120", 2)
    listen(browser)
    control(browser, "play", 2).click()
    (first, key), (second, _) = heard(browser, 2)
    assert key == 62 - 5
    assert abs(second - first - 0.5) < 0.01
    assert control(browser, "tempo-shown", 2).text == "120"


def test_a_part_is_looped(browser: Any) -> None:
    choose(browser, "part", "2")
    choose(browser, "tempo", "400")
    control(browser, "loop").click()
    control(browser, "play").click()
    seen = bars_seen(browser, 20)
    assert min(seen) == 10
    again = seen.index(18) + 1
    assert seen[again : again + 2] == [10, 11]


def test_only_one_tune_is_heard_at_a_time(browser: Any) -> None:
    control(browser, "play", 0).click()
    control(browser, "play", 1).click()
    wait_for(lambda: cursor(browser, 1))
    assert cursor(browser, 0) is None
    wait_for(lambda: any(name.startswith("v1") for name in sounding(browser)))


def test_the_page_can_be_used_by_keyboard_alone(browser: Any) -> None:
    press(browser, *["\ue004"] * 4)  # Tab: three links of the contents, then the first button
    assert browser.switch_to.active_element.get_attribute("data-control") == "play"
    press(browser, " ")
    wait_for(lambda: cursor(browser))
    press(browser, "\ue00c")  # Escape
    assert cursor(browser) is None


def test_every_control_and_picture_has_a_name_for_screen_readers(browser: Any) -> None:
    elements = browser.find_elements("css selector", "button, a, select, input, [role=img]")
    assert len(elements) > 20  # of the two sheets of a tune one is hidden
    shown = [one for one in elements if one.is_displayed()]
    assert [one.tag_name for one in shown if not one.accessible_name] == []
    assert browser.find_element("css selector", "html").get_attribute("lang") == "en"


def test_copying_the_abc_is_confirmed(browser: Any) -> None:
    browser.execute_script(
        "navigator.clipboard.writeText = async (text) => { window.copied = text; }"
    )
    control(browser, "copy", 1).click()
    said = browser.find_element("id", "said")
    wait_for(lambda: said.get_attribute("textContent") == "The ABC is copied.")
    assert browser.execute_script("return window.copied") == write_abc(DUET)


def test_nothing_is_fetched_and_nothing_is_logged(browser: Any, page: Path) -> None:
    control(browser, "play").click()
    bars_seen(browser, 2)
    control(browser, "copy").click()
    assert requested_urls(browser) == [page.as_uri()]
    assert browser.get_log("browser") == []


def test_a_title_never_runs_as_a_program(browser: Any) -> None:
    assert browser.title == "Three tunes"
    assert browser.find_element("id", "tune-2-title").text == HOSTILE.title


def test_it_fits_a_phone(browser: Any) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        shown = [
            browser.find_element("css selector", name).is_displayed()
            for name in (".narrow", ".wide")
        ]
        assert shown == [True, False]
        buttons = browser.find_elements("css selector", "button, a.button, select")
        assert all(button.size["height"] >= 44 for button in buttons)
        control(browser, "play").click()
        wait_for(lambda: cursor(browser))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper_there_is_only_the_music(browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not control(browser, "play").is_displayed()
        assert not browser.find_element("css selector", "nav").is_displayed()
        assert browser.find_element("css selector", ".wide").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
