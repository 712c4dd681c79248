"""The grammar of model text: what may come next if the text is to become a right tune.

It follows a text character by character, as :func:`abcgen.notation.model_text.encode_tune` writes
it. Every text that it lets through to its end decodes to a tune whose bars add up, whose tuplets
and chords close and whose repeats and endings pair; and from every place there is a way to the
end. Places are small immutable values, numbered as they are met; what follows a place is worked
out once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from abcgen.errors import InputError
from abcgen.grammar.music import Music
from abcgen.grammar.pitch import Pitches, PitchRule, is_unbound
from abcgen.grammar.rules import ANY_METRE, Rules
from abcgen.grammar.spot import END, Spot, Step, taken
from abcgen.grammar.way_out import ShortestCompletion

if TYPE_CHECKING:
    from collections.abc import Collection


T = TypeVar("T")
Place = tuple[Spot, int]
MOST_PLACES = 15_000  # some 30 MB

__all__ = ["ANY_METRE", "END", "Grammar", "Rules"]


class Grammar:
    """Says what may come next.

    A place in a text is a number; ``start`` is the one before the first character.

    Args:
        rules: What is asked for.

    Raises:
        InputError: if the alphabet of the rules cannot write a tune.
    """

    start = 0

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._music, self._pitch = Music(rules), PitchRule(rules)
        self._out = ShortestCompletion(self._music)
        self._begin()

    def _begin(self) -> None:
        """With no place met but the start."""
        self._pitches = Numbered[Pitches]()
        self._places = Numbered[Place]()
        self._places.number((self._music.start, self._pitches.number(self._pitch.start)))
        self._steps: dict[int, dict[str, tuple[Step, int]]] = {}
        self._after: dict[tuple[int, str], int] = {}
        self._ways: dict[int, int] = {}
        self._ceilings: dict[int, int] = {}

    def tidied(self) -> bool:
        """Forget all places but the start if there are very many; whether that was done."""
        if len(self._places) <= MOST_PLACES:
            return False
        self._begin()
        return True

    def following(self, place: int) -> Collection[str]:
        """Every character that may come next.

        The empty string stands for the end of the text.
        """
        return self._following(place).keys()

    def after(self, place: int, sign: str) -> int:
        """The place that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        step = place, sign
        if step not in self._after:
            after, pitches = self._following(place)[sign]
            self._after[step] = self._places.number((taken(after), pitches))
        return self._after[step]

    def _following(self, place: int) -> dict[str, tuple[Step, int]]:
        if place not in self._steps:
            spot, number = self._places[place]
            spots, pitches = self._music.following(spot), self._pitches[number]
            if is_unbound(pitches):
                steps = {sign: (after, number) for sign, after in spots.items()}
            else:
                steps = {
                    sign: (after, self._pitches.number(pitched))
                    for sign, after in spots.items()
                    if (pitched := self._pitch.after(pitches, sign)) is not None
                }
            self._steps[place] = steps
        return self._steps[place]

    def allowed(self, place: int, room: int) -> frozenset[str]:
        """The characters that may come next with room for so many, this one included.

        A way to the end always stays within the room, if there was one before.
        """
        following = self.following(place)
        if room > self.ceiling(place):
            return frozenset(following)
        return frozenset(
            sign for sign in following if sign == END or self.way(self.after(place, sign)) < room
        )

    def ceiling(self, place: int) -> int:
        """With room for more characters than this, ``allowed`` does not depend on the room."""
        if place not in self._ceilings:
            self._ceilings[place] = self._out.ceiling(self._places[place][0])
        return self._ceilings[place]

    def way(self, place: int) -> int:
        """How many characters the way out from a place has."""
        path: list[int] = []
        met: set[int] = set()
        while place not in self._ways:
            if place in met:
                raise _no_end()
            path.append(place)
            met.add(place)
            sign = self.way_sign(place)
            if sign == END:
                self._ways[place] = 0
                break
            place = self.after(place, sign)
        length = self._ways[place]
        for distance, earlier in enumerate(reversed([p for p in path if p != place]), start=1):
            self._ways[earlier] = length + distance
        return self._ways[path[0]] if path else length

    def way_sign(self, place: int) -> str:
        """The character that begins the way out.

        Raises:
            InputError: if there is none, where what was given cannot be gone on from.
        """
        following = self.following(place)
        if not following:
            raise _no_end()
        if END in following:
            return END
        signs = self._out.signs(self._places[place][0])
        for sign in signs:
            if sign in following:
                return sign
        raise _no_end()

    def read(self, text: str, place: int = start) -> int:
        """The place after a text.

        Raises:
            InputError: naming the first character that may not stand where it does.
        """
        for index, sign in enumerate(text):
            if sign not in self.following(place):
                raise InputError(f"{text[max(0, index - 20) : index + 1]!r} cannot become a tune")
            place = self.after(place, sign)
        return place

    def accepts(self, text: str) -> bool:
        """Whether a text is whole and right."""
        try:
            return END in self.following(self.read(text))
        except InputError:
            return False

    def at(self, place: int) -> tuple[Spot, Pitches]:
        """What a place is, whoever numbered it."""
        spot, number = self._places[place]
        return spot, self._pitches[number]

    def enter(self, spot: Spot, pitches: Pitches) -> int:
        """The place that another grammar's ``at`` told of."""
        return self._places.number((spot, self._pitches.number(pitches)))

    def fits(self, begun: str, length: int) -> bool:
        """Whether a text that begins so can end within so many characters."""
        return len(begun) + self.way(self.read(begun)) <= length


def _no_end() -> InputError:
    """The error where what was given cannot be gone on from; what is drawn never comes there."""
    return InputError("the network's characters cannot bring it to an end")


class Numbered(Generic[T]):
    """Values numbered as they are met."""

    def __init__(self) -> None:
        self._values: list[T] = []
        self._numbers: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> T:
        return self._values[number]

    def number(self, value: T) -> int:
        """The number of a value."""
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number
