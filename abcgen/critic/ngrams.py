"""How surprising melodies and rhythms are, by n-grams learnt from tunes (``Ngrams``).

A tune is a text in its own alphabet, one character for each tone or note, with a mark where
sections begin and end. Counts of n-grams say how surprising a character is after those before it,
and, read backwards, before those after it. They are smoothed by interpolated Witten-Bell (Witten &
Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4), 1991).
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abcgen.config import Count, Schema
from abcgen.critic.outline import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from abcgen.critic.outline import Outline, OutlinedBar

MARK = "|"
FIRST = 48  # character code of the first symbol, "0"
MAX_NGRAMS = 20_000  # in a file
MAX_ORDER = 6
MAX_INTERVAL = 9
# Durations with a symbol of their own, in parts of a whole note; all others share one.
DURATIONS = {
    WHOLE * numerator // denominator: number
    for number, (numerator, denominator) in enumerate(
        (
            *((1, 32), (1, 24), (1, 16), (1, 12), (3, 32), (1, 8)),
            *((1, 6), (3, 16), (1, 4), (3, 8), (1, 2), (3, 4)),
        )
    )
}


def degree_texts(outline: Outline) -> list[list[str]]:
    """Return the melody as degrees of the scale and their places in the bar, bar by bar."""
    return [
        [
            "".join(
                chr(FIRST + tone.degree + 7 * tone.strength + 21 * tone.altered)
                for tone in bar.tones
            )
            for bar in section.bars
        ]
        for section in outline.sections
    ]


def interval_texts(outline: Outline) -> list[list[str]]:
    """Return the melody as diatonic intervals, bar by bar; each belongs to its second tone."""
    texts = []
    before: int | None = None
    for section in outline.sections:
        bars = []
        for bar in section.bars:
            text = ""
            for tone in bar.tones:
                if before is not None:
                    interval = max(-MAX_INTERVAL, min(MAX_INTERVAL, tone.height - before))
                    text += chr(FIRST + MAX_INTERVAL + interval)
                before = tone.height
            bars.append(text)
        texts.append(bars)
    return texts


def rhythm_texts(outline: Outline) -> list[list[str]]:
    """Return the rhythm as durations and their places in the bar, bar by bar."""
    return [[_rhythm_text(bar) for bar in section.bars] for section in outline.sections]


def _rhythm_text(bar: OutlinedBar) -> str:
    other = len(DURATIONS)
    return "".join(
        chr(FIRST + DURATIONS.get(abs(duration), other) + (other + 1) * strength)
        for duration, strength in bar.rhythm
    )


# The languages by name: how a tune is written in each, and the length of its n-grams.
LANGUAGES: dict[str, tuple[Callable[[Outline], list[list[str]]], int]] = {
    "degrees": (degree_texts, 4),
    "intervals": (interval_texts, 5),
    "rhythm": (rhythm_texts, 5),
}


class NgramCounts(Schema):
    """How often n-grams of every length up to ``order`` occur in a language."""

    order: Annotated[int, Field(ge=1, le=MAX_ORDER)]
    counts: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=MAX_ORDER)], Count],
        Field(max_length=MAX_NGRAMS),
    ]

    @classmethod
    def of(cls, counts: Counter[str], order: int) -> NgramCounts:
        """Return counts of the commonest n-grams."""
        return cls(order=order, counts=dict(counts.most_common(MAX_NGRAMS)))


def count_ngrams(texts: Iterable[str], order: int) -> Counter[str]:
    """Count the n-grams of every length up to ``order``."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(
            text[start : start + length]
            for length in range(1, order + 1)
            for start in range(len(text) - length + 1)
        )
    return counts


def joined(sections: list[list[str]]) -> str:
    """Return a whole tune as one text, with a mark before, between and after the sections."""
    return MARK + "".join("".join(bars) + MARK for bars in sections)


class Ngrams:
    """Surprise by counted n-grams.

    Args:
        table: The counts.
    """

    def __init__(self, table: NgramCounts) -> None:
        self.order, self._counts = table.order, table.counts
        # By context, how often something follows (precedes) it, and how many different characters.
        self._after: dict[str, tuple[int, int]] = {}
        self._before: dict[str, tuple[int, int]] = {}
        for ngram, count in table.counts.items():
            for contexts, context in ((self._after, ngram[:-1]), (self._before, ngram[1:])):
                total, kinds = contexts.get(context, (0, 0))
                contexts[context] = total + count, kinds + 1
        self._symbols = 1 + sum(len(ngram) == 1 for ngram in table.counts)
        self._known: dict[tuple[bool, str], float] = {}

    def bits(self, text: str, *, backwards: bool = False) -> Iterator[float]:
        """Yield how surprising each character is but the mark at the start.

        Backwards, how surprising each is but the mark at the end.
        """
        context = self.order - 1
        for index in range(1, len(text)):
            if backwards:
                window = text[index - 1 : index + context]
            else:
                window = text[max(0, index - context) : index + 1]
            bits = self._known.get((backwards, window))
            if bits is None:
                bits = self._known[backwards, window] = self._bits_of(window, backwards)
            yield bits

    def _bits_of(self, window: str, backwards: bool) -> float:
        """Return the bits of a window's last character, or its first if ``backwards``."""
        contexts = self._before if backwards else self._after
        probability = 1 / self._symbols
        for length in range(len(window)):
            ngram = window[: length + 1] if backwards else window[-length - 1 :]
            context = ngram[1:] if backwards else ngram[:-1]
            if context not in contexts:
                break
            total, kinds = contexts[context]
            count = self._counts.get(ngram, 0)
            probability = (count + kinds * probability) / (total + kinds)
        return -math.log2(probability)
