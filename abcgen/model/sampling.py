"""What a constraint allows, as rows over the vocabulary that NumPy can work with.

Drawing texts from a network, which is given as an object with ``start`` and ``step``.

What is drawn may be constrained, for example to what a grammar allows. A constraint never changes
a text that keeps to it anyway: every character is first drawn as if there were none, and again
from what is allowed only if it is not. The outcome is distributed as if forbidden characters had
been left out from the beginning, since p(c) + P(forbidden) p(c) / P(allowed) = p(c) / P(allowed).
With top-k or top-p that holds of each draw by itself: the second takes the likeliest of what is
allowed, which the first may have left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from abcgen.errors import InputError
from abcgen.model.vocabulary import BEGIN, END, PADDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.config import SampleConfig
    from abcgen.model.vocabulary import Vocabulary

    State = tuple[NDArray[Any], ...]
    Watcher = Callable[[int, str], None]


FIRST_ROWS = 1024
UNSEEN = -1
NONE: Mapping[int, str] = MappingProxyType({})


class Constraint(Protocol):
    """Says which characters may come next. Places in a text are numbers."""

    @property
    def start(self) -> int:
        """The place before the first character."""

    def allowed(self, place: int, room: int) -> frozenset[str]:
        """The characters that may come next with room for so many; empty string for the end."""

    def after(self, place: int, sign: str) -> int:
        """The place that a character leads to; KeyError if it is not allowed."""

    def tidied(self) -> bool:
        """Forget places where there are too many; whether all but the start are forgotten."""

    def ceiling(self, place: int) -> int:
        """With room for more characters than this, what is allowed does not depend on it."""


class Mask:
    """A constraint over a vocabulary, in tables that grow as places are met.

    Places are numbered anew, by their rows in the tables; ``start`` is row 0.

    Args:
        constraint: What is allowed.
        vocabulary: The ids that its characters have.
    """

    start = 0

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary) -> None:
        self._constraint, self._vocabulary = constraint, vocabulary
        self._signs = vocabulary.tokens
        self._ids = {sign: number for number, sign in enumerate(self._signs) if sign}
        self._ids[""] = END
        self._begin()

    def _begin(self) -> None:
        """With no place met but the start."""
        vocabulary = self._vocabulary
        self._allowed = np.zeros((FIRST_ROWS, vocabulary.size), bool)
        self._next = np.full((FIRST_ROWS, vocabulary.size), UNSEEN, np.int32)
        self._places: list[int] = []
        self._row_of: dict[int, int] = {}
        self._sets: dict[frozenset[str], NDArray[np.bool_]] = {}
        self._highest = 0  # ceiling of all places met
        self._row(self._constraint.start)

    def tidy(self) -> None:
        """Keep memory bounded; no row but the start may be in use."""
        if self._constraint.tidied():
            self._begin()

    def after(
        self,
        rows: NDArray[np.int32],
        ids: NDArray[np.int32],
        unknown: Mapping[int, str] = NONE,
    ) -> NDArray[np.int32]:
        """The rows that ids lead to.

        Args:
            rows: Where the texts are.
            ids: What comes next in them.
            unknown: Where in ``ids`` stands what the vocabulary does not know, and what it is.

        Raises:
            InputError: if one is not allowed where it stands.
        """
        following = self._next[rows, ids]
        for at in np.flatnonzero(following == UNSEEN).tolist():
            row, number = int(rows[at]), int(ids[at])
            sign = unknown.get(at) or self._signs[number]
            try:
                place = self._constraint.after(self._places[row], sign)
            except KeyError as error:
                raise InputError(f"{sign!r} cannot stand where it is given") from error
            following[at] = self._row(place)
            if at not in unknown:  # the next one may be another
                self._next[row, number] = following[at]
        return following

    def allowed(self, rows: NDArray[np.int32], room: int) -> NDArray[np.bool_]:
        """What is allowed, with room for so many characters.

        Returns:
            Shape (rows, vocabulary).
        """
        table: NDArray[np.bool_] = self._allowed[rows]
        if room <= self._highest:
            for at, row in enumerate(rows.tolist()):
                if room <= self._constraint.ceiling(self._places[row]):
                    table[at] = self._fresh(self._places[row], room)
        return table

    def _row(self, place: int) -> int:
        row = self._row_of.get(place)
        if row is None:
            row = self._row_of[place] = len(self._places)
            self._places.append(place)
            if row == len(self._allowed):
                self._allowed = np.concatenate([self._allowed, np.zeros_like(self._allowed)])
                self._next = np.concatenate([self._next, np.full_like(self._next, UNSEEN)])
            ceiling = self._constraint.ceiling(place)
            self._highest = max(self._highest, ceiling)
            self._allowed[row] = self._fresh(place, ceiling + 1)
        return row

    def _fresh(self, place: int, room: int) -> NDArray[np.bool_]:
        signs = self._constraint.allowed(place, room)
        allowed = self._sets.get(signs)
        if allowed is None:
            allowed = self._sets[signs] = np.zeros(self._vocabulary.size, bool)
            allowed[[self._ids[sign] for sign in signs if sign in self._ids]] = True
        return allowed


# Below this temperature the likeliest character is as good as certain, so it is simply taken.
LEAST_TEMPERATURE = 1e-3
UNDRAWN = (PADDING, BEGIN)
# Rows whose text has ended are carried along until no more than this share of a batch goes on:
# to leave them out copies all that the network remembers of the others.
FULL_ENOUGH = 0.75


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
        drawn: How many characters were drawn rather than given; with them the end mark, or the
            one that found no more room.
        forced: How many of them the constraint had to replace.
        removed: The probability that it took from others, summed over the characters drawn.
    """

    text: str
    ended: bool
    number: int
    drawn: int = 0
    forced: int = 0
    removed: float = 0.0


def sample(
    network: StepFunction,
    vocabulary: Vocabulary,
    beginnings: Iterable[tuple[int, str]],
    config: SampleConfig,
    seed: int,
    *,
    constraint: Constraint | None = None,
    watch: Watcher | None = None,
) -> Iterator[Sampled]:
    """Draw texts.

    Text number n depends on the network, the settings, the constraint, the seed, n and its
    beginning, and on nothing else: neither on the batch size nor on which others are drawn.

    Args:
        network: Gives the logits.
        vocabulary: Its characters.
        beginnings: The number of every text wanted, and what it begins with; an empty string
            leaves everything to the network. ``enumerate(texts)`` numbers them from 0. They are
            asked for a batch at a time, so there may be more than fit in memory.
        config: Temperature (below ``LEAST_TEMPERATURE`` the likeliest character is always
            taken), top-k, top-p, greatest length and how many are drawn side by side.
        seed: Seed of all texts.
        constraint: What the texts must keep to, if anything.
        watch: Called with a text's number and its next character, as they come.

    Yields:
        The texts in the order of ``beginnings``, a batch at a time.

    Raises:
        InputError: if a beginning breaks the constraint, or has a character that the network does
            not know and has no symbol for, or can be followed by nothing that it can write, or a
            setting makes no sense.
    """
    check_seed(seed)
    remaining = iter(beginnings)
    mask = Mask(constraint, vocabulary) if constraint else None
    while batch := list(islice(remaining, config.batch_size)):
        if mask:
            mask.tidy()
        given = [text[: config.max_characters] for _, text in batch]
        shape = (2, config.max_characters + 1)
        chances = [_stream(seed, number).random(shape) for number, _ in batch]
        rows = _Rows(given, vocabulary, np.stack(chances, axis=-1), config, mask)
        if watch is not None:
            numbers = [number for number, _ in batch]
            rows.watch = lambda row, sign, numbers=numbers: watch(numbers[row], sign)
        rows.run(network)
        for place, (number, _) in enumerate(batch):
            yield rows.result(place, number)


def check_seed(seed: int) -> None:
    """Refuse a negative seed; ``sample`` does too, but only when its first text is drawn.

    Raises:
        InputError: if it is negative.
    """
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, not {seed}")


class _Rows:
    """The texts of one batch while they grow.

    Args:
        given: What each begins with.
        vocabulary: The network's characters.
        chances: Two uniform random numbers for every place of every text, shape (2, places,
            texts); the second is for where the first draw is not allowed.
        config: How to draw, and the greatest length.
        mask: What is allowed; None for everything.
    """

    def __init__(
        self,
        given: Sequence[str],
        vocabulary: Vocabulary,
        chances: NDArray[np.float64],
        config: SampleConfig,
        mask: Mask | None,
    ) -> None:
        self._chances, self._config, self._mask = chances, config, mask
        self._longest = config.max_characters
        self._texts, self._vocabulary = given, vocabulary
        self._given = np.array([len(text) for text in given])
        self._most_given = int(self._given.max())
        # What is given stands there from the start; drawing fills in the rest.
        self._ids = np.zeros((len(given), self._longest), np.int32)
        for row, text in enumerate(given):
            self._ids[row, : len(text)] = vocabulary.encode(text)
        self._lengths = np.full(len(given), self._longest)
        self._ended = np.zeros(len(given), bool)
        self._forced = np.zeros(len(given), np.int64)
        self._removed = np.zeros(len(given))
        self._places = np.full(len(given), Mask.start, np.int32)
        self.watch: Callable[[int, str], None] | None = None

    def run(self, network: StepFunction) -> None:
        """Let all texts grow until each has ended or is as long as it may be."""
        rows = np.arange(self._lengths.size)
        growing = np.ones(rows.size, bool)
        state = network.start(rows.size)
        ids = np.full(rows.size, BEGIN, np.int32)
        for place in range(self._longest + 1):
            logits, state = network.step(ids, state)
            ids = self._next(rows, growing, place, logits)
            ended = growing & (ids == END)
            self._end(rows[ended], place)
            growing &= ~ended
            left = int(np.count_nonzero(growing))
            if place == self._longest or not left:
                return
            if left <= FULL_ENOUGH * rows.size:
                state = tuple(part[growing] for part in state)
                rows, ids, growing = rows[growing], ids[growing], growing[growing]
            self._ids[rows, place] = ids
            self._go_on(rows, growing, place, ids)

    def result(self, row: int, number: int) -> Sampled:
        """One text."""
        length, ended = int(self._lengths[row]), bool(self._ended[row])
        drawn = self._ids[row, int(self._given[row]) : length].tolist()
        return Sampled(
            self._texts[row] + self._vocabulary.decode(drawn),
            ended,
            number,
            drawn=length + 1 - int(self._given[row]),
            forced=int(self._forced[row]),
            removed=float(self._removed[row]),
        )

    def _next(
        self,
        rows: NDArray[np.intp],
        growing: NDArray[np.bool_],
        place: int,
        logits: NDArray[Any],
    ) -> NDArray[np.int32]:
        """The next id of every row; the end mark again for those that have ended."""
        undrawn = self._vocabulary.undrawn
        first, second = self._chances[:, place, rows]
        weights = weigh(logits, self._config, undrawn)
        drawn, total = _draw(weights, first)
        is_drawn = growing & (place >= self._given[rows])
        if self._mask:
            allowed = self._mask.allowed(self._places[rows], self._longest - place)
            kept = np.einsum("ij,ij->i", weights, allowed) / total
            self._removed[rows] += is_drawn * (1.0 - np.minimum(kept, 1.0))
            wrong = is_drawn & ~allowed[np.arange(drawn.size), drawn]
            if wrong.any():
                if not allowed[wrong].any(axis=1).all():
                    raise InputError(
                        "nothing that the network can write may follow what is given",
                        hint="use --free",
                    )
                left = np.where(allowed[wrong], logits[wrong], -np.inf)
                drawn[wrong] = choose(left, second[wrong], self._config, undrawn)
                self._forced[rows[wrong]] += 1
        if is_drawn.all():
            return drawn
        known = self._ids[rows, min(place, self._longest - 1)]
        return np.where(is_drawn, drawn, np.where(growing, known, END)).astype(np.int32)

    def _go_on(
        self, rows: NDArray[np.intp], growing: NDArray[np.bool_], place: int, ids: NDArray[np.int32]
    ) -> None:
        """Tell the constraint, and whoever watches, what was drawn."""
        if not (self._mask or self.watch):
            return
        if not growing.all():
            rows, ids = rows[growing], ids[growing]
        unknown = self._unknown(rows, place, ids)
        if self._mask:
            self._places[rows] = self._mask.after(self._places[rows], ids, unknown)
        if self.watch:
            for at, (row, number) in enumerate(zip(rows.tolist(), ids.tolist(), strict=True)):
                self.watch(row, unknown.get(at) or self._vocabulary.decode([number]))

    def _unknown(
        self, rows: NDArray[np.intp], place: int, ids: NDArray[np.int32]
    ) -> dict[int, str]:
        """Where what was given is not known to the network, and what it is."""
        if self._vocabulary.unknown is None or place >= self._most_given:
            return {}
        places = np.flatnonzero(ids == self._vocabulary.unknown).tolist()
        return {at: self._texts[int(rows[at])][place] for at in places}

    def _end(self, rows: NDArray[np.intp], place: int) -> None:
        self._lengths[rows] = place
        self._ended[rows] = True


def weigh(
    logits: NDArray[Any], config: SampleConfig, undrawn: Sequence[int] = UNDRAWN
) -> NDArray[np.float64]:
    """How likely each id is to be drawn, not normalised.

    Of the softmax of logits / temperature the ``top_k`` likeliest ids are kept, and of these the
    likeliest whose probabilities together first reach ``top_p`` (Holtzman et al., "The Curious
    Case of Neural Text Degeneration", ICLR 2020). Of ids that are equally likely, the lower.

    Args:
        logits: Shape (rows, vocabulary); minus infinity for what must not be drawn.
        config: Temperature, top-k and top-p.
        undrawn: The ids that never are.

    Returns:
        Weights of shape (rows, vocabulary).
    """
    scores: NDArray[np.float64] = logits.astype(np.float64)
    for number in undrawn:
        scores[:, number] = -np.inf
    top_k = 1 if config.temperature < LEAST_TEMPERATURE else config.top_k
    if config.temperature < LEAST_TEMPERATURE:
        weights = (scores == scores.max(axis=1, keepdims=True)).astype(np.float64)
    else:
        scores -= scores.max(axis=1, keepdims=True)
        scores /= config.temperature
        weights = np.exp(scores, out=scores)
    if not top_k and config.top_p >= 1:
        return np.asarray(weights, np.float64)
    order = np.argsort(-weights, axis=1, kind="stable")
    ranked = np.take_along_axis(weights, order, axis=1)
    if top_k:
        ranked[:, top_k:] = 0.0
    if config.top_p < 1:
        before = np.cumsum(ranked, axis=1) - ranked
        ranked[before >= config.top_p * ranked.sum(axis=1, keepdims=True)] = 0.0
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, order, ranked, axis=1)
    return np.asarray(kept, np.float64)


def choose(
    logits: NDArray[Any],
    chances: NDArray[np.float64],
    config: SampleConfig,
    undrawn: Sequence[int] = UNDRAWN,
) -> NDArray[np.int32]:
    """Draw one id a row.

    Args:
        logits: Shape (rows, vocabulary).
        chances: A uniform random number from [0, 1) for every row.
        config: Temperature, top-k and top-p.
        undrawn: The ids that never are.

    Returns:
        The ids, int32 of shape (rows,).
    """
    return _draw(weigh(logits, config, undrawn), chances)[0]


def _draw(
    weights: NDArray[np.float64], chances: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """An id a row, and the sum of the row's weights."""
    sums = weights.cumsum(axis=1)
    total = sums[:, -1]
    return (sums > (chances * total)[:, None]).argmax(axis=1).astype(np.int32), total


def _stream(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((seed, number)))
