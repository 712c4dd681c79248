"""The grammar of model text: what may come next if the text is to become a right tune.

It follows a text character by character, as :func:`abcgen.notation.model_text.encode_tune` writes
it. Every text that it lets through to its end decodes to a tune whose bars add up, whose tuplets
and chords close and whose repeats and endings pair; and from every place there is a way to the
end. Places are small immutable values, numbered as they are met; what follows a place is worked
out once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abcgen.errors import InputError
from abcgen.notation.grammar.music import END, Music, Spot
from abcgen.notation.grammar.pitch import Pitches, PitchRule
from abcgen.notation.grammar.rules import ANY_METRE, Rules
from abcgen.notation.grammar.way_out import WayOut

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        self._out = WayOut(self._music)
        first = (self._music.start, self._pitch.start)
        self._places: list[tuple[Spot, Pitches]] = [first]
        self._numbers = {first: 0}
        self._following: list[dict[str, int] | None] = [None]
        self._ways: dict[int, int] = {}
        self._ceilings: dict[int, int] = {}

    def following(self, place: int) -> dict[str, int]:
        """Every character that may come next, and the place it leads to.

        The empty string stands for the end of the text.
        """
        known = self._following[place]
        if known is None:
            spot, pitches = self._places[place]
            known = {}
            for sign, after in self._music.following(spot).items():
                pitched = self._pitch.after(pitches, sign)
                if pitched is not None:
                    known[sign] = self._number(after, pitched)
            self._following[place] = known
        return known

    def after(self, place: int, sign: str) -> int:
        """The place that a character leads to.

        Raises:
            KeyError: if the character may not come next.
        """
        return self.following(place)[sign]

    def allowed(self, place: int, room: int) -> frozenset[str]:
        """The characters that may come next with room for so many, this one included.

        A way to the end always stays within the room, if there was one before.
        """
        following = self.following(place)
        if room > self.ceiling(place):
            return frozenset(following)
        return frozenset(
            sign for sign, after in following.items() if sign == END or self.way(after) < room
        )

    def ceiling(self, place: int) -> int:
        """With room for more characters than this, ``allowed`` does not depend on the room."""
        if place not in self._ceilings:
            self._ceilings[place] = self._out.ceiling(self._places[place][0])
        return self._ceilings[place]

    def way(self, place: int) -> int:
        """How many characters the way out from a place has."""
        path: list[int] = []
        while place not in self._ways:
            path.append(place)
            sign = self.way_sign(place)
            if sign == END:
                self._ways[place] = 0
                break
            place = self.following(place)[sign]
        length = self._ways[place]
        for distance, earlier in enumerate(reversed([p for p in path if p != place]), start=1):
            self._ways[earlier] = length + distance
        return self._ways[path[0]] if path else length

    def way_sign(self, place: int) -> str:
        """The character that begins the way out."""
        following = self.following(place)
        if END in following:
            return END
        signs = self._out.signs(self._places[place][0])
        return next(sign for sign in signs if sign in following)

    def read(self, text: str, place: int = start) -> int:
        """The place after a text.

        Raises:
            InputError: naming the first character that may not stand where it does.
        """
        for index, sign in enumerate(text):
            following = self.following(place)
            if sign not in following:
                raise InputError(f"{text[max(0, index - 20) : index + 1]!r} cannot become a tune")
            place = following[sign]
        return place

    def accepts(self, text: str) -> bool:
        """Whether a text is whole and right."""
        try:
            return END in self.following(self.read(text))
        except InputError:
            return False

    def fits(self, begun: str, length: int) -> bool:
        """Whether a text that begins so can end within so many characters."""
        return len(begun) + self.way(self.read(begun)) <= length

    def _number(self, spot: Spot, pitches: Pitches) -> int:
        place = (spot, pitches)
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self._places)
            self._places.append(place)
            self._following.append(None)
        return number


def alphabet_of(texts: Iterable[str]) -> frozenset[str]:
    """The characters of texts."""
    return frozenset().union(*texts)
