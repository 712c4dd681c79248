"""Places in a model text as far as time and form go, and the signs that are written there."""

from __future__ import annotations

from typing import NamedTuple

from abcgen.grammar import form

END = ""
"""Stands for the end of a text."""

LOW, HIGH = "CDEFGAB", "cdefgab"
LETTERS = LOW + HIGH
MARKS = dict.fromkeys(LOW, ",") | dict.fromkeys(HIGH, "'")
MOST_MARKS = 3  # C,,, to c''': what a piano has
SMALLEST_CHORD, LARGEST_CHORD = 2, 10
NO_TUPLET = (0, 1, 1)

# What has just been written.
HEAD, BAR, ITEM, ACCIDENTAL, LETTER, LENGTH, REST = range(7)
CHORD, BRACKET, FIELD, TUPLET, LINE, DONE = range(7, 13)
QUOTE, QUOTED = range(13, 15)  # a chord symbol; a whole one, whose note comes next


class Spot(NamedTuple):
    """A place in a text.

    Attributes:
        at: What has just been written.
        text: How much of it, where it is not whole.
        full: Ticks in a full bar; 0 in free metre.
        left: Ticks left in this one.
        items: Notes and tuplets in it; no more than 1 where they cannot become too many. In the
            header, which line it is.
        tuplet: Notes left in the open tuplet, its ``normal`` and ``actual``.
        chord: Notes in the open chord; -1 outside of one.
        begins: Whether a section or ending begins with the bar.
        fields: What may still change before its first note: ``MK``, ``K`` or nothing.
        tied: Whether a tie leads on from the last note, and over no end of a section.
        place: Where in its form the tune has come to.
    """

    at: int
    text: str = ""
    full: int = 0
    left: int = 0
    items: int = 0
    tuplet: tuple[int, int, int] = NO_TUPLET
    chord: int = -1
    begins: bool = True
    fields: str = ""
    tied: bool = False
    place: form.Place = form.Place()


Step = tuple[Spot, int, str]
"""The spot that a sign leads to, but for its ``at`` and ``text``, and those two.

Most of what may come next never does, so spots are made only when they are taken.
"""
Steps = dict[str, Step]


def taken(step: Step) -> Spot:
    """The spot that a step leads to."""
    spot, at, text = step
    return Spot(at, text, *spot[2:])


def step_to(spot: Spot) -> Step:
    """The step to a spot as it stands."""
    return spot, spot.at, spot.text
