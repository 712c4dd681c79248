"""Features of a made-up notation, for every table that a network may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abcgen.grammar.positions import PositionTracker
from abcgen.model.positions import PITCH_TABLES, feature_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.positions import PositionFeatures

# Height of the first letter.
LOWEST = 20


class _Read(NamedTuple):
    """What was read: the number of characters, and the last two heights."""

    characters: int = 0
    height: int = 0
    before: int = 0


class CountingFeatures:
    """Small letters are notes, each a step above the one before; the rest counts characters."""

    def __init__(self, tokens: Sequence[str], network: NetworkConfig) -> None:
        is_note = [token.isalpha() and token.islower() for token in tokens]
        heights = [
            LOWEST + ord(token) - ord("a") if note else 0
            for token, note in zip(tokens, is_note, strict=True)
        ]
        self.token_heights = np.array(heights, np.int32)
        self._tables = feature_tables(network)

    def start(self, batch: int) -> NDArray[Any]:
        return _objects([_Read()] * batch)

    def advance(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        after = []
        for state, height in zip(states, self.token_heights[ids].tolist(), strict=True):
            last = (height, state.height) if height else (state.height, state.before)
            after.append(_Read(state.characters + 1, *last))
        return _objects(after)

    def features(self, states: NDArray[Any]) -> NDArray[np.int32]:
        return np.array([self._of(state) for state in states], np.int32)

    def features_of(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        states, rows = self.start(1), []
        for number in ids:
            states = self.advance(states, np.array([number]))
            rows.append(self._of(states[0]))
        return np.array(rows, np.uint8)

    def _of(self, state: _Read) -> list[int]:
        interval = state.height - state.before + 16 if state.before else 0
        pitch = {"interval": min(max(interval, 0), 31), "height": state.height}
        return [
            pitch[name] if name in PITCH_TABLES else (number + 1) * state.characters % rows
            for number, (name, (rows, _)) in enumerate(self._tables.items())
        ]


def features_for(network: NetworkConfig, tokens: Sequence[str]) -> PositionFeatures:
    """Return abcgen's own features where they are all that a network reads."""
    if network.form or network.relative_pitch:
        return CountingFeatures(tokens, network)
    return PositionTracker(tokens)


def _objects(states: Sequence[_Read]) -> NDArray[Any]:
    array = np.empty(len(states), object)
    for number, state in enumerate(states):
        array[number] = state
    return array
