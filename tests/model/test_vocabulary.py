from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.errors import InputError
from abcgen.model.vocabulary import BEGIN, END, MARKS, PADDING, Vocabulary


@given(st.text())
def test_decoding_undoes_encoding(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text


def test_characters_are_numbered_after_the_marks_in_sorted_order() -> None:
    vocabulary = Vocabulary.of(["ba", "cab"])
    assert vocabulary.characters == "abc"
    assert vocabulary.encode("abc").tolist() == [MARKS, MARKS + 1, MARKS + 2]
    assert vocabulary.size == 6


def test_marks_stand_for_no_text() -> None:
    assert Vocabulary("a").decode([BEGIN, MARKS, END, PADDING]) == "a"


@pytest.mark.parametrize("characters", ["abc", ""])
def test_an_unknown_character_is_named(characters: str) -> None:
    with pytest.raises(InputError, match="'€'"):
        Vocabulary(characters).encode("€")


@given(st.text())
def test_a_saved_vocabulary_reads_back(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    saved = json.dumps(vocabulary.to_json())
    assert Vocabulary.from_json(json.loads(saved)) == vocabulary


@pytest.mark.parametrize(
    "change",
    [
        {"characters": ["a", "a"]},
        {"characters": ["b", "a"]},
        {"characters": ["ab"]},
        {"characters": [""]},
        {"characters": [1]},
        {"characters": "abc"},
        {"characters": None},
        {"characters": ["a"] * 5000},
        {"padding": 1},
        {"first_character": 2},
    ],
)
def test_a_spoilt_vocabulary_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Vocabulary.from_json(Vocabulary("ab").to_json() | change)


@pytest.mark.parametrize("data", [None, [], "abc", 3])
def test_a_vocabulary_is_an_object(data: object) -> None:
    with pytest.raises(InputError):
        Vocabulary.from_json(data)
