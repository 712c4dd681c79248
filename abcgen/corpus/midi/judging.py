"""The metre and key a piece is written in: what its file says, and what it sounds like.

A program that was told neither writes 4/4 and C; both are therefore doubted where they stand.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from abcgen.corpus.midi.key import key_readings
from abcgen.corpus.midi.line import SIXTEENTHS, line_of
from abcgen.corpus.midi.metre import METRES, bar_sixteenths, readings
from abcgen.corpus.midi.tables import tables
from abcgen.notation.key import Key, Mode, key_at
from abcgen.notation.tune import Metre

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abcgen.corpus.midi.values import Sound

# How much likelier another metre or key must be, in nats, than one that a file names; and one
# that every file without any names.
_DEFAULT_METRE, _DEFAULT_KEY = 6.0, 4.0
_NAMED_MODE = 1.0
_PADDED = 6.0  # for bar lines where a file that begins with a silence has them
_JUDGED = 4  # bars: what is shorter is written as its file says
_HEARD = 8  # notes: likewise
_CANDIDATES = 4
_CLOSE = 4.0  # nats: readings further behind are not judged
COMMON = Metre(4, 4)
# What a file that says 4/4 may be in: never half of that, which is for its writer to say.
_NOT_TWICE = tuple(metre for metre in METRES if metre == COMMON or metre.beats % 3 == 0)


class Bars(NamedTuple):
    """A metre and where its first bar line is.

    Attributes:
        metre: The metre.
        pickup: How much comes before the first full bar, in whole notes.
        score: Log-odds against other readings.
    """

    metre: Metre
    pickup: Fraction
    score: float


def judge_metre(sounds: Sequence[Sound], tonic: int, named: Metre | None) -> list[Bars]:
    """The likeliest readings of a melody, best first.

    Args:
        sounds: Its notes in order.
        tonic: Pitch class of the key's tonic.
        named: The metre that the file names, if any.
    """
    shown, scale = _shown(named)
    line = line_of(sounds, tonic, scale)
    if named and line.end < _JUDGED * bar_sixteenths(shown):
        return [Bars(named, _padded_pickup(sounds, named) or Fraction(0), 0.0)]
    thought_of = {None: METRES, COMMON: _NOT_TWICE}.get(named, (shown,))
    found = readings(line, tables(), thought_of)
    padded = _padded_pickup(sounds, named) if named else None
    weighed = []
    for reading in found:
        pickup = Fraction(reading.pickup, SIXTEENTHS) / scale
        bars = Bars(reading.metre, pickup, reading.score)
        if named and reading.metre == shown:
            at_edge = padded is not None and pickup == padded % named.bar_duration
            score = reading.score + _DEFAULT_METRE + (_PADDED if at_edge else 0.0)
            bars = Bars(named, pickup, score)
        weighed.append(bars)
    best = sorted(weighed, key=lambda bars: -bars.score)[:_CANDIDATES]
    return [bars for bars in best if bars.score > best[0].score - _CLOSE]


def _shown(named: Metre | None) -> tuple[Metre, Fraction]:
    """The metre whose table stands for a named one, and its beats' length against the other's."""
    if named is None or named in METRES:
        return named or COMMON, Fraction(1)
    if named.is_compound:
        beats = 9 if named.beats % 9 == 0 else 6
        return Metre(beats, 8), Fraction(named.unit, 8)
    if named.beats in {2, 3, 4}:
        table = Metre(named.beats, 4)
        return table, table.bar_duration / named.bar_duration
    return COMMON, 1 / named.bar_duration


def _padded_pickup(sounds: Sequence[Sound], named: Metre) -> Fraction | None:
    """The pickup by the file's own bar lines, if it begins with a silence; else nothing is known.

    Programs that write a pickup without one begin the count of bars with it.
    """
    start = sounds[0].start % named.bar_duration
    return named.bar_duration - start if sounds[0].start else None


def judge_key(voices: Sequence[Sequence[Sound]], named: Key | None) -> Key:
    """The key of a piece.

    Args:
        voices: The notes of each voice.
        named: The key that the file names, if any.
    """
    if named and sum(map(len, voices)) < _HEARD:
        return named
    found = key_readings(voices)
    best = found[0]
    if named is None:
        return best.key
    own = [one for one in found if (one.key.fifths - named.fifths) % 12 == 0]
    is_default = named == Key()
    if is_default and best.score > own[0].score + _DEFAULT_KEY:
        return best.key
    says = next((one.score for one in own if one.key.mode is named.mode), own[0].score)
    if named.mode is Mode.MINOR or own[0].score < says + _NAMED_MODE:
        return named
    return _in_signature(own[0].key, named)


def _in_signature(key: Key, named: Key) -> Key:
    """A key, spelled as the signature that a file names is: six sharps or six flats."""
    return key_at(named.fifths, key.mode)
