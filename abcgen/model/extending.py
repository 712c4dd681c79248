"""Extend a network by further characters, so that it can be fine-tuned on texts that have them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from abcgen.model.architecture import CausalAttentionSpec, architecture, weight_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from abcgen.config import NetworkConfig
    from abcgen.model.checkpoint import Checkpoint, Weights


def extended(checkpoint: Checkpoint, texts: Iterable[str]) -> Checkpoint:
    """Return the same network with rows for the unknown characters in ``texts``.

    Known characters keep their ids, weights and logits; only the small probability that new
    characters get is taken from them.

    Raises:
        InputError: if there are too many characters.
    """
    network, vocabulary = checkpoint.network, checkpoint.vocabulary.extended(texts)
    before, after = checkpoint.vocabulary.size, vocabulary.size
    if after == before:
        return checkpoint
    shapes = weight_shapes(network, after)
    weights = {
        name: _extended(array, shapes[name], np.random.default_rng(before))
        for name, array in checkpoint.weights.items()
    }
    if not network.embedding:
        _rescale(weights, network, before, after)
    return replace(checkpoint, vocabulary=vocabulary, weights=weights)


def _extended(
    array: NDArray[np.float32], shape: tuple[int, ...], random: np.random.Generator
) -> NDArray[np.float32]:
    """Return an array with the rows or columns of further characters."""
    if array.shape == shape:
        return array
    # Logits: new characters are as likely as the mean of the others.
    if array.shape[-1] != shape[-1]:
        means = array.mean(axis=-1, keepdims=True)
        return np.concatenate([array, *[means] * (shape[-1] - array.shape[-1])], axis=-1)
    # Embeddings: different from one another, and as large as those that were learned.
    size = shape[0] - array.shape[0], array.shape[1]
    rows = random.normal(array.mean(0), array.std(0), size)
    return np.concatenate([array, rows.astype(np.float32)])


def _rescale(weights: Weights, network: NetworkConfig, before: int, after: int) -> None:
    """Multiply the weights of ids given as numbers from 0 to 1: these now have a larger divisor."""
    ratio = np.float32(after / before)
    for layer in architecture(network, after):
        if "numbers" not in layer.inputs:
            continue
        if isinstance(layer, CausalAttentionSpec):
            value = weights[f"{layer.name}/value"]  # the number's row is the last one
            weights[f"{layer.name}/value"] = np.concatenate([value[:-1], value[-1:] * ratio])
        else:
            for name in layer.weights:
                if name.endswith("/kernel"):
                    weights[name] = weights[name] * ratio
