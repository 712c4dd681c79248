"""Percussion: drums as keys of General MIDI, and the notes that stand for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.corpus.records import extract_of
from abcgen.errors import NotationError
from abcgen.notation.ensemble import melody_of
from abcgen.notation.percussion import KIT, drums_of, is_percussion, plain_pitch
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key, Note, Tune, Voice
from abcgen.notation.writer import write_abc

HEAD = "X:1\nT:Drums\nM:4/4\nL:1/4\nK:D\nV:1\nFAdf|\nV:2 {}\n"
CHANNEL = "%%MIDI channel 10\n"


def keys_of(tune: Tune) -> list[list[int]]:
    """Return the keys of the notes of the second voice."""
    notes = [note for note in tune.voices[1].notes if isinstance(note, Note)]
    return [sorted(pitch.midi for pitch in note.pitches) for note in notes]


@pytest.mark.parametrize(
    ("voice", "music", "keys"),
    [
        # The usual places on the page.
        ("clef=perc", "=F=c^g=A|", [[36], [38], [42], [43]]),
        # The drums' channel: keys, as abc2midi plays them.
        ("", f"{CHANNEL}=C,,D,,^F,,[=C,,D,,]|", [[36], [38], [42], [36, 38]]),
        # A map.
        (
            "clef=perc",
            f"{CHANNEL}%%MIDI drummap A 36\n%%MIDI drummap ^a 76\nA^a=A2|",
            [[36], [76], [36]],
        ),
        ("clef=percussion", "%%MIDI drummap B 38\nB2B2|", [[38], [38]]),
    ],
)
def test_drums_are_read_and_written(voice: str, music: str, keys: list[list[int]]) -> None:
    tune = read_abc(HEAD.format(voice) + music)
    assert keys_of(tune) == keys
    assert is_percussion(tune.voices[1])
    assert not is_percussion(tune.voices[0])
    assert read_abc(write_abc(tune)) == tune


def test_a_map_without_percussion_changes_nothing() -> None:
    tune = read_abc(HEAD.format("") + "%%MIDI drummap F 36\nFAdf|")
    assert tune.voices[0].bars == tune.voices[1].bars


@given(st.sets(st.integers(0, 127), min_size=1))
def test_every_drum_has_a_place_of_its_own(keys: set[int]) -> None:
    tune = read_abc(HEAD.format("clef=perc") + "BBBB|")
    beat = next(tune.others[0].notes)
    assert isinstance(beat, Note)
    bar = tune.others[0].bars[0]
    notes = tuple(Note((plain_pitch(key),), beat.duration) for key in sorted(keys))
    drums = drums_of([Voice("", (type(bar)(notes),), "perc")])
    assert set(drums) == keys
    assert len({drum.written.midi for drum in drums.values()}) == len(keys)


def test_no_two_drums_of_a_kit_share_a_note() -> None:
    assert len({drum.place for drum in KIT.values()}) == len(KIT)


def test_percussion_is_not_transposed_but_its_key_is() -> None:
    tune = read_abc(HEAD.format("clef=perc") + "=F=c^g=A|[K:G]=F=c^g=A|")
    moved = transpose(tune, Key("F"))
    assert keys_of(moved) == keys_of(tune)
    assert moved.others[0].bars[1].key != tune.others[0].bars[1].key
    assert read_abc(write_abc(moved)) == moved


def test_percussion_is_no_tune() -> None:
    tune = read_abc(HEAD.format("clef=perc") + "=F=c^g=A|")
    assert melody_of(tune).tune.voices == tune.voices[:1]
    assert extract_of(tune).voices == 1
    drums = read_abc("X:1\nM:4/4\nL:1/4\nK:C clef=perc\nFcFc|")
    assert read_abc(write_abc(drums)) == drums
    with pytest.raises(NotationError):
        extract_of(drums)
