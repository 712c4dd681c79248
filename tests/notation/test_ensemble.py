from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.errors import NotationError
from abcgen.notation.ensemble import chosen_voices, in_step
from abcgen.notation.model_text import decode_tune, encode_tune
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key, Mode, Note, Pitch, Voice
from tests.notation.test_writer import sounding
from tests.strategies import tunes, with_true_ties

if TYPE_CHECKING:
    from abcgen.notation.tune import Bar, Rest, Tune

FOUR = (
    (
        "X:1\nM:4/4\nL:1/4\nK:G\n"
        'V:1 name="Soprano"\nD | G2 A B | d2 c B |1 A3 :|2 G4 |]\n'
        'V:2 name="Alto"\nD | D2 D D | F2 F G |1 F3 :|2 D4 |]\n'
        'V:3 name="Tenor" clef=treble-8\nA | B2 c d | A2 c d |1 c3 :|2 B4 |]\n'
        'V:4 name="Bass" clef=bass\nF, | G,2 F, G, | D2 A, G, |1 D,3 :|2 G,,4 |]\n'
    )
    .replace("D | ", "D |: ", 2)
    .replace("A | B2", "A |: B2")
    .replace("F, | G", "F, |: G")
)


def voice_of(tune: Tune, index: int) -> Tune:
    return replace(tune, bars=tune.voices[index].bars, others=())


def test_voices_are_interleaved_bar_by_bar() -> None:
    encoded = encode_tune(read_abc(FOUR), voices=4)
    assert encoded.text == (
        "M:4/4\nK:Cmaj\n"
        "G2&G2&D2&B,2|:c4d2e2&G4G2G2&E4F2G2&C4B,2C2|g4f2e2&B4B2c2&D4F2G2&G4D2C2"
        "|1d6&B6&F6&G,6:|2c8&G8&E8&C,8|]\n"
    )
    assert encoded.notes == 4 * 9


def test_the_first_voice_alone_is_written_as_ever() -> None:
    tune = read_abc(FOUR)
    alone = encode_tune(replace(tune, others=())).text
    assert encode_tune(tune).text == encode_tune(tune, voices=1).text == alone


def other_voice(tune: Tune, steps: int) -> tuple[Bar, ...]:
    """Return the bars of a tune, the items of each the other way round and moved."""

    def moved(note: Note | Rest) -> Note | Rest:
        if not isinstance(note, Note):
            return note
        pitches = (Pitch(pitch.step + steps, pitch.alter) for pitch in note.pitches)
        return replace(note, pitches=tuple(pitches))

    turned = (replace(bar, items=bar.items[::-1]).with_notes(moved) for bar in tune.bars)
    return with_true_ties(tuple(turned))


@given(tunes(), st.integers(-9, 0), st.integers(0, 4))
@settings(max_examples=20)
def test_any_voices_survive_encoding_and_decoding(tune: Tune, steps: int, higher: int) -> None:
    others = Voice("A", other_voice(tune, steps)), Voice("B", other_voice(tune, higher))
    tune = replace(tune, others=others)
    encoded = encode_tune(tune, voices=3)
    decoded = decode_tune(encoded.text)
    assert len(decoded.voices) == 3
    in_c = transpose(tune, Key("C"))
    for index in range(3):
        assert sounding(voice_of(decoded, index)) == sounding(voice_of(in_c, index))
        own, first = decoded.voices[index].bars, decoded.bars
        assert [(bar.line, bar.repeat_start, bar.ending) for bar in own] == [
            (bar.line, bar.repeat_start, bar.ending) for bar in first
        ]
    assert encode_tune(decoded, voices=3) == encoded


@pytest.mark.parametrize("body", ["C8&E8|D8|\n", "C8|D8&E8|\n", "C8&E8|D8&E8&F8|\n"])
def test_a_bar_that_lacks_a_voice_is_refused(body: str) -> None:
    with pytest.raises(NotationError):
        decode_tune(f"M:4/4\nK:Cmaj\n{body}")


def test_keys_metres_and_chord_symbols_are_written_once_and_hold_for_all_voices() -> None:
    text = 'M:4/4\nK:Cmaj\n"Am"c8&E8|[M:3/4][K:Gmin]B6&=E6||[K:Cmaj][CE]6&_E6|]\n'
    decoded = decode_tune(text)
    assert encode_tune(decoded, voices=2, chord_symbols=True).text == text
    assert [[str(bar.key) for bar in voice.bars] for voice in decoded.voices] == [
        ["None", "Gmin", "C"]
    ] * 2
    notes = [note.pitches[0] for note in decoded.others[0].notes if isinstance(note, Note)]
    assert [pitch.alter for pitch in notes] == [0, 0, -1]


# Which voices.


def several(*names: str) -> Tune:
    """Return a tune of voices, each lower than the one before, the second with most notes."""
    lines = ["X:1", "M:4/4", "L:1/4", "K:C"]
    for number, name in enumerate(names, start=1):
        note = "cbagfed"[number - 1]
        music = f"{note}{note}{note}{note}|" if number == 2 else f"{note}4|"
        lines += [f'V:{number} name="{name}"', music]
    return read_abc("\n".join(lines) + "\n")


def names_of(tune: Tune) -> list[str]:
    return [voice.name for voice in tune.voices]


def test_all_voices_are_taken_if_they_are_as_many_as_wanted() -> None:
    chosen = chosen_voices(several("x", "y", "z"), 3)
    assert names_of(chosen.tune) == ["x", "y", "z"]
    assert chosen.how == "all"


def test_singers_are_taken_by_name_however_many_others_there_are() -> None:
    tune = several("Horn", "Soprano", "Alto", "Tenor Viola", "Bass", "Continuo")
    assert names_of(chosen_voices(tune, 4).tune) == ["Soprano", "Alto", "Tenor Viola", "Bass"]


def test_else_the_first_the_lowest_and_the_fullest_are_taken() -> None:
    tune = several("tune", "busy", "quiet", "low")
    assert names_of(chosen_voices(tune, 2).tune) == ["tune", "low"]
    assert names_of(chosen_voices(tune, 3).tune) == ["tune", "busy", "low"]


def test_a_tune_of_too_few_voices_is_refused() -> None:
    with pytest.raises(NotationError):
        chosen_voices(several("x", "y"), 4)


def test_a_voice_that_becomes_the_first_opens_in_its_own_key() -> None:
    tune = read_abc(
        'X:1\nM:4/4\nL:1/4\nK:Dmin\nV:1 name="Oboe"\nD4|\nV:2 name="Soprano"\nK:F\nF4|\n'
        'V:3 name="Alto"\nK:F\nC4|\nV:4 name="Tenor"\nK:F\nA,4|\nV:5 name="Bass"\nK:F\nF,4|\n'
    )
    chosen = chosen_voices(tune, 4).tune
    assert str(chosen.key) == "F"
    assert [voice.bars[0].key for voice in chosen.voices] == [None] * 4


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ("V:2\nC4|D4|E4|", "3 bars, not 2"),
        ("V:2\nC4|D3|", "lasts 3/4"),
        ("V:2\nC4:|D4|", "repeats otherwise"),
        ("V:2\nz4|z4|", "rests throughout"),
    ],
)
def test_voices_that_are_not_in_step_are_refused(others: str, reason: str) -> None:
    tune = read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\nV:1\nC4|D4|\n{others}\n")
    with pytest.raises(NotationError) as error:
        in_step(tune)
    assert reason in error.value.reason


def test_bars_divided_where_a_phrase_ends_are_joined_in_all_voices() -> None:
    tune = read_abc(
        "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nG|C4|D3|E|F4|G3:|\nV:2\nE|C4|B,A,G,|C|F,4|E,3:|\n"
    )
    text = encode_tune(in_step(tune), voices=2).text
    assert text.splitlines()[-1] == "|:G2&E2|C8&C8|D6E2&B,2A,2G,2C2|F8&F,8|G6&E,6:|"


def test_a_pickup_and_a_short_bar_at_a_repeat_stay_apart() -> None:
    tune = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nV:1\nG|CEG||G|C4|]\nV:2\nE|CEG||E|C4|]\n")
    assert [bar.duration for bar in in_step(tune).bars] == [bar.duration for bar in tune.bars]


@pytest.mark.parametrize(
    ("bass", "mode"), [("A,,", Mode.MINOR), ("C,", Mode.MAJOR), ("D,", Mode.DORIAN)]
)
def test_the_mode_is_that_of_the_note_the_bass_ends_on(bass: str, mode: Mode) -> None:
    tune = read_abc(f"X:1\nM:4/4\nL:1/4\nK:Am\nV:1\nA4|\nV:2\nK:C\n{bass}4|\n")
    assert in_step(tune).key.mode is mode
