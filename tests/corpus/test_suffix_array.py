from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from abcgen.corpus.overlap import Match, SuffixArray
from abcgen.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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
        length, owner = passages.longest_match(packed(query), start)
        assert length == longest(sequences, query, start)
        if length:
            assert longest([sequences[owner]], query, start) == length


def test_passages_do_not_run_on_into_the_next_sequence() -> None:
    passages = SuffixArray.of([packed([1, 2]), packed([3, 4])])
    assert passages.longest_match(packed([1, 2, 3, 4]), 0) == Match(2, 0)


def test_symbols_begin_at_even_bytes_only() -> None:
    passages = SuffixArray.of([bytes((1, 2, 3, 4))])
    assert passages.longest_match(bytes((2, 3)), 0).length == 0


def test_they_can_be_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "tunes.safetensors"
    SuffixArray.of([packed([1, 2, 3]), packed([2, 3, 1])]).write(path)
    assert SuffixArray.read(path).longest_match(packed([2, 3, 1]), 0) == Match(3, 1)


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
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
        with pytest.raises(CheckpointError, match="no index"):
            SuffixArray.read(path)


def test_no_sequences_can_be_written_and_read(tmp_path: Path) -> None:
    SuffixArray.of([]).write(tmp_path / "tunes.safetensors")
    assert SuffixArray.read(tmp_path / "tunes.safetensors").sequences == []
