"""Where in a tune every character leaves its reader: which section, which bar, how far into it.

A network that is told need not count. It is told of what was read only, so that nothing sees the
future, and what is no tune is measured all the same. A network goes with the ruler that it learnt
by: whatever is changed here changes what it is told.
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
PLACES = len(POSITIONS)
TICKS = 1680  # of a unit, so that short notes and tuplets of them are whole numbers
HALF = TICKS // 2
LATEST = NOT_YET * HALF - 1  # in ticks
NOTES, DIGITS = frozenset("ABCDEFGabcdefgz"), frozenset("0123456789")
MOST_MET = 2**17  # places that are kept, some 500 bytes each
LONGEST = 255  # note, in units and as a share of one
# So many notes in the time of so many, where the sign does not say (ABC 2.1, 4.13).
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}
ACTUAL, NORMAL, COUNT = 1, 2, 3  # the numbers of a tuplet's sign, as in (5:4:5
CLOSING = {"{": "}", '"': '"', "!": "!"}
BEGIN_OF_LINE, KEY, KEY_LINE, HEADER = "begin", "K", "K:", "header"
MUSIC, CHORD, FIELD = "music", "[", "[:"
SKIPPED = frozenset({*CLOSING.values(), FIELD})
BEFORE_MUSIC = frozenset({BEGIN_OF_LINE, KEY, KEY_LINE, HEADER})


class Place(NamedTuple):
    """Where a character leaves its reader.

    Attributes:
        section: Sections that ended before.
        bar: Bar lines since the section began.
        is_new: Whether nothing has sounded in the section yet.
        repeated: Section and bar where the last repeat sign stood, for a second ending to go on.
        inside: Part of the text, or the sign that will end what is skipped.
        before: The character before.
        start: Ticks from the bar line to the note that is being read, or to the next.
        over: Its length above the stroke, 0 where nothing is said.
        under: Below the stroke, likewise.
        strokes: How many.
        squeezed: Of the tuplet that it is in, how many notes and in the time of how many; else
            once one.
        tuplet: The same of the last tuplet's sign.
        left: Notes of that still to come.
        number: Which number of its sign is being read, 0 for none.
        sounding: Whether a note is being read.
    """

    section: int = 0
    bar: int = 0
    is_new: bool = True
    repeated: tuple[int, int] = (0, 0)
    inside: str = BEGIN_OF_LINE
    before: str = ""
    start: int = 0
    over: int = 0
    under: int = 0
    strokes: int = 0
    squeezed: tuple[int, int] = (1, 1)
    tuplet: tuple[int, int] = (1, 1)
    left: int = 0
    number: int = 0
    sounding: bool = False

    @property
    def now(self) -> int:
        """Ticks since the bar line."""
        if not self.sounding:
            return self.start
        length = TICKS * (self.over or 1) // (self.under or 2**self.strokes)
        actual, normal = self.squeezed
        length = length * normal // max(1, actual)
        return min(self.start + length, LATEST)


class Ruler:
    """Measures texts by ids as a network reads them.

    Args:
        vocabulary: The characters of the ids.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        marks = [""] * vocabulary.marks
        self._signs = np.array([*marks, *vocabulary.characters], object)
        self._met = _Met()

    def start(self, batch: int) -> NDArray[Any]:
        """Places before anything is read, an object each, shape (batch,)."""
        return _array([Place()] * batch)

    def after(self, places: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Places after one more character each; marks and unknown characters change nothing."""
        signs = self._signs[ids].tolist()
        return _array([_after(*pair) for pair in zip(places.tolist(), signs, strict=True)])

    def over(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """What is told at each id of a text: (time, 3), as ``told`` has it."""
        if len(self._met.places) > MOST_MET:
            self._met = _Met()
        marks = self._met.marks(self._signs[ids].tolist())
        return np.frombuffer(marks, np.uint8).reshape(-1, PLACES)


class _Met:
    """Places by number, and where each sign leads from them: texts pass the same ones again."""

    def __init__(self) -> None:
        self.places = [Place()]
        self._told = [bytes(_marks(Place()))]
        self._after: list[dict[str, int]] = [{}]
        self._numbers = {Place(): 0}

    def marks(self, signs: list[str]) -> bytes:
        """What is told after each sign of a text, ``PLACES`` bytes each."""
        number, passed = 0, []
        for sign in signs:
            after = self._after[number].get(sign)
            number = self._meet(number, sign) if after is None else after
            passed.append(self._told[number])
        return b"".join(passed)

    def _meet(self, number: int, sign: str) -> int:
        place = _followed(self.places[number], sign)
        after = self._numbers.setdefault(place, len(self.places))
        if after == len(self.places):
            self.places.append(place)
            self._told.append(bytes(_marks(place)))
            self._after.append({})
        self._after[number][sign] = after
        return after


def told(places: NDArray[Any]) -> NDArray[np.int32]:
    """Section, bar and time of places, (batch, 3), below ``SECTIONS``, ``BARS`` and ``TIMES``."""
    return np.array([_told(place) for place in places.tolist()], np.int32).reshape(-1, PLACES)


def _array(places: list[Place]) -> NDArray[Any]:
    # From a list, NumPy would take every place for a row of its own.
    return np.fromiter(places, object, len(places))


def _marks(place: Place) -> tuple[int, int, int]:
    time = NOT_YET if place.inside in BEFORE_MUSIC else place.now // HALF
    return min(place.section, SECTIONS - 1), min(place.bar, BARS - 1), time


_told = lru_cache(maxsize=2**16)(_marks)


def _followed(place: Place, sign: str) -> Place:
    if not sign:
        return place
    if place.inside in BEFORE_MUSIC:
        return place._replace(inside=_in_header(place.inside, sign))
    if place.inside in SKIPPED:
        closing = "]" if place.inside == FIELD else place.inside
        return place._replace(inside=MUSIC if sign == closing else place.inside, before=sign)
    if place.number and (sign == ":" or sign in DIGITS):
        return _in_tuplet_sign(place, sign)
    before = sign if sign in "|:[(" else ""
    after = _in_music(place._replace(number=0) if place.number else place, sign)
    return after if after.before == before else after._replace(before=before)


_after = lru_cache(maxsize=2**16)(_followed)


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
    if sign in {"|", ":", "]"}:
        return _line(place, sign)
    if sign == "/" and place.sounding:
        return place._replace(strokes=min(place.strokes + 1, 7))
    if sign == "[":
        return place._replace(inside=CHORD, start=place.now, sounding=False)
    return place._replace(inside=CLOSING.get(sign, place.inside))


def _in_tuplet_sign(place: Place, sign: str) -> Place:
    """What follows the first number: the time that it takes, and how many notes."""
    if sign == ":":
        return place._replace(number=min(place.number + 1, COUNT + 1))
    digit, (actual, _) = int(sign), place.tuplet
    if place.number == NORMAL:
        return place._replace(tuplet=(actual, digit))
    return place._replace(left=digit) if place.number == COUNT else place


def _note(place: Place) -> Place:
    if place.inside == CHORD and place.sounding:  # which began with its first note
        return place._replace(over=0, under=0, strokes=0)
    return place._replace(
        is_new=False,
        start=place.now,
        over=0,
        under=0,
        strokes=0,
        squeezed=place.tuplet if place.left else (1, 1),
        left=max(0, place.left - 1),
        sounding=True,
    )


def _number(place: Place, digit: int) -> Place:
    """A digit of a tuplet's sign, of an ending's, or of a note's length."""
    if place.before == "(":
        tuplet = (digit, TUPLETS.get(digit, digit))
        return place._replace(tuplet=tuplet, left=digit, number=ACTUAL)
    if place.before == "[":
        return place._replace(inside=MUSIC)
    if place.before == "|" and place.is_new and digit > 1:
        section, bar = place.repeated
        return place._replace(section=section, bar=bar)
    if not place.sounding:
        return place
    if place.strokes:
        return place._replace(under=min(10 * place.under + digit, LONGEST))
    return place._replace(over=min(10 * place.over + digit, LONGEST))


def _line(place: Place, sign: str) -> Place:
    """Bar lines and repeats; ``||``, ``|]``, ``:|``, ``::`` and ``|:`` begin a section."""
    if place.inside == CHORD and sign != "|":
        return place._replace(inside=FIELD if sign == ":" else MUSIC)
    if sign == "]" and place.before != "|":
        return place
    rest = Place(place.section, place.bar, place.is_new, place.repeated, MUSIC)
    if place.is_new or place.before == "[":
        return rest
    if place.before in {"|", ":"}:
        ended = (place.section, place.bar) if sign + place.before == "|:" else place.repeated
        return rest._replace(
            section=min(place.section + 1, SECTIONS), bar=0, is_new=True, repeated=ended
        )
    return rest._replace(bar=min(place.bar + 1, BARS)) if sign == "|" else rest
