"""Choose the bars of a tune that a new setting of it redraws (``least_certain``).

They are those that the network finds least certain, by bits for each bar. A bar that returns is
chosen once, and redrawn alike wherever it stands. The first bar stays, because a tune is known by
it, and so do the bars that close its sections.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.splicing import gap_in, sound_of
from abcgen.notation.tune import BarLine
from abcgen.notation.walk import keys_and_metres
from abcgen.pipeline.barnumbers import joined
from abcgen.pipeline.rewriting import revision_of, tune_of
from abcgen.pipeline.surprise import surprise_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abcgen.notation.tune import Tune
    from abcgen.pipeline.barnumbers import Span
    from abcgen.pipeline.checkpoints import LoadedNetwork
    from abcgen.pipeline.revision import Revision

# How much it counts, for a setting, that the new bars are like the old ones: in log odds.
CLOSENESS = 4.0


def setting_of(network: LoadedNetwork, tune: Tune, amount: float) -> Revision:
    """Return what a setting of a tune redraws; see ``least_certain``."""
    before = tune_of(revision_of(tune, [(0, 0)]))
    return revision_of(before, least_certain(network, before, amount), alike=True)


def bits_by_bar(network: LoadedNetwork, tune: Tune) -> list[float]:
    """Return how many bits the notes of each bar cost a network."""
    return [math.fsum(bar) for bar in surprise_of(network, tune)]


def least_certain(network: LoadedNetwork, tune: Tune, amount: float) -> list[Span]:
    """Return the bars of a tune that a setting redraws.

    Args:
        network: The network that is asked.
        tune: A tune of one voice.
        amount: The share of its different full bars, 0 to 1.

    Raises:
        InputError: if there is no such bar.
    """
    places = list(_different_bars(tune))
    if not places:
        raise InputError(f"{tune.title!r} has no bars to vary: it needs two full bars of a metre")
    bits = bits_by_bar(network, tune)
    number = max(1, round(amount * len(places)))
    chosen = sorted(places, key=lambda index: -bits[index])[:number]
    return joined((index, index) for index in chosen)


def _different_bars(tune: Tune) -> Iterator[int]:
    """Yield the bars that can be redrawn, by index, each sound once, without the first bar."""
    in_force = keys_and_metres(tune.bars, tune.key, tune.metre)
    seen: set[object] = set()
    for index, (bar, (_, metre)) in enumerate(zip(tune.bars, in_force, strict=True)):
        if metre.is_free or bar.duration != metre.bar_duration:
            continue
        is_first, sound = not seen, sound_of(bar)
        if sound in seen or bar.line is not BarLine.SINGLE:
            continue
        seen.add(sound)
        try:
            gap_in(tune.bars, index, index)
        except InputError:
            continue
        if not is_first:
            yield index
