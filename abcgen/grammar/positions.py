"""Where in a tune every character leaves its reader: which section, which bar, how far into it.

A network that is told need not count. It is told of what was read only, so that nothing sees the
future, and what is no tune is measured all the same. A network goes with the ruler that it learnt
by: whatever is changed here changes what it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

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
MOST_MET = 2**15  # places that are kept, some 1 kB each
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


class Known:
    """A place that was met, and where each sign led from it: texts pass the same ones again.

    Attributes:
        place: The place.
        told: What is told of it, ``PLACES`` bytes.
        after: The known places after signs.
    """

    __slots__ = ("after", "place", "told")

    def __init__(self, place: Place) -> None:
        self.place, self.told = place, bytes(_marks(place))
        self.after: dict[str, Known] = {}


class Ruler:
    """Measures texts by ids as a network reads them.

    Args:
        vocabulary: The characters of the ids.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._signs = np.array(vocabulary.signs, object)
        self._begin()

    def _begin(self) -> None:
        """With no place known but the start; whoever stands at another can go on from there."""
        self._start = Known(Place())
        self._known = {self._start.place: self._start}

    def start(self, batch: int) -> NDArray[Any]:
        """Known places before anything is read, an object each, shape (batch,)."""
        return np.full(batch, self._start, object)

    def after(self, places: NDArray[Any], ids: NDArray[np.int32]) -> NDArray[Any]:
        """Known places after one more character each; marks and unknown signs change nothing."""
        steps = zip(places.tolist(), self._signs[ids].tolist(), strict=True)
        after = (known.after.get(sign) or self._meet(known, sign) for known, sign in steps)
        return np.fromiter(after, object, len(places))

    def over(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """What is told at each id of a text: (time, 3), as ``told`` has it."""
        known, passed = self._start, []
        for sign in self._signs[ids].tolist():
            known = known.after.get(sign) or self._meet(known, sign)
            passed.append(known)
        return _marks_of(passed)

    def _meet(self, known: Known, sign: str) -> Known:
        place = _followed(known.place, sign)
        after = self._known.get(place)
        if after is None:
            if len(self._known) == MOST_MET:
                self._begin()
            after = self._known[place] = Known(place)
        known.after[sign] = after
        return after


def told(places: NDArray[Any]) -> NDArray[np.int32]:
    """Section, bar and time of known places: (batch, 3), of the sizes in ``POSITIONS``."""
    return _marks_of(places.tolist()).astype(np.int32)


def _marks_of(places: Iterable[Known]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join([known.told for known in places]), np.uint8).reshape(-1, PLACES)


def _marks(place: Place) -> tuple[int, int, int]:
    time = NOT_YET if place.inside in BEFORE_MUSIC else place.now // HALF
    return min(place.section, SECTIONS - 1), min(place.bar, BARS - 1), time


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
