"""What we write is read back by others: the engraver, music21 and the MusicXML schema."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import Phase, given, settings

from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.tune import Metre, Tune, Voice
from abcgen.notation.walk import Sound, sounding_notes
from abcgen.score.layout import parts_of
from abcgen.score.musicxml import musicxml_of
from abcgen.score.performance import PlaybackOptions
from abcgen.score.read_musicxml import read_musicxml
from abcgen.score.referee import first_difference
from tests.marked_tunes import DUET, MARKED
from tests.musicxml_readers import read_with_music21, read_with_verovio, schema_errors
from tests.strategies import tunes
from tests.tunes import CHORDS, JIG, REEL, tune

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE = 16  # every so many of the real tunes; benchmarks/rendering looks at thousands
SAMPLES = [JIG, REEL, CHORDS, MARKED, DUET]


def meant(tune: Tune) -> list[list[Sound]]:
    return [sounding_notes(part) for part in parts_of(tune)]


@pytest.mark.parametrize("tune", SAMPLES, ids=lambda tune: tune.title)
def test_all_readers_find_the_notes_of_the_tune(tune: Tune) -> None:
    document = musicxml_of(tune)
    assert read_with_verovio(document) == meant(tune)
    assert read_with_music21(document) == meant(tune)


def test_all_readers_find_the_notes_of_real_tunes(real_tunes: Sequence[Tune]) -> None:
    for real in real_tunes[::SHARE]:
        document = musicxml_of(real)
        assert read_with_verovio(document) == meant(real), real.title
        assert read_with_music21(document) == meant(real), real.title


@given(tunes(), tunes())
@settings(max_examples=8, phases=[Phase.generate])  # shrinking would take minutes
def test_the_engraver_draws_any_two_voices_even_if_they_do_not_match(
    one: Tune, other: Tune
) -> None:
    duet = replace(one, others=(Voice("2", other.bars),))
    drawn = read_with_verovio(musicxml_of(duet))
    for ours, theirs in zip(meant(duet), drawn, strict=True):
        assert first_difference(ours, theirs) == ""


def test_a_tuplet_that_opens_with_a_rest_is_beamed_alone() -> None:
    odd = tune("(3z/B/c/ d/4e3/4 fg | A3 |]", metre=Metre(3, 8))
    assert read_with_verovio(musicxml_of(odd)) == meant(odd)


def test_the_documents_are_valid_by_the_schema(real_tunes: Sequence[Tune]) -> None:
    pytest.importorskip("musicxml")
    fiddle = PlaybackOptions(INSTRUMENTS["fiddle"])
    for each in [MARKED, DUET, CHORDS, *real_tunes[:: 8 * SHARE]]:
        assert schema_errors(musicxml_of(each, composer="<b>&")) == []
        assert schema_errors(musicxml_of(each, playback=fiddle)) == []


def test_a_document_tells_instrument_and_tempo_and_is_read_back_without_them() -> None:
    document = musicxml_of(JIG, playback=PlaybackOptions(INSTRUMENTS["whistle"], tempo=100))
    root = ElementTree.fromstring(document)  # noqa: S314 - our own
    part = root.find("part-list/score-part")
    assert part is not None
    assert part.findtext("part-name") == part.findtext("score-instrument/instrument-name")
    assert part.findtext("midi-instrument/midi-program") == str(78 + 1)
    # A beat of 6/8 is a dotted quarter.
    sound = root.find("part/measure/sound")
    assert sound is not None
    assert sound.get("tempo") == "150"
    assert read_musicxml(document) == read_musicxml(musicxml_of(JIG))


def test_the_schema_check_finds_an_error() -> None:
    pytest.importorskip("musicxml")
    wrong = musicxml_of(JIG).replace(b"<step>A</step>", b"<step>H</step>", 1)
    assert schema_errors(wrong)


def test_the_engraver_check_finds_a_wrong_note() -> None:
    wrong = musicxml_of(JIG).replace(b"<octave>4</octave>", b"<octave>5</octave>", 1)
    assert read_with_verovio(wrong) != meant(JIG)
