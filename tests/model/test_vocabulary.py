from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abcgen.errors import InputError
from abcgen.model.vocabulary import (
    BEGIN,
    END,
    MAX_CHARACTERS,
    OLD_SPECIAL_TOKENS,
    PADDING,
    SPECIAL_TOKENS,
    UNKNOWN,
    Vocabulary,
)


@given(st.text())
def test_decoding_undoes_encoding(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text


def test_characters_follow_the_special_tokens_in_sorted_order() -> None:
    vocabulary = Vocabulary.of(["ba", "cab"])
    assert vocabulary.characters == "abc"
    assert vocabulary.encode("abc").tolist() == [
        SPECIAL_TOKENS,
        SPECIAL_TOKENS + 1,
        SPECIAL_TOKENS + 2,
    ]
    assert vocabulary.size == 7


def test_special_tokens_decode_to_nothing() -> None:
    assert Vocabulary("a").decode([BEGIN, SPECIAL_TOKENS, END, PADDING]) == "a"


@pytest.mark.parametrize("characters", ["abc", "", "cab"])
def test_unknown_characters_share_one_id(characters: str) -> None:
    ids = Vocabulary(characters).encode(f"€{characters}☃")
    assert ids.tolist() == [
        UNKNOWN,
        *range(SPECIAL_TOKENS, SPECIAL_TOKENS + len(characters)),
        UNKNOWN,
    ]
    assert Vocabulary(characters).decode(ids.tolist()) == characters


@pytest.mark.parametrize("characters", ["abc", ""])
def test_without_that_id_the_error_names_the_character(characters: str) -> None:
    with pytest.raises(InputError, match="'€'"):
        Vocabulary(characters, OLD_SPECIAL_TOKENS).encode(f"{characters}€☃")


def test_new_characters_keep_the_ids_of_old_ones() -> None:
    old = Vocabulary("bd")
    new = old.extended(["cab", "a"])
    assert new.characters == "bdac"
    assert new.encode("bd").tolist() == old.encode("bd").tolist()
    assert new.decode(new.encode("dcba").tolist()) == "dcba"
    assert old.extended(["b"]) == old
    with pytest.raises(InputError, match=str(MAX_CHARACTERS)):
        old.extended([chr(number) for number in range(5000)])


def test_an_old_vocabulary_keeps_its_ids() -> None:
    old = Vocabulary("ab", OLD_SPECIAL_TOKENS)
    assert Vocabulary.from_json(old.to_json()) == old
    assert old.encode("ab").tolist() == [3, 4]
    assert old.unknown is None
    assert old.never_drawn == (PADDING, BEGIN)
    assert Vocabulary("ab").never_drawn == (PADDING, BEGIN, UNKNOWN)


@given(st.text())
def test_a_saved_vocabulary_reads_back(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    saved = json.dumps(vocabulary.to_json())
    assert Vocabulary.from_json(json.loads(saved)) == vocabulary


@pytest.mark.parametrize(
    "change",
    [
        {"characters": ["a", "a"]},
        {"characters": ["\ud800"]},
        {"characters": ["ab"]},
        {"characters": [""]},
        {"characters": [1]},
        {"characters": "abc"},
        {"characters": None},
        {"characters": ["a"] * 5000},
        {"padding": 1},
        {"first_character": 2},
        {"first_character": 5},
        {"first_character": [4]},
        {"first_character": 4.5},
        {"unknown": 5},
    ],
)
def test_a_damaged_vocabulary_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Vocabulary.from_json(Vocabulary("ab").to_json() | change)


@pytest.mark.parametrize("data", [None, [], "abc", 3])
def test_a_vocabulary_that_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(InputError):
        Vocabulary.from_json(data)
