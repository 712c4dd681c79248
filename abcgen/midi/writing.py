"""Write the voices of a piece in bars, with its repeats and chord symbols.

Times are in whole notes from the start of the file.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from abcgen.midi.bars import BarSpan, bar_spans, fill_rests, write_bars
from abcgen.midi.chords import name_chords, with_symbols
from abcgen.midi.repeats import Repeat, find_repeats
from abcgen.midi.staves import on_staves, staves_of
from abcgen.notation.percussion import PERCUSSION, drum_bars
from abcgen.notation.tune import Bar, BarLine, Tune

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from fractions import Fraction

    from abcgen.config import MidiConfig
    from abcgen.midi.performance import PlayedNote
    from abcgen.midi.quantize import QuantizedNote
    from abcgen.midi.texture import MidiVoice
    from abcgen.notation.tune import Key, Metre


class Score(NamedTuple):
    """Voices of exact note values, and the keys by the times from which they hold."""

    voices: list[MidiVoice]
    # The line that is judged as the tune.
    line: tuple[QuantizedNote, ...]
    begin: Fraction
    end: Fraction
    keys: Mapping[Fraction, Key]
    # The notes of which chord symbols are made, if any are.
    accompaniment: Sequence[PlayedNote]


def in_metre(score: Score, metre: Metre, pickup: Fraction, config: MidiConfig) -> Tune:
    """Return the tune in a metre, with its repeats."""
    # 8) Bars.
    full = metre.bar_duration
    first_bar_line = score.begin + pickup
    anchor = first_bar_line - full if pickup > 0 else first_bar_line
    spans = bar_spans(score.begin, score.end, anchor, {anchor: metre})

    # 9) Repeats.
    repeats = []
    if config.repeats and len(score.keys) == 1:
        voices = [voice.notes for voice in score.voices]
        repeats = find_repeats(voices, score.begin, score.end, full, pickup)

    # 10) The tune.
    return write_tune(score, spans, repeats)


def write_tune(score: Score, spans: Sequence[BarSpan], repeats: Sequence[Repeat]) -> Tune:
    """Return the tune in bars, with repeats and chord symbols."""
    # 1) The first and last bars hold no more than the music. Bars are cut where a repeated passage
    # or an ending begins or ends.
    spans = [spans[0]._replace(onset=max(spans[0].onset, score.begin)), *spans[1:]]
    spans = [*spans[:-1], spans[-1]._replace(offset=score.end)]
    cuts = sorted({time for repeat in repeats for time in (*repeat, repeat.second_ending)})
    pieces: list[BarSpan] = []
    for span in spans:
        inner = [time for time in cuts if span.onset < time < span.offset]
        edges = pairwise([span.onset, *inner, span.offset])
        pieces += [span._replace(onset=onset, offset=offset) for onset, offset in edges]

    # 2) Chord symbols, said again where a section begins.
    key = score.keys[max(time for time in score.keys if time <= score.begin)]
    symbols = name_chords(score.accompaniment, pieces, key)
    for repeat in repeats:
        for time in (repeat.onset, repeat.second_ending):
            before = max((at for at in symbols if at <= time), default=None)
            if before is not None:
                symbols[time] = symbols[before]

    # 3) Voices.
    bars: list[tuple[Bar, ...]] = []
    for voice in score.voices:
        filled = fill_rests(voice.notes, pieces[0].onset, score.end)
        filled = filled if bars else with_symbols(filled, symbols)
        written = _fold_repeats(write_bars(filled, pieces, score.keys), pieces, repeats)
        bars.append(drum_bars(written) if voice.clef == PERCUSSION else written)
    if len(bars) == 1:
        return Tune(bars[0], key, pieces[0].metre)

    # 4) Staves.
    staves = staves_of(score.voices)
    first, *others = on_staves(score.voices, bars, staves)
    return Tune(
        first.bars,
        key,
        pieces[0].metre,
        voice=first.name,
        clef=first.clef,
        program=first.program,
        others=tuple(others),
        staves=staves,
    )


def _fold_repeats(
    bars: Iterable[Bar], spans: Iterable[BarSpan], repeats: Sequence[Repeat]
) -> tuple[Bar, ...]:
    """Return bars with repeat signs and endings, without those that are played again."""
    with_endings = [repeat for repeat in repeats if repeat.ending != repeat.again]
    lines = {repeat.again: BarLine.REPEAT for repeat in repeats}
    lines |= {repeat.offset: BarLine.DOUBLE for repeat in with_endings}
    endings = {repeat.ending: (1,) for repeat in with_endings}
    endings |= {repeat.second_ending: (2,) for repeat in with_endings}
    starts = {repeat.onset for repeat in repeats}
    written = [
        replace(
            bar,
            line=lines.get(span.offset, bar.line),
            repeat_start=span.onset in starts,
            ending=endings.get(span.onset, ()),
        )
        for bar, span in zip(bars, spans, strict=True)
        if not any(repeat.again <= span.onset < repeat.second_ending for repeat in repeats)
    ]
    if written[-1].line is not BarLine.REPEAT:
        written[-1] = replace(written[-1], line=BarLine.FINAL)
    return tuple(written)
