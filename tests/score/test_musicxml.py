from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from abcgen.errors import NotationError
from abcgen.notation.tune import FREE_METRE, Bar, Key, Metre, Note, Pitch, Tune
from abcgen.notation.walk import Sound, WrittenChord, join_ties, sounding_notes
from abcgen.score.musicxml import musicxml_of
from abcgen.system import LazyModule
from tests.strategies import tunes
from tests.tunes import CHORDS, JIG, REEL, changed, tune

music21 = LazyModule("music21")
ALTERS = {"sharp": 1, "flat": -1, "natural": 0, "double-sharp": 2, "flat-flat": -2}
TYPES = {"breve": 2, "whole": 1, "half": 2, "quarter": 4, "eighth": 8, "16th": 16, "32nd": 32}


def xml_of(tune: Tune) -> ElementTree.Element:
    return ElementTree.fromstring(musicxml_of(tune))  # noqa: S314 - our own


def music21_reads(tune: Tune) -> list[Sound]:
    score = music21.converter.parseData(musicxml_of(tune), format="musicxml")
    strikes = []
    for note in score.parts[0].flatten().notes:
        singles = list(note.notes) if note.isChord else [note]
        keys = {one.pitch.midi: bool(one.tie and one.tie.type != "stop") for one in singles}
        strikes.append(
            WrittenChord(Fraction(note.offset) / 4, Fraction(note.quarterLength) / 4, keys)
        )
    return join_ties(strikes)


def printed_alters(measure: ElementTree.Element, fifths: int) -> list[tuple[int, int]]:
    """For every note what a musician reads, and what is meant."""
    signature = {letter: (fifths - place + 6) // 7 for place, letter in enumerate("FCGDAEB")}
    said: dict[str, int] = {}
    result = []
    for note in measure.iter("note"):
        pitch = note.find("pitch")
        if pitch is None:
            continue
        place = pitch.findtext("step", "") + pitch.findtext("octave", "")
        if sign := note.findtext("accidental"):
            said[place] = ALTERS[sign]
        meant = int(pitch.findtext("alter", "0"))
        tied = any(tie.get("type") == "stop" for tie in note.findall("tie"))
        result.append((meant if tied else said.get(place, signature[place[0]]), meant))
    return result


def written_durations(measure: ElementTree.Element) -> list[tuple[Fraction, Fraction]]:
    """For every note what its sign says and what its duration says, in whole notes."""
    result = []
    for note in measure.iter("note"):
        if note.find("type") is None or note.find("rest[@measure]") is not None:
            continue
        name = note.findtext("type", "")
        sign = Fraction(2) if name == "breve" else Fraction(1, TYPES[name])
        dots = len(note.findall("dot"))
        sign *= Fraction(2 ** (dots + 1) - 1, 2**dots)
        actual = int(note.findtext("time-modification/actual-notes", "1"))
        normal = int(note.findtext("time-modification/normal-notes", "1"))
        ticks = Fraction(int(note.findtext("duration", "0")), 4 * 10080)
        result.append((sign * normal / actual, ticks))
    return result


@given(tunes())
@settings(max_examples=25, deadline=None)
def test_music21_reads_the_same_notes_back(tune: Tune) -> None:
    assert music21_reads(tune) == sounding_notes(tune)


@given(tunes())
@settings(max_examples=25, deadline=None)
def test_pitch_and_duration_follow_from_the_printed_notes(tune: Tune) -> None:
    root = xml_of(tune)
    for measure in root.iter("measure"):
        assert all(read == meant for read, meant in printed_alters(measure, tune.key.fifths))
        assert all(sign == ticks for sign, ticks in written_durations(measure))


@pytest.mark.parametrize("tune", [JIG, REEL, CHORDS], ids=lambda tune: tune.title)
def test_random_tunes_are_read_back(tune: Tune) -> None:
    assert music21_reads(tune) == sounding_notes(tune)


def test_the_same_tune_gives_the_same_bytes() -> None:
    assert musicxml_of(REEL, composer="A") == musicxml_of(REEL, composer="A")
    assert b"encoding-date" not in musicxml_of(REEL)


def test_a_pickup_is_not_numbered() -> None:
    measures = list(xml_of(JIG).iter("measure"))
    assert [(m.get("number"), m.get("implicit")) for m in measures[:3]] == [
        ("0", "yes"),
        ("1", "no"),
        ("2", "no"),
    ]


def test_a_bar_divided_by_a_repeat_sign_has_one_number() -> None:
    divided = tune("|: ABcd efga | ABcd :| efga | A8 |]")
    measures = list(xml_of(divided).iter("measure"))
    assert [m.get("number") for m in measures] == ["1", "2", "2a", "3"]
    assert measures[2].get("implicit") == "yes"


def test_an_accidental_lasts_through_its_bar_and_no_longer() -> None:
    notes = xml_of(tune("^G2 G2 =G2 ^g2 | ^G8 |]", key="C")).iter("note")
    signs = [note.findtext("accidental") for note in notes]
    assert signs == ["sharp", None, "natural", "sharp", "sharp"]


def test_a_note_tied_over_the_bar_line_keeps_its_accidental_unprinted() -> None:
    notes = xml_of(tune("^G8- | ^G4 G4 |]", key="C")).iter("note")
    assert [note.findtext("accidental") for note in notes] == ["sharp", None, "sharp"]


def test_key_and_metre_change_at_a_bar() -> None:
    twice = changed(tune("A8 | A8 | A6 |]"), 2, key=Key("F"), metre=Metre(6, 8))
    keys = [element.findtext("fifths") for element in xml_of(twice).iter("key")]
    times = [element.findtext("beats") for element in xml_of(twice).iter("time")]
    assert (keys, times) == (["2", "-1"], ["4", "6"])


def test_extra_accidentals_of_a_key_are_in_the_signature() -> None:
    pipes = tune("A8 |]", key="D =c ^g")
    (key,) = xml_of(pipes).iter("key")
    steps = [element.text for element in key.iter("key-step")]
    assert sorted(filter(None, steps)) == ["F", "G"]


def test_common_and_cut_time_are_shown_by_their_symbols() -> None:
    for symbol, name in [("C", "common"), ("C|", "cut")]:
        metre = Metre(4, 4, symbol) if symbol == "C" else Metre(2, 2, symbol)
        (time,) = xml_of(tune("A8 |]", metre=metre)).iter("time")
        assert time.get("symbol") == name


def test_free_metre_has_no_time_signature() -> None:
    assert not list(xml_of(tune("ABcde |]", metre=FREE_METRE)).iter("time"))


def test_endings_have_brackets_over_their_bars() -> None:
    endings = [(e.get("number"), e.get("type")) for e in xml_of(JIG).iter("ending")]
    assert endings == [("1", "start"), ("1", "stop"), ("2", "start"), ("2", "stop")] * 2


def test_a_long_note_becomes_tied_notes_that_meet_on_the_beat() -> None:
    notes = list(xml_of(tune("A5 B3 | c9/2 d7/2 |]")).iter("note"))
    signs = [note.findtext("type", "") + "." * len(note.findall("dot")) for note in notes]
    assert signs == ["half", "eighth", "quarter.", "half", "16th", "quarter.."]


def test_a_bar_of_rest_is_one_rest_in_every_metre() -> None:
    (note,) = xml_of(tune("z9 |]", metre=Metre(9, 8))).iter("note")
    assert note.find("rest[@measure='yes']") is not None


def test_invisible_rests_are_kept_but_not_printed() -> None:
    notes = list(xml_of(tune("x4 A4 |]")).iter("note"))
    assert notes[0].get("print-object") == "no"


def test_a_tuplet_is_bracketed_unless_its_beam_shows_it() -> None:
    beamed, loose = (
        [t.get("bracket") for t in xml_of(tune(text)).iter("tuplet") if t.get("type") == "start"]
        for text in ("(3ABc A2 A4 |]", "(3A2B2c2 A4 |]")
    )
    assert (beamed, loose) == (["no"], ["yes"])


def test_a_note_of_a_twelfth_is_a_triplet_of_one() -> None:
    third = Note((Pitch(33),), Fraction(1, 12))
    odd = Tune((Bar((third, third, third)),), Key("C"), Metre(1, 4))
    assert music21_reads(odd) == sounding_notes(odd)


def test_a_duration_without_a_note_value_is_refused() -> None:
    odd = Tune((Bar((Note((Pitch(33),), Fraction(1, 4096)),)),), Key("C"), Metre(4, 4))
    with pytest.raises(NotationError, match="1/4096"):
        musicxml_of(odd)


def test_low_tunes_are_in_the_bass_clef() -> None:
    low, high = tune("D,8 | A,,8 |]"), tune("D8 | G,8 |]")
    assert [xml_of(each).findtext(".//clef/sign") for each in (low, high)] == ["F", "G"]


@pytest.mark.parametrize("title", ["Nul \0 and bell \a", "Half \ud800 a pair", "<&> ' \""])
def test_no_title_breaks_the_document(title: str) -> None:
    root: Any = xml_of(replace(REEL, title=title))
    assert root.findtext("work/work-title")


def test_a_tune_without_bars_raises_our_own_error() -> None:
    with pytest.raises(NotationError):
        musicxml_of(Tune((), Key("C"), Metre(4, 4)))
