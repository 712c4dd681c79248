from __future__ import annotations

import random

import numpy as np

from abcgen.config import NetworkConfig
from abcgen.grammar.positions import with_form_line
from abcgen.grammar.voice_positions import VoicesTracker
from abcgen.model.positions import feature_tables
from abcgen.model.vocabulary import Vocabulary
from abcgen.notation.model_text import encode_tune
from abcgen.notation.reader import read_abc
from tests.notation.test_ensemble import FOUR

HEAD = "M:4/4\nK:Cmin\n"
FEATURES = tuple(feature_tables(NetworkConfig(positions=True, relative_pitch=True, voices=3)))


def features_after(text: str) -> dict[str, int]:
    """Return the features after the last character of a text of three voices."""
    vocabulary = Vocabulary.of([text])
    tracker = VoicesTracker(vocabulary.tokens, FEATURES, 3)
    last = tracker.features_of(vocabulary.encode(text))[-1]
    return dict(zip(FEATURES, last.tolist(), strict=True))


def sounding(text: str) -> tuple[int, int]:
    """Return the MIDI key numbers that sound in the voices above, 0 if none does."""
    after = features_after(HEAD + text)
    first, second = after["sounding_1"], after["sounding_2"]
    return first and first + 12, second and second + 12


def test_every_bar_of_every_voice_begins_at_time_zero() -> None:
    assert [features_after(f"{HEAD}c4{rest}")["time"] for rest in ("", "&", "&G2", "&G4&")] == [
        *(8, 0, 4, 0)
    ]
    assert features_after(f"{HEAD}c8&G8&E8|")["time"] == 0


def test_voices_are_counted_within_a_bar_and_bars_with_the_first_voice() -> None:
    after = [features_after(HEAD + text) for text in ("c8", "c8&", "c8&G8&", "c8&G8&E8|", "|:")]
    assert [each["voice"] for each in after] == [0, 1, 2, 0, 0]
    assert [each["bar"] for each in after] == [0, 0, 0, 1, 0]
    assert features_after(f"{HEAD}c8&(5:4:5GG")["voice"] == 1


def test_the_next_note_knows_what_it_sounds_with() -> None:
    assert sounding("c4d4&") == (72, 0)
    assert sounding("c4d4&G2") == (72, 0)
    assert sounding("c4d4&G4") == (74, 0)
    assert sounding("c4d4&G6F2&E6") == (74, 65)
    assert sounding("c4z4&G4") == (0, 0)
    assert sounding("c4d4&G6F2&E6D2|") == (0, 0)


def test_sounding_notes_have_the_accidentals_of_their_bar_and_of_the_key() -> None:
    assert sounding("e8&") == (75, 0)
    assert sounding("=e4e4&G4") == (76, 0)
    assert sounding("=e8&_B8&E,8|e8&") == (75, 0)
    assert sounding("^c'8&^F,8&") == (85, 54)
    assert sounding("[K:Gmaj]f8&") == (78, 0)


def test_each_voice_has_an_interval_and_height_of_its_own() -> None:
    text = f"{HEAD}c4d4&G8&C,8|"
    first, second = features_after(text), features_after(f"{text}e8&")
    assert first["interval"] == 17  # a step up, from 16 for a repeated note
    assert second["height"] == first["height"] - 4  # G below d
    assert features_after(f"{text}e8&G8&")["letter"] == features_after(f"{HEAD}C")["letter"]


def test_every_feature_is_a_row_of_its_table_whatever_the_text() -> None:
    chance = random.Random(1)
    vocabulary = Vocabulary.of(["|:&[]K(3ABCdefgz,'/248^_=MPaj m\n\"-"])
    tables = feature_tables(NetworkConfig(positions=True, form=True, relative_pitch=True, voices=3))
    tracker = VoicesTracker(vocabulary.tokens, tuple(tables), 3)
    for _ in range(20):
        text = HEAD + "".join(chance.choices(vocabulary.characters, k=300))
        features = tracker.features_of(vocabulary.encode(text))
        assert (features.max(axis=0) < [rows for rows, _ in tables.values()]).all()


def test_step_by_step_features_are_those_of_the_whole_text() -> None:
    text = with_form_line(encode_tune(read_abc(FOUR), voices=3).text)
    vocabulary = Vocabulary.of([text])
    ids = vocabulary.encode(text)
    with_form = NetworkConfig(positions=True, form=True, relative_pitch=True, voices=3)
    tracker = VoicesTracker(vocabulary.tokens, tuple(feature_tables(with_form)), 3)
    states = tracker.start(1)
    for id_, expected in zip(ids, tracker.features_of(ids), strict=True):
        states = tracker.advance(states, np.array([id_], np.int32))
        assert (tracker.features(states)[0] == expected).all()


def test_networks_of_one_voice_have_the_features_they_had() -> None:
    config = NetworkConfig(positions=True, form=True, relative_pitch=True)
    assert [*feature_tables(config)] == [
        *("section", "bar", "time", "sections_left", "bars_left", "time_left"),
        *("interval", "height"),
    ]
    assert "voices" not in config.model_dump()
