"""Read the parts of a note: its length, and its letter with accidental and octave marks."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from abcgen.config import LIMITS
from abcgen.notation.tune import ALTERATIONS, LETTERS, MIDDLE_C_STEP

SHORTEST = Fraction(1, 1024)


@lru_cache(maxsize=4096)
def duration_of(length: str, numerator: int, denominator: int) -> Fraction:
    """Return the duration of a length such as ``3/2`` or ``//``; 0 if out of range.

    The unit is given as numerator and denominator, because hashing a fraction is slow.
    """
    number, *divisors = re.findall(r"^\d*|/\d*", length)
    duration = Fraction(numerator, denominator) * int(number[:6] or 1)
    for text in divisors[:10]:
        divisor = int(text[1:6] or 2)
        duration = duration / divisor if divisor else Fraction(0)
    return duration if SHORTEST <= duration <= LIMITS.duration else Fraction(0)


@lru_cache(maxsize=4096)
def spelling(accidental: str | None, name: str, octave: str) -> tuple[str, int, int | None]:
    """Return the letter, the step and the written alteration, if any, of a note."""
    letter = name.upper()
    octaves_up = name.islower() + octave.count("'") - octave.count(",")
    step = MIDDLE_C_STEP + 7 * octaves_up + LETTERS.index(letter)
    return letter, step, ALTERATIONS[accidental] if accidental else None
