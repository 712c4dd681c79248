"""Part writing and harmony are measured as a teacher would mark them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from abcgen.evaluation.part_writing import (
    chord_named,
    chords_of_symbols,
    chords_of_voices,
    harmony_of,
    measured,
    on_beats,
    parallels,
)
from abcgen.notation.reader import read_abc

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune


def two(upper: str, lower: str, metre: str = "4/4") -> Tune:
    return read_abc(f"X:1\nM:{metre}\nL:1/4\nK:C\nV:1\n{upper}\nV:2\n{lower}\n")


@pytest.mark.parametrize(
    ("upper", "lower", "fifths", "octaves"),
    [
        ("GAGG|]", "CDEE|]", 1, 0),  # C-G to D-A
        ("GGAA|]", "CCCC|]", 0, 0),  # nothing moves in parallel
        ("GDGD|]", "CGCG|]", 0, 0),  # a fifth, then a fourth
        ("cded|]", "CDCG|]", 0, 1),
        ("cdcc|]", "C,D,G,E,|]", 0, 1),  # two octaves
        ("G2A2|]", "C2D2|]", 1, 0),
        ("Gz2A|]", "Cz2D|]", 0, 0),  # rests between them
    ],
)
def test_parallels_are_counted(upper: str, lower: str, fifths: int, octaves: int) -> None:
    tune = two(upper, lower)
    found = measured(tune)
    moves = len(on_beats(tune)) - 1
    assert found["parallel_fifths"] == pytest.approx(100 * fifths / moves)
    assert found["parallel_octaves"] == pytest.approx(100 * octaves / moves)
    assert parallels(tune) == fifths + octaves


def test_crossed_voices_and_dissonance_are_shares_of_quarters() -> None:
    found = measured(two("EEEE|]", "CFDC|]"))
    assert found["crossings"] == pytest.approx(1 / 4)
    # C-E is of a triad; so is no E-F and no D-E.
    assert found["dissonance"] == pytest.approx(2 / 4)
    # D is on the third beat, a strong one.
    assert found["strong_dissonance"] == pytest.approx(1 / 2)
    assert measured(two("E2F2|]", "C2C2|]", "3/4"))["strong_dissonance"] == 0


def test_a_pickup_does_not_move_the_strong_beats() -> None:
    assert measured(two("D|EEEE|]", "C|CCCC|]"))["strong_dissonance"] == 0
    assert measured(two("E|DEEE|]", "C|CCCC|]"))["strong_dissonance"] == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ((72, 67, 64, 48), "I major"),
        ((72, 69, 64, 45), "VI minor"),
        ((71, 67, 65, 43), "V dominant seventh"),
        ((71, 65, 62, 50), "VII diminished"),
        ((60, None), "I major"),
        ((64, 48), "I major"),
        ((64, 60, 45), "VI minor"),
        ((62, 61, 60), "other"),
        ((None, None), "other"),
    ],
)
def test_chords_are_named_by_degree_and_kind(keys: tuple[int | None, ...], name: str) -> None:
    assert chord_named(keys, 0) == name


def test_progressions_and_cadences_follow_the_changes_of_chord() -> None:
    tune = read_abc(
        "X:1\nM:4/4\nL:1/2\nK:G\nV:1\nBc|Ag|]\nV:2\nGG|Fd|]\nV:3\nDE|DB|]\nV:4\nG,C|D,G,|]\n"
    )
    harmony = harmony_of(tune)
    assert harmony.chords == Counter({"I major": 4, "IV major": 2, "V major": 2})
    assert harmony.progressions["I major IV major"] == 1
    assert harmony.cadences == Counter({"V major I major": 1})


def test_the_chords_of_half_bars_are_those_of_voices_or_symbols() -> None:
    voices, symbols = two("E2D2|]", "C2G,2|]"), read_abc('X:1\nM:4/4\nL:1/4\nK:C\n"C"E2"G"D2|]')
    assert chords_of_voices(voices) == chords_of_symbols(symbols)
    assert [*chords_of_symbols(symbols).values()] == [(0, False), (7, False)]
