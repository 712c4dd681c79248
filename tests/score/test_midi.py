from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings

from abcgen.errors import InputError
from abcgen.notation.playback import play_order
from abcgen.notation.transpose import INSTRUMENTS
from abcgen.notation.tune import Key, Metre, Mode, Tune
from abcgen.notation.walk import sounding_notes
from abcgen.score.midi import midi_of
from abcgen.score.performance import PlaybackOptions
from abcgen.system import LazyModule
from tests.strategies import tunes
from tests.tunes import CHORDS, JIG, REEL, TOO_LOW, changed, tune

mido = LazyModule("mido")
FIDDLE = INSTRUMENTS["fiddle"]


def messages(tune: Tune, **options: Any) -> list[tuple[int, Any]]:
    file = mido.MidiFile(
        file=BytesIO(midi_of(tune, PlaybackOptions(FIDDLE, **options))), charset="utf-8"
    )
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (0, 480, 1)
    now, found = 0, []
    for message in file.tracks[0]:
        now += message.time
        found.append((now, message))
    return found


def notes(tune: Tune) -> list[tuple[int, int, int]]:
    """(onset, end, key) in ticks."""
    begun: dict[int, int] = {}
    found = []
    for now, message in messages(tune):
        if message.type == "note_on":
            assert message.note not in begun
            begun[message.note] = now
        elif message.type == "note_off":
            found.append((begun.pop(message.note), now, message.note))
    assert not begun
    return sorted(found)


def of_type(tune: Tune, kind: str, **options: Any) -> list[Any]:
    return [message for _, message in messages(tune, **options) if message.type == kind]


@given(tunes())
@settings(max_examples=25, deadline=None)
def test_the_notes_are_those_of_the_unrolled_tune(tune: Tune) -> None:
    expected = [
        (round(1920 * onset), round(1920 * (onset + duration)), key)
        for onset, duration, keys in sounding_notes(tune, play_order(tune))
        for key in keys
    ]
    assert notes(tune) == sorted(expected)


def test_repeats_and_endings_are_played_out() -> None:
    keys = [key for _, _, key in notes(tune("|: A4 |[1 B4 :|[2 c4 |]", metre=Metre(2, 4)))]
    assert keys == [69, 71, 69, 73]


def test_tied_notes_and_chords_sound_once() -> None:
    tied = tune("A8- | A4 [Ac]4- | [Ac]8 |]")
    assert [end - start for start, end, _ in notes(tied)] == [2880, 2880, 2880]


def test_sevenths_of_a_beat_do_not_drift() -> None:
    long = tune("|".join(["(7ABcdefg"] * 40) + "|]", metre=Metre(1, 4))
    found = notes(long)
    for number, (onset, _, _) in enumerate(found):
        assert abs(onset - Fraction(number * 480, 7)) <= Fraction(1, 2)
    assert found[-1][1] == 40 * 480


def test_every_tune_ends_when_its_last_bar_does() -> None:
    assert messages(tune("A4 z4 |]"))[-1][0] == 1920


def test_key_and_metre_are_written_again_on_the_repeat() -> None:
    twice = changed(tune("|: A8 | A6 :|"), 1, key=Key("E", 0, Mode.MINOR), metre=Metre(6, 8))
    assert [message.key for message in of_type(twice, "key_signature")] == ["D", "Em"] * 2
    assert [message.numerator for message in of_type(twice, "time_signature")] == [4, 6] * 2


def test_a_dorian_tune_has_the_signature_of_its_minor_neighbour() -> None:
    (message,) = of_type(replace(REEL, key=Key("A", 0, Mode.DORIAN)), "key_signature")
    assert message.key == "Em"


@pytest.mark.parametrize(
    ("rhythm", "metre", "quarters"),
    [
        ("jig", Metre(6, 8), 168),
        ("Double Jig", Metre(6, 8), 168),
        ("Slip-Jig", Metre(9, 8), 174),
        ("reel", Metre(4, 4), 196),
        ("reel", Metre(2, 2, "C|"), 196),
        ("Reel", Metre(2, 4), 98),
        ("waltz", Metre(3, 4), 144),
        ("", Metre(6, 8), 135),
        ("no such thing", Metre(5, 4), 110),
    ],
)
def test_the_tempo_suits_the_rhythm_and_the_metre(rhythm: str, metre: Metre, quarters: int) -> None:
    (message,) = of_type(replace(REEL, rhythm=rhythm, metre=metre), "set_tempo")
    assert round(60_000_000 / message.tempo) == quarters


def test_a_tempo_counts_dotted_beats_in_a_jig() -> None:
    (message,) = of_type(JIG, "set_tempo", tempo=100)
    assert message.tempo == round(60_000_000 / 150)


@pytest.mark.parametrize("tempo", [0, -5, 10_000, float("nan")])
def test_an_impossible_tempo_is_refused(tempo: float) -> None:
    with pytest.raises(InputError):
        midi_of(JIG, PlaybackOptions(FIDDLE, tempo=tempo))


def test_the_instrument_and_the_title_are_in_the_file() -> None:
    tune = replace(CHORDS, title="Żółw\n№ 5 — café")
    assert [message.program for message in of_type(tune, "program_change")] == [40]
    assert [message.name for message in of_type(tune, "track_name")] == ["Żółw № 5 — café"]


def test_a_note_beyond_midi_is_refused() -> None:
    with pytest.raises(InputError):
        midi_of(TOO_LOW, PlaybackOptions(FIDDLE))
