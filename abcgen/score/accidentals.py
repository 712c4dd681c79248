"""Which accidentals are printed: those that the key signature and the bar so far do not say.

An accidental lasts to the end of its bar, on its own line or space. A note tied over from the
bar before needs none and leaves none behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.key import MAX_SIGNATURE, SHARP_ORDER, Key
from abcgen.notation.tune import LETTERS, Note, Pitch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.score.pieces import Piece


class Printed(NamedTuple):
    """The pitches of a piece that are printed with an accidental.

    Attributes:
        grace: Those of its grace notes.
        notes: Its own.
    """

    grace: frozenset[Pitch]
    notes: frozenset[Pitch]


def printed_fifths(key: Key) -> int:
    """Sharps (or flats, if negative) in the printed signature; never more than seven."""
    return max(-MAX_SIGNATURE, min(MAX_SIGNATURE, key.fifths))


def printed_signature(key: Key) -> dict[str, int]:
    """The accidental, in semitones, that the printed signature gives every letter."""
    fifths = printed_fifths(key)
    alters = {letter: (fifths - place + 6) // 7 for place, letter in enumerate(SHARP_ORDER)}
    return {letter: dict(key.extra).get(letter, alters[letter]) for letter in LETTERS}


def printed_accidentals(pieces: list[Piece], key: Key) -> list[Printed]:
    """For every piece of a bar the pitches that are printed with an accidental."""
    signature = printed_signature(key)
    said: dict[int, int] = {}

    def news(pitches: Iterable[Pitch]) -> frozenset[Pitch]:
        """Those of the pitches that nothing has said yet; now it is said."""
        needed = {
            pitch
            for pitch in pitches
            if pitch.alter != said.get(pitch.step, signature[pitch.letter])
        }
        said.update({pitch.step: pitch.alter for pitch in needed})
        return frozenset(needed)

    printed: list[Printed] = []
    for piece in pieces:
        item = piece.item
        fresh = set(item.pitches) - piece.tied_from if isinstance(item, Note) else set()
        printed.append(Printed(news(piece.grace), news(fresh)))
    return printed
