"""Passages that tunes share are found in any key, and damaged indexes are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from abcgen.corpus.overlap import Match, SuffixArray, TrainingFacts, melody_sequence
from abcgen.corpus.records import extract_of
from abcgen.errors import CheckpointError, InputError
from abcgen.notation.reader import read_abc
from abcgen.notation.transpose import transpose
from abcgen.notation.tune import Key
from tests.strategies import tunes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from abcgen.notation.tune import Tune


def tune(body: str, metre: str = "4/4") -> Tune:
    return read_abc(f"T:Example\nR:reel\nM:{metre}\nL:1/8\nK:C\n{body}\n")


@given(tunes())
def test_a_tune_looks_the_same_in_every_key(any_tune: Tune) -> None:
    assert melody_sequence(transpose(any_tune, Key("E"))) == melody_sequence(any_tune)


def test_lengths_and_steps_matter() -> None:
    line = melody_sequence(tune("c2d2e4|f8|")).symbols
    assert line == melody_sequence(tune("d2e2^f4|g4g4|")).symbols[: len(line)]
    assert line != melody_sequence(tune("c2d2e2f2|f8|")).symbols[: len(line)]
    assert line != melody_sequence(tune("c2d2_e4|f8|")).symbols[: len(line)]


def test_the_last_note_has_no_symbol() -> None:
    assert len(melody_sequence(tune("c4d4|e8|"))) == 2
    assert len(melody_sequence(tune("c8|"))) == 0


def test_ties_are_joined_and_rests_count() -> None:
    assert melody_sequence(tune("c4-c4|d8|")).symbols == melody_sequence(tune("c8|d8|")).symbols
    assert len(melody_sequence(tune("c4z4|d8|"))) == 2


def test_passages_are_measured_in_bars() -> None:
    line = melody_sequence(tune("cdef gabc'|c'8|c8|"))
    assert line.bars(0, 8) == 1
    assert line.bars(4, 5) == 1.5


def test_a_tune_of_nothing_but_rests_has_no_passages() -> None:
    assert len(melody_sequence(tune("z8|z8|"))) == 0


def test_facts_come_back_as_they_were_written() -> None:
    facts = TrainingFacts.of([extract_of(tune("c8|")), extract_of(tune("c6|", "6/8"))], [2.5, 1.0])
    assert facts.metres == {"4/4": 1, "6/8": 1}
    assert facts.modes == {"maj": 2}
    assert facts.rhythms == {"reel": 2}
    assert facts.shared == (1.0, 2.5)
    assert TrainingFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"names": [1], "metres": {}, "modes": {}, "rhythms": {}, "shared": []},
        {"names": [], "metres": {"4/4": "x"}, "modes": {}, "rhythms": {}, "shared": []},
        {"names": [], "metres": {}, "modes": {}, "rhythms": {}, "shared": ["x"]},
    ],
)
def test_malformed_facts_are_refused(data: object) -> None:
    with pytest.raises(InputError):
        TrainingFacts.from_json(data)


SYMBOLS = st.lists(st.integers(1, 3), max_size=25)


def packed(symbols: list[int]) -> bytes:
    return b"".join(bytes((0, symbol)) for symbol in symbols)


def longest(sequences: list[list[int]], query: list[int], start: int) -> int:
    """The same by trying everything."""
    for length in range(len(query) - start, 0, -1):
        wanted = query[start : start + length]
        for own in sequences:
            if any(own[at : at + length] == wanted for at in range(len(own) - length + 1)):
                return length
    return 0


@given(st.lists(SYMBOLS, max_size=6), SYMBOLS)
def test_the_longest_passage_is_found(sequences: list[list[int]], query: list[int]) -> None:
    passages = SuffixArray.of([packed(own) for own in sequences])
    for start in range(len(query)):
        length, owner, _ = passages.longest_match(packed(query), start)
        assert length == longest(sequences, query, start)
        if length:
            assert longest([sequences[owner]], query, start) == length


def test_passages_end_with_their_sequence() -> None:
    passages = SuffixArray.of([packed([1, 2]), packed([3, 4])])
    assert passages.longest_match(packed([1, 2, 3, 4]), 0) == Match(2, 0)


def test_symbols_begin_at_even_bytes_only() -> None:
    passages = SuffixArray.of([bytes((1, 2, 3, 4))])
    assert passages.longest_match(bytes((2, 3)), 0).length == 0


def test_an_index_can_be_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "tunes.safetensors"
    SuffixArray.of([packed([1, 2, 3]), packed([2, 3, 1])]).write(path)
    assert SuffixArray.read(path).longest_match(packed([2, 3, 1]), 0) == Match(3, 1, 0)


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tunes.safetensors"
    with pytest.raises(CheckpointError):
        SuffixArray.read(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"tunes\.safetensors"):
        SuffixArray.read(path)


@pytest.mark.parametrize(
    "change", [{"order": [99]}, {"starts": []}, {"starts": [1]}, {"starts": [0, 2]}]
)
def test_an_index_that_points_nowhere_is_refused(
    change: dict[str, list[int]], tmp_path: Path
) -> None:
    path = tmp_path / "tunes.safetensors"
    right = {"order": [0], "starts": [0]}
    for numbers, is_right in ((right, True), (right | change, False)):
        arrays: dict[str, NDArray[Any]] = {"text": np.zeros(4, np.uint8)}
        arrays |= {name: np.array(own, np.int32) for name, own in numbers.items()}
        path.write_bytes(save(arrays))
        if is_right:
            assert SuffixArray.read(path).sequences == [b"\0\0"]
            continue
        with pytest.raises(CheckpointError, match=r"tunes\.safetensors"):
            SuffixArray.read(path)


def test_an_index_of_no_sequences_can_be_written_and_read(tmp_path: Path) -> None:
    SuffixArray.of([]).write(tmp_path / "tunes.safetensors")
    assert SuffixArray.read(tmp_path / "tunes.safetensors").sequences == []
