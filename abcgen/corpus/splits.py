"""Divides tunes into training, validation and test, family by family.

Where a family goes is decided by its content alone: it stays there when other tunes are added,
unless they join it. Only where so few tunes are given that none would be left to learn from, they
all go into training, until others join them. And where a least number is to be held out, those
next in line are, until there are so many families that the shares alone are enough.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abcgen.corpus.families import families_by_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.config import SplitConfig
    from abcgen.corpus.extracts import Extract

SCALE = 16**12
FEWEST_TO_ONE_HELD_OUT = 6


@dataclass(frozen=True, slots=True)
class Split:
    """Tunes, divided.

    Attributes:
        training: What the network learns from.
        validation: What training is watched by.
        test: What is kept for the final figure.
        families: How many families there are in all.
        fingerprint: Hash of which tune is where; equal for equal splits.
    """

    training: tuple[Extract, ...]
    validation: tuple[Extract, ...]
    test: tuple[Extract, ...]
    families: int
    fingerprint: str


def split_tunes(tunes: Sequence[Extract], config: SplitConfig) -> Split:
    """Divide tunes by family; where none would be left to learn from, none is held out.

    Args:
        tunes: The tunes.
        config: The shares held out and what makes a family.
    """
    prints = [tune.fingerprint for tune in tunes]
    families = families_by_intervals([tune.intervals for tune in tunes], config.similarity)
    # A family is named by the smallest fingerprint among its tunes, whatever their order.
    names: dict[int, str] = {}
    for family, own in zip(families, prints, strict=True):
        names[family] = min(own, names.get(family, own))
    places = _parts([*names.values()], config)
    parts = [places[names[family]] for family in families]
    if "training" not in parts:  # too few to hold any out
        parts = ["training"] * len(parts)
    chosen = {
        part: tuple(tune for tune, own in zip(tunes, parts, strict=True) if own == part)
        for part in ("training", "validation", "test")
    }
    listing = "\n".join(sorted(f"{own} {part}" for own, part in zip(prints, parts, strict=True)))
    digest = hashlib.sha256(listing.encode()).hexdigest()
    return Split(**chosen, families=len(names), fingerprint=digest)


def _parts(names: list[str], config: SplitConfig) -> dict[str, str]:
    """Where the families of those names belong, by hashes evenly spread over 0 to 1."""
    in_line = sorted(names, key=_place)
    least = min(config.least, len(names) // FEWEST_TO_ONE_HELD_OUT)
    test = max(least, sum(_place(name) < config.test for name in names))
    held_out = sum(_place(name) < config.test + config.validation for name in names)
    bounds = (test, max(test + least, held_out))
    kinds = ("test", "validation", "training")
    return {name: kinds[bisect_right(bounds, rank)] for rank, name in enumerate(in_line)}


def _place(name: str) -> float:
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / SCALE
