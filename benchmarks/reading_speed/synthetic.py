"""Very many tunes, made from those of the collections by exchanging bars; no two are alike."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.collections import collection_blocks
from abcgen.notation.reader import Reading, read_block
from abcgen.notation.writer import write_abc

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

EXCHANGED = 0.4  # share of the bars that may be exchanged


class _Model(NamedTuple):
    """A tune taken apart.

    Attributes:
        head: Its header.
        kind: Its metre, unit length and key, which bars must share to be exchanged.
        bars: Its music cut at plain bar lines.
    """

    head: str
    kind: str
    bars: list[str]


def write_synthetic(path: Path, number: int, chance: random.Random) -> None:
    """Write a tunebook of so many tunes."""
    models = [model for model in _models() if len(model.bars) > 3]
    pools: dict[str, list[str]] = defaultdict(list)
    for model in models:
        pools[model.kind] += filter(_is_plain, model.bars)
    seen: set[int] = set()
    with path.open("w", encoding="utf-8") as file:
        for model in cycle(models):
            if len(seen) == number:
                break
            bars = [
                chance.choice(pools[model.kind])
                if _is_plain(bar) and chance.random() < EXCHANGED
                else bar
                for bar in model.bars
            ]
            music = " | ".join(bars)
            if hash(music) not in seen:
                seen.add(hash(music))
                file.write(f"X:{len(seen)}\n{model.head}{music}\n\n")


def _models() -> Iterator[_Model]:
    for found in collection_blocks():
        reading = read_block(found.block)
        if isinstance(reading, Reading) and not reading.tune.others:
            yield _model(write_abc(reading.tune))


def _model(abc: str) -> _Model:
    head, kind, music = re.fullmatch(  # type: ignore[union-attr] # canonical ABC is so
        r"X:\d+\n((?:[TRS]:.*\n)*(M:.*\nL:.*\nK:.*\n))((?:.*\n)*)", abc
    ).groups()
    return _Model(head, kind, music.rstrip("\n").split(" | "))


def _is_plain(bar: str) -> bool:
    """Whether it is one bar and nothing else: no repeat, ending, line's end or change of key."""
    return not re.search(r"[|:\[\]\n]", bar)
