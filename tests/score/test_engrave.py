from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from abcgen.errors import InputError
from abcgen.notation.reader import read_abc
from abcgen.score.engrave import OPTIONS, engrave_svg, engrave_systems
from abcgen.score.musicxml import musicxml_of
from tests.marked_tunes import DUET, MARKED
from tests.tunes import CHORDS, JIG, REEL, tune


def width_and_height(svg: str) -> tuple[float, float]:
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert match
    return float(match[1]), float(match[2])


def test_every_line_is_a_picture_of_the_same_width() -> None:
    systems = engrave_systems(musicxml_of(JIG))
    assert len(systems) == 4
    assert len({width_and_height(svg)[0] for svg in systems}) == 1


def test_every_note_is_drawn_once() -> None:
    systems = "".join(engrave_systems(musicxml_of(CHORDS)))
    drawn = len(re.findall(r'class="note"', systems))
    assert drawn == len(re.findall(rb"<pitch>", musicxml_of(CHORDS)))


def test_the_screen_picture_needs_no_other_file() -> None:
    svg = engrave_svg(musicxml_of(CHORDS))
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    links = [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href")
    ]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"@font-face|@import|<image|<script|url\(", svg)
    assert "<title" not in svg


def test_the_same_tune_gives_the_same_picture() -> None:
    assert engrave_svg(musicxml_of(REEL)) == engrave_svg(musicxml_of(REEL))


def test_notes_far_off_the_staff_are_inside_the_picture() -> None:
    far = tune("c''4 c''4 | G,,4 G,,4 |]")
    plain = tune("B4 B4 | B4 B4 |]")
    (high,), (usual,) = engrave_systems(musicxml_of(far)), engrave_systems(musicxml_of(plain))
    assert width_and_height(high)[1] > 1.6 * width_and_height(usual)[1]


def test_a_long_tune_is_complete_in_its_picture() -> None:
    long = replace(JIG, bars=JIG.bars * 8)
    drawn = re.findall(r'id="(v0b\d+n\d+)"', engrave_svg(musicxml_of(long, line_width=12.0)))
    assert len(drawn) == sum(len(bar.items) for bar in long.bars)


def test_a_tune_too_long_for_one_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIONS, "pageHeight", 500)
    with pytest.raises(InputError):
        engrave_svg(musicxml_of(JIG))


def test_accidentals_of_chord_symbols_are_characters_that_every_font_has() -> None:
    svg = engrave_svg(musicxml_of(MARKED))
    assert "♭" in svg
    assert "♯" in svg
    assert not re.search("[\ue000-\uf8ff]", svg)


def test_the_voices_of_a_duet_are_one_below_the_other() -> None:
    systems = engrave_systems(musicxml_of(DUET))
    assert all(svg.count('class="staff"') % 2 == 0 for svg in systems)
    assert "Melody" in systems[0]
    assert "Bass" in systems[0]


def test_a_tempo_above_named_staves_is_a_picture_too() -> None:
    voices = "".join(f'V:{n} name="{name}"\n{"C4|" * 12}C4|]\n' for n, name in ((1, "A"), (2, "B")))
    for tempo in ("1/4=100", '"Andante" 1/4=100'):
        music = read_abc(f"X:1\nT:x\nM:4/4\nL:1/4\nQ:{tempo}\nK:C\n{voices}")
        for svg in (engrave_svg(musicxml_of(music)), *engrave_systems(musicxml_of(music))):
            ElementTree.fromstring(svg)  # noqa: S314 - our own


def test_a_short_last_line_is_not_stretched() -> None:
    last = engrave_systems(musicxml_of(tune("A4 B4 | c8 |]")))
    right = [float(x) for x in re.findall(r'd="M[\d.]+ [\d.]+ L([\d.]+) [\d.]+"', last[-1])]
    assert max(right) / 10 < 0.6 * width_and_height(last[-1])[0]


def test_other_xml_than_musicxml_is_refused() -> None:
    with pytest.raises(InputError):
        engrave_svg(b"<html/>")
