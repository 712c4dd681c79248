from __future__ import annotations

import base64
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.writer import write_abc
from abcgen.score.midi import midi_of
from abcgen.score.performance import PlaybackOptions
from abcgen.score.web import page_around, web_page, web_tune_of
from abcgen.system import LazyModule
from tests.marked_tunes import DUET, MARKED
from tests.tunes import JIG, REEL, tune

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune

mido = LazyModule("mido")
PLAYING = PlaybackOptions(INSTRUMENTS["flute"], chords=True)
VOID = {"meta", "input", "link", "br", "img", "hr"}


class Page(HTMLParser):
    """A page taken apart: its elements, its text by element, and whether every one is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def with_tag(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def html_of(*tunes: Tune, title: str = "", composer: str = "") -> str:
    (page,) = web_page((web_tune_of(t, PLAYING, composer=composer) for t in tunes), title=title)
    return page.decode()


def data_of(page: Page) -> list[dict[str, Any]]:
    (text,) = [text for text in page.texts["script"] if text.startswith("[")]
    data: list[dict[str, Any]] = json.loads(text)
    return data


def test_every_tune_has_its_sheet_its_abc_and_its_midi() -> None:
    page = Page(html_of(MARKED, REEL))
    assert not page.open
    assert [one["abc"] for one in data_of(page)] == [write_abc(MARKED), write_abc(REEL)]
    links = [link["href"] for link in page.with_tag("a") if "download" in link]
    for link, each in zip(links, (MARKED, REEL), strict=True):
        midi = base64.b64decode(link.removeprefix("data:audio/midi;base64,"))
        assert midi == midi_of(each, PLAYING)
        assert mido.MidiFile(file=BytesIO(midi)).length > 0


def test_every_scheduled_note_is_on_both_sheets() -> None:
    page = Page(html_of(DUET))
    names = [element["data-note"] for _, element in page.elements if "data-note" in element]
    steps = {name for _, name in data_of(page)[0]["steps"]}
    assert all(names.count(step) == 2 for step in steps)


def test_every_glyph_used_is_defined_once() -> None:
    page = Page(html_of(MARKED, DUET))
    used = {element["href"][1:] for element in page.with_tag("use")}
    names = [element["id"] for _, element in page.elements if "id" in element]
    assert used <= set(names)
    assert len(names) == len(set(names))


def test_the_parts_to_loop_cover_the_tune_with_its_repeats() -> None:
    (data,) = data_of(Page(html_of(JIG)))
    whole, first, second = data["parts"]
    assert [part["name"] for part in data["parts"]] == ["Whole tune", "Part A", "Part B"]
    assert (first["from"], second["to"]) == (whole["from"], whole["to"])
    assert first["to"] == second["from"] == 0.5 + 16 * 3


def test_a_tune_of_one_part_offers_only_the_whole() -> None:
    (data,) = data_of(Page(html_of(tune("ABcd efga | A8 |]"))))
    assert [part["name"] for part in data["parts"]] == ["Whole tune"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title></script><!--",
        "' onclick='alert(1)",
        '#read("/etc/passwd")',
        "\u202eright to left\u202c \u05e2\u05d1\u05e8\u05d9\u05ea",
        "e\u0301\u0302" * 50,
        "\U0001f600 \u65e5\u672c",
        "a" * 10_000,
    ],
)
def test_titles_are_only_text(hostile: str) -> None:
    named = replace(DUET, title=hostile, rhythm=hostile[:50], voice=hostile)
    page = Page(html_of(named, title=hostile, composer=hostile))
    plain = Page(html_of(DUET, title="t", composer="c"))
    assert Counter(tag for tag, _ in page.elements) == Counter(tag for tag, _ in plain.elements)
    assert not [name for _, each in page.elements for name in each if name.startswith("on")]
    assert len(page.texts["h2"][0]) <= 300


def test_the_page_refers_to_nothing_outside_and_its_policy_forbids_it() -> None:
    html = html_of(MARKED, DUET)
    page = Page(html)
    (policy,) = [
        meta["content"]
        for meta in page.with_tag("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", html)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\(", html)


def test_the_same_tunes_give_the_same_page() -> None:
    assert html_of(JIG, REEL) == html_of(JIG, REEL)


def test_a_page_about_something_else_needs_no_tunes() -> None:
    page = page_around([], title="A <b> report", before="<p>b</p>", after="<p>a</p>", style="p {}")
    text = page.decode()
    assert "A &lt;b&gt; report" in text
    assert text.index("<p>b</p>") < text.index("<main>") < text.index("<p>a</p>")
    assert "<article" not in text


def test_no_tunes_make_no_page() -> None:
    assert web_page([]) == []
