"""Beams, and the marks at the notes, which are in the MusicXML and so on the page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from abcgen.notation.tune import FREE_METRE, Marks, Metre, Pitch, Tune, read_chord_symbol
from abcgen.score.clefs import BASS, TREBLE, TREBLE_8, Clef, clef_of
from abcgen.score.engrave import engrave_svg
from abcgen.score.layout import plan_bars
from abcgen.score.musicxml import musicxml_of
from abcgen.score.printed_notes import printed_notes
from abcgen.score.symbols import beam_groups, beams_of
from abcgen.system import LazyModule
from tests.marked_tunes import DUET, at, with_marks
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
def test_decorations_are_symbols_at_the_note(name: str, path: str) -> None:
    first, second = marked(at("", name)).iter("note")
    assert first.find(f"notations/{path}") is not None
    assert second.find("notations") is None


@pytest.mark.parametrize(
    ("name", "path"),
    [("segno", "segno"), ("coda", "coda"), ("mf", "dynamics/mf"), ("sfz", "dynamics/sfz")],
)
def test_directions_are_outside_the_staff(name: str, path: str) -> None:
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


def test_an_unknown_decoration_prints_nothing() -> None:
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
def test_chord_symbols_have_their_meaning_and_their_text(
    symbol: str, root: object, kind: str, text: str | None, bass: object
) -> None:
    (harmony,) = marked(at(symbol)).iter("harmony")
    assert (harmony.findtext("root/root-step"), harmony.findtext("root/root-alter")) == root
    assert (harmony.findtext("bass/bass-step"), harmony.findtext("bass/bass-alter")) == bass
    found = harmony.find("kind")
    assert found is not None
    assert (found.text, found.get("text")) == (kind, text)


def test_chord_symbols_are_read_back_by_music21() -> None:
    chords = ["D", "F#m7", "Bb", "G/B"]
    plain = tune("A2 B2 c2 d2 |]")
    marks = {(0, place): at(chord) for place, chord in enumerate(chords)}
    document = musicxml_of(with_marks(plain, marks))
    score = music21.converter.parseData(document, format="musicxml")
    symbols = list(score.recurse().getElementsByClass("ChordSymbol"))
    for symbol, chord in zip(symbols, chords, strict=True):
        meant = read_chord_symbol(chord)
        assert meant
        assert meant.root
        assert symbol.root().name.replace("-", "b") == meant.root[0] + {1: "#", -1: "b"}.get(
            meant.root[1], ""
        )
        assert symbol.offset == chords.index(chord)


def test_grace_notes_are_before_their_note_and_take_no_time() -> None:
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


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        ("^C8-|C2 C2 D4|]", [0]),  # a natural after the tied sharp
        ("^C8-|C2 ^C2 C4|]", [1]),  # the sharp again, once
        ("^C8-|C8-|C2 C2 z4|]", [0]),
        ("C8-|C2 C2 D4|]", []),
        ("^C8-|C2 D2 E4|C8|]", []),  # only in its bar
    ],
)
def test_an_accidental_follows_a_tie_over_the_bar_line(body: str, printed: list[int]) -> None:
    bars = list(ElementTree.fromstring(musicxml_of(tune(body, key="C"))).iter("measure"))  # noqa: S314
    names = {"natural": 0, "sharp": 1}
    found = [names[sign.text or ""] for bar in bars[1:] for sign in bar.iter("accidental")]
    assert found == printed


def test_marks_of_a_tied_note_are_at_its_first_printed_note() -> None:
    notes = list(marked(at("D", "trill"), body="A5 B3 |]").iter("note"))
    assert [note.find(".//trill-mark") is not None for note in notes] == [True, False, False]


def test_a_bar_of_rest_keeps_its_fermata() -> None:
    (rest,) = marked(at("", "fermata"), body="z8 |]").iter("note")
    assert rest.find("notations/fermata") is not None


@pytest.mark.parametrize(
    ("body", "clef"),
    [
        ("A8 | d8 |]", TREBLE),
        ("G,8 | D8 |]", TREBLE),
        ("G,8 | G,8 | D8 | G8 |]", TREBLE),
        ("A,8 | A,8 | E8 |]", TREBLE_8),
        ("A,8 | C,8 |]", BASS),
        ("D,8 | A,,8 |]", BASS),
        ("z8 |]", TREBLE),
    ],
)
def test_the_clef_fits_the_range_of_the_voice(body: str, clef: Clef) -> None:
    assert clef_of(tune(body)) == clef


def test_two_voices_are_two_parts_in_a_bracket() -> None:
    root = ElementTree.fromstring(musicxml_of(DUET))  # noqa: S314 - our own
    parts = root.findall("part")
    assert [part.get("id") for part in parts] == ["P1", "P2"]
    assert len({len(part.findall("measure")) for part in parts}) == 1
    assert root.findtext("part-list/part-group/group-symbol") == "bracket"
    assert [part.findtext(".//clef/sign") for part in parts] == ["G", "F"]
    endings = [len(list(part.iter("ending"))) for part in parts]
    assert endings == [8, 0]  # one bracket stands over both staves


def test_notes_have_their_names_in_the_picture() -> None:
    long = replace(JIG, bars=tune("A5 B3 | (3ABc A6 |]", metre=Metre(4, 4)).bars)
    names = [piece.name for pieces in printed_notes(plan_bars(long)) for piece in pieces]
    assert names == [(0, 0), (0, 1), (1, 0), (0, 0), (1, 0), (2, 0), (3, 0)]
    picture = engrave_svg(musicxml_of(long))
    assert all(f'id="{name}"' in picture for name in ("v0b0n0", "v0b0n0.1", "v0b1n3"))


def test_any_tune_keeps_its_notes_when_decorated() -> None:
    bare: Tune = with_marks(JIG, {})
    assert bare == JIG


def sizes(text: str, metre: Metre, bar: int = 0) -> list[int]:
    planned = plan_bars(tune(text + " |]", metre=metre))
    return [len(group) for group in beam_groups(printed_notes(planned)[bar], metre)]


@pytest.mark.parametrize(
    ("text", "metre", "expected"),
    [
        ("ABcd efga", Metre(4, 4), [4, 4]),
        ("ABc def", Metre(6, 8), [3, 3]),
        ("ABc def gab", Metre(9, 8), [3, 3, 3]),
        ("AB cd ef", Metre(3, 4), [2, 2, 2]),
        ("ABc", Metre(3, 8), [3]),
        ("A2 B2 cd ef", Metre(4, 4), [4]),
        ("A3/2B/ A3/2B/ cdef", Metre(4, 4), [2, 2, 4]),
        ("A/B/c/d/ e/f/g/a/", Metre(2, 4), [4, 4]),
        ("(3ABc de fgab", Metre(4, 4), [3, 2, 4]),
        ("A(3B/c/d/e fga", Metre(6, 8), [5, 3]),
        ("ABz def", Metre(6, 8), [2, 3]),
        ("ABcde", FREE_METRE, [2, 2]),
    ],
)
def test_notes_are_beamed_by_the_metre(text: str, metre: Metre, expected: list[int]) -> None:
    assert sizes(text, metre) == expected


def test_a_beam_never_breaks_within_a_tuplet() -> None:
    assert sizes("(3DDEF/G/ | A8", Metre(4, 4)) == [5]
    assert sizes("A(3BcdA Bcde", Metre(4, 4)) == [5, 4]


def test_a_beam_crosses_the_edge_of_a_tuplet_only_with_all_of_it() -> None:
    assert sizes("(3zBc de fgab", Metre(4, 4)) == [2, 2, 4]
    assert sizes("(3z/B/c/d/e/", Metre(3, 8)) == [2, 2]
    assert sizes("d/e/(3B/c/z/", Metre(3, 8)) == [2, 2]
    assert sizes("A(3z/c/d/e fga", Metre(6, 8)) == [2, 3]
    assert sizes("A(3B/c/d/e fga", Metre(6, 8)) == [5, 3]


def test_a_pickup_is_beamed_as_the_end_of_a_bar() -> None:
    assert sizes("ABc | d8", Metre(4, 4)) == [3]
    assert sizes("ABcde | d8", Metre(4, 4)) == [4]


def test_the_second_half_of_a_divided_bar_is_beamed_as_the_end_of_a_bar() -> None:
    assert sizes("|: A8 | A2 B4 :| cd | e8", Metre(4, 4), bar=2) == [2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A3/2B/", [["start"], ["stop", "partial-left"]]),
        ("A/B3/2", [["start", "partial-right"], ["stop"]]),
        ("AB/c/", [["start"], ["continue", "start"], ["stop", "stop"]]),
        ("A/Bc/", [["start", "partial-right"], ["continue"], ["stop", "partial-left"]]),
    ],
)
def test_short_notes_have_inner_beams(text: str, expected: list[list[str]]) -> None:
    metre = Metre(1, 4)
    (pieces,) = printed_notes(plan_bars(tune(text + "|]", metre=metre)))
    assert beams_of(pieces, metre) == expected


def test_the_stub_of_a_short_note_points_to_the_dotted_note() -> None:
    metre = Metre(6, 8)
    (pieces,) = printed_notes(plan_bars(tune("A3/2B/c d3 |]", metre=metre)))
    assert beams_of(pieces, metre)[1] == ["continue", "partial-left"]
