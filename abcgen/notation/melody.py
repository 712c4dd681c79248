"""Judge which of several parts is the tune: by its name, the words sung to it, and its notes.

``likeness`` is for parts of any source, ``melody_voice`` for the voices of a tune.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from math import log2
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from abcgen.notation.tune import Note, Tune
from abcgen.notation.walk import walk_notes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from abcgen.notation.tune import Voice


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text that are divided by spaces."""
    return frozenset(text.split())


TUNE_WORDS = words_in(
    """
    melody melodie melodia mel lead leadvocal vocal vocals vox voice tune solo soprano sopran
    cantus discant descant song sing singer gesang chant air theme canto
    """
)
ACCOMPANIMENT_WORDS = words_in(
    """
    bass basse basso basso contrabass kontrabass accompaniment accomp acc comp chord chords
    akkorde pad pads warmpad rhythm rythm backing background left lh links gauche harmony riff
    arpeggio arp strum fill fills alto alt tenor baritone
    """
)
# What speaks for a part, in points of one scale: a name, words sung, and the rest by share.
NAMED_TUNE, NAMED_ACCOMPANIMENT, SUNG = 15.0, -10.0, 60.0
POLYPHONY, STEPS, VARIETY, COVERAGE = -20.0, 8.0, 3.0, 12.0
# For each semitone below or above the range of voices and fiddles, and within it upward.
BELOW, ABOVE, HIGHER = -0.6, -0.6, 0.2
LOW, HIGH = 57, 86
# Who writes voices down begins with the tune: another has to be clearly more like one.
FIRST_VOICE = 8.0
# The notes of a part that are looked at.
MAX_NOTES = 2000


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case, without numbers."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", spaced.lower())


def names_any(name: str, words: Collection[str]) -> bool:
    """Return whether any word of a name is among *words*, as in ``Bass 2``."""
    return any(word in words for word in words_of(name))


def likeness(name: str, line: Sequence[tuple[float, int]], polyphony: float) -> float:
    """Return what a part's name and notes say for its being the tune.

    Args:
        name: The part's name.
        line: The highest note wherever some begin: onset in whole notes, and MIDI key number.
        polyphony: The share of notes that sound with others.
    """
    points = POLYPHONY * polyphony
    if names_any(name, TUNE_WORDS):
        points += NAMED_TUNE
    elif names_any(name, ACCOMPANIMENT_WORDS):
        points += NAMED_ACCOMPANIMENT
    # A tune moves by steps, in more than one note value and among more than a few pitches.
    intervals = [abs(after - before) for (_, before), (_, after) in pairwise(line)]
    moving = [interval for interval in intervals if interval]
    steps = sum(interval <= 4 for interval in moving) / len(moving) if moving else 0.0
    values = [round(16 * (after - before)) for (before, _), (after, _) in pairwise(line)]
    middle = median(key for _, key in line)
    return (
        points
        + STEPS * steps
        + VARIETY * min(3.0, _bits(key for _, key in line))
        + VARIETY * min(1.5, _bits(values))
        + BELOW * max(0, LOW - middle)
        + ABOVE * max(0, middle - HIGH)
        + HIGHER * (min(max(middle, LOW), HIGH) - LOW)
    )


def _bits(values: Iterable[int]) -> float:
    """Return the entropy of values."""
    counts = Counter(values)
    total = counts.total()
    return -sum(count / total * log2(count / total) for count in counts.values())


class _Struck(NamedTuple):
    """The notes of a voice that are struck."""

    line: list[tuple[float, int]]
    # The share that sounds below others of the same chord, and the share with a syllable.
    polyphony: float
    sung: float
    # The bars with notes.
    bars: frozenset[int]


def melody_voice(tune: Tune) -> int:
    """Return the index of the voice that is most like a tune, the first in doubt."""
    struck = [_struck(tune, voice) for voice in tune.voices]
    sounding = frozenset[int]().union(*(each.bars for each in struck if each))

    def points(index: int) -> float:
        own = struck[index]
        if own is None:
            return float("-inf")
        return (
            FIRST_VOICE * (index == 0)
            + likeness(tune.voices[index].name, own.line, own.polyphony)
            + COVERAGE * len(own.bars) / len(sounding)
            + SUNG * own.sung
        )

    return max(range(len(struck)), key=points)


def _struck(tune: Tune, voice: Voice) -> _Struck | None:
    """Return what is struck of a voice, None if it rests throughout."""
    line, bars = list[tuple[float, int]](), set[int]()
    pitches = sung = 0
    is_held = False
    for note, onset, _, bar in walk_notes(voice.bars, tune.key, tune.metre):
        if not isinstance(note, Note):
            continue
        bars.add(bar.index)
        if not is_held and len(line) < MAX_NOTES:
            line.append((float(onset), max(pitch.midi for pitch in note.pitches)))
            pitches += len(note.pitches)
            sung += bool(note.marks and any(note.marks.lyrics))
        is_held = note.tied
    if not line:
        return None
    return _Struck(line, 1 - len(line) / pitches, sung / len(line), frozenset(bars))
