"""Drawing texts from a network, which is given as an object with ``start`` and ``step``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from abcgen.errors import InputError
from abcgen.model.settings import checked
from abcgen.model.vocabulary import BEGIN, END

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from abcgen.config import SampleConfig
    from abcgen.model.vocabulary import Vocabulary

    State = tuple[NDArray[Any], ...]

# Below this temperature the likeliest character is as good as certain, so it is simply taken.
LEAST_TEMPERATURE = 1e-3


class StepFunction(Protocol):
    """A network that reads one character of every text at a time."""

    def start(self, batch: int) -> State:
        """The state before anything is read: arrays whose first axis is the text."""

    def step(self, ids: NDArray[np.int32], state: State) -> tuple[NDArray[Any], State]:
        """Read ids (batch,); give logits (batch, vocabulary) and the new state."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A text drawn from a network.

    Attributes:
        text: All of it, what was given at the start included.
        ended: Whether the network ended it, rather than the limit on its length.
        number: Which together with the seed determines it.
    """

    text: str
    ended: bool
    number: int


def sample(
    network: StepFunction,
    vocabulary: Vocabulary,
    beginnings: Iterable[tuple[int, str]],
    config: SampleConfig,
    seed: int,
) -> Iterator[Sampled]:
    """Draw texts.

    Text number n depends on the network, the temperature, the seed, n and its beginning, and on
    nothing else: neither on the batch size nor on which other texts are drawn.

    Args:
        network: Gives the logits.
        vocabulary: Its characters.
        beginnings: The number of every text wanted, and what it begins with; an empty string
            leaves everything to the network. ``enumerate(texts)`` numbers them from 0. They are
            asked for a batch at a time, so there may be more than fit in memory.
        config: Temperature (below ``LEAST_TEMPERATURE`` the likeliest character is always
            taken), greatest length and how many are drawn side by side.
        seed: Seed of all texts.

    Yields:
        The texts in the order of ``beginnings``, a batch at a time.

    Raises:
        InputError: if a beginning has a character that the network does not know, or a setting
            makes no sense.
    """
    checked_sampling(config, seed)
    remaining = iter(beginnings)
    while batch := list(islice(remaining, config.batch_size)):
        given = [vocabulary.encode(text)[: config.max_characters] for _, text in batch]
        chances = [_stream(seed, number).random(config.max_characters + 1) for number, _ in batch]
        rows = _Rows(given, np.stack(chances), config)
        rows.run(network)
        for (number, _), (ids, ended) in zip(batch, rows.results(), strict=True):
            yield Sampled(vocabulary.decode(ids.tolist()), ended, number)


def checked_sampling(config: SampleConfig, seed: int) -> None:
    """Make sure that texts can be drawn so; ``sample`` does it too, but only when first asked.

    Raises:
        InputError: naming the setting that is out of range.
    """
    checked(config)
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, not {seed}")


class _Rows:
    """The texts of one batch while they grow.

    Args:
        given: The ids each begins with.
        chances: A uniform random number for every place of every text.
        config: Temperature and greatest length.
    """

    def __init__(
        self,
        given: Sequence[NDArray[np.int32]],
        chances: NDArray[np.float64],
        config: SampleConfig,
    ) -> None:
        self._chances, self._longest = chances, config.max_characters
        self._temperature = config.temperature
        self._given = np.array([ids.size for ids in given])
        # What is given stands there from the start; drawing fills in the rest.
        self._ids = np.zeros((len(given), self._longest), np.int32)
        for row, ids in enumerate(given):
            self._ids[row, : ids.size] = ids
        self._lengths = np.full(len(given), self._longest)
        self._ended = np.zeros(len(given), bool)

    def run(self, network: StepFunction) -> None:
        """Let all texts grow until each has ended or is as long as it may be."""
        growing = np.arange(self._lengths.size)
        state = network.start(growing.size)
        ids = np.full(growing.size, BEGIN, np.int32)
        for place in range(self._longest + 1):
            logits, state = network.step(ids, state)
            ids = self._next(growing, place, logits)
            going_on = ids != END
            self._end(growing[~going_on], place)
            if place == self._longest or not going_on.any():
                return
            growing, ids = growing[going_on], ids[going_on]
            self._ids[growing, place] = ids
            if not going_on.all():
                state = tuple(part[going_on] for part in state)

    def results(self) -> Iterator[tuple[NDArray[np.int32], bool]]:
        """Ids of every text, and whether the network ended it."""
        for ids, length, ended in zip(self._ids, self._lengths, self._ended, strict=True):
            yield ids[:length], bool(ended)

    def _next(
        self, growing: NDArray[np.intp], place: int, logits: NDArray[Any]
    ) -> NDArray[np.int32]:
        drawn = choose(logits, self._chances[growing, place], self._temperature)
        is_given = place < self._given[growing]
        if not is_given.any():
            return drawn
        return np.where(is_given, self._ids[growing, place], drawn).astype(np.int32)

    def _end(self, rows: NDArray[np.intp], place: int) -> None:
        self._lengths[rows] = place
        self._ended[rows] = True


def choose(
    logits: NDArray[Any], chances: NDArray[np.float64], temperature: float
) -> NDArray[np.int32]:
    """Draw one id a row from the softmax of logits / temperature, never padding or begin.

    Args:
        logits: Shape (rows, vocabulary).
        chances: A uniform random number from [0, 1) for every row.
        temperature: ``LEAST_TEMPERATURE`` or more to draw, less for the likeliest.

    Returns:
        The ids, int32 of shape (rows,).
    """
    scores: NDArray[np.float64] = logits.astype(np.float64)
    scores[:, :END] = -np.inf
    if temperature < LEAST_TEMPERATURE:
        chosen = np.argmax(scores, axis=1)
    else:
        scores -= scores.max(axis=1, keepdims=True)
        sums = np.cumsum(np.exp(scores / temperature), axis=1)
        chosen = np.argmax(sums > chances[:, None] * sums[:, -1:], axis=1)
    return np.asarray(chosen, np.int32)


def _stream(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((seed, number)))
