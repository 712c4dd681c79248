"""Transcription infers metre, pickup, key, repeats, swing, beats and texture."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from abcgen.config import MidiConfig
from abcgen.errors import NotationError
from abcgen.midi import read_midi
from abcgen.notation.reader import read_abc
from abcgen.notation.tune import Metre, Mode, Note, Tune
from abcgen.notation.writer import write_abc
from benchmarks.transcription.measures import first_bar, sounding
from tests.midi_files import QUARTER, Timed, melody, meta, metre, note, written

if TYPE_CHECKING:
    from collections.abc import Callable

REEL = """X:1
T:Of our own making
M:4/4
L:1/8
K:D
FA|:d2 fd AdfA|g2 fe dcBA|d2 fd AdfA|gfec d2 FA:|
|:f2 af dfaf|g2 bg egbg|f2 af dfaf|gfec d2 de:|
"""
JIG = """X:2
T:Another
M:6/8
L:1/8
K:G
D|GBd gdB|cec BdB|AcA GBG|FAF D2 D|GBd gdB|cec BdB|AcA FAc|BGG G2 D|
GBd gdB|cec BdB|AcA GBG|FAF D2 D|GBd gdB|cec BdB|AcA FAc|BGG G2|]
"""
WALTZ = """X:3
T:A third
M:3/4
L:1/4
K:F
C|F2 A|c2 A|G2 B|A2 F|B2 d|c2 A|G A B|C2 C|F2 A|c2 A|G2 B|A2 F|B2 d|c A F|G2 E|F2|]
"""


def played(tune: Tune, play: Callable[[Fraction], float] = float) -> Timed:
    """Return the messages of a tune's notes; *play* maps times as written to times as played."""
    return melody(
        (4 * play(on), 4 * (play(on + length) - play(on)), key)
        for on, length, key in sounding(tune)
    )


def transcribed(data: bytes, **options: object) -> Tune:
    return read_midi(data, config=MidiConfig(**options)).tune  # type: ignore[arg-type]


def remarks(data: bytes) -> str:
    reading = read_midi(data)
    return "; ".join([*(repair.what for repair in reading.repairs), *reading.inferences])


def heard(tune: Tune) -> list[tuple[Fraction, Fraction, int]]:
    notes = sounding(tune)
    return [(on - notes[0][0], length, key) for on, length, key in notes]


@pytest.mark.parametrize("text", [REEL, JIG, WALTZ])
def test_metre_pickup_and_key_are_inferred_where_the_file_names_none(text: str) -> None:
    source = read_abc(text)
    reading = read_midi(written(played(source)))
    assert reading.tune.metre == source.metre
    assert first_bar(reading.tune) == first_bar(source)
    assert reading.tune.key == source.key
    assert heard(reading.tune) == heard(source)
    words = "; ".join(reading.inferences)
    assert f"metre {source.metre} inferred: the file names none" in words
    assert f"key {source.key} inferred" in words
    assert "a pickup of" in words


def test_a_default_metre_is_doubted() -> None:
    data = written(metre(0, 4, 4) + played(read_abc(WALTZ)))
    assert transcribed(data).metre == Metre(3, 4)
    assert "metre 3/4 inferred: not 4/4 as the file says" in remarks(data)


def test_a_default_key_is_doubted_and_another_is_not() -> None:
    notes = played(read_abc(REEL))
    doubted = written(meta(0, "key_signature", key="C") + notes)
    assert str(transcribed(doubted).key) == "D"
    assert "not C as the file says" in remarks(doubted)
    named = transcribed(written(meta(0, "key_signature", key="G") + notes)).key
    assert named.fifths == 1


def test_of_two_keys_at_nearly_one_time_the_later_counts() -> None:
    keys = meta(0, "key_signature", key="G") + meta(4, "key_signature", key="D")
    assert transcribed(written(keys + played(read_abc(REEL)))).key.fifths == 2


def test_the_mode_is_inferred_within_the_signature_that_is_named() -> None:
    scale = [62, 69, 69, 71, 72, 69, 65, 62, 69, 74, 72, 71, 69, 65, 64, 60, 62, 65, 64, 62, 62, 62]
    tune = transcribed(
        written(
            meta(0, "key_signature", key="C"),
            melody((place, 1, key) for place, key in enumerate(scale)),
        )
    )
    assert (tune.key.tonic, tune.key.mode) == ("D", Mode.DORIAN)


def test_accents_decide_where_the_notes_do_not() -> None:
    keys = [62, 64, 66, 67] * 12
    for beats in (3, 4):
        messages = [
            message
            for place, key in enumerate(keys)
            for message in note(place, 1, key, velocity=110 if place % beats == 1 else 70)
        ]
        tune = transcribed(written(messages), repeats=False)
        assert tune.metre.bar_duration == Fraction(beats, 4)
        assert first_bar(tune) == Fraction(1, 4)


def test_a_passage_played_twice_becomes_a_repeat() -> None:
    source = read_abc(REEL)
    tune = transcribed(written(metre(0, 4, 4) + played(source)))
    assert heard(tune) == heard(source)
    assert write_abc(tune).count(":|") == 2
    assert "2 passages played twice written as repeats" in remarks(written(played(source)))


def test_where_only_the_end_differs_there_are_two_endings() -> None:
    source = read_abc(
        "X:1\nT:x\nM:4/4\nL:1/4\nK:G\n|:GABc|dBGB|cAFA|GBdB|edcB|cBAG|1FAdc|BGG2:|2FAdF|G4||\n"
        "|:d2ed|c2dc|B2cB|A2BA|d2ed|c2dc|BcAF|G4:|\n"
    )
    tune = transcribed(written(metre(0, 4, 4) + played(source)))
    assert heard(tune) == heard(source)
    assert [bar.ending for bar in tune.bars if bar.ending] == [(1,), (2,)]
    assert len(tune.bars) == len(source.bars)


def test_repeats_are_not_written_where_they_are_switched_off() -> None:
    data = written(metre(0, 4, 4) + played(read_abc(REEL)))
    assert ":|" not in write_abc(transcribed(data, repeats=False))


@pytest.mark.parametrize("place", [0.6, 2 / 3])
def test_swing_is_written_even(place: float) -> None:
    source = read_abc(REEL)

    def swung(time: Fraction) -> float:
        beat, part = divmod(float(time) * 4, 1)
        late = part * 2 * place if part <= 0.5 else place + (part - 0.5) * 2 * (1 - place)
        return (beat + late) / 4

    data = written(metre(0, 4, 4) + played(source, swung))
    assert heard(transcribed(data)) == heard(source)
    assert "swung" in remarks(data)


def test_even_eighths_and_triplets_are_not_taken_for_swing() -> None:
    for text in (REEL, JIG, "X:1\nT:x\nM:4/4\nL:1/8\nK:G\n" + "(3GABc2(3dcBA2|" * 8):
        data = written(metre(0, 4, 4) + played(read_abc(text)))
        assert "swung" not in remarks(data)


def test_uneven_playing_is_written_on_the_grid() -> None:
    source, chance = read_abc(JIG), random.Random(5)
    notes = [
        (4 * float(on) + chance.gauss(0, 20 / QUARTER), 4 * float(length) * 0.9, key)
        for on, length, key in sounding(source)
    ]
    shift = min(on for on, *_ in notes)
    data = written(metre(0, 6, 8) + melody((on - shift, length, key) for on, length, key in notes))
    found, true = heard(transcribed(data)), heard(source)
    assert len(set(found) & set(true)) >= 0.95 * len(true)


def test_beats_are_tracked_where_the_file_has_none() -> None:
    source, chance = read_abc(WALTZ), random.Random(3)

    def freely(time: Fraction) -> float:
        return float(time) * 1.37 + 0.02 * math.pow(time, 1.2)

    notes = [
        (4 * freely(on) + 0.61 + chance.gauss(0, 0.01), 4 * 1.37 * float(length) * 0.9, key)
        for on, length, key in sounding(source) * 1
    ]
    data = written(melody(notes))
    assert "beats were found by listening" in remarks(data)
    steps = [
        b[0] - a[0]
        for a, b in zip(heard(transcribed(data)), heard(transcribed(data))[1:], strict=False)
    ]
    true = [b[0] - a[0] for a, b in zip(heard(source), heard(source)[1:], strict=False)]
    ratio = steps[0] / true[0]
    assert (
        sum(step == ratio * wanted for step, wanted in zip(steps, true, strict=True))
        >= len(true) - 3
    )


def chorale() -> list[Timed]:
    lines = [[72, 71, 72, 74, 76], [67, 67, 67, 71, 72], [64, 62, 64, 67, 67], [48, 55, 48, 43, 36]]
    names = ["Soprano", "Alto", "Tenor", "Bass"]
    return [
        meta(0, "track_name", name=name)
        + melody((place, 1 + (place == 4) * 3, key) for place, key in enumerate(line))
        for name, line in zip(names, lines, strict=True)
    ]


def test_parts_become_voices_by_name() -> None:
    data = written(metre(0, 4, 4), *chorale())
    tune = transcribed(data)
    assert [voice.name for voice in tune.voices] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert len(sounding(tune)) == 20
    assert "4 parts sound together" in remarks(data)
    assert sounding(read_abc(write_abc(tune))) == sounding(tune)


def test_texture_melody_or_a_track_takes_one_line_of_several() -> None:
    data = written(metre(0, 4, 4), *chorale())
    assert [key for *_, key in sounding(transcribed(data, texture="melody"))] == [
        72,
        71,
        72,
        74,
        76,
    ]
    assert [key for *_, key in sounding(transcribed(data, track="Tenor"))] == [64, 62, 64, 67, 67]
    assert [key for *_, key in sounding(transcribed(data, track="5"))] == [48, 55, 48, 43, 36]


def test_an_unknown_track_is_an_error_that_names_the_tracks() -> None:
    with pytest.raises(NotationError) as raised:
        transcribed(written(metre(0, 4, 4), *chorale()), track="Viola")
    assert "Viola" in raised.value.reason
    assert "2 Soprano, 3 Alto, 4 Tenor, 5 Bass" in raised.value.reason


def test_texture_chords_gives_one_voice_of_chords() -> None:
    tune = transcribed(written(metre(0, 4, 4), *chorale()), texture="chords")
    assert not tune.others
    chords = [note for note in tune.notes if isinstance(note, Note)]
    assert [len(chord.pitches) for chord in chords] == [4, 4, 4, 4, 4]


def test_piano_music_on_one_track_is_divided_by_hand() -> None:
    right = melody((place / 2, 0.5, 72 + place % 5) for place in range(16))
    left = melody((place * 2, 2, 48 + place % 3) for place in range(4))
    data = written(metre(0, 4, 4) + right + left)
    tune = transcribed(data)
    assert len(tune.voices) == 2
    assert len(sounding(tune)) == 20
    assert "divided by hand" in remarks(data)


def test_notes_are_moved_into_a_range_only_on_request() -> None:
    data = written(metre(0, 4, 4), melody((place, 1, 30 + place) for place in range(8)))
    assert [key for *_, key in sounding(transcribed(data))] == [30 + place for place in range(8)]
    folded = transcribed(data, fold_range=(55, 88))
    assert all(55 <= key <= 88 for *_, key in sounding(folded))


def test_a_judge_chooses_between_close_metres() -> None:
    keys = [67, 69, 71, 72, 74, 72, 71, 69] * 3
    data = written(melody((place, 1, key) for place, key in enumerate(keys)))
    metres = []

    def judge(tune: Tune) -> float:
        metres.append(tune.metre)
        return 0.0 if len(metres) == judged else 1000.0

    judged = 1
    read_midi(data, judge=judge)
    assert len(metres) > 1
    metres, judged = [], len(metres)
    chosen = read_midi(data, judge=judge).tune
    assert chosen.metre == metres[-1]
