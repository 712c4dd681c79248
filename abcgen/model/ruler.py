"""Where in a tune every character leaves its reader: which section, which bar, how far into it.

A network that is told need not count. It is told of what was read only, so that nothing sees the
future, and of music roughly: tuplets last as long as ABC 2.1 (4.13) says for simple metres, and
what is no tune is measured all the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abcgen.model.vocabulary import Vocabulary

# How many are told apart; the last section and bar stand for all that come after them. A time is
# so many half units since the bar line (with L:1/8, sixteenth notes); the last one is none, since
# there is no music yet.
SECTIONS, BARS, TIMES = 8, 32, 65
NOT_YET = TIMES - 1
# Rows and columns of what a network learns of each.
POSITIONS = {"section": (SECTIONS, 4), "bar": (BARS, 12), "time": (TIMES, 12)}
MARKS = len(POSITIONS)
TICKS = 48  # of a unit, so that short notes and triplets of them are whole numbers
HALF = TICKS // 2
LATEST = NOT_YET * HALF - 1  # in ticks
NOTES, DIGITS = frozenset("ABCDEFGabcdefgz"), frozenset("0123456789")
LONGEST = 255  # note, in units and as a share of one
# So many notes in the time of so many.
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}
CLOSING = {"{": "}", '"': '"', "!": "!"}
BEGIN_OF_LINE, KEY, KEY_LINE, HEADER = "begin", "K", "K:", "header"
MUSIC, CHORD, FIELD = "music", "[", "[:"
BEFORE_MUSIC = frozenset({BEGIN_OF_LINE, KEY, KEY_LINE, HEADER})


class Place(NamedTuple):
    """Where a character leaves its reader.

    Attributes:
        section: Sections that ended before.
        bar: Bar lines since.
        inside: Part of the text, or the sign that will end what is skipped.
        before: The character before.
        start: Ticks from the bar line to the note that is being read, or to the next.
        over: Its length above the stroke, 0 where nothing is said.
        under: Below the stroke, likewise.
        strokes: How many.
        tuplet: Notes of the tuplet that it is in, 0 outside.
        left: Notes still to come of a tuplet of ``next_tuplet``.
        next_tuplet: See ``left``.
        sounding: Whether a note is being read.
    """

    section: int = 0
    bar: int = 0
    inside: str = BEGIN_OF_LINE
    before: str = ""
    start: int = 0
    over: int = 0
    under: int = 0
    strokes: int = 0
    tuplet: int = 0
    left: int = 0
    next_tuplet: int = 0
    sounding: bool = False

    @property
    def now(self) -> int:
        """Ticks since the bar line."""
        if not self.sounding:
            return self.start
        length = TICKS * (self.over or 1) // (self.under or 2**self.strokes)
        length = length * TUPLETS.get(self.tuplet, 1) // (self.tuplet or 1)
        return min(self.start + length, LATEST)


class Ruler:
    """Measures texts by ids as a network reads them.

    Args:
        vocabulary: The characters of the ids.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        marks = [""] * vocabulary.marks
        self._signs = np.array([*marks, *vocabulary.characters], object)

    def start(self, batch: int) -> NDArray[Any]:
        """Places before anything is read, an object each, shape (batch,)."""
        return _array([Place()] * batch)

    def after(self, places: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Places after one more character each; marks and unknown characters change nothing."""
        signs = self._signs[ids].tolist()
        return _array([_after(*pair) for pair in zip(places.tolist(), signs, strict=True)])

    def over(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """What is told at each id of a text: (time, 3), as ``told`` has it."""
        place, marks = Place(), []
        for sign in self._signs[ids].tolist():
            place = _after(place, sign)
            marks.append(_told(place))
        return np.array(marks, np.uint8).reshape(-1, MARKS)


def told(places: NDArray[Any]) -> NDArray[np.int32]:
    """Section, bar and time of places, (batch, 3), below ``SECTIONS``, ``BARS`` and ``TIMES``."""
    return np.array([_told(place) for place in places.tolist()], np.int32).reshape(-1, MARKS)


def _array(places: list[Place]) -> NDArray[Any]:
    array = np.empty(len(places), object)
    for row, place in enumerate(places):  # else NumPy would take a place for a row of its own
        array[row] = place
    return array


@lru_cache(maxsize=2**16)
def _told(place: Place) -> tuple[int, int, int]:
    time = NOT_YET if place.inside in BEFORE_MUSIC else place.now // HALF
    return min(place.section, SECTIONS - 1), min(place.bar, BARS - 1), time


@lru_cache(maxsize=2**16)
def _after(place: Place, sign: str) -> Place:
    if not sign:
        return place
    if place.inside in BEFORE_MUSIC:
        return place._replace(inside=_in_header(place.inside, sign))
    if place.inside in {*CLOSING.values(), FIELD}:
        closing = "]" if place.inside == FIELD else place.inside
        return place._replace(inside=MUSIC if sign == closing else place.inside, before=sign)
    return _in_music(place, sign)._replace(before=sign if sign in "|:[(" else "")


def _in_header(inside: str, sign: str) -> str:
    """The music begins after the line of the key."""
    if sign == "\n":
        return MUSIC if inside == KEY_LINE else BEGIN_OF_LINE
    if inside == BEGIN_OF_LINE and sign == "K":
        return KEY
    if inside == KEY and sign == ":":
        return KEY_LINE
    return KEY_LINE if inside == KEY_LINE else HEADER


def _in_music(place: Place, sign: str) -> Place:
    if sign in NOTES:
        return _note(place)
    if sign in DIGITS:
        return _number(place, int(sign))
    if sign in {"|", ":"}:
        return _line(place, sign)
    if sign == "/" and place.sounding:
        return place._replace(strokes=min(place.strokes + 1, 7))
    if sign == "[":
        return place._replace(inside=CHORD, start=place.now, sounding=False)
    return place._replace(inside=MUSIC if sign == "]" else CLOSING.get(sign, place.inside))


def _note(place: Place) -> Place:
    if place.inside == CHORD and place.sounding:  # which began with its first note
        return place._replace(over=0, under=0, strokes=0)
    return place._replace(
        start=place.now,
        over=0,
        under=0,
        strokes=0,
        tuplet=place.next_tuplet if place.left else 0,
        left=max(0, place.left - 1),
        sounding=True,
    )


def _number(place: Place, digit: int) -> Place:
    """A digit of a tuplet's sign, of an ending's, or of a note's length."""
    if place.before == "(":
        return place._replace(left=digit, next_tuplet=digit) if digit in TUPLETS else place
    if place.before == "[":
        return place._replace(inside=MUSIC)
    if not place.sounding:
        return place
    if place.strokes:
        return place._replace(under=min(10 * place.under + digit, LONGEST))
    return place._replace(over=min(10 * place.over + digit, LONGEST))


def _line(place: Place, sign: str) -> Place:
    """Bar lines and repeats: ``||``, ``:|``, ``::`` and ``|:`` begin a section."""
    if sign == ":" and place.inside == CHORD:
        return place._replace(inside=FIELD)
    bar, section = place.bar, place.section
    if place.before in {"|", ":"}:
        # After a bar line that was counted before it was known for the beginning of a section.
        section += 1 if bar or sign + place.before != ":|" else 0
        bar = 0
    elif sign == "|" and place.before != "[":
        bar = min(bar + 1, BARS)
    return Place(min(section, SECTIONS), bar, MUSIC)
