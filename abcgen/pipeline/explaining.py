"""How a network reads and writes a tune, for people who want to see it.

``steps_of`` says what it expects next, character by character; ``bars_looked_at`` which earlier
bars its attention looks at; ``nearest_tune`` which training tune is most like the tune.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

from abcgen.corpus.overlap import DURATION_UNITS, REST, UNISON, longest_overlap, melody_sequence
from abcgen.errors import InputError
from abcgen.midi.bars import bar_spans, write_bars
from abcgen.midi.quantize import QuantizedNote
from abcgen.model.expectations import Expectations, shares_between
from abcgen.model.vocabulary import BEGIN
from abcgen.notation.analysis import melody_of
from abcgen.notation.tune import BarLine, Metre, Tune
from abcgen.pipeline.surprise import text_read

if TYPE_CHECKING:
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.model.expectations import Step
    from abcgen.pipeline.barnumbers import Span
    from abcgen.pipeline.checkpoints import LoadedNetwork

MOST_CHARACTERS = 4000  # of a tune to be explained: attention is a square of them
HIGHEST_KEY = 127


def expectations_of(network: LoadedNetwork) -> Expectations:
    """Return what a network expects before it has read anything."""
    return Expectations(network.steps, network.vocabulary)


def steps_of(network: LoadedNetwork, tune: Tune) -> tuple[list[Step], list[int]]:
    """Return every character of a tune's text, and the bar that it is in; -1 before the first.

    Raises:
        InputError: if the tune is too long.
    """
    text, bar_of = _text_and_bars(network, tune)
    expectations = expectations_of(network)
    return [expectations.read(character) for character in text], bar_of


def bars_looked_at(network: LoadedNetwork, tune: Tune) -> list[list[float]] | None:
    """Return how much of its attention each bar pays to each; None if there is no attention.

    It is the mean over the characters of a bar. What goes to the header is left out, because
    characters that need no attention look there.

    Raises:
        InputError: if the tune is too long.
    """
    if not network.config.attention or network.config.kind != "stream":
        return None
    text, bar_of = _text_and_bars(network, tune)
    ids = [BEGIN, *network.vocabulary.encode(text).tolist()]
    # Group 0 is the header, with the begin mark.
    groups = [0, *(bar + 1 for bar in bar_of)]
    shares = shares_between(network.steps.attention_weights(ids), groups)
    return [row[1:] for row in shares[1:]]


def _text_and_bars(network: LoadedNetwork, tune: Tune) -> tuple[str, list[int]]:
    """Return the text of a tune as a network reads it, and the bar of each character."""
    read = text_read(network, tune)
    if len(read.text) > MOST_CHARACTERS:
        raise InputError(f"the tune has more than {MOST_CHARACTERS} characters")
    bar_of = [-1] * read.begin
    for piece, (bar, _) in read.pieces:
        bar_of += [bar] * len(piece)
    return read.text, bar_of + [bar_of[-1]] * (len(read.text) - len(bar_of))


@dataclass(frozen=True, slots=True)
class Nearest:
    """The training tune that shares the longest passage with a tune.

    Attributes:
        title: Its title.
        bars: How long the passage is.
        tune: Its melody as the network's index has it: in the key and with the metre of the tune,
            without repeats, words and chords.
        here: The bars of the tune that the passage is in.
        there: Those of ``tune``.
    """

    title: str
    bars: float
    tune: Tune
    here: Span
    there: Span


def nearest_tune(known: TrainingTunes, tune: Tune) -> Nearest | None:
    """Return the training tune that shares the longest passage with a tune, if any shares one."""
    metre = Metre(4, 4) if tune.metre.is_free else tune.metre
    bars, match, start = longest_overlap(known.index, melody_sequence(tune))
    if not match.length:
        return None

    # 1) Its melody: keys from the first note of the passage, times from its own beginning.
    notes = _melody(known.index.sequences[match.owner])
    mine = melody_of(tune.bars)
    # Both begin with the same note, be it after rests, or after the passage if it is of rests only.
    # There always is one, for a rest at the end of a melody is not in the index.
    offset = next(note.midi for note in mine[start:] if note.midi is not None)
    offset -= next(key for key, _ in notes[match.start :] if key is not None)
    ends = list(accumulate(duration for _, duration in notes))
    times = [Fraction(0), *ends]
    written = [
        QuantizedNote(
            begin,
            end,
            () if key is None else (min(max(key + offset, 0), HIGHEST_KEY),),
        )
        for (key, _), begin, end in zip(notes, times, ends, strict=False)
    ]

    # 2) Bar lines where the tune has them in the passage.
    my_times = [Fraction(0), *accumulate(note.duration for note in mine)]
    bar_ends = list(accumulate(bar.duration for bar in tune.bars))
    first = min(bisect_right(bar_ends, my_times[start]), len(bar_ends) - 1)
    line = times[match.start] + bar_ends[first] - my_times[start]
    anchor = line % metre.bar_duration - metre.bar_duration
    spans = bar_spans(Fraction(0), ends[-1], anchor, {anchor: metre})
    written_bars = write_bars(written, spans, {anchor: tune.key})
    written_bars[-1] = replace(written_bars[-1], line=BarLine.FINAL)

    # 3) Where the passage is.
    last = min(bisect_left(bar_ends, my_times[start + match.length]), len(bar_ends) - 1)
    span_ends = [span.offset for span in spans]
    there = (
        bisect_right(span_ends, times[match.start]),
        min(bisect_left(span_ends, times[match.start + match.length]), len(spans) - 1),
    )
    names = known.facts.names
    title = names[match.owner] if match.owner < len(names) else ""
    found = Tune(tuple(written_bars), tune.key, metre, title)
    return Nearest(title, bars, found, (first, last), there)


def _melody(symbols: bytes) -> list[tuple[int | None, Fraction]]:
    """Return key and duration of every note and rest of an indexed melody, from key 0.

    The last note's duration is not in the index: it is taken to be that of the note before.
    """
    notes: list[tuple[int | None, Fraction]] = []
    key, duration = 0, Fraction(1, 4)
    for length, interval in zip(symbols[::2], symbols[1::2], strict=True):
        duration = Fraction(length, DURATION_UNITS)
        notes.append((None if interval == REST else key, duration))
        key += 0 if interval == REST else interval - UNISON
    return [*notes, (key, duration)]
