"""Which mode a tune is in, from its notes.

Some collections write every key as major and put the accidentals of a minor tune before the notes.
The tonic is taken as written; each degree of the scale then shows by how its notes are altered
which mode the tune moves in. A raised fourth is not taken for lydian: in a major tune it is more
often passing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from abcgen.notation.key import Key, Mode
from abcgen.notation.tune import LETTERS, Note, notes_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.notation.tune import Bar

FLAT = -1
FEWEST = 2  # notes that a degree is judged by
SHARE = 0.8  # of them that must be altered


def mode_of(bars: Iterable[Bar], key: Key) -> Mode:
    """The mode that the notes of a tune on that tonic move in; major where they leave it open.

    Args:
        bars: The bars of a tune.
        key: A major key on the tune's tonic.
    """
    altered = _alterations(bars, key)
    if _is(FLAT, altered[3]):
        if _is(FLAT, altered[2]):
            return Mode.PHRYGIAN
        natural_sixth = _is(0, altered[6]) and not _is(0, altered[7])
        return Mode.DORIAN if natural_sixth else Mode.MINOR
    flat_seventh = _is(FLAT, altered[7]) and not _is(FLAT, altered[6])
    return Mode.MIXOLYDIAN if _is(0, altered[3]) and flat_seventh else Mode.MAJOR


def _alterations(bars: Iterable[Bar], key: Key) -> dict[int, Counter[int]]:
    """For each degree of the scale how often its notes are flat, as in major, or sharp."""
    signature = key.signature
    altered: dict[int, Counter[int]] = {degree: Counter() for degree in range(1, 8)}
    for bar in bars:
        for item in bar.items:
            for note in notes_in(item):
                for pitch in note.pitches if isinstance(note, Note) else ():
                    degree = (pitch.step - LETTERS.index(key.letter)) % 7 + 1
                    altered[degree][pitch.alter - signature[pitch.letter]] += 1
    return altered


def _is(alteration: int, counts: Counter[int]) -> bool:
    """Whether a degree's notes are nearly all altered so."""
    total = counts.total()
    return total >= FEWEST and counts[alteration] >= SHARE * total
