"""What a network expects next while it reads a text, and where its attention goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.model.vocabulary import BEGIN, END

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abcgen.model.sampling import LanguageModel
    from abcgen.model.vocabulary import Vocabulary

LIKELIEST = 5  # characters that are named


class Step(NamedTuple):
    """A character of a text, and what the network expected in its place.

    Attributes:
        character: The character; empty for the end of the text.
        probability: Its probability after all before it, by the network alone.
        likeliest: The likeliest characters with their probabilities, the first the likeliest.
    """

    character: str
    probability: float
    likeliest: tuple[tuple[str, float], ...]


class Expectations:
    """What a network expects next while it reads a text, one character after another."""

    def __init__(self, network: LanguageModel, vocabulary: Vocabulary) -> None:
        self._steps, self._vocabulary = network, vocabulary
        self._never = list(self._vocabulary.never_drawn)
        self._state = self._steps.start(1)
        self._read_token(BEGIN)

    def read(self, character: str) -> Step:
        """Read the next character, or the end if it is empty; return how it was expected."""
        token = int(self._vocabulary.encode(character)[0]) if character else END
        best = np.argsort(-self._probabilities)[:LIKELIEST].tolist()
        likeliest = [
            (self._vocabulary.decode([one]), float(self._probabilities[one])) for one in best
        ]
        step = Step(character, float(self._probabilities[token]), tuple(likeliest))
        if character:
            self._read_token(token)
        return step

    def _read_token(self, token: int) -> None:
        logits, self._state = self._steps.step(np.array([token], np.int32), self._state)
        scores = logits[0].astype(np.float64)
        scores[self._never] = -np.inf
        weights = np.exp(scores - scores.max())
        self._probabilities: NDArray[np.float64] = weights / weights.sum()


def shares_between(weights: NDArray[np.float32], groups: Sequence[int]) -> list[list[float]]:
    """Return how much of its attention each group of characters pays to each group.

    Args:
        weights: The attention of every character to all, (T, T).
        groups: The group of each character, from 0 on without gaps, (T,).
    """
    member = np.eye(max(groups) + 1)[list(groups)]  # (T, groups)
    sizes = np.maximum(member.sum(axis=0), 1)  # (groups,)
    shares: list[list[float]] = (member.T @ weights @ member / sizes[:, None]).tolist()
    return shares
