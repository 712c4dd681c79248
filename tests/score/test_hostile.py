"""Words from strangers' files reach the page, the picture and the sound as words."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from abcgen.config import PageConfig
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.tune import ChordSymbol, Marks
from abcgen.notation.walk import sounding_notes
from abcgen.notation.words import Annotation, Syllable, Tempo, Words
from abcgen.notation.writer import write_abc
from abcgen.score.engrave import engrave_svg
from abcgen.score.midi import LONGEST_NAME, midi_of
from abcgen.score.musicxml import UNTITLED, musicxml_of
from abcgen.score.pages import fonts_for, missing_letter, set_pages, sheet_of
from abcgen.score.performance import PlaybackOptions
from abcgen.score.text import LONGEST, LONGEST_TITLE, MOST_ACCENTS, one_line
from abcgen.score.web import web_page, web_tune_of
from abcgen.system import LazyModule
from tests.marked_tunes import DUET, with_marks

if TYPE_CHECKING:
    from pathlib import Path

    from abcgen.notation.tune import Tune

mido = LazyModule("mido")
PAGE = PageConfig(ppi=30)
PLAYING = PlaybackOptions(INSTRUMENTS["fiddle"])
HOSTILE = {
    "markup": "<b>&amp;</b><script>alert(1)</script>]]>",
    "entity": "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "read": '#read("/etc/passwd") $x^2$ @cite *bold* _it_ // \\',
    "injection": '"; #panic("x") "}]}',
    "right to left": "\u202eabc\u202c \u05e2\u05d1\u05e8\u05d9\u05ea \u0639\u0631\u0628\u064a",
    "combining": "Z" + "\u0351\u0310\u0336" * 3_000,
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "chinese": "\u65e5\u672c\u8a9e\ud55c\uad6d\uc5b4",
    "long": "long " * 2_000,
    "one long word": "x" * 10_000,
    "control": "a\0b\x1b[31mc\u2028d\ud800e\ufffe",
    "nothing": " \n\t ",
}


@pytest.fixture(params=list(HOSTILE.values()), ids=list(HOSTILE))
def hostile(request: pytest.FixtureRequest) -> Tune:
    """A tune with these words wherever it may have words."""
    words: str = request.param
    marks = Marks(
        (ChordSymbol(None, text=words), ChordSymbol(("A", 0), words)),
        annotations=tuple(Annotation(place, words) for place in "^_<>@"),
        lyrics=(Syllable(words, hyphen=True), Syllable(words)),
        tempo=Tempo(words, (Fraction(1, 4),), 60, words),
        clef=words,
    )
    tune = with_marks(DUET, {(1, 0): marks})
    bars = tuple(replace(bar, part=words, closing=marks) for bar in tune.bars[:4])
    texts = tuple((name, words) for name in "TTCCOSBNZWW")
    return replace(
        tune,
        bars=bars + tune.bars[4:],
        title=words,
        rhythm=words,
        voice=words,
        clef=words,
        words=Words(texts, Tempo(words, (), 0, words), words),
    )


def test_it_is_printed_on_a_page(hostile: Tune) -> None:
    sheet = sheet_of(hostile, PAGE, composer=hostile.title)
    pages = set_pages([sheet], PAGE, "png", title=hostile.title)
    assert 1 <= len(pages) <= 8
    assert len(sheet.title) <= LONGEST_TITLE


def test_it_is_text_in_the_musicxml(hostile: Tune) -> None:
    document = musicxml_of(hostile, composer=hostile.title)
    root = ElementTree.fromstring(document)  # noqa: S314 - our own
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    assert title == (one_line(hostile.title) or UNTITLED)
    assert b"<!ENTITY" not in document.split(b"<score-partwise")[0]


def test_it_is_text_in_the_picture(hostile: Tune) -> None:
    svg = engrave_svg(musicxml_of(hostile))
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "foreignObject", "image", "a", "b"}
    assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)


def test_it_is_text_on_the_web_page(hostile: Tune) -> None:
    (page,) = web_page([web_tune_of(hostile, PLAYING, composer=hostile.title)])
    parser = _Tags()
    parser.feed(page.decode())
    # The data of the player, and the player.
    assert parser.tags["script"] == 2
    assert not parser.tags.keys() & {"b", "iframe", "img", "object"}
    assert not any(name.startswith("on") for name in parser.attributes)


def test_it_is_written_as_abc_that_is_read_again(hostile: Tune) -> None:
    abc = write_abc(hostile)
    read = read_abc(abc)
    assert read_abc(write_abc(read)) == read
    assert sounding_notes(read) == sounding_notes(hostile)


class _Tags(HTMLParser):
    """Counts the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)


def test_it_is_text_in_the_midi_file(hostile: Tune) -> None:
    file = mido.MidiFile(file=BytesIO(midi_of(hostile, PLAYING)), charset="utf-8")
    names = [
        [message.name for message in track if message.type in {"track_name", "instrument_name"}]
        for track in file.tracks
    ]
    # The first track has the name of the tune and that of its voice, which may be empty.
    words = one_line(hostile.title, LONGEST_NAME)
    assert names == [[words, words] if words else [words], ["Bass"]]
    assert len(words) <= LONGEST_NAME
    assert words.isprintable() or "\u200d" in words


@pytest.mark.parametrize("name", ["read", "injection", "markup"])
def test_the_words_on_the_page_are_those_of_the_title(name: str, tmp_path: Path) -> None:
    if not (tool := shutil.which("pdftotext")):
        pytest.skip("pdftotext (Debian package poppler-utils) is not installed")
    title = HOSTILE[name]
    (document,) = set_pages([sheet_of(replace(DUET, title=title), PAGE)], PAGE, "pdf", title=title)
    path = tmp_path / "page.pdf"
    path.write_bytes(document)
    done = subprocess.run([tool, "-layout", path, "-"], capture_output=True, check=True)
    plain = re.sub(r"\s+", "", done.stdout.decode())
    assert plain.count(re.sub(r"\s+", "", title)) == 2  # over the tune and on the title page
    assert "root:" not in plain


def test_a_long_title_is_cut_with_an_ellipsis() -> None:
    assert one_line("a" * 10_000) == "a" * (LONGEST - 1) + "…"
    assert one_line("a" * LONGEST) == "a" * LONGEST


def test_few_accents_are_kept_on_a_letter() -> None:
    accents = [unicodedata.combining(sign) > 0 for sign in one_line(HOSTILE["combining"])]
    assert sum(accents) == MOST_ACCENTS
    assert one_line("e\u0301 Ti\u1ebfng") == "e\u0301 Ti\u1ebfng"


def test_direction_overrides_are_removed_and_emoji_stay_whole() -> None:
    assert "\u202e" not in one_line(HOSTILE["right to left"])
    assert one_line(HOSTILE["emoji"]) == HOSTILE["emoji"]


def test_european_words_need_no_system_fonts() -> None:
    for words in ("Ó Dubhthaigh\u2019s № 5 \u2013 ł", "Ἑλλάς Όδος", "Полька", "B♭ F♯", "jig · D"):
        assert fonts_for([words]) == (False, ""), words


def test_letters_that_no_font_has_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abcgen.score.pages.missing_letter", _only_typst_s_own)
    assert fonts_for(["fine"]) == (False, "")
    assert fonts_for(["fine", "\u65e5\u672c"]) == (True, "\u65e5")
    sheet = sheet_of(replace(DUET, title="\u65e5\u672c"), PAGE)
    assert sheet.note == "no font of this machine has '\u65e5': a box is printed instead"


def _only_typst_s_own(texts: list[str], *, system: bool) -> str:
    """A machine without fonts of its own."""
    assert system in {True, False}
    return missing_letter(texts, system=False)
