"""Sampling: texts drawn from a network token by token, with or without a constraint.

A constraint, such as a grammar, says which characters may come next. Every token is drawn freely
first, and a second time from the allowed ones only if the first is forbidden. So a text that keeps
to the constraint anyway is the same with and without it. The outcome is distributed as if
forbidden tokens had been excluded from the start, since

    p(c) + P(forbidden) p(c) / P(allowed) = p(c) / P(allowed).

With top-k or top-p this holds for each draw separately: the second takes the most likely of what
is allowed, which the first may have excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from abcgen.errors import InputError
from abcgen.model.headers import Headers
from abcgen.model.vocabulary import BEGIN, END, PADDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from abcgen.config import SampleConfig
    from abcgen.model.vocabulary import Vocabulary

    NetworkState = tuple[NDArray[Any], ...]
    Watcher = Callable[[int, str], None]


# Below this temperature the most likely token is as good as certain, so it is simply taken.
LEAST_TEMPERATURE = 1e-3
NEVER_DRAWN = (PADDING, BEGIN)
# Texts that have ended stay in the batch until no more than this share of it is still growing:
# to remove them, the network's state has to be copied.
FULL_ENOUGH = 0.75
FIRST_ROWS = 1024  # of a mask's tables
NOT_REACHED = -1  # in a mask's tables
NO_UNKNOWN: Mapping[int, str] = MappingProxyType({})


class LanguageModel(Protocol):
    """A network that reads one token of every text at a time."""

    def start(self, batch: int) -> NetworkState:
        """Return the state before anything is read: arrays whose first axis is the text."""

    def step(
        self, ids: NDArray[np.int32], state: NetworkState
    ) -> tuple[NDArray[Any], NetworkState]:
        """Read tokens (B,); return the logits of the next (B, V) and the new state."""


class Constraint(Protocol):
    """A state machine over characters that says which may come next. States are numbers."""

    @property
    def start(self) -> int:
        """The state before the first character."""

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        """Return the characters that may come next if at most ``remaining`` are still to come.

        The empty string is the end of the text.
        """

    def advance(self, state_id: int, character: str) -> int:
        """Return the state after a character; raise KeyError if it is not allowed."""

    def max_distance(self, state_id: int) -> int:
        """Return how many characters may remain before ``allowed`` ignores their number."""

    def prune(self) -> bool:
        """Forget all states but the start if there are too many; return whether there were."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A text drawn from a network."""

    # Including what was given.
    text: str
    # The network ended it, rather than the limit on its length.
    ended: bool
    # The number that together with the seed determines it.
    number: int
    # Tokens drawn rather than given, including the end mark or the one too many.
    drawn: int = 0
    # How many of them the constraint had to replace.
    forced: int = 0
    # The probability that the constraint removed, summed over the tokens drawn.
    removed: float = 0.0
    # The limit on its length, for which the constraint leads it to an end, excluded a character.
    limited: bool = False

    @property
    def ended_freely(self) -> bool:
        """True if the network ended it, and the limit on its length had no part in it."""
        return self.ended and not self.limited


def sample(
    network: LanguageModel,
    vocabulary: Vocabulary,
    beginnings: Iterable[tuple[int, str]],
    config: SampleConfig,
    seed: int,
    *,
    constraint: Constraint | None = None,
    watch: Watcher | None = None,
) -> Iterator[Sampled]:
    """Yield texts in the order of their beginnings.

    A beginning is the number of a text and the characters it begins with, which may be none.
    Beginnings are read one batch at a time, so there may be more than fit in memory. A text depends
    on the network, the settings, the constraint, the seed, its number and its beginning only, not
    on the batch size or on which other texts are drawn. ``watch`` is called with the number of a
    text and its next character as each is drawn.

    Raises:
        InputError: if the seed is negative, or a beginning breaks the constraint, cannot be
            continued, or has a character that the network cannot read.
    """
    check_seed(seed)
    remaining = iter(beginnings)
    mask = TokenMask(constraint, vocabulary) if constraint else None
    while batch := list(islice(remaining, config.batch_size)):
        if mask:
            mask.prune()
        yield from generate(network, vocabulary, batch, config, seed, mask, watch)


def check_seed(seed: int) -> None:
    """Refuse a negative seed; ``sample`` does too, but only when its first text is requested.

    Raises:
        InputError: if it is negative.
    """
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, not {seed}")


def generate(
    network: LanguageModel,
    vocabulary: Vocabulary,
    batch: Sequence[tuple[int, str]],
    config: SampleConfig,
    seed: int,
    mask: TokenMask | None,
    watch: Watcher | None,
) -> list[Sampled]:
    """Draw the texts of one batch, given their numbers and beginnings."""
    limit, never_drawn = config.max_characters, vocabulary.never_drawn
    texts = GrowingTexts(batch, vocabulary, limit)
    # Two for each position, used or not: a text depends neither on others nor on redrawing.
    uniforms = uniform_numbers(texts.numbers, seed, limit + 1)  # (2, T, N)
    # Texts that have ended leave the network's batch now and then: B of N texts are in it.
    rows = np.arange(len(batch))  # (B,): their indices
    growing = np.ones(rows.size, bool)  # (B,): which of them have not ended
    headers = Headers(vocabulary, len(batch), config)
    mask_rows = np.full(rows.size, TokenMask.start, np.int32)  # (N,): states of the constraint
    state = network.start(rows.size)
    tokens = np.full(rows.size, BEGIN, np.int32)  # (B,)

    # One position more than the limit: a text of that length may still end there.
    for position in range(limit + 1):
        # 1) logits
        logits, state = network.step(tokens, state)  # (B, V)

        # 2) draw freely
        first, second = uniforms[:, position, rows]  # (B,) each
        temperatures = headers.temperatures(rows)  # (B, 1)
        weights = token_weights(logits, config, never_drawn, temperatures)  # (B, V)
        tokens, total = draw(weights, first)  # (B,) each
        is_drawn = growing & (position >= texts.given[rows])  # (B,)

        # 3) redraw what the constraint forbids
        if mask:
            allowed, limited = mask.allowed(mask_rows[rows], limit - position)  # (B, V), (B,)
            texts.limited[rows] |= is_drawn & limited
            allowed_share = np.einsum("bv,bv->b", weights, allowed) / total  # (B,)
            # Rounding may leave the share just above 1.
            texts.removed[rows] += is_drawn * (1.0 - np.minimum(allowed_share, 1.0))
            forbidden = is_drawn & ~allowed[np.arange(rows.size), tokens]  # (B,)
            if forbidden.any():
                masked = apply_mask(logits[forbidden], allowed[forbidden])
                weights = token_weights(masked, config, never_drawn, temperatures[forbidden])
                tokens[forbidden], _ = draw(weights, second[forbidden])
                texts.forced[rows[forbidden]] += 1

        # 4) advance, by the given token where there is one
        tokens = np.where(is_drawn, tokens, np.where(growing, texts.ids[rows, position], END))
        ended = growing & (tokens == END)
        texts.end(rows[ended], position)
        growing &= ~ended
        count = np.count_nonzero(growing)
        if position == limit or not count:
            break
        # Remove ended texts from the network's batch, if there are enough of them.
        if count <= FULL_ENOUGH * rows.size:
            state = tuple(part[growing] for part in state)
            rows, tokens, growing = rows[growing], tokens[growing], growing[growing]
        texts.ids[rows, position] = tokens
        headers.advance(rows, tokens)
        if mask or watch:
            active, read = rows[growing], tokens[growing]
            unknown = texts.unknown_characters(active, position)
            if mask:
                mask_rows[active] = mask.advance(mask_rows[active], read, unknown)
            if watch:
                texts.report(active, read, unknown, watch)
    return texts.sampled()


class GrowingTexts:
    """N texts while they are drawn."""

    def __init__(
        self, batch: Sequence[tuple[int, str]], vocabulary: Vocabulary, limit: int
    ) -> None:
        self.numbers = [number for number, _ in batch]
        self._prompts = [text[:limit] for _, text in batch]
        self._vocabulary = vocabulary
        # How many tokens of each text are given.
        self.given = np.array([len(prompt) for prompt in self._prompts])  # (N,)
        self._longest_prompt = int(self.given.max())
        # The tokens: those given from the start, the others as they are drawn.
        self.ids = np.zeros((len(batch), limit + 1), np.int32)  # (N, T + 1)
        for row, prompt in enumerate(self._prompts):
            self.ids[row, : len(prompt)] = vocabulary.encode(prompt)
        self._lengths = np.full(len(batch), limit)  # (N,)
        self._ended = np.zeros(len(batch), bool)  # (N,)
        # How many tokens the constraint replaced, and the probability that it removed.
        self.forced = np.zeros(len(batch), np.int64)  # (N,)
        self.removed = np.zeros(len(batch))  # (N,)
        # Where the limit on the length excluded a token.
        self.limited = np.zeros(len(batch), bool)  # (N,)

    def end(self, rows: NDArray[np.intp], length: int) -> None:
        """Record that texts have ended."""
        self._lengths[rows], self._ended[rows] = length, True

    def unknown_characters(self, rows: NDArray[np.intp], position: int) -> dict[int, str]:
        """Return given characters that the vocabulary does not know, by their index in ``rows``."""
        unknown = self._vocabulary.unknown
        # It is never drawn, so it can only be given.
        if unknown is None or position >= self._longest_prompt:
            return {}
        indices = np.flatnonzero(self.ids[rows, position] == unknown).tolist()
        return {index: self._prompts[int(rows[index])][position] for index in indices}

    def report(
        self,
        rows: NDArray[np.intp],
        tokens: NDArray[np.int32],
        unknown: Mapping[int, str],
        watch: Watcher,
    ) -> None:
        """Call ``watch`` with the number and the next character of each text."""
        for index, (row, token) in enumerate(zip(rows.tolist(), tokens.tolist(), strict=True)):
            character = unknown.get(index) or self._vocabulary.decode([token])
            watch(self.numbers[row], character)

    def sampled(self) -> list[Sampled]:
        """Return the texts as they are now."""
        return [
            Sampled(
                prompt + self._vocabulary.decode(self.ids[row, len(prompt) : length].tolist()),
                ended,
                number,
                drawn=length + 1 - len(prompt),
                forced=int(self.forced[row]),
                removed=float(self.removed[row]),
                limited=bool(self.limited[row]),
            )
            for row, (number, prompt, length, ended) in enumerate(
                zip(
                    self.numbers,
                    self._prompts,
                    self._lengths.tolist(),
                    self._ended.tolist(),
                    strict=True,
                )
            )
        ]


class TokenMask:
    """A constraint as boolean rows over a vocabulary.

    A constraint is pure Python and asked once for each of its states: the answers are rows of
    tables, which grow as states are reached, and a step only looks up rows. ``start`` is row 0.
    """

    start = 0

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary) -> None:
        self._constraint = constraint
        self._characters = vocabulary.tokens
        self._ids = {character: id_ for id_, character in enumerate(self._characters) if character}
        self._ids[""] = END
        self._forget()

    def _forget(self) -> None:
        """Forget all states but the start."""
        size = len(self._characters)
        self._allowed = np.zeros((FIRST_ROWS, size), bool)  # (rows, V), with plenty remaining
        self._following = np.full((FIRST_ROWS, size), NOT_REACHED, np.int32)  # (rows, V): a row
        self._states: list[int] = []  # the constraint's state of each row
        self._rows: dict[int, int] = {}
        self._masks: dict[frozenset[str], NDArray[np.bool_]] = {}
        self._max_distance = 0  # of all states reached
        self._row_of(self._constraint.start)

    def prune(self) -> None:
        """Keep memory bounded; no row but the start may be in use."""
        if self._constraint.prune():
            self._forget()

    def allowed(
        self, rows: NDArray[np.int32], remaining: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return what may come next if ``remaining`` characters may, and where that limits it.

        Returns:
            The tokens that are allowed, (B, V), and for each row whether more would be if more
            characters were to come, (B,).
        """
        table: NDArray[np.bool_] = self._allowed[rows]  # (B, V), a copy
        limited = np.zeros(len(rows), bool)  # (B,)
        # Near the limit a state allows less: only what can still come to an end in time.
        if remaining <= self._max_distance:
            for index, row in enumerate(rows.tolist()):
                state_id = self._states[row]
                if remaining <= self._constraint.max_distance(state_id):
                    table[index] = self._mask(state_id, remaining)
                    limited[index] = (table[index] != self._allowed[row]).any()
        return table, limited

    def advance(
        self,
        rows: NDArray[np.int32],
        ids: NDArray[np.int32],
        unknown: Mapping[int, str] = NO_UNKNOWN,
    ) -> NDArray[np.int32]:
        """Return the rows that tokens lead to from the texts' rows, all (B,).

        ``unknown`` has, by index, the characters behind tokens for an unknown one.

        Raises:
            InputError: if one is not allowed.
        """
        following = self._following[rows, ids]  # (B,)
        for index in np.flatnonzero(following == NOT_REACHED).tolist():
            row, id_ = int(rows[index]), int(ids[index])
            character = unknown.get(index) or self._characters[id_]
            try:
                state_id = self._constraint.advance(self._states[row], character)
            except KeyError as error:
                raise InputError(f"{character!r} may not come where it does") from error
            following[index] = self._row_of(state_id)
            # The same token may stand for another unknown character next time.
            if index not in unknown:
                self._following[row, id_] = following[index]
        return following

    def _row_of(self, state_id: int) -> int:
        row = self._rows.get(state_id)
        if row is None:
            row = self._rows[state_id] = len(self._states)
            self._states.append(state_id)
            # Full tables double.
            if row == len(self._allowed):
                self._allowed = np.concatenate([self._allowed, np.zeros_like(self._allowed)])
                unreached = np.full_like(self._following, NOT_REACHED)
                self._following = np.concatenate([self._following, unreached])
            max_distance = self._constraint.max_distance(state_id)
            self._max_distance = max(self._max_distance, max_distance)
            self._allowed[row] = self._mask(state_id, max_distance + 1)
        return row

    def _mask(self, state_id: int, remaining: int) -> NDArray[np.bool_]:
        characters = self._constraint.allowed(state_id, remaining)
        mask = self._masks.get(characters)
        if mask is None:
            mask = self._masks[characters] = np.zeros(len(self._characters), bool)
            mask[[self._ids[char] for char in characters if char in self._ids]] = True
        return mask


def apply_mask(logits: NDArray[Any], allowed: NDArray[np.bool_]) -> NDArray[Any]:
    """Return logits with minus infinity for forbidden characters, (B, V).

    Raises:
        InputError: if nothing is allowed in some row.
    """
    if not allowed.any(axis=1).all():
        raise InputError(
            "nothing that the network can write may follow what is given", hint="use --free"
        )
    return np.where(allowed, logits, -np.inf)


def token_weights(
    logits: NDArray[Any],
    config: SampleConfig,
    never_drawn: Sequence[int] = NEVER_DRAWN,
    temperatures: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return how likely each token is to be drawn, not normalised, (B, V).

    Logits (B, V) of minus infinity and ``never_drawn`` tokens have weight 0. ``temperatures``
    (B, 1) take the place of the one temperature.
    """
    scores = logits.astype(np.float64)  # (B, V)
    scores[:, list(never_drawn)] = -np.inf
    is_greedy = config.temperature < LEAST_TEMPERATURE
    weights: NDArray[np.float64]  # (B, V)
    if is_greedy:
        weights = (scores == scores.max(axis=1, keepdims=True)).astype(np.float64)
    else:
        weights = apply_temperature(
            scores, config.temperature if temperatures is None else temperatures
        )
    top_k = 1 if is_greedy else config.top_k
    if not top_k and config.top_p >= 1:
        return weights
    # Rank the tokens; of equally likely ones the lower comes first.
    order = np.argsort(-weights, axis=1, kind="stable")  # (B, V)
    ranked = np.take_along_axis(weights, order, axis=1)  # (B, V)
    if top_k:
        ranked = keep_top_k(ranked, top_k)
    if config.top_p < 1:
        ranked = keep_top_p(ranked, config.top_p)
    kept: NDArray[np.float64] = np.zeros_like(weights)  # (B, V)
    np.put_along_axis(kept, order, ranked, axis=1)
    return kept


def apply_temperature(
    scores: NDArray[np.float64], temperature: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the softmax of scores / temperature, not normalised; overwrites the scores, (B, V)."""
    scores -= scores.max(axis=1, keepdims=True)
    scores /= temperature
    np.exp(scores, out=scores)
    return scores


def keep_top_k(ranked: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return ranked weights with 0 for all but the k most likely, (B, V)."""
    kept: NDArray[np.float64] = np.where(np.arange(ranked.shape[1]) < k, ranked, 0.0)
    return kept


def keep_top_p(ranked: NDArray[np.float64], p: float) -> NDArray[np.float64]:
    """Return ranked weights with 0 for all after those that first reach a share p, (B, V).

    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020.
    """
    before = np.cumsum(ranked, axis=1) - ranked  # (B, V)
    kept: NDArray[np.float64] = np.where(
        before >= p * ranked.sum(axis=1, keepdims=True), 0.0, ranked
    )
    return kept


def draw(
    weights: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Draw a token per row; return the tokens and the sums of the weights, (B,) each.

    The weights (B, V) need not be normalised; ``uniforms`` are from [0, 1), (B,).
    """
    sums = weights.cumsum(axis=1)  # (B, V)
    total = sums[:, -1]  # (B,)
    # The first token whose cumulated weight exceeds that share of the total.
    return (sums > (uniforms * total)[:, None]).argmax(axis=1).astype(np.int32), total


def uniform_numbers(numbers: Sequence[int], seed: int, length: int) -> NDArray[np.float64]:
    """Return random numbers from [0, 1), two for each position of each numbered text, (2, T, N)."""
    streams = [np.random.default_rng(np.random.SeedSequence((seed, n))) for n in numbers]
    return np.stack([stream.random((2, length)) for stream in streams], axis=-1)
