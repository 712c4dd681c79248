from __future__ import annotations

import re
from fractions import Fraction
from xml.etree import ElementTree

import pytest

from abcgen.errors import InputError
from abcgen.notation.tune import Note, Tune
from abcgen.score.engrave import OPTIONS, engrave_svg, engrave_systems
from abcgen.score.lazy import LazyModule
from abcgen.score.musicxml import musicxml_of
from abcgen.score.pieces import pieces_of
from abcgen.score.plan import plan_bars
from abcgen.score.sounding import Sound
from tests.tunes import CHORDS, JIG, REEL, tune

verovio = LazyModule("verovio")


def verovio_hears(tune: Tune) -> list[Sound]:
    """The engraver's own account of what it drew, as written."""
    toolkit = verovio.toolkit()
    toolkit.setOptions({**OPTIONS, "expandNever": True})
    assert toolkit.loadData(musicxml_of(tune).decode())
    begun: dict[str, Fraction] = {}
    groups: dict[tuple[Fraction, Fraction], list[int]] = {}
    for event in toolkit.renderToTimemap({"includeRests": False}):
        now = Fraction(event["qstamp"]).limit_denominator(1000) / 4
        for name in event.get("off", []):
            key = toolkit.getMIDIValuesForElement(name)["pitch"]
            groups.setdefault((begun[name], now - begun[name]), []).append(key)
        begun.update(dict.fromkeys(event.get("on", []), now))
    return [Sound(*place, tuple(sorted(keys))) for place, keys in sorted(groups.items())]


def drawn_notes(tune: Tune) -> list[Sound]:
    """What is to be drawn: every sign of a tied note by itself."""
    plan, sounds, start = plan_bars(tune), [], Fraction(0)
    for planned, pieces in zip(plan, pieces_of(plan), strict=True):
        for piece in pieces:
            if isinstance(piece.item, Note):
                keys = tuple(sorted(pitch.midi for pitch in piece.item.pitches))
                onset = start + piece.onset - planned.offset
                sounds.append(Sound(onset, piece.duration, keys))
        start += planned.bar.duration
    return sounds


def width_and_height(svg: str) -> tuple[float, float]:
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert match
    return float(match[1]), float(match[2])


@pytest.mark.parametrize("tune", [JIG, REEL, CHORDS], ids=lambda tune: tune.title)
def test_the_engraver_draws_the_notes_of_the_tune(tune: Tune) -> None:
    assert verovio_hears(tune) == drawn_notes(tune)


def test_there_is_one_picture_a_line_and_all_are_as_wide() -> None:
    systems = engrave_systems(musicxml_of(JIG))
    assert len(systems) == 4
    assert len({width_and_height(svg)[0] for svg in systems}) == 1


def test_every_note_is_drawn_once() -> None:
    systems = "".join(engrave_systems(musicxml_of(CHORDS)))
    drawn = len(re.findall(r'class="note"', systems))
    assert drawn == len(re.findall(rb"<pitch>", musicxml_of(CHORDS)))


def test_the_screen_picture_needs_nothing_from_elsewhere() -> None:
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


def test_a_short_last_line_is_not_stretched() -> None:
    last = engrave_systems(musicxml_of(tune("A4 B4 | c8 |]")))
    right = [float(x) for x in re.findall(r'd="M[\d.]+ [\d.]+ L([\d.]+) [\d.]+"', last[-1])]
    assert max(right) / 10 < 0.6 * width_and_height(last[-1])[0]


def test_what_is_not_musicxml_is_refused() -> None:
    with pytest.raises(InputError):
        engrave_svg(b"<html/>")
