"""Three networks in PyTorch to compare with, on the same split.

An LSTM of 2 x 256, the same with one layer of causal attention, and one of folk-rnn's shape and
settings (Sturm et al., "Music transcription modelling and composition using deep learning", 2016:
3 x 512 on tokens, one-hot, dropout .5, RMSProp of .003, times .97 per epoch after 20 epochs,
batches of 64).

Shapes: B texts, T tokens.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.example import Example

TOKEN = re.compile(
    r"[A-Z]:[^\n]*\n|\[[A-Z]:[^\]]*\]|[\^=_]*[A-Ga-gz][,']*|\d*/+\d*|\d+|\[?\|[\]:|]*|:\|+:?|.|\n"
)
PADDING, BEGIN, END = 0, 1, 2


@dataclass(frozen=True)
class TorchResult:
    """Figures of a trained network."""

    # Of the test tunes, with the weights best on the validation tunes
    bits_per_note: float
    # Characters of the training texts, also where tokens are longer
    characters_per_second: float
    parameters: int
    epochs: float
    # Of training
    seconds: float
    # Seconds and bits per note of the validation tunes after every epoch
    curve: list[tuple[float, float]]


@dataclass(frozen=True)
class TorchConfig:
    """Shape and training of a network."""

    layers: int = 2
    units: int = 256
    embedding: int = 64
    dropout: float = 0.3
    batch_size: int = 24
    attention: bool = False
    tokens: bool = False


CONFIGS = {
    "pytorch-plain": TorchConfig(),
    "pytorch-attention": TorchConfig(attention=True),
    "pytorch-folkrnn": TorchConfig(
        layers=3, units=512, embedding=0, dropout=0.5, batch_size=64, tokens=True
    ),
}


class TorchNetwork(nn.Module):  # type: ignore[misc]
    """Embedding or one-hot vectors, LSTMs, optionally attention, logits."""

    def __init__(self, config: TorchConfig, classes: int) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        if config.embedding:
            self.embedding = nn.Embedding(classes, config.embedding)
        drop = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            config.embedding or classes,
            config.units,
            config.layers,
            batch_first=True,
            dropout=drop,
        )
        self.dropout = nn.Dropout(config.dropout)
        if config.attention:
            self.into = nn.Linear(config.units, 3 * 128)
            self.back = nn.Linear(128, config.units)
        self.logits = nn.Linear(config.units, classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, classes) for ids (B, T)."""
        if self.config.embedding:
            stream = self.embedding(ids)
        else:
            stream = nn.functional.one_hot(ids, self.classes).float()
        stream = self.dropout(self.lstm(stream)[0])
        if self.config.attention:
            batch, time, _ = stream.shape
            heads = self.into(stream).view(batch, time, 3, 4, 32)
            heads = heads.permute(2, 0, 3, 1, 4)  # query, key, value: (3, B, 4, T, 32)
            mixed = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
            stream = stream + self.back(mixed.transpose(1, 2).reshape(batch, time, 128))
        result: torch.Tensor = self.logits(stream)
        return result


class TorchDataset:
    """Examples as ids of characters or tokens, in batches of similar length.

    Args:
        examples: The texts.
        config: Batch size, and whether a token is a character.
        vocabulary: Ids of tokens; new tokens are added.
    """

    def __init__(
        self, examples: Sequence[Example], config: TorchConfig, vocabulary: dict[str, int]
    ) -> None:
        self.notes = sum(example.notes for example in examples)
        self._batch_size, self._rows = config.batch_size, []
        for example in examples:
            parts = TOKEN.findall(example.text) if config.tokens else list(example.text)
            ends = np.cumsum([len(part) for part in parts])
            ids = [vocabulary.setdefault(part, len(vocabulary) + 3) for part in parts]
            unscored = int((ends <= example.unscored).sum())
            self._rows.append((np.array([BEGIN, *ids, END]), unscored, len(example.text) + 1))
        self.lengths = np.array([len(ids) for ids, _, _ in self._rows])

    def batches(self, random: np.random.Generator | None) -> list[Any]:
        """Return the indices of the texts in every batch, shuffled if ``random`` is given."""
        noise = random.uniform(0.9, 1.1, self.lengths.size) if random else 1.0
        order = np.argsort(self.lengths * noise)
        batches = np.array_split(order, -(-order.size // self._batch_size))
        return [batches[i] for i in random.permutation(len(batches))] if random else batches

    def batch(self, indices: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
        """Return ids (B, T + 1), masks (B, T) of all and of scored targets, and a length.

        The length is the number of characters of the texts.
        """
        width = int(self.lengths[indices].max())
        ids = np.full((len(indices), width), PADDING)
        present, scored = np.zeros((2, len(indices), width - 1), np.float32)
        for row, index in enumerate(indices):
            text, unscored, _ = self._rows[index]
            ids[row, : len(text)] = text
            present[row, : len(text) - 1] = 1
            scored[row, unscored : len(text) - 1] = 1
        characters = sum(self._rows[index][2] for index in indices)
        return torch.tensor(ids), torch.tensor(present), torch.tensor(scored), characters


def train_and_measure(
    name: str, parts: dict[str, list[Example]], minutes: float, epochs: int | None, threads: int
) -> TorchResult:
    """Train a network for some minutes, or some epochs, and measure it.

    Args:
        name: One of ``CONFIGS``.
        parts: Examples to train, validate and test on.
        minutes: Time for training, validation included.
        epochs: Epochs instead of minutes.
        threads: CPU threads.
    """
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    config, vocabulary = CONFIGS[name], dict[str, int]()
    datasets = {
        part: TorchDataset(examples, config, vocabulary) for part, examples in parts.items()
    }
    network = TorchNetwork(config, len(vocabulary) + 3)
    run = _TorchTrainer(network, datasets, 60 * minutes, epochs)
    run.fit()
    network.load_state_dict(run.best_weights)
    return TorchResult(
        bits_per_note=bits_per_note(network, datasets["test"]),
        characters_per_second=run.characters / run.step_seconds,
        parameters=sum(weight.numel() for weight in network.parameters()),
        epochs=run.epochs,
        seconds=run.seconds,
        curve=run.curve,
    )


def bits_per_note(network: TorchNetwork, dataset: TorchDataset) -> float:
    """Return the bits per note, without dropout."""
    network.eval()
    nats = 0.0
    with torch.no_grad():
        for indices in dataset.batches(None):
            ids, _, scored, _ = dataset.batch(indices)
            nats += float((_losses(network, ids) * scored).sum())
    return nats / math.log(2) / dataset.notes


def _losses(network: TorchNetwork, ids: torch.Tensor) -> torch.Tensor:
    logits = network(ids[:, :-1])
    return nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")


class _TorchTrainer:
    """Trains for some seconds or epochs and keeps the weights best on the validation tunes."""

    def __init__(
        self,
        network: TorchNetwork,
        datasets: dict[str, TorchDataset],
        max_seconds: float,
        max_epochs: int | None,
    ) -> None:
        self._network, self._datasets = network, datasets
        self._max_seconds, self._max_epochs = max_seconds, max_epochs
        self.best_weights: dict[str, Any] = {}
        self.curve: list[tuple[float, float]] = []
        self.characters, self.epochs, self.seconds, self.step_seconds = 0, 0.0, 0.0, 0.0
        weights = network.parameters()
        self._optimizer: torch.optim.Optimizer
        if network.config.tokens:
            self._optimizer = torch.optim.RMSprop(weights, 3e-3, alpha=0.9)
        else:
            self._optimizer = torch.optim.AdamW(weights, 2e-3, weight_decay=0.01)

    def fit(self) -> None:
        """Train until the time or the epochs are over."""
        random, best_bits, start = np.random.default_rng(0), math.inf, time.monotonic()
        validation_seconds, epoch = 0.0, 0
        training = self._datasets["training"]
        while self._fraction() < 1:
            # 1) One epoch, shorter if the rest of the time is needed to measure.
            self._network.train()
            batches = training.batches(random)
            for number, indices in enumerate(batches):
                self._step(*training.batch(indices))
                self.epochs = epoch + (number + 1) / len(batches)
                self.seconds = time.monotonic() - start
                if (
                    self._max_epochs is None
                    and self.seconds + validation_seconds >= self._max_seconds
                ):
                    self.seconds = self._max_seconds
                    break
            # 2) Measure, and keep the best weights.
            validation_start = time.monotonic()
            bits = bits_per_note(self._network, self._datasets["validation"])
            validation_seconds = time.monotonic() - validation_start
            print(f"  {self.epochs:.2f} epochs, {self.seconds:.0f} s: {bits:.3f}", flush=True)
            self.curve.append((self.seconds, bits))
            if bits < best_bits:
                best_bits = bits
                state = self._network.state_dict()
                self.best_weights = {name: value.clone() for name, value in state.items()}
            epoch += 1

    def _step(
        self, ids: torch.Tensor, present: torch.Tensor, _scored: torch.Tensor, characters: int
    ) -> None:
        start = time.monotonic()
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        loss = (_losses(self._network, ids) * present).sum() / present.sum()
        self._optimizer.zero_grad()
        loss.backward()
        max_norm = 5.0 if self._network.config.tokens else 1.0
        nn.utils.clip_grad_norm_(self._network.parameters(), max_norm)
        self._optimizer.step()
        self.step_seconds += time.monotonic() - start
        self.characters += characters

    def _fraction(self) -> float:
        if self._max_epochs:
            return self.epochs / self._max_epochs
        return self.seconds / self._max_seconds

    def _learning_rate(self) -> float:
        if self._network.config.tokens:
            return float(3e-3 * 0.97 ** max(0.0, self.epochs - 20))
        # Cosine, from the peak to a hundredth of it.
        return 2e-3 * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, self._fraction()))) / 2)
