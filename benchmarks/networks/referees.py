"""Three networks in PyTorch to compare with, on the same split: written for this table alone.

An LSTM of 2 x 256, the same with one layer of causal attention, and one of folk-rnn's shape and
settings (Sturm et al., "Music transcription modelling and composition using deep learning", 2016:
3 x 512 on tokens, one-hot, dropout .5, RMSProp of .003 that decays by .97 a pass after 20 passes,
batches of 64).
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
class Outcome:
    """What a referee reached.

    Attributes:
        bits_per_note: On the test tunes, of the weights best on the validation tunes.
        characters_per_second: Characters of the texts learnt from, however they were cut up.
        parameters: Number of weights.
        passes: Over the training tunes.
        seconds: Of training.
        curve: Seconds and bits per note of the validation tunes, of every pass.
    """

    bits_per_note: float
    characters_per_second: float
    parameters: int
    passes: float
    seconds: float
    curve: list[tuple[float, float]]


@dataclass(frozen=True)
class Recipe:
    """A referee."""

    layers: int = 2
    units: int = 256
    embedding: int = 64
    dropout: float = 0.3
    batch_size: int = 24
    attention: bool = False
    tokens: bool = False


RECIPES = {
    "pytorch-plain": Recipe(),
    "pytorch-attention": Recipe(attention=True),
    "pytorch-folkrnn": Recipe(
        layers=3, units=512, embedding=0, dropout=0.5, batch_size=64, tokens=True
    ),
}


class Network(nn.Module):  # type: ignore[misc]
    """Embedding or one-hot, LSTMs, perhaps attention, logits."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.recipe, self.classes = recipe, classes
        if recipe.embedding:
            self.embedding = nn.Embedding(classes, recipe.embedding)
        drop = recipe.dropout if recipe.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            recipe.embedding or classes,
            recipe.units,
            recipe.layers,
            batch_first=True,
            dropout=drop,
        )
        self.dropout = nn.Dropout(recipe.dropout)
        if recipe.attention:
            self.into = nn.Linear(recipe.units, 3 * 128)
            self.back = nn.Linear(128, recipe.units)
        self.logits = nn.Linear(recipe.units, classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (batch, time, classes) for ids (batch, time)."""
        if self.recipe.embedding:
            stream = self.embedding(ids)
        else:
            stream = nn.functional.one_hot(ids, self.classes).float()
        stream = self.dropout(self.lstm(stream)[0])
        if self.recipe.attention:
            batch, time, _ = stream.shape
            heads = self.into(stream).view(batch, time, 3, 4, 32).permute(2, 0, 3, 1, 4)
            found = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
            stream = stream + self.back(found.transpose(1, 2).reshape(batch, time, 128))
        result: torch.Tensor = self.logits(stream)
        return result


class Texts:
    """Examples as ids of characters or tokens, dealt into batches of like length."""

    def __init__(self, examples: Sequence[Example], recipe: Recipe, known: dict[str, int]) -> None:
        self.notes = sum(example.notes for example in examples)
        self._size, self._rows = recipe.batch_size, []
        for example in examples:
            parts = TOKEN.findall(example.text) if recipe.tokens else list(example.text)
            ends = np.cumsum([len(part) for part in parts])
            ids = [known.setdefault(part, len(known) + 3) for part in parts]
            unscored = int((ends <= example.unscored).sum())
            self._rows.append((np.array([BEGIN, *ids, END]), unscored, len(example.text) + 1))
        self.lengths = np.array([len(ids) for ids, _, _ in self._rows])

    def batches(self, random: np.random.Generator | None) -> list[Any]:
        """Places of the texts in every batch."""
        noise = random.uniform(0.9, 1.1, self.lengths.size) if random else 1.0
        order = np.argsort(self.lengths * noise)
        dealt = np.array_split(order, -(-order.size // self._size))
        return [dealt[i] for i in random.permutation(len(dealt))] if random else dealt

    def batch(self, places: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
        """Ids (texts, width), weights of all and of scored targets, number of characters."""
        width = int(self.lengths[places].max())
        ids = np.full((len(places), width), PADDING)
        present, scored = np.zeros((2, len(places), width - 1), np.float32)
        for row, place in enumerate(places):
            text, unscored, _ = self._rows[place]
            ids[row, : len(text)] = text
            present[row, : len(text) - 1] = 1
            scored[row, unscored : len(text) - 1] = 1
        characters = sum(self._rows[place][2] for place in places)
        return torch.tensor(ids), torch.tensor(present), torch.tensor(scored), characters


def referee(
    name: str, parts: dict[str, list[Example]], minutes: float, passes: int | None, threads: int
) -> Outcome:
    """Train a referee for some minutes, or some passes, and measure it.

    Args:
        name: One of ``RECIPES``.
        parts: Examples to train, validate and test on.
        minutes: Time for training, validation included.
        passes: Passes instead of minutes.
        threads: CPU threads.
    """
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    recipe, known = RECIPES[name], dict[str, int]()
    texts = {part: Texts(examples, recipe, known) for part, examples in parts.items()}
    network = Network(recipe, len(known) + 3)
    run = _Run(network, texts, 60 * minutes, passes)
    run.train()
    network.load_state_dict(run.best)
    return Outcome(
        bits_per_note=bits_per_note(network, texts["test"]),
        characters_per_second=run.characters / run.worked,
        parameters=sum(weight.numel() for weight in network.parameters()),
        passes=run.done,
        seconds=run.seconds,
        curve=run.curve,
    )


def bits_per_note(network: Network, texts: Texts) -> float:
    """Without dropout."""
    network.eval()
    nats = 0.0
    with torch.no_grad():
        for places in texts.batches(None):
            ids, _, scored, _ = texts.batch(places)
            nats += float((_losses(network, ids) * scored).sum())
    return nats / math.log(2) / texts.notes


def _losses(network: Network, ids: torch.Tensor) -> torch.Tensor:
    logits = network(ids[:, :-1])
    return nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")


class _Run:
    """Training against the clock."""

    def __init__(
        self, network: Network, texts: dict[str, Texts], seconds: float, passes: int | None
    ) -> None:
        self._network, self._texts, self._passes, self._budget = network, texts, passes, seconds
        self.best: dict[str, Any] = {}
        self.curve: list[tuple[float, float]] = []
        self.characters, self.done, self.seconds, self.worked = 0, 0.0, 0.0, 0.0
        weights = network.parameters()
        self._optimizer: torch.optim.Optimizer
        if network.recipe.tokens:
            self._optimizer = torch.optim.RMSprop(weights, 3e-3, alpha=0.9)
        else:
            self._optimizer = torch.optim.AdamW(weights, 2e-3, weight_decay=0.01)

    def train(self) -> None:
        """To the end of the time or of the passes."""
        random, least, began = np.random.default_rng(0), math.inf, time.monotonic()
        measuring, epoch = 0.0, 0
        while self._fraction() < 1:
            self._network.train()
            dealt = self._texts["training"].batches(random)
            for number, places in enumerate(dealt):
                self._step(*self._texts["training"].batch(places))
                self.done = epoch + (number + 1) / len(dealt)
                self.seconds = time.monotonic() - began
                if self._passes is None and self.seconds + measuring >= self._budget:
                    self.seconds = self._budget
                    break
            start = time.monotonic()
            bits = bits_per_note(self._network, self._texts["validation"])
            measuring = time.monotonic() - start
            print(f"  {self.done:.2f} passes, {self.seconds:.0f} s: {bits:.3f}", flush=True)
            self.curve.append((self.seconds, bits))
            if bits < least:
                least = bits
                state = self._network.state_dict()
                self.best = {name: value.clone() for name, value in state.items()}
            epoch += 1

    def _step(
        self, ids: torch.Tensor, present: torch.Tensor, _scored: torch.Tensor, characters: int
    ) -> None:
        began = time.monotonic()
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        loss = (_losses(self._network, ids) * present).sum() / present.sum()
        self._optimizer.zero_grad()
        loss.backward()
        largest = 5.0 if self._network.recipe.tokens else 1.0
        nn.utils.clip_grad_norm_(self._network.parameters(), largest)
        self._optimizer.step()
        self.worked += time.monotonic() - began
        self.characters += characters

    def _fraction(self) -> float:
        return self.done / self._passes if self._passes else self.seconds / self._budget

    def _rate(self) -> float:
        if self._network.recipe.tokens:
            return float(3e-3 * 0.97 ** max(0.0, self.done - 20))
        return 2e-3 * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, self._fraction()))) / 2)
