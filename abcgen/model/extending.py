"""A network that is to learn further characters: what it knows keeps its ids and weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Checkpoint, Weights


def extended(checkpoint: Checkpoint, texts: Iterable[str]) -> Checkpoint:
    """The same network, with rows for the characters in ``texts`` that it does not know.

    To what it knew it answers as before, but for the little probability that new characters get.

    Raises:
        InputError: if there are too many characters.
    """
    vocabulary = checkpoint.vocabulary.extended(texts)
    before, more = checkpoint.vocabulary.size, vocabulary.size - checkpoint.vocabulary.size
    if not more:
        return checkpoint
    weights = dict(checkpoint.weights)
    weights["logits/kernel"] = _with_means(weights["logits/kernel"], more)
    weights["logits/bias"] = _with_means(weights["logits/bias"], more)
    if checkpoint.network.embedding:
        rows = weights["embedding/embeddings"]
        # Unlike one another from the beginning, and as large as those that were learnt.
        new = np.random.default_rng(before).normal(rows.mean(0), rows.std(0), (more, rows.shape[1]))
        weights["embedding/embeddings"] = np.concatenate([rows, new.astype(np.float32)])
    else:
        _rescale(weights, vocabulary.size / before)
    return replace(checkpoint, vocabulary=vocabulary, weights=weights)


def _with_means(array: NDArray[np.float32], more: int) -> NDArray[np.float32]:
    """With so many further numbers along the last axis, each the mean of those before."""
    means = array.mean(axis=-1, keepdims=True)
    return np.concatenate([array, *[means] * more], axis=-1)


def _rescale(weights: Weights, ratio: float) -> None:
    """Undo that ids as numbers from 0 to 1 are divided by more of them now."""
    for name in ("lstm_1/kernel", "lstm_1/forward/kernel", "lstm_1/backward/kernel"):
        if name in weights:
            weights[name] = weights[name] * np.float32(ratio)
    if (value := weights.get("attention/value")) is not None:
        weights["attention/value"] = np.concatenate([value[:-1], value[-1:] * np.float32(ratio)])
