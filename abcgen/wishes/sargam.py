"""A tune's notes by their Indian names, above the tonic of its key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abcgen.notation.tune import Marks, Note, Rest
from abcgen.notation.words import Syllable
from abcgen.wishes.checking import degree_of
from abcgen.wishes.ragas import NAMES

if TYPE_CHECKING:
    from abcgen.notation.tune import Tune
    from abcgen.wishes.sounding import Degree


def degrees_of(tune: Tune) -> list[Degree]:
    """Return the degrees of a tune's notes above its tonic; of a chord, the first note's."""
    notes = (note for note in tune.notes if isinstance(note, Note))
    return [degree_of(note.pitches[0], tune.key) for note in notes]


def with_sargam(tune: Tune) -> Tune:
    """Return the tune with the name of each note as a word under it (``w:``).

    A note that is tied to the one before is held.
    """
    is_held = False

    def name(note: Note | Rest) -> Note | Rest:
        nonlocal is_held
        if isinstance(note, Rest):
            is_held = False
            return note
        text = "" if is_held else NAMES.get(degree_of(note.pitches[0], tune.key), "?")
        is_held = note.tied
        return replace(note, marks=replace(note.marks or Marks(), lyrics=(Syllable(text),)))

    return replace(tune, bars=tuple(bar.with_notes(name) for bar in tune.bars))
