"""Make large tunebooks by exchanging bars between the tunes of the collections."""

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

EXCHANGED = 0.4  # of the bars that may be exchanged


class _SourceTune(NamedTuple):
    """A tune of a collection, split into bars."""

    header: str
    # Metre, unit length and key: bars are exchanged between tunes that share them
    kind: str
    # The music between plain bar lines
    bars: list[str]


def write_synthetic(path: Path, number: int, generator: random.Random) -> None:
    """Write a tunebook of ``number`` tunes, no two alike."""
    sources = [source for source in _source_tunes() if len(source.bars) > 3]
    pools: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        pools[source.kind] += filter(_is_plain, source.bars)
    seen: set[int] = set()
    with path.open("w", encoding="utf-8") as file:
        for source in cycle(sources):
            if len(seen) == number:
                break
            bars = [
                generator.choice(pools[source.kind])
                if _is_plain(bar) and generator.random() < EXCHANGED
                else bar
                for bar in source.bars
            ]
            music = " | ".join(bars)
            if hash(music) not in seen:
                seen.add(hash(music))
                file.write(f"X:{len(seen)}\n{source.header}{music}\n\n")


def _source_tunes() -> Iterator[_SourceTune]:
    """Yield the tunes of one voice."""
    for found in collection_blocks():
        reading = read_block(found.block)
        if isinstance(reading, Reading) and not reading.tune.others:
            header, kind, music = re.fullmatch(  # type: ignore[union-attr] # canonical ABC matches
                r"X:\d+\n((?:[TRS]:.*\n)*(M:.*\nL:.*\nK:.*\n))((?:.*\n)*)",
                write_abc(reading.tune),
            ).groups()
            yield _SourceTune(header, kind, music.rstrip("\n").split(" | "))


def _is_plain(bar: str) -> bool:
    """Return whether a bar has no repeat, ending, line break or change of key."""
    return not re.search(r"[|:\[\]\n]", bar)
