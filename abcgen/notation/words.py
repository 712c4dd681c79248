"""Words that people write around the music: names, verses, tempi, annotations, lyrics.

None of them changes a note, so model text has none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from abcgen.notation.encoding import unescaped

# The fields of text that a tune keeps, in the order of canonical ABC: further titles, composer,
# author of the words, origin, area, further sources, book, discography, file, group, history,
# notes, transcriber, and the words printed under the music.
TEXT_FIELDS = "TCAOSBDFGHNZW"
MAX_TEXTS = 400
MAX_TEXT = 2_000
# The longest text at a note.
MAX_SHORT_TEXT = 200
MAX_WORDS_AT_NOTE = 8
MAX_VERSES = 12

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOTE_VALUE = re.compile(r"(\d{1,3})/(\d{1,3})")
_TEMPO = re.compile(
    r'(?:"(?P<words>[^"]*)")?\s*(?:(?P<beats>[\d/ ]+?|[A-Ga-g]\d*)\s*=)?\s*'
    r'(?P<number>\d{1,4}(?:\.\d{1,3})?)?\s*(?:"(?P<after>[^"]*)")?'
)


def plain_text(value: str) -> str:
    """Return the text that a field or quoted text of ABC stands for, on one line."""
    text = _CONTROL.sub(" ", unescaped(value.replace("\\%", "%")))
    return text.strip()[:MAX_TEXT].rstrip()


def short_text(value: str) -> str:
    """Return the text in quotation marks at a note."""
    return plain_text(value).replace('"', "'")[:MAX_SHORT_TEXT].rstrip()


class Annotation(NamedTuple):
    """Words at a note that are no chord symbol."""

    # Where they stand: ``^`` above, ``_`` below, ``<`` left, ``>`` right, ``@`` anywhere.
    place: str
    text: str


class Syllable(NamedTuple):
    """The syllable that is sung at a note."""

    # Empty where the syllable before is held.
    text: str
    # Whether the word goes on with the next syllable.
    hyphen: bool = False


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo (``Q:``): words, a number of beats a minute, or both."""

    words: str = ""
    # The note values that make up the beat, as fractions of a whole note; none without a number.
    beats: tuple[Fraction, ...] = ()
    per_minute: float = 0.0
    # Words after the number.
    after: str = ""

    @property
    def whole_notes(self) -> float:
        """Whole notes a minute; 0 if the tempo is only words."""
        return self.per_minute * float(sum(self.beats))

    def __str__(self) -> str:
        """The tempo as ABC writes it: ``"Allegro" 1/4=120``."""
        words, after = (f'"{text}"' if text else "" for text in (self.words, self.after))
        beats = " ".join(f"{beat.numerator}/{beat.denominator}" for beat in self.beats)
        number = f"{beats}={self.per_minute:g}" if self.beats else ""
        return " ".join(filter(None, [words, number, after]))


def read_tempo(value: str, unit: Fraction) -> Tempo | None:
    """Return the tempo that a ``Q:`` field names, or None if it is empty.

    A text that is not understood is the tempo's words.

    Args:
        value: The field's text.
        unit: The unit note length; in older files it is the beat (``Q:C3=40``).
    """
    # Runs of spaces, which the pattern could divide in many ways, are one.
    value = " ".join(value.split())[:MAX_TEXT]
    match = _TEMPO.fullmatch(value)
    if not match:
        return Tempo(short_text(value)) if value else None
    words, after = (short_text(match[name] or "") for name in ("words", "after"))
    number = float(match["number"] or 0)
    if not number:
        return Tempo(words, after=after) if words or after else None
    beats = match["beats"]
    if not beats:
        # ``Q:120``: quarters, as all programs play it.
        return Tempo(words, (Fraction(1, 4),), number, after)
    if beats[0].isalpha():
        values: tuple[Fraction, ...] = (unit * int(beats[1:4] or 1),)
    else:
        values = tuple(
            Fraction(int(above), int(below))
            for above, below in _NOTE_VALUE.findall(beats)
            if int(below)
        )
    if not 0 < len(values) <= MAX_WORDS_AT_NOTE or not all(0 < beat <= 4 for beat in values):
        return Tempo(short_text(value))
    return Tempo(words, values, number, after)


@dataclass(frozen=True, slots=True)
class Words:
    """What people wrote about a tune, and the words under its music."""

    # Fields of ``TEXT_FIELDS`` with their texts, in that order. Titles and sources are those after
    # the first.
    texts: tuple[tuple[str, str], ...] = ()
    # The tempo it opens in.
    tempo: Tempo | None = None
    # The order in which its parts are played (``P:``): ``AABA``.
    parts: str = ""

    def named(self, field: str) -> tuple[str, ...]:
        """Return all texts of a field, ``T`` to ``Z``."""
        return tuple(text for name, text in self.texts if name == field)

    @property
    def composer(self) -> str:
        """Its composers, in one line."""
        return ", ".join(self.named("C"))

    @property
    def origin(self) -> str:
        """Where it comes from, in one line."""
        return ", ".join(self.named("O"))

    def with_text(self, field: str, text: str) -> Words:
        """Return the words with one more text of a field."""
        return words_of([*self.texts, (field, text)], self.tempo, self.parts)


NO_WORDS = Words()


def words_of(texts: list[tuple[str, str]], tempo: Tempo | None = None, parts: str = "") -> Words:
    """Return the words of a tune from its fields in any order; other fields are ignored."""
    kept = [(name, text) for name, text in texts if name in TEXT_FIELDS and (text or name == "W")]
    # Empty lines divide verses, but at their ends they mean nothing.
    while kept and not kept[-1][1]:
        kept.pop()
    kept.sort(key=lambda field: TEXT_FIELDS.index(field[0]))
    return Words(tuple(kept), tempo, parts)
