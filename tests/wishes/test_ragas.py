from __future__ import annotations

from itertools import pairwise

import pytest

from abcgen.errors import InputError
from abcgen.notation.reader import read_abc
from abcgen.notation.writer import write_abc
from abcgen.wishes.ragas import NAMES, RAGAS, SA, SARGAM, Raga, likeness, raga_named
from abcgen.wishes.sargam import degrees_of, with_sargam


def height(octave: int, degree: tuple[int, int]) -> int:
    return 12 * octave + (0, 2, 4, 5, 7, 9, 11)[degree[0]] + degree[1]


def test_there_are_enough_ragas_of_all_thaats() -> None:
    assert len(RAGAS) >= 20
    assert len({raga.thaat for raga in RAGAS.values()}) == 10


@pytest.mark.parametrize("raga", RAGAS.values(), ids=lambda raga: raga.name)
def test_every_raga_agrees_with_itself(raga: Raga) -> None:
    assert raga is raga_named(raga.name.replace("-", " ").title())
    for notes in (raga.rising, raga.falling or raga.rising):
        heights = [height(0, SARGAM[name]) for name in notes]
        assert heights == sorted(set(heights))
        assert len(notes) >= 5  # a raga has five notes or more
        assert notes[0] == "S"
    scale = raga.scale
    for name in (raga.vadi, raga.samvadi):
        assert SARGAM[name] in scale.degrees
    # Its own phrase keeps the rule: each note is left upwards or downwards as the raga goes.
    phrase = raga.phrase
    assert {degree for _, degree in phrase} <= scale.degrees
    for before, after in pairwise(phrase):
        rise = height(*after) - height(*before)
        assert not rise or before[1] in (scale.rising if rise > 0 else scale.falling), before


def test_names_and_degrees_pair() -> None:
    assert len(NAMES) == len(SARGAM) == 12
    assert NAMES[SA] == "S"
    with pytest.raises(InputError):
        raga_named("blues")


def test_a_raga_is_known_by_its_chief_notes_and_turns() -> None:
    bhupali, deshkar = RAGAS["bhupali"], RAGAS["deshkar"]  # the same five notes
    melody = [SARGAM[name] for name in "GRSDSRGPGDPGRS"]
    assert likeness(melody, bhupali) > likeness(melody, deshkar)
    assert likeness([SA] * 4, bhupali) == likeness([], bhupali) == 0


def test_sargam_names_each_note_struck_above_its_own_tonic() -> None:
    tune = with_sargam(read_abc("X:1\nM:4/4\nL:1/4\nK:Dlyd\nD E F- F|z =G ^G A|=B B =c c|\n"))
    lyrics = [note.marks.lyrics[0] for note in tune.notes if note.marks]
    words = [syllable.text for syllable in lyrics if syllable]
    assert words == ["S", "R", "G", "", "m", "M", "P", "D", "D", "n", "n"]
    assert read_abc(write_abc(tune)) == tune
    assert degrees_of(tune)[:2] == [(0, 0), (1, 0)]
