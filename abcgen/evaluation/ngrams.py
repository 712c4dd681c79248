"""Character n-grams, the yardstick that any network must beat.

Every order is mixed with the next lower one, by how many different characters were seen to follow
(interpolated Witten-Bell smoothing).
Source: Witten & Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4),
1991; as interpolated in Chen & Goodman, "An empirical study of smoothing techniques for language
modeling", Computer Speech & Language 13(4), 1999, section 2.4.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BEGIN, END = "\x02", "\x03"


class CharacterNgrams:
    """Texts as a chain in which a character depends on the few before it.

    Args:
        texts: What to learn.
        order: Characters looked at, the one predicted included.
        alphabet: Characters that there may be besides those of the texts.
    """

    def __init__(self, texts: Iterable[str], order: int, alphabet: Iterable[str] = ()) -> None:
        self._reach = order - 1
        self._following: defaultdict[str, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        signs = {END, *alphabet}
        for text in texts:
            signs.update(text)
            self._learn(text)
        self._signs = sorted(signs)
        self._totals = {past: sum(seen.values()) for past, seen in self._following.items()}

    def bits(self, text: str, given: int = 0) -> float:
        """-log2 of the probability of a text and its end.

        Args:
            text: The text.
            given: How many leading characters are known rather than predicted.
        """
        marked = BEGIN + text + END
        return -sum(
            math.log2(self.probability(marked[max(0, place - self._reach) : place], sign))
            for place, sign in enumerate(marked)
            if place > given
        )

    def probability(self, past: str, sign: str) -> float:
        """How likely a character is after the ones before it, ``END`` among them."""
        likely = 1 / len(self._signs)
        for reach in range(min(self._reach, len(past)) + 1):
            seen = self._seen(past, reach)
            if not seen:
                break
            novel = len(seen)
            total = self._totals[past[len(past) - reach :]]
            likely = (seen.get(sign, 0) + novel * likely) / (total + novel)
        return likely

    def sample(self, seed: int, longest: int) -> str:
        """Draw one text of at most so many characters."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        text = BEGIN
        while len(text) <= longest:
            sign = self._draw(text[-self._reach :] if self._reach else "", chance)
            if sign == END:
                break
            text += sign
        return text[1:]

    def _learn(self, text: str) -> None:
        marked = BEGIN + text + END
        for place in range(1, len(marked)):
            for reach in range(min(self._reach, place) + 1):
                self._following[marked[place - reach : place]][marked[place]] += 1

    def _seen(self, past: str, reach: int) -> Mapping[str, int] | None:
        return self._following.get(past[len(past) - reach :])

    def _draw(self, past: str, chance: random.Random) -> str:
        """A character: of the longest past that is known, or in its place of a shorter one."""
        for reach in range(len(past), -1, -1):
            seen = self._seen(past, reach)
            if not seen:
                continue
            place = chance.random() * (self._totals[past[len(past) - reach :]] + len(seen))
            for sign, count in seen.items():
                place -= count
                if place < 0:
                    return sign
        return chance.choice(self._signs)
