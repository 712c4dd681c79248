"""Chord symbols by rule: they fit the tune, the mode and the metre, and leave the tune alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abcgen.errors import NotationError
from abcgen.notation.harmony import chords_of, harmonised
from abcgen.notation.tune import FREE_METRE, LETTERS, Metre, Mode, Pitch, Tune, key_at
from abcgen.notation.walk import walk_tune
from tests.tunes import tune

if TYPE_CHECKING:
    from fractions import Fraction


def symbols(harmony: Tune) -> list[tuple[int, Fraction, str]]:
    """Return each chord symbol with its bar and its time in the bar."""
    return [
        (timed.bar.index, timed.onset - timed.bar.onset, str(symbol))
        for timed in walk_tune(harmony)
        if timed.note.marks
        for symbol in timed.note.marks.chord_symbols
    ]


def names(abc: str, key: str) -> list[str]:
    return [name for _, _, name in symbols(harmonised(tune(abc, key=key)))]


def notes_of(harmony: Tune) -> list[object]:
    return [replace(note, marks=None) for note in harmony.notes]


@pytest.mark.parametrize(
    ("abc", "key", "chords"),
    [
        ("c2e2 g2e2 | f2a2 c'2a2 | g2b2 d'2b2 | c'8 |]", "C", ["C", "F", "G", "C"]),
        ("A2c2 e2c2 | d2f2 a2f2 | e2^g2 b2^g2 | a8 |]", "Am", ["Am", "Dm", "E", "Am"]),
        ("d2f2 a2f2 | c2e2 g2e2 | d2f2 a2f2 | d8 |]", "Ddor", ["Dm", "C", "Dm"]),
        ("A2c2 e2c2 | G2B2 d2B2 | A8 |]", "Amix", ["A", "G", "A"]),
    ],
)
def test_broken_chords_are_named(abc: str, key: str, chords: list[str]) -> None:
    assert [name.rstrip("7") for name in names(abc, key)] == chords


def test_a_dominant_with_its_seventh_says_so() -> None:
    assert names("c4 e4 | g2f2 d2B2 | c8 |]", "C") == ["C", "G7", "C"]


@pytest.mark.parametrize(
    ("metre", "abc", "changes_within"),
    [
        (Metre(4, 4), "c2e2 f2a2 | g2b2 c'2g2 | c8 |]", True),
        (Metre(6, 8), "ceg faf | gbd' c'3 | c6 |]", True),
        (Metre(3, 4), "c2 f2 a2 | c6 |]", False),
    ],
)
def test_chords_change_within_bars_of_two_or_four_beats_alone(
    metre: Metre, abc: str, changes_within: bool
) -> None:
    found = symbols(harmonised(tune(abc, key="C", metre=metre)))
    assert {time for _, time, _ in found if time} == (
        {metre.bar_duration / 2} if changes_within else set()
    )


def test_a_pickup_has_no_chord_and_every_section_begins_with_one() -> None:
    harmony = harmonised(tune("G2 | c2e2 g2e2 | c6 :|: G2 | c2e2 g2e2 | c6 :|", key="C"))
    assert [bar for bar, _, _ in symbols(harmony)] == [1, 4]
    harmony = harmonised(tune("|: c2e2 g2e2 | c8 :|: c2e2 g2e2 | c8 :|", key="C"))
    assert [bar for bar, _, _ in symbols(harmony)] == [0, 2]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("fifths", [-5, 0, 4])
def test_the_chords_of_a_key_are_triads_of_its_scale(mode: Mode, fifths: int) -> None:
    key = key_at(fifths, mode)
    chords = chords_of(key)
    assert len({(chord.root.letter, chord.kind) for chord in chords}) == len(chords) >= 5
    assert all(chord.root.alter == key.signature[chord.root.letter] for chord in chords)
    in_scale = {Pitch(step, key.signature[LETTERS[step % 7]]).midi % 12 for step in range(7)}
    raised = {(key.tonic_pitch_class + 11) % 12} if mode is Mode.MINOR else set()
    assert all(chord.tones <= in_scale | raised for chord in chords)


def test_own_chords_are_replaced_and_all_else_stays() -> None:
    before = tune('"Am"!trill!c2{d}e2 (3gab "F"e2 | z4 c4 |]', key="C")
    after = harmonised(before)
    assert notes_of(after) == notes_of(before)
    assert "Am" not in {name for _, _, name in symbols(after)}
    assert [note.marks.decorations if note.marks else () for note in after.notes] == [
        note.marks.decorations if note.marks else () for note in before.notes
    ]


@given(
    st.lists(st.lists(st.sampled_from(LETTERS), min_size=4, max_size=4), min_size=1, max_size=12),
    st.sampled_from(["C", "Dm", "Gdor", "Amix", "F#m", "Eb"]),
    st.integers(0, 5),
)
@settings(max_examples=25, deadline=None)
def test_any_tune_keeps_its_notes_and_gets_chords_of_its_key(
    bars: list[list[str]], key: str, seed: int
) -> None:
    before = tune("|".join("2".join(bar) + "2" for bar in bars) + "|]", key=key)
    allowed = {(chord.root.letter, chord.root.alter) for chord in chords_of(before.key)}
    for after in (harmonised(before), harmonised(before, seed)):
        assert notes_of(after) == notes_of(before)
        marks = [note.marks for note in after.notes if note.marks]
        assert {mark.chord_symbols[0].root for mark in marks} <= allowed
    assert harmonised(before, seed) == harmonised(before, seed)


def test_free_metre_is_refused() -> None:
    with pytest.raises(NotationError):
        harmonised(tune("cdef | gabc |]", metre=FREE_METRE))


def test_a_change_of_key_changes_the_chords() -> None:
    assert names("c2e2 g2e2 | [K:A] a2c'2 e'2c'2 | a8 |]", "C") == ["C", "A"]
