"""Position features: where in a tune each character is, as further inputs of the network.

The model knows no music. Whoever knows the text hands it something that computes these features,
such as ``abcgen.grammar.positions.PositionTracker``; here are only their sizes and its interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig

# Rows and columns of each feature's embedding table. A checkpoint's weights have these shapes.
POSITION_TABLES = {"section": (8, 4), "bar": (32, 12), "time": (65, 12)}
# What is left of the form that the text began with.
FORM_TABLES = {"sections_left": (9, 4), "bars_left": (34, 12), "time_left": (66, 12)}
# The last interval, and the height of the last note; height 0 is before the first note.
PITCH_TABLES = {"interval": (32, 12), "height": (48, 12)}
# The voice, and what sounds in each voice above when the next note begins (the first table is the
# voice's, the second that of each voice above).
VOICE_TABLE, SOUNDING_TABLE = (8, 8), (96, 16)
# The letter of the voice's last note, by its height without octave marks. Relative pitch counts
# intervals from it: in low voices from the note itself they would be octaves too wide.
LETTER_TABLES = {"letter": (32, 4)}


def feature_tables(config: NetworkConfig) -> dict[str, tuple[int, int]]:
    """Return the tables of the features that a network reads, in the order of its inputs."""
    tables: dict[str, tuple[int, int]] = {}
    if config.positions:
        tables |= POSITION_TABLES
    if config.form:
        tables |= FORM_TABLES
    if config.positions and config.voices > 1:
        tables["voice"] = VOICE_TABLE
        above = (f"sounding_{number}" for number in range(1, config.voices))
        tables |= dict.fromkeys(above, SOUNDING_TABLE)
    if config.relative_pitch:
        tables |= PITCH_TABLES
        if config.voices > 1:
            tables |= LETTER_TABLES
    return tables


# Relative pitch predicts intervals up to this, down and up; wider ones count as the widest.
WIDEST = 14
INTERVALS = 2 * WIDEST + 1


def interval_table(token_heights: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the number of every token's interval from a last note of every height, (heights, V).

    Tokens that name no note have the number ``INTERVALS``, and all before the first note.
    """
    last = np.arange(PITCH_TABLES["height"][0])[:, None]
    numbers = np.clip(token_heights - last, -WIDEST, WIDEST) + WIDEST
    return np.where((last > 0) & (token_heights > 0), numbers, INTERVALS).astype(np.int32)


class PositionFeatures(Protocol):
    """Computes the position features of characters given by their ids.

    A character's features depend on the characters up to itself only. They are rows of the tables
    of the network, ``feature_tables``, in that order.
    """

    # The height that each token names, without octave marks, on the scale of the feature
    # ``height``; 0 if it names no note: (V,).
    token_heights: NDArray[np.int32]

    def start(self, batch: int) -> NDArray[Any]:
        """Return the states before anything is read, one object per text: (B,)."""

    def advance(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Return the states after one more character of every text, (B,)."""

    def features(self, states: NDArray[Any]) -> NDArray[np.int32]:
        """Return the features of the last character read in every text, (B, F)."""

    def features_of(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the features of every character of one text, (T, F)."""

    def skip(self, states: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Return the states after more characters (T,), as if they had no notes, (B,)."""

    def features_around(self, ids: NDArray[np.int32], start: int, stop: int) -> NDArray[np.uint8]:
        """Return the features of a text shown with a gap, from ``start`` to ``stop``, (T + 2, F).

        Before the gap, its mark, after the gap, the mark again, the gap. What comes after is where
        it is in the whole text, but tells nothing of the notes in the gap.
        """

    def bars_of(self, ids: NDArray[np.int32]) -> list[tuple[int, int]]:
        """Return where each bar of one text begins and ends, without its bar lines."""
