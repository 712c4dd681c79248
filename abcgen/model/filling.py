"""Fill a gap: draw what stands between a beginning and an ending (``fill``).

A network that was trained with gaps (``TrainConfig.gaps``) reads ``before…after…`` and then writes
what is in the gap, so it knows both sides. Any other network reads only what is before the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from abcgen.model.sampling import sample
from abcgen.model.vocabulary import BEGIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from abcgen.config import SampleConfig
    from abcgen.model.inference import StepNetwork
    from abcgen.model.sampling import Constraint, NetworkState, Sampled, Watcher
    from abcgen.model.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Gap:
    """Whole bars of a model text that are to be filled.

    ``before + bars + after`` is a whole model text, with a form line if the network has them. The
    bar lines at both ends of the gap are outside, those within it inside.
    """

    before: str
    after: str
    # Any music in the gap with the same bars, such as what was there: from its bar lines and the
    # lengths of its bars follows where in the tune ``after`` is. Its notes have no effect.
    bars: str


def fill(
    network: StepNetwork,
    vocabulary: Vocabulary,
    gap: Gap,
    numbers: Iterable[int],
    config: SampleConfig,
    seed: int,
    *,
    constraint: Constraint | None = None,
    watch: Watcher | None = None,
) -> Iterator[Sampled]:
    """Yield texts for a gap, one for each number, in order; see ``sampling.sample``.

    The text of each is only what fills the gap, and begins the constraint at its start. It ends
    with the end mark, right after the last note: a constraint should allow the end only there. A
    network without gaps goes on instead, so it needs one.

    Args:
        network: The network.
        vocabulary: Its vocabulary.
        gap: The gap.
        numbers: A number for each text, which together with the seed determines it.
        config: The settings of sampling; ``max_characters`` are those of what fills the gap.
        seed: The seed, 0 or more.
        constraint: What may fill the gap.
        watch: Called with the number of a text and its next character as each is drawn.

    Raises:
        InputError: if the seed is negative, or the network cannot read what surrounds the gap.
    """
    reader = ReadGap(network, vocabulary, gap)
    config = config.replace(header_temperature=None)  # a gap is music
    beginnings = ((number, "") for number in numbers)
    yield from sample(
        reader, vocabulary, beginnings, config, seed, constraint=constraint, watch=watch
    )


class ReadGap:
    """A network that has read what surrounds a gap, as the network of what fills it.

    The surroundings are read once for all texts. It can be sampled from (``sampling.sample``) and
    asked for the probability of texts that fill the gap.

    Args:
        network: The network.
        vocabulary: Its vocabulary.
        gap: The gap.
    """

    def __init__(self, network: StepNetwork, vocabulary: Vocabulary, gap: Gap) -> None:
        self._network = network
        before = [BEGIN, *vocabulary.encode(gap.before).tolist()]
        mark = vocabulary.gap_mark
        # The last token that is read, and the state before it.
        self._last = before[-1] if mark is None else mark
        state = network.start(1)
        if mark is None:
            self._state = self._read(before[:-1], state)
            return
        here = self._read(before, state)
        state = self._read([mark], here)
        state = network.skip(vocabulary.encode(gap.bars), state)
        state = self._read(vocabulary.encode(gap.after).tolist(), state)
        self._state = network.placed_as(here, state)

    def _read(self, ids: Iterable[int], state: NetworkState) -> NetworkState:
        for id_ in ids:
            _, state = self._network.step(np.array([id_], np.int32), state)
        return state

    def start(self, batch: int) -> NetworkState:
        """Return the state before the last token of the surroundings."""
        return tuple(np.repeat(part, batch, axis=0) for part in self._state)

    def step(
        self, ids: NDArray[np.int32], state: NetworkState
    ) -> tuple[NDArray[Any], NetworkState]:
        """Read tokens (B,), the begin mark as the last that was given; see ``LanguageModel``."""
        return self._network.step(np.where(ids == BEGIN, self._last, ids).astype(np.int32), state)
