"""The chords of an accompaniment become chord symbols above the tune."""

from __future__ import annotations

from fractions import Fraction

import pytest

from abcgen.config import MidiConfig
from abcgen.midi import read_midi
from abcgen.midi.bars import BarSpan
from abcgen.midi.chords import is_chordal, name_chords, with_symbols
from abcgen.midi.performance import PlayedNote
from abcgen.midi.quantize import QuantizedNote
from abcgen.notation.tune import ChordSymbol, Key, Metre, Mode, Tune, key_at
from benchmarks.transcription.measures import sounding
from tests.midi_files import Timed, melody, meta, metre, written

# Key numbers from the lowest up, and the symbol.
CHORDS = {
    "C": (48, 52, 55),
    "Am": (45, 48, 52),
    "G7": (43, 47, 50, 53),
    "Dm7": (50, 53, 57, 60),
    "Fmaj7": (41, 45, 48, 52),
    "Bdim": (47, 50, 53),
    "C/E": (40, 48, 55, 60),
    "G/B": (47, 50, 55),
    "D/F#": (42, 50, 57),
    "Bb": (46, 50, 53),
    "Eaug": (40, 44, 48),
    "Gsus4": (43, 48, 50),
}
TUNE = [72, 71, 69, 67, 69, 71, 72, 74, 76, 74, 72, 71, 72, 74, 76, 72]


def bars(count: int) -> list[BarSpan]:
    return [BarSpan(Fraction(bar), Fraction(bar + 1), Metre(4, 4)) for bar in range(count)]


def block(onset: float, length: float, keys: tuple[int, ...]) -> list[PlayedNote]:
    return [PlayedNote(onset, onset + length, key, 80) for key in keys]


def named(notes: list[PlayedNote], count: int, key: Key | None = None) -> dict[Fraction, str]:
    symbols = name_chords(notes, bars(count), key or Key())
    return {time: str(symbol) for time, symbol in symbols.items()}


@pytest.mark.parametrize("symbol", CHORDS)
def test_root_quality_and_bass_are_named(symbol: str) -> None:
    # Between others, so that the chord alone decides.
    other = CHORDS["C"] if symbol[0] != "C" else CHORDS["Am"]
    notes = [*block(0, 1, other), *block(1, 1, CHORDS[symbol]), *block(2, 1, other)]
    assert named(notes, 3)[Fraction(1)] == symbol


def test_a_chord_is_named_where_it_changes() -> None:
    notes = [*block(0, 1, CHORDS["C"]), *block(1, 0.5, CHORDS["C"]), *block(1.5, 0.5, CHORDS["G7"])]
    assert named(notes, 2) == {Fraction(0): "C", Fraction(3, 2): "G7"}


def test_a_broken_chord_is_one_chord() -> None:
    pattern = [48, 55, 52, 55] * 2 + [43, 50, 47, 53] * 2
    notes = [PlayedNote(at / 8, (at + 1) / 8, key, 80) for at, key in enumerate(pattern)]
    assert named(notes, 2) == {Fraction(0): "C", Fraction(1): "G7"}


def test_roots_are_spelled_in_the_key() -> None:
    notes = block(0, 1, (46, 49, 53))
    assert named(notes, 1, key_at(-5, Mode.MAJOR)) == {Fraction(0): "Bbm"}
    assert named(notes, 1, key_at(6, Mode.MAJOR)) == {Fraction(0): "A#m"}


def test_a_note_over_a_change_of_chord_is_tied() -> None:
    note = QuantizedNote(Fraction(0), Fraction(1), (72,))
    symbols = {Fraction(0): ChordSymbol(("C", 0)), Fraction(1, 2): ChordSymbol(("G", 0))}
    first, second = with_symbols([note], symbols)
    assert (first.offset, first.tied, str(first.symbol)) == (Fraction(1, 2), True, "C")
    assert (second.onset, second.tied, str(second.symbol)) == (Fraction(1, 2), False, "G")


def lead_sheet(*names: str) -> list[Timed]:
    chords = [(4 * bar, 4, key) for bar, name in enumerate(names) for key in CHORDS[name]]
    return [
        metre(0, 4, 4) + meta(0, "key_signature", key="C"),
        melody((place, 1, key) for place, key in enumerate(TUNE)),
        melody(chords),
    ]


def symbols_of(tune: Tune) -> list[str]:
    return [
        str(symbol)
        for bar in tune.bars
        for note in bar.notes
        if note.marks
        for symbol in note.marks.chord_symbols
    ]


def test_a_tune_over_chords_is_a_lead_sheet() -> None:
    data = written(*lead_sheet("C", "Am", "G7", "C"))
    reading = read_midi(data)
    assert symbols_of(reading.tune) == ["C", "Am", "G7", "C"]
    assert not reading.tune.others
    assert [key for _, _, key in sounding(reading.tune)] == TUNE
    assert any("chord symbols" in what for what in reading.inferences)


def test_voices_that_are_asked_for_keep_their_chords() -> None:
    data = written(*lead_sheet("C", "Am", "G7", "C"))
    tune = read_midi(data, config=MidiConfig(texture="voices")).tune
    assert len(tune.others) == 1
    assert symbols_of(tune) == ["C", "Am", "G7", "C"]


def test_voices_that_sing_together_are_not_chords() -> None:
    line = [PlayedNote(at / 4, (at + 1) / 4, 60 + at % 5, 80) for at in range(16)]
    assert not is_chordal(line)
    assert is_chordal([*block(0, 1, CHORDS["C"]), *block(1, 1, CHORDS["Am"])])
