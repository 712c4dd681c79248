"""Learn from preferences: make texts likelier, and others that begin alike less likely.

Direct preference optimization (Rafailov et al., "Direct Preference Optimization: Your Language
Model is Secretly a Reward Model", NeurIPS 2023). Of two texts, one is preferred. With the log
probabilities of the network, and of the *reference network* that it was at first,

    margin = beta * ((log p(preferred) - log r(preferred)) - (log p(other) - log r(other)))
    loss   = -c * log sigmoid(margin) - (1 - c) * log sigmoid(-margin)

so that what counts is how far the network moved from the reference, not how likely the texts were.
c is how certain the preference is; it is 1 in the paper. Where it is the probability that of a real
and a sampled text the preferred one is the real, the loss is least, with a beta of 1, when the
network's texts are as likely as real ones are: it need not go further.

The gradient of the loss is that of a weighted cross-entropy,

    d loss = -beta * (c - sigmoid(margin)) * (d log p(preferred) - d log p(other))

so a step first measures both texts, and then trains as always, with these weights. To it is added
the likelihood of a real text for every pair, which keeps the network from forgetting what it knows.

Shapes: P pairs in a batch, B = 3 P texts (preferred, others, real ones), T characters.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abcgen.errors import InputError
from abcgen.model.dataset import NARROWEST_STEP, WIDEST_ATTENDING_BATCH, TextDataset
from abcgen.model.trainer import learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from abcgen.config import RefineConfig, TrainConfig
    from abcgen.example import Example
    from abcgen.model.compiled import CompiledNetwork
    from abcgen.model.dataset import Batch, Gaps
    from abcgen.model.positions import PositionFeatures
    from abcgen.model.vocabulary import Vocabulary

    Floats = NDArray[np.float64]


# Of the time that learning takes, measuring the reference is about this share.
MEASURING_SHARE = 0.2


class PreferencePair(NamedTuple):
    """Two texts that begin alike, and a real text.

    What is given of the two is not scored, and of the real text all is learnt.
    """

    preferred: Example
    other: Example
    real: Example
    # The probability that the preference is right.
    certainty: float = 1.0


class PreferenceResult(NamedTuple):
    """How learning from pairs went."""

    # Pairs learnt, and the share of them whose margin was above 0 before they were learnt.
    pairs: int
    agreed: float
    # The mean loss of the last quarter of them; log 2 without any learning.
    loss: float


def preference_loss(
    now: Floats, reference: Floats, certainty: Floats, beta: float
) -> tuple[Floats, Floats, Floats]:
    """Return loss, margin, and minus the loss's slope by log p(preferred), of each pair, (P,).

    Args:
        now: Log probabilities of preferred texts and of others, (2, P).
        reference: The same by the reference network.
        certainty: The probability that the preference is right, (P,).
        beta: How much the network's moving away from the reference counts.
    """
    moved = now - reference  # (2, P)
    margin = beta * (moved[0] - moved[1])  # (P,)
    if_right, if_wrong = np.logaddexp(0.0, -margin), np.logaddexp(0.0, margin)  # -log sigmoid
    loss = certainty * if_right + (1 - certainty) * if_wrong
    return loss, margin, beta * (certainty - np.exp(-if_right))


class PreferenceDataset:
    """Preference pairs in batches of similar length.

    A network that fills gaps must not forget it: with ``gaps`` a share of the real texts is shown
    with a gap.
    """

    def __init__(
        self,
        pairs: Sequence[PreferencePair],
        vocabulary: Vocabulary,
        batch_size: int,
        tracker: PositionFeatures | None = None,
        gaps: Gaps | None = None,
    ) -> None:
        self.pairs, self._batch_size = len(pairs), batch_size
        self.certainty = np.array([pair.certainty for pair in pairs])
        *columns, _ = zip(*pairs, strict=True)
        texts = [text for column in columns for text in column]
        self._texts = TextDataset(texts, vocabulary, batch_size, tracker=tracker, gaps=gaps)
        self._texts.draw_gaps(np.random.default_rng(self.pairs), first=2 * self.pairs)
        # The longest text of each pair.
        self.lengths = self._texts.lengths.reshape(3, -1).max(axis=0)  # (pairs,)

    def batches(self, seed: int) -> list[NDArray[np.intp]]:
        """Return all batches in random order, each as the indices of its pairs."""
        random = np.random.default_rng(seed)
        order = np.argsort(self.lengths * random.uniform(0.9, 1.1, self.pairs), kind="stable")
        batches = []
        for indices in np.array_split(order, -(-order.size // self._batch_size)):
            # As wide as attention can be; see ``TextDataset``.
            width = int(self.lengths[indices].max()) + NARROWEST_STEP
            most = max(1, self._batch_size * WIDEST_ATTENDING_BATCH**2 // width**2)
            batches += np.array_split(indices, -(-indices.size // most))
        return [batches[index] for index in random.permutation(len(batches))]

    def batch(self, indices: NDArray[np.intp], *, real: bool = True) -> Batch:
        """Lay out the preferred texts of some pairs, then the others, then the real texts."""
        columns = self.pairs * np.arange(3 if real else 2)
        return self._texts.batch((columns[:, None] + indices).reshape(-1))


def learn_preferences(
    network: CompiledNetwork,
    data: PreferenceDataset,
    config: RefineConfig,
    training: TrainConfig,
    *,
    on_progress: Callable[[float], None] = lambda _share: None,
    seconds: float | None = None,
) -> PreferenceResult:
    """Learn every pair once; the network is its own reference before.

    Args:
        network: The network.
        data: The pairs.
        config: How to learn.
        training: The course of the learning rate, and the seed of the order of the pairs.
        on_progress: Called with the share of the work that is done.
        seconds: Stop after so many.
    """
    began = time.monotonic()
    batches = data.batches(training.seed)

    def measure(indices: NDArray[np.intp]) -> Floats:
        logs = network.log_probabilities(data.batch(indices, real=False))  # (2P,)
        return logs.reshape(2, -1)

    # 1) The reference, measured once.
    reference = np.zeros((2, data.pairs))
    for number, indices in enumerate(batches):
        reference[:, indices] = measure(indices)
        on_progress(MEASURING_SHARE * number / len(batches))
    # 2) Learn.
    losses, margins = [], []
    for number, indices in enumerate(batches):
        used = (time.monotonic() - began) / seconds if seconds else 0.0
        done = max(used, number / len(batches))
        if done >= 1:
            break
        on_progress(MEASURING_SHARE + (1 - MEASURING_SHARE) * done)
        now = measure(indices)
        loss, margin, slope = preference_loss(
            now, reference[:, indices], data.certainty[indices], config.beta
        )
        batch = data.batch(indices)
        weights = loss_weights(batch, slope, config.likelihood)
        result = network.train_step(batch, learning_rate(training, done), weights)
        if not math.isfinite(result.loss):
            raise InputError("learning diverged", hint="use a lower learning rate")
        losses.append(loss)
        margins.append(margin)
    loss, margin = np.concatenate(losses), np.concatenate(margins)
    last = loss[3 * loss.size // 4 :]
    return PreferenceResult(loss.size, float((margin > 0).mean()), float(last.mean()))


def loss_weights(batch: Batch, slope: Floats, likelihood: float) -> NDArray[np.float32]:
    """Return the weight of each target (B, T) in a cross-entropy with the gradient of the loss.

    Args:
        batch: Preferred texts, others and real ones.
        slope: Minus the loss's slope by log p(preferred), (P,).
        likelihood: What the bits of the real texts count.
    """
    pairs = len(slope)
    signs = np.concatenate([slope, -slope]) / pairs  # (2P,)
    real = batch.present[2 * pairs :]
    weights = [signs[:, None] * batch.scored[: 2 * pairs], likelihood * real / real.sum()]
    return np.concatenate(weights).astype(np.float32)
