"""What players find at the notes is in the MusicXML, and so on the page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from abcgen.notation.tune import Marks, Metre, Pitch, Tune, read_chord_symbol
from abcgen.score.engrave import engrave_svg
from abcgen.score.layout import clef_of, plan_bars
from abcgen.score.musicxml import musicxml_of
from abcgen.score.printed_notes import printed_notes
from abcgen.system import LazyModule
from tests.marked import DUET, at, with_marks
from tests.tunes import JIG, tune

if TYPE_CHECKING:
    from collections.abc import Iterable

music21 = LazyModule("music21")


def marked(*marks: Marks, body: str = "A4 B4 |]") -> ElementTree.Element:
    """The MusicXML of a bar with marks at its notes."""
    plain = tune(body, key="D")
    decorated = with_marks(plain, {(0, place): mark for place, mark in enumerate(marks)})
    return ElementTree.fromstring(musicxml_of(decorated))  # noqa: S314 - our own


def tags(elements: Iterable[ElementTree.Element]) -> list[str]:
    return [element.tag for element in elements]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("staccato", "articulations/staccato"),
        ("accent", "articulations/accent"),
        ("tenuto", "articulations/tenuto"),
        ("wedge", "articulations/staccatissimo"),
        ("breath", "articulations/breath-mark"),
        ("upbow", "technical/up-bow"),
        ("downbow", "technical/down-bow"),
        ("open", "technical/open-string"),
        ("plus", "technical/stopped"),
        ("thumb", "technical/thumb-position"),
        ("3", "technical/fingering"),
        ("trill", "ornaments/trill-mark"),
        ("turn", "ornaments/turn"),
        ("roll", "ornaments/turn"),
        ("invertedturn", "ornaments/inverted-turn"),
        ("lowermordent", "ornaments/mordent"),
        ("uppermordent", "ornaments/inverted-mordent"),
        ("fermata", "fermata[@type='upright']"),
        ("invertedfermata", "fermata[@type='inverted']"),
        ("arpeggio", "arpeggiate"),
    ],
)
def test_decorations_are_signs_at_the_note(name: str, path: str) -> None:
    first, second = marked(at("", name)).iter("note")
    assert first.find(f"notations/{path}") is not None
    assert second.find("notations") is None


@pytest.mark.parametrize(
    ("name", "path"),
    [("segno", "segno"), ("coda", "coda"), ("mf", "dynamics/mf"), ("sfz", "dynamics/sfz")],
)
def test_some_stand_beside_the_staff(name: str, path: str) -> None:
    assert marked(at("", name)).find(f".//direction-type/{path}") is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [("fine", "Fine"), ("D.C.", "D.C."), ("D.S.", "D.S."), ("dacoda", "To Coda")],
)
def test_jumps_are_words(name: str, words: str) -> None:
    assert marked(at("", name)).findtext(".//direction-type/words") == words


def test_a_crescendo_reaches_from_its_first_note_to_its_last() -> None:
    wedges = marked(at("", "crescendo("), at("", "crescendo)")).iter("wedge")
    assert [wedge.get("type") for wedge in wedges] == ["crescendo", "stop"]
    assert not list(marked(at("", "diminuendo(")).iter("wedge"))  # one without an end is none


def test_a_name_without_a_sign_prints_nothing() -> None:
    plain, odd = (musicxml_of(tune("A8 |]")), marked(at("", "no-such-thing"), body="A8 |]"))
    assert tags(ElementTree.fromstring(plain).iter()) == tags(odd.iter())  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("symbol", "root", "kind", "text", "bass"),
    [
        ("D", ("D", None), "major", None, (None, None)),
        ("F#m7", ("F", "1"), "minor-seventh", "m7", (None, None)),
        ("Bb/D", ("B", "-1"), "major", None, ("D", None)),
        ("C7sus4", ("C", None), "other", "7sus4", (None, None)),
        ("Ab+", ("A", "-1"), "augmented", "+", (None, None)),
    ],
)
def test_chord_symbols_say_what_they_mean_and_how_they_look(
    symbol: str, root: object, kind: str, text: str | None, bass: object
) -> None:
    (harmony,) = marked(at(symbol)).iter("harmony")
    assert (harmony.findtext("root/root-step"), harmony.findtext("root/root-alter")) == root
    assert (harmony.findtext("bass/bass-step"), harmony.findtext("bass/bass-alter")) == bass
    found = harmony.find("kind")
    assert found is not None
    assert (found.text, found.get("text")) == (kind, text)


def test_music21_reads_the_chord_symbols_back() -> None:
    chords = ["D", "F#m7", "Bb", "G/B"]
    plain = tune("A2 B2 c2 d2 |]")
    marks = {(0, place): at(chord) for place, chord in enumerate(chords)}
    document = musicxml_of(with_marks(plain, marks))
    score = music21.converter.parseData(document, format="musicxml")
    symbols = list(score.recurse().getElementsByClass("ChordSymbol"))
    for symbol, chord in zip(symbols, chords, strict=True):
        meant = read_chord_symbol(chord)
        assert meant
        assert symbol.root().name.replace("-", "b") == meant.root[0] + {1: "#", -1: "b"}.get(
            meant.root[1], ""
        )
        assert symbol.offset == chords.index(chord)


def test_grace_notes_stand_before_their_note_and_take_no_time() -> None:
    notes = list(marked(at("", grace=(Pitch(32), Pitch(33)))).iter("note"))
    assert [note.find("grace") is not None for note in notes] == [True, True, False, False]
    assert [note.findtext("duration") for note in notes][:2] == [None, None]
    assert [beam.text for note in notes[:2] for beam in note.iter("beam")] == [
        *("begin", "begin"),
        *("end", "end"),
    ]


def test_an_accidental_of_a_grace_note_lasts_through_the_bar() -> None:
    notes = list(marked(at("", grace=(Pitch(33, 1),)), body="A4 ^A4 |]").iter("note"))
    assert [note.findtext("accidental") for note in notes] == ["sharp", "natural", "sharp"]


def test_marks_of_a_note_that_needs_two_signs_stand_at_the_first() -> None:
    notes = list(marked(at("D", "trill"), body="A5 B3 |]").iter("note"))
    assert [note.find(".//trill-mark") is not None for note in notes] == [True, False, False]


def test_a_bar_of_rest_keeps_its_fermata() -> None:
    (rest,) = marked(at("", "fermata"), body="z8 |]").iter("note")
    assert rest.find("notations/fermata") is not None


@pytest.mark.parametrize(
    ("body", "clef"),
    [
        ("A8 | d8 |]", "TrebleClef"),
        ("G,8 | D8 |]", "TrebleClef"),
        ("G,8 | G,8 | D8 | G8 |]", "TrebleClef"),
        ("A,8 | A,8 | E8 |]", "Treble8vbClef"),
        ("A,8 | C,8 |]", "BassClef"),
        ("D,8 | A,,8 |]", "BassClef"),
        ("z8 |]", "TrebleClef"),
    ],
)
def test_the_clef_is_the_one_that_the_voice_lies_in(body: str, clef: str) -> None:
    assert clef_of(tune(body)).name == clef


def test_two_voices_are_two_parts_in_a_bracket() -> None:
    root = ElementTree.fromstring(musicxml_of(DUET))  # noqa: S314 - our own
    parts = root.findall("part")
    assert [part.get("id") for part in parts] == ["P1", "P2"]
    assert len({len(part.findall("measure")) for part in parts}) == 1
    assert root.findtext("part-list/part-group/group-symbol") == "bracket"
    assert [part.findtext(".//clef/sign") for part in parts] == ["G", "F"]
    endings = [len(list(part.iter("ending"))) for part in parts]
    assert endings == [8, 0]  # one bracket stands over both staves


def test_names_lead_from_the_tune_to_the_picture() -> None:
    long = replace(JIG, bars=tune("A5 B3 | (3ABc A6 |]", metre=Metre(4, 4)).bars)
    names = [piece.name for pieces in printed_notes(plan_bars(long)) for piece in pieces]
    assert names == [(0, 0), (0, 1), (1, 0), (0, 0), (1, 0), (2, 0), (3, 0)]
    picture = engrave_svg(musicxml_of(long))
    assert all(f'id="{name}"' in picture for name in ("v0b0n0", "v0b0n0.1", "v0b1n3"))


def test_any_tune_keeps_its_notes_when_decorated() -> None:
    bare: Tune = with_marks(JIG, {})
    assert bare == JIG
